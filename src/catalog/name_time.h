// The point in time that a backup's name carries: "shop-20260101T020000Z.dump",
// "db_2026-01-01_02-00.sql.gz", "db-01.01.2026.dump", "shop-2026010102.dump",
// "dump-1767232800.rdb".
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace drwatch::catalog {

struct NameTime {
  base::Timestamp time;  // read as UTC
  // A day has no time of day: the backup was taken at any time of it. So has an hour no minute.
  enum class Precision { kSecond, kMinute, kHour, kDay } precision = Precision::kSecond;
  bool zone_known = false;  // "Z" or an offset stands behind it, or it is a Unix time
};

// The first one in the name's last part, or else in the parts before it; a date that begins with
// its year goes before others, and one the file was written about before all, a date before a
// number that can be a Unix time, and all of them before folders of a year, a month and a day
// ("2026/11/30/shop.sql"). nullopt if there is none between 2000 and 2099. `modified` is
// when the file was last written: a number that is no time of the years before that counts for
// nothing (and of day and month before a year, the order that comes closer to it is taken), nor
// does a zone west of UTC that would begin the backup after that.
std::optional<NameTime> ParseNameTime(std::string_view path, base::Timestamp modified);

// "latest", "current", "last", "newest": what lies beside those with dates, and is one of them.
bool IsNewestWord(std::string_view word);

}  // namespace drwatch::catalog
