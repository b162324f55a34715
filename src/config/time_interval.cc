#include "config/time_interval.h"

#include <date/tz.h>

#include <algorithm>
#include <array>

namespace drwatch::config {
namespace {

using Ranges = std::vector<TimePeriod::Range>;

bool Allows(const Ranges& ranges, int value) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
           return range.first <= value && value <= range.last;
         });
}

// Days counted from the month's end: -1 is its last one. A range that leaves the month is cut.
bool AllowsDay(const Ranges& ranges, int day, int days_in_month) {
  const auto from_start = [&](int bound) { return bound < 0 ? days_in_month + 1 + bound : bound; };
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
           return std::max(from_start(range.first), 1) <= day && day <= from_start(range.last);
         });
}

bool Holds(const TimePeriod& period, base::Timestamp at) {
  const auto utc =
      std::chrono::time_point_cast<std::chrono::minutes>(date::floor<std::chrono::minutes>(at));
  const date::local_time<std::chrono::minutes> local =
      period.zone == nullptr ? date::local_time<std::chrono::minutes>(utc.time_since_epoch())
                             : date::floor<std::chrono::minutes>(
                                   period.zone->to_local(date::floor<std::chrono::seconds>(at)));
  const auto midnight = date::floor<date::days>(local);
  const date::year_month_day day(midnight);
  const date::year_month_day_last end(day.year(), date::month_day_last(day.month()));
  return Allows(period.minutes, static_cast<int>((local - midnight).count())) &&
         Allows(period.weekdays, static_cast<int>(date::weekday(midnight).c_encoding())) &&
         AllowsDay(period.days_of_month, static_cast<int>(static_cast<unsigned>(day.day())),
                   static_cast<int>(static_cast<unsigned>(end.day()))) &&
         Allows(period.months, static_cast<int>(static_cast<unsigned>(day.month()))) &&
         Allows(period.years, static_cast<int>(day.year()));
}

}  // namespace

std::string TimePeriod::ZoneName() const { return zone == nullptr ? "UTC" : zone->name(); }

std::string_view WeekdayName(int weekday) {
  constexpr std::array<std::string_view, 7> kNames = {"sunday",   "monday", "tuesday", "wednesday",
                                                      "thursday", "friday", "saturday"};
  return kNames[static_cast<std::size_t>(weekday)];
}

bool TimeInterval::Contains(base::Timestamp at) const {
  return std::any_of(periods.begin(), periods.end(),
                     [&](const TimePeriod& period) { return Holds(period, at); });
}

}  // namespace drwatch::config
