// Literals of expressions and series: what their text means. Internal to the parser.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace drwatch::promql {

// The value of a string token, which the lexer has checked. Double or single quotes with escapes
// (\xNN and octal ones are bytes, \u and \U code points), or back quotes without.
std::string Unquote(std::string_view token);

// 1, .5, 1e3, 1_000, 0x1f, 0755 (octal, as Go has it), Inf, NaN. nullopt if it is none or too
// large.
std::optional<double> ParseNumber(std::string_view token);

// A number of seconds in whole milliseconds, towards zero; nullopt beyond 292 years.
std::optional<base::Duration> FromSeconds(double seconds);

}  // namespace drwatch::promql
