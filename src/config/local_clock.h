// What the clock on a wall shows in a time zone.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"

namespace drwatch::config {

// The moment at which a clock showed a time, which is read as UTC: the first one where it was set
// back and showed it twice, the end of the gap where it was put forward and never did.
using LocalClock = std::function<base::Timestamp(base::Timestamp)>;

// Of a zone that a Schedule knows. Empty for an empty name.
LocalClock ClockOfZone(const std::string& zone);

}  // namespace drwatch::config
