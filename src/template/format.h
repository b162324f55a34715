// Numbers and values as Go's fmt package writes them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "template/value.h"

namespace drwatch::tmpl {

// 'e', 'f', 'g' or 'x' and a precision; -1 is the shortest text that reads back as the same
// number. +Inf, -Inf, NaN.
std::string FormatFloat(double value, char format, int precision);
// In double quotes with Go's escapes (%q).
std::string GoQuote(std::string_view text);

// fmt.Sprint: operands with a space between two that are no strings.
std::string Sprint(const Values& values);
// fmt.Sprintln.
std::string Sprintln(const Values& values);
// fmt.Sprintf. Mistakes in the format show up in the text, as Go does it: %!d(string=hi).
std::string Sprintf(std::string_view format, const Values& values);

// A value in %v; "<no value>" where there is none.
std::string Print(const Value& value);

// `nanos` of Go's zero time, the beginning of year 1, which is too long ago to be counted.
inline constexpr std::int64_t kZeroTime = std::numeric_limits<std::int64_t>::min();
std::string PrintTime(Time time);              // 2015-06-23 13:19:44.128 +0000 UTC
std::string PrintDuration(Duration duration);  // 30m0s
// Go's reference layout: "2006-01-02T15:04:05Z07:00". Always UTC.
std::string FormatTime(Time time, std::string_view layout);

}  // namespace drwatch::tmpl
