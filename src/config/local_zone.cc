#include "config/local_zone.h"

#include <date/tz.h>

#include <cstdlib>
#include <ctime>
#include <exception>

namespace drwatch::config {
namespace {

// One in each half of the year: London is on UTC in one of them only.
constexpr std::time_t kWinter = 1767225600;  // 2026-01-01T00:00:00Z
constexpr std::time_t kSummer = 1782864000;  // 2026-07-01T00:00:00Z

bool IsAheadOrBehind(std::time_t time) {
  std::tm local{};
  return ::localtime_r(&time, &local) != nullptr && local.tm_gmtoff != 0;
}

}  // namespace

std::string LocalZoneName() {
  std::string name;
  try {
    const char* configured = std::getenv("TZ");
    if (configured == nullptr) return date::current_zone()->name();
    name = configured;
    if (name.starts_with(':')) name.erase(0, 1);
    return date::locate_zone(name)->name();
  } catch (const std::exception&) {
    return "";
  }
}

bool DiffersByLocalTime(const Schedule& utc) {
  ::tzset();
  // The database of zones costs memory: it is only asked where it has something to say.
  if (!IsAheadOrBehind(kWinter) && !IsAheadOrBehind(kSummer)) return false;
  const base::Result<Schedule> local = Schedule::Parse(utc.line(), LocalZoneName());
  if (!local || local->zone().empty()) return true;
  for (const std::time_t seconds : {kWinter, kSummer}) {
    const base::Timestamp time = base::FromUnixMillis(std::int64_t{seconds} * 1000);
    if (local->NextSlot(time) != utc.NextSlot(time)) return true;
  }
  return false;
}

}  // namespace drwatch::config
