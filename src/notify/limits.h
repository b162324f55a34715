// What bounds delivery: how much it holds, how long it waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/clock.h"

namespace drwatch::notify {

// Alerts known at once; further ones are refused, so that a rule gone wild cannot eat the memory.
inline constexpr std::size_t kMaxAlerts = 100'000;
// A resolved alert is remembered so long, so that an event offered twice is recognised.
inline constexpr base::Duration kRememberResolved = std::chrono::minutes(15);
// Not delivered for so long: the fallback receiver is told, too (at once if waiting cannot help).
inline constexpr base::Duration kFallBackAfter = std::chrono::minutes(5);
// Messages about the same failing receiver and group are at least so far apart.
inline constexpr base::Duration kFallbackInterval = std::chrono::minutes(1);
inline constexpr base::Duration kMaxAge = std::chrono::hours(24);  // then it is given up
inline constexpr base::Duration kFirstBackoff = std::chrono::seconds(1);
inline constexpr base::Duration kMaxBackoff = std::chrono::seconds(60);
inline constexpr std::size_t kKeptAttempts = 500;

// An expired silence is still shown for so long.
inline constexpr base::Duration kKeepExpiredSilences = std::chrono::hours(120);
inline constexpr std::size_t kMaxSilences = 10'000;  // expired ones included
inline constexpr std::size_t kMaxSilenceMatchers = 100;

// The pause after `failures` failures in a row, between 80 and 100 % of 1 s, 2 s, 4 s ... 60 s.
// `seed` decides where in between, so that receivers do not retry in step.
base::Duration Backoff(int failures, const std::string& seed);

}  // namespace drwatch::notify
