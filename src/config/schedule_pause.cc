#include "config/schedule_pause.h"

#include <date/tz.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace drwatch::config {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;

// A fixed start, so that the answer does not depend on today: the midnight that begins 2026.
constexpr base::Timestamp kStart = base::FromUnixMillis(1'767'225'600'000);
constexpr base::Duration kDay = 24h;
// After so long the calendar is the same again: weekdays, dates, dates on weekdays (up to 2100).
constexpr base::Duration kWeeks = 14 * kDay;
constexpr base::Duration kLeapCycle = (4 * 365 + 1) * kDay;
constexpr base::Duration kWholeCycle = 7 * kLeapCycle;

struct Fields {
  bool every_hour = false;
  base::Duration cycle = kWholeCycle;
};

Fields FieldsOf(const Schedule& schedule) {
  const std::string& line = schedule.line();
  if (line.starts_with('@')) return {line == "@hourly", kLeapCycle};
  std::vector<std::string_view> fields = base::Split(line, ' ');
  std::erase(fields, "");
  if (fields.size() != 5) return {};  // parted by tabs
  const bool any_date = fields[2] == "*" && fields[3] == "*";
  const bool any_weekday = fields[4] == "*";
  return {fields[1] == "*", any_date ? kWeeks : any_weekday ? kLeapCycle : kWholeCycle};
}

base::Duration PauseAround(const Schedule& schedule, base::Timestamp time) {
  return schedule.NextSlot(time) - schedule.LatestSlot(time);
}

// On clocks that never change: all days with slots have the same ones.
base::Duration LongestOnSteadyClocks(const Schedule& schedule, base::Duration cycle) {
  base::Timestamp slot = schedule.NextSlot(kStart);
  base::Duration longest{0};
  for (const base::Timestamp end = slot + kDay; slot < end;) {
    const base::Timestamp next = schedule.NextSlot(slot);
    longest = std::max(longest, next - slot);
    slot = next;
  }
  const base::Timestamp end = kStart + cycle;
  for (base::Timestamp midnight = kStart; midnight < end;) {
    const base::Timestamp before = midnight - 1ms;
    longest = std::max(longest, PauseAround(schedule, before));
    midnight += ((schedule.NextSlot(before) - midnight) / kDay + 1) * kDay;
  }
  return longest;
}

// Over each change of the zone's clocks.
base::Duration LongestOverChanges(const Schedule& schedule) {
  base::Duration longest{0};
  try {
    const date::time_zone* zone = date::locate_zone(schedule.zone());
    const date::sys_seconds end = date::floor<std::chrono::seconds>(kStart + kWholeCycle);
    date::sys_seconds change = date::floor<std::chrono::seconds>(kStart);
    while ((change = zone->get_info(change).end) < end) {
      longest = std::max(longest, PauseAround(schedule, change));
    }
  } catch (const std::exception&) {  // a zone without a database: the schedule is in UTC
  }
  return longest;
}

}  // namespace

base::Duration LongestPause(const Schedule& schedule) {
  const Fields fields = FieldsOf(schedule);
  const auto steady = Schedule::Parse(schedule.line());
  if (!steady) return base::Duration{0};  // one that parsed does so again
  const base::Duration longest = LongestOnSteadyClocks(*steady, fields.cycle);
  const std::string& zone = schedule.zone();
  if (zone.empty() || zone == "UTC" || fields.every_hour) return longest;
  return std::max(longest, LongestOverChanges(schedule));
}

}  // namespace drwatch::config
