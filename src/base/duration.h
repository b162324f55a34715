// Durations as the field writes them: "90s", "1h30m", "500ms", "2d", "1w", "1y" (365 days).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace drwatch::base {

// Prometheus' grammar: units in falling order, each at most once, no sign, no fraction; "0" needs
// no unit. Errors: not in that form, or above 292 years.
Result<Duration> ParseDuration(std::string_view text);

// Prometheus' canonical form: "1h30m", "15s", "0s", "1d". ParseDuration(FormatDuration(d)) == d.
// Negative gets a "-".
std::string FormatDuration(Duration duration);

}  // namespace drwatch::base
