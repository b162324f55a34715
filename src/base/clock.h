// Wall and steady time, and the seam tests use to own both.
//
// Everything that decides takes `now` as an argument; only shells (schedulers, senders, servers)
// hold a Clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace drwatch::base {

// Wall time as the field stores it: milliseconds since 1970-01-01 UTC.
using Duration = std::chrono::milliseconds;
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
// For elapsed time and deadlines: never steps.
using SteadyTime = std::chrono::steady_clock::time_point;

// 1.5 for 1500 ms. Exact for every duration below 2^53 ms.
template <typename Rep, typename Period>
constexpr double ToSeconds(std::chrono::duration<Rep, Period> duration) {
  return std::chrono::duration<double>(duration).count();
}
// Unix seconds with a fraction.
constexpr double ToUnixSeconds(Timestamp time) { return ToSeconds(time.time_since_epoch()); }
constexpr Timestamp FromUnixMillis(std::int64_t millis) { return Timestamp(Duration(millis)); }
constexpr std::int64_t ToUnixMillis(Timestamp time) { return time.time_since_epoch().count(); }
// Rounds to the nearest millisecond; out-of-range values saturate and NaN becomes 0.
Timestamp FromUnixSeconds(double seconds);

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp Now() const = 0;
  virtual SteadyTime Steady() const = 0;
};

// The machine's clocks. The one place that reads std::chrono::system_clock.
class SystemClock final : public Clock {
 public:
  Timestamp Now() const override;
  SteadyTime Steady() const override;
};

// "2026-11-21T10:56:49.123Z", UTC, milliseconds left out when zero (RFC 3339).
std::string FormatRfc3339(Timestamp time);

}  // namespace drwatch::base
