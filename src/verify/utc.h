// Points in time as the files of PostgreSQL and of backup programs write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace drwatch::verify {

// "2026-11-21 11:55:43 GMT" and "... UTC". nullopt: another form or zone, or no such time.
std::optional<base::Timestamp> ParseUtc(std::string_view text);

// "2026-11-21T11:55:43.123456Z" (RFC 3339), "2026-11-21 11:55:43+01:00" (Python's str(datetime)).
// Digits beyond milliseconds are dropped. nullopt: another form, no zone, or no such time.
std::optional<base::Timestamp> ParseIsoTime(std::string_view text);

// "2026-12-01  3:04:05", its hour also as "03", as a clock on a wall showed it: read as UTC. A zone
// behind it has a name that may mean several, and is left out. nullopt: another form, or no such
// time.
std::optional<base::Timestamp> ParseWallClock(std::string_view text);

// nullopt if there is no such day or time (60 seconds are fine: a leap second).
std::optional<base::Timestamp> MakeUtc(int year, int month, int day, int hour, int minute,
                                       int second);

// The latest moment, not after `end`, at which a clock on a wall somewhere on Earth can have shown
// `local` (a wall clock's time read as UTC). nullopt: there is none. `end` comes from another
// clock: what that says may be a minute too early.
std::optional<base::Timestamp> LatestReading(base::Timestamp local, base::Timestamp end);

}  // namespace drwatch::verify
