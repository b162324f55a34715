#include "catalog/name_time.h"

#include <gtest/gtest.h>

namespace drwatch::catalog {
namespace {

std::string Read(std::string_view name) {
  const auto time = ParseNameTime(name);
  if (!time) return "none";
  std::string text = base::FormatRfc3339(time->time);
  if (time->precision == NameTime::Precision::kMinute) text += " minute";
  if (time->precision == NameTime::Precision::kDay) text += " day";
  return time->zone_known ? text : text + " local";
}

TEST(NameTimeTest, ReadsWhatPeopleWrite) {
  const std::string exact = "2026-01-02T03:04:05Z";
  EXPECT_EQ(Read("shop-20260102T030405Z.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-02T03:04:05Z.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-02T05:04:05+02:00.dump"), exact);
  EXPECT_EQ(Read("shop_20260101-220405-0500.dump"), exact);
  EXPECT_EQ(Read("shop_20260102_030405.sql.gz"), exact + " local");
  EXPECT_EQ(Read("20260102030405.dump"), exact + " local");
  EXPECT_EQ(Read("2026-01-02_03-04-05.tar"), exact + " local");
  EXPECT_EQ(Read("2026.01.02.03.04.05.tar"), exact + " local");
  EXPECT_EQ(Read("db1-202601020304.dump"), "2026-01-02T03:04:00Z minute local");
  EXPECT_EQ(Read("db_2026-01-02_03h04.dump"), "2026-01-02T03:04:00Z minute local");
  EXPECT_EQ(Read("db-2026-01-02.dump"), "2026-01-02T00:00:00Z day local");
  EXPECT_EQ(Read("db-20260102.7z"), "2026-01-02T00:00:00Z day local");
  EXPECT_EQ(Read("dump-1767323045.rdb"), exact);
  EXPECT_EQ(Read("dump-1767323045000.rdb"), exact);
  EXPECT_EQ(Read("2026-01-02/shop.dump"), "2026-01-02T00:00:00Z day local");
  EXPECT_EQ(Read("2020-01-01/shop-20260102T030405Z.dump"), exact);
}

TEST(NameTimeTest, LeavesOtherNumbersAlone) {
  for (const char* name : {"shop.dump", "shop-15.dump", "shop-20261302.dump", "shop-20260230.dump",
                           "v1.2.3", "000000010000000000000042", "123456789",
                           "12345678901234567890", "1999-01-01.dump", "0123456789", ""}) {
    EXPECT_EQ(Read(name), "none") << name;
  }
}

}  // namespace
}  // namespace drwatch::catalog
