// When a backup is due: a cron line in a time zone.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace date {
class time_zone;
}

namespace drwatch::config {

// Five fields (minute hour day-of-month month day-of-week) with * , - / and names, or @hourly
// @daily @weekly @monthly @yearly. Day-of-month and day-of-week are alternatives when both are
// restricted; a field that begins with * is not (crontab(5)). A slot inside a skipped hour (clocks
// go forward) happens when the hour ends; a slot inside a repeated hour happens once, the first
// time.
//
// A value; any thread may ask one. Zones are the system's (tzdata), loaded at the first Parse that
// needs one other than UTC.
class Schedule {
 public:
  // Errors: what is wrong with which field; a line that never matches (30 February); an unknown
  // zone.
  static base::Result<Schedule> Parse(std::string_view line, const std::string& zone = "UTC");

  // The latest slot at or before `time`, and the earliest one after it. Both jump from month to
  // month, so that a rare date (29 February) costs microseconds.
  base::Timestamp LatestSlot(base::Timestamp time) const;
  base::Timestamp NextSlot(base::Timestamp time) const;
  const std::string& line() const { return line_; }
  const std::string& zone() const { return zone_; }  // as given; empty is UTC

  friend bool operator==(const Schedule&, const Schedule&) = default;

 private:
  Schedule() = default;
  base::Status ParseFields(std::string_view line);
  base::Status CheckPossible() const;
  base::Status FindZone();
  struct Search;

  std::string line_;
  std::string zone_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = false;
  bool any_weekday_ = false;
  // One of the tz library's, which live as long as the process; nullptr is UTC.
  const date::time_zone* time_zone_ = nullptr;
};

}  // namespace drwatch::config
