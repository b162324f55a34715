// The point in time that a backup's name carries: "shop-20260101T020000Z.dump",
// "db_2026-01-01_02-00.sql.gz", "dump-1767232800.rdb".
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace drwatch::catalog {

struct NameTime {
  base::Timestamp time;  // read as UTC
  // A day has no time of day: the backup was taken at any time of it.
  enum class Precision { kSecond, kMinute, kDay } precision = Precision::kSecond;
  bool zone_known = false;  // "Z" or an offset stands behind it, or it is a Unix time
};

// The first one in the name's last part, or else in the parts before it. nullopt if there is none
// between 2000 and 2099.
std::optional<NameTime> ParseNameTime(std::string_view path);

}  // namespace drwatch::catalog
