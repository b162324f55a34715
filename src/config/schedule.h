// When a backup is due: a cron line in a time zone.
#pragma once

#include <array>
#include <bitset>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace drwatch::config {

// Five fields (minute hour day-of-month month day-of-week) with * , - / and names, or @hourly
// @daily @weekly @monthly
// @yearly. Day-of-month and day-of-week are alternatives when both are restricted, as in cron(8). A
// slot inside a skipped hour (clocks go forward) happens when the hour ends; a slot inside a
// repeated hour happens once.
class Schedule {
 public:
  // Errors: what is wrong with which field; a line that never matches (30 February); an unknown
  // zone.
  static base::Result<Schedule> Parse(std::string_view line, const std::string& zone = "UTC");

  // The latest slot at or before `time`, and the earliest one after it.
  base::Timestamp LatestSlot(base::Timestamp time) const;
  base::Timestamp NextSlot(base::Timestamp time) const;
  const std::string& line() const { return line_; }
  const std::string& zone() const { return zone_; }

 private:
  Schedule() = default;
  std::string line_;
  std::string zone_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = false;
  bool any_weekday_ = false;
};

}  // namespace drwatch::config
