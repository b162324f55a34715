#include "catalog/name_time.h"

#include <gtest/gtest.h>

namespace drwatch::catalog {
namespace {

// 2026-01-03 00:00 UTC.
constexpr base::Timestamp kModified = base::FromUnixMillis(1'767'398'400'000);

std::string Read(std::string_view name, base::Timestamp modified = kModified) {
  const auto time = ParseNameTime(name, modified);
  if (!time) return "none";
  std::string text = base::FormatRfc3339(time->time);
  if (time->precision == NameTime::Precision::kMinute) text += " minute";
  if (time->precision == NameTime::Precision::kHour) text += " hour";
  if (time->precision == NameTime::Precision::kDay) text += " day";
  return time->zone_known ? text : text + " local";
}

TEST(NameTimeTest, ReadsWhatPeopleWrite) {
  const std::string exact = "2026-01-02T03:04:05Z";
  EXPECT_EQ(Read("shop-20260102T030405Z.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-02T03:04:05Z.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-02T05:04:05+02:00.dump"), exact);
  EXPECT_EQ(Read("shop_20260101T220405-0500.dump"), exact);
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

TEST(NameTimeTest, TheYearMayStandBehindTheDay) {
  const std::string exact = "2026-01-02T03:04:05Z local";
  EXPECT_EQ(Read("shop-02-01-2026-03-04-05.dump"), exact);
  EXPECT_EQ(Read("02_01_2026_03_04_05.sql.gz"), exact);
  EXPECT_EQ(Read("shop.02.01.2026.03.04.05.sql"), exact);
  EXPECT_EQ(Read("shop-01-02-2026-03-04-05.dump"), exact) << "the second of January is closer";
  EXPECT_EQ(Read("02012026_030405.dump"), exact);
  EXPECT_EQ(Read("02-Jan-2026-03-04-05.dump"), exact);
  EXPECT_EQ(Read("shop_Jan-02-2026_03:04:05.dump"), exact);
  EXPECT_EQ(Read("shop-02-01-2026-03-04.dump"), "2026-01-02T03:04:00Z minute local");
  const std::string day = "2025-11-30T00:00:00Z day local";
  for (const char* name :
       {"shop_30-11-2025.dump", "shop_11-30-2025.dump", "30.11.2025.tar", "shop30112025.dump",
        "shop-11302025.dump", "30Nov2025.sql", "shop-november-30-2025.sql", "2025-Nov-30.sql",
        "2025nov30.sql", "pg15-30-11-2025.dump", "shop-1-30-11-2025.dump", "30-11-2025/a.dump"}) {
    EXPECT_EQ(Read(name), day) << name;
  }
  EXPECT_EQ(Read("2-Dec-2025.dump"), "2025-12-02T00:00:00Z day local");
  // Both can be: one of them has not come yet; neither has.
  EXPECT_EQ(Read("shop-05-12-2025.dump"), "2025-12-05T00:00:00Z day local");
  EXPECT_EQ(Read("shop-12-05-2025.dump"), "2025-12-05T00:00:00Z day local");
  EXPECT_EQ(Read("shop-02-05-2026.dump"), "2026-05-02T00:00:00Z day local");
}

TEST(NameTimeTest, NumbersBeforeADateOfIsoAreNone) {
  const base::Timestamp december = base::FromUnixMillis(1'764'900'000'000);  // 2025-12-05
  const std::string day = "2025-12-04T00:00:00Z day local";
  for (const char* name :
       {"ip-10-0-12-11-2025-12-04.sql", "mariadb_10_11_2025_12_04.sql", "db_12_11_20251204.sql",
        "192.168.10.12.2025.12.04.sql", "may15-2025-12-04.sql", "node-01-02-2025-12-04.sql",
        "customer-12052024-20251204.sql", "2025-12-04-v10-11-2025.sql"}) {
    EXPECT_EQ(Read(name, december), day) << name;
  }
  // Copied later, without its time.
  EXPECT_EQ(Read("node-10-11-2025-11-01.sql", december), "2025-11-01T00:00:00Z day local");
  EXPECT_EQ(Read("node-01-12-2025-11-30.sql", december), "2025-11-30T00:00:00Z day local");
  // The time of day looks like a month and a day.
  EXPECT_EQ(Read("db-04-12-2025-02-15.sql", december), "2025-12-04T02:15:00Z minute local");
}

TEST(NameTimeTest, OfSeveralDatesOfIsoItIsTheFilesOwn) {
  const std::string day = "2026-01-02T00:00:00Z day local";
  EXPECT_EQ(Read("archive_20190101_20260102.sql"), day);
  EXPECT_EQ(Read("s-2025-12-25_2026-01-02.sql"), day);
  EXPECT_EQ(Read("app-2025.12.25-202601020215.sql"), "2026-01-02T02:15:00Z minute local");
  EXPECT_EQ(Read("pre-v2026.01.04-2026-01-02.sql"), day) << "a release that is to come";
  EXPECT_EQ(Read("shop-2026-01-02-until-2027-01-02.sql"), day);
  EXPECT_EQ(Read("shop-20260102-20260102T120000Z.sql"), day) << "the first of two that can be";
  EXPECT_EQ(Read("shop-20251212-20251215.sql"), "2025-12-12T00:00:00Z day local")
      << "neither can: copied without its time";
}

TEST(NameTimeTest, ADateMayBeAFolderForEachPart) {
  for (const char* name : {"2026/01/02/shop_0215.sql", "2026/01/02", "db/2026/01/02/a/b.sql"}) {
    EXPECT_EQ(Read(name), "2026-01-02T00:00:00Z day local") << name;
  }
  EXPECT_EQ(Read("2026/01/02/shop-2025-12-30.sql"), "2025-12-30T00:00:00Z day local");
  for (const char* name : {"2026/01/shop.sql", "2026/13/02/shop.sql", "2026/01/02.sql", "2026/01/",
                           "2026/01/022/a", "1999/01/02/a", "x2026/01/02/a", "2026//01/02/a"}) {
    EXPECT_EQ(Read(name), "none") << name;
  }
}

TEST(NameTimeTest, TwelveHoursAreReadWithTheirHalf) {
  EXPECT_EQ(Read("shop-2026-01-01_08-01-00PM.sql.gz"), "2026-01-01T20:01:00Z local");
  EXPECT_EQ(Read("shop-2026-01-01_08-01-00_am.sql.gz"), "2026-01-01T08:01:00Z local");
  EXPECT_EQ(Read("shop-2026-01-01_12-01AM.sql.gz"), "2026-01-01T00:01:00Z minute local");
  EXPECT_EQ(Read("shop-2026-01-01_1201pm.sql.gz"), "2026-01-01T12:01:00Z minute local");
  EXPECT_EQ(Read("shop-2026-01-01_20-01-00PM.sql.gz"), "2026-01-01T20:01:00Z local");
  EXPECT_EQ(Read("shop-2026-01-01_08-01-00_pmain.sql.gz"), "2026-01-01T08:01:00Z local");
}

TEST(NameTimeTest, OnlyAZoneIsReadAsOne) {
  const std::string exact = "2026-01-02T03:04:05Z";
  EXPECT_EQ(Read("shop-20260102-083405+0530.dump"), exact);
  EXPECT_EQ(Read("shop-20260102-050405+02.dump"), exact);
  EXPECT_EQ(Read("shop-20260101_220405-05:00.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-01T22:04:05-0500.dump"), exact);
  // The number of a process or a run, and what no clock is set to.
  for (const char* number : {"-1234", "-1130", "-0900", "-0500", "-05", "+1500", "+0910", "-13:00",
                             "+02:10", "+123", "-12345"}) {
    const std::string name = "shop-20260102-030405" + std::string(number) + ".dump";
    EXPECT_EQ(Read(name), exact + " local") << name;
  }
  EXPECT_EQ(Read("shop-20260102T030405-1234.dump"), exact + " local");
  EXPECT_EQ(Read("shop-20260102T030405-1300.dump"), exact + " local");
  EXPECT_EQ(Read("shop-20260102T030405-05.dump"), exact + " local");
}

TEST(NameTimeTest, AZoneIsNoneThatWouldBeginABackupAfterItsEnd) {
  // 03:05 UTC, a minute after the name's time; as a zone the number would say 08:04.
  const base::Timestamp modified = base::FromUnixMillis(1'767'323'100'000);
  EXPECT_EQ(Read("shop-20260102T030405-0500.dump", modified), "2026-01-02T03:04:05Z local");
  EXPECT_EQ(Read("shop-20260101T220405-0500.dump", modified), "2026-01-02T03:04:05Z");
}

TEST(NameTimeTest, AZoneBehindMinutesIsNoSecond) {
  EXPECT_EQ(Read("shop-2026-01-01T22:04-05:00.dump"), "2026-01-02T03:04:00Z minute");
  EXPECT_EQ(Read("shop-2026-01-02T08:34+05:30.dump"), "2026-01-02T03:04:00Z minute");
  EXPECT_EQ(Read("shop-2026-01-02T03:04-05.dump"), "2026-01-02T03:04:05Z local");
  EXPECT_EQ(Read("shop-2026-01-02_03-04-05:00.dump"), "2026-01-02T03:04:05Z local");
}

TEST(NameTimeTest, FractionsOfASecondStandBeforeTheZone) {
  const std::string exact = "2026-01-02T03:04:05Z";
  EXPECT_EQ(Read("shop-2026-01-02T08:34:05.123+05:30.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-01T22:04:05.123456-05:00.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-02T03:04:05.123Z.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-02T03:04:05,123456789Z.dump"), exact);
  EXPECT_EQ(Read("shop-20260102T050405.123456+0200.dump"), exact);
  EXPECT_EQ(Read("shop-2026-01-02T03:04:05.123456.dump"), exact + " local");
  EXPECT_EQ(Read("shop-20260102-030405.7z"), exact + " local") << "what packed it";
  EXPECT_EQ(Read("shop-20260102-030405.001"), exact + " local") << "a part";
}

TEST(NameTimeTest, LeavesOtherNumbersAlone) {
  for (const char* name :
       {"shop.dump", "shop-15.dump", "shop-20261302.dump", "shop-20260230.dump", "v1.2.3",
        "000000010000000000000042", "123456789", "31-31-2026.dump", "30-11_2025.dump",
        "30112030.dump", "30111999.dump", "10-11-25.dump", "decade-2025.dump", "mar-2025.dump",
        "order-99012025.dump", "12345678901234567890", "1999-01-01.dump", "0123456789", ""}) {
    EXPECT_EQ(Read(name), "none") << name;
  }
}

TEST(NameTimeTest, TenDigitsAreADateAndAnHourWhereTheyCanBe) {
  EXPECT_EQ(Read("shop-2026010106.dump"), "2026-01-01T06:00:00Z hour local");
  EXPECT_EQ(Read("2026010123.dump"), "2026-01-01T23:00:00Z hour local");
  EXPECT_EQ(Read("shop-2026010124.dump"), "none") << "no hour, and 2034 has not come";
  EXPECT_EQ(Read("shop-2026-01-01-06.dump"), "2026-01-01T00:00:00Z day local") << "or the sixth";
}

TEST(NameTimeTest, ANumberThatIsNoTimeOfTheFileIsNone) {
  EXPECT_EQ(Read("shop-1234567890-full.dump"), "none") << "2009";
  EXPECT_EQ(Read("shop-1234567890123.dump"), "none");
  EXPECT_EQ(Read("dump-1767571200.rdb"), "none") << "two days after it was written";
  EXPECT_EQ(Read("dump-1767417600.rdb"), "2026-01-03T05:20:00Z") << "a clock that is wrong";
  EXPECT_EQ(Read("dump-1672531200.rdb"), "2023-01-01T00:00:00Z") << "copied without its time";
  EXPECT_EQ(Read("shop-1234567890.dump", base::FromUnixMillis(1'234'567'900'000)),
            "2009-02-13T23:31:30Z");
  EXPECT_EQ(Read("1767323045-20260102.dump"), "2026-01-02T00:00:00Z day local");
}

}  // namespace
}  // namespace drwatch::catalog
