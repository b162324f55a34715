// The time zone that this process runs in: what TZ says, or else /etc/localtime.
#pragma once

#include <string>

#include "config/schedule.h"

namespace drwatch::config {

// Such as "Europe/Berlin". Empty if it has no such name, as "CET-1CEST" in TZ.
std::string LocalZoneName();

// Whether a cron that runs by local time, as they all do, starts `line` at other times than one
// that runs by UTC. `utc` is that line, read as UTC.
bool DiffersByLocalTime(const Schedule& utc);

}  // namespace drwatch::config
