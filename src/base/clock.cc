#include "base/clock.h"

#include <cmath>
#include <cstdio>

namespace drwatch::base {

Timestamp FromUnixSeconds(double seconds) {
  constexpr double kLimitMillis = 9.0e18;
  const double millis = seconds * 1000.0;
  if (std::isnan(millis)) return Timestamp(Duration(0));
  if (millis >= kLimitMillis) return Timestamp(Duration(static_cast<std::int64_t>(kLimitMillis)));
  if (millis <= -kLimitMillis) return Timestamp(Duration(static_cast<std::int64_t>(-kLimitMillis)));
  return Timestamp(Duration(std::llround(millis)));
}

Timestamp SystemClock::Now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::Steady() const { return std::chrono::steady_clock::now(); }

std::string FormatRfc3339(Timestamp time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::int64_t in_day = (time - days).count();
  const auto millis = static_cast<int>(in_day % 1000);
  const auto seconds = static_cast<int>(in_day / 1000);
  char text[64];
  int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d",
                             static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                             static_cast<unsigned>(date.day()), seconds / 3600, seconds / 60 % 60,
                             seconds % 60);
  if (millis != 0) length += std::snprintf(text + length, sizeof text - length, ".%03d", millis);
  return std::string(text, length) + "Z";
}

}  // namespace drwatch::base
