// Named stretches of the week or year in which routes speak or keep silent: Alertmanager's
// time_intervals.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/problem.h"

namespace date {
class time_zone;
}

namespace drwatch::config {

// One entry of a time interval's list: every kind of range that is given must hold; of one kind any
// range is enough. Empty = always.
struct TimePeriod {
  struct Range {
    int first = 0, last = 0;  // both included
    friend bool operator==(const Range&, const Range&) = default;
  };
  std::vector<Range> minutes;        // of the day, 0..1439
  std::vector<Range> weekdays;       // 0 = Sunday .. 6
  std::vector<Range> days_of_month;  // 1..31, or -31..-1 from the month's end
  std::vector<Range> months;         // 1..12
  std::vector<Range> years;
  // One of the tz library's, which live as long as the process; nullptr is UTC.
  const date::time_zone* zone = nullptr;

  std::string ZoneName() const;
  friend bool operator==(const TimePeriod&, const TimePeriod&) = default;
};

struct TimeInterval {
  std::string name;
  std::vector<TimePeriod> periods;  // any of them
  Position position;

  // Whether `at` lies in it. Changes only at full minutes of UTC.
  bool Contains(base::Timestamp at) const;
};

// "sunday" for 0.
std::string_view WeekdayName(int weekday);

}  // namespace drwatch::config
