#include "config/local_clock.h"

#include <date/tz.h>

#include <exception>

namespace drwatch::config {

LocalClock ClockOfZone(const std::string& zone) {
  if (zone.empty()) return nullptr;
  // Known without the database, which costs memory.
  if (zone == "UTC" || zone == "Etc/UTC") return [](base::Timestamp local) { return local; };
  try {
    return [found = date::locate_zone(zone)](base::Timestamp local) -> base::Timestamp {
      const date::local_time<base::Duration> shown(local.time_since_epoch());
      const date::local_info info = found->get_info(date::floor<std::chrono::seconds>(shown));
      if (info.result == date::local_info::nonexistent) return info.second.begin;
      return local - info.first.offset;
    };
  } catch (const std::exception&) {
    return nullptr;  // taken away since the configuration was read
  }
}

}  // namespace drwatch::config
