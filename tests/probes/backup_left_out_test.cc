// Dumps of several databases in one folder, of which one stops coming.
#include "probes/backup_left_out.h"

#include <gtest/gtest.h>

#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

class BackupLeftOutTest : public BackupProbeTest {
 protected:
  // A dump of that many hours ago, whose name says no time.
  void Dump(const std::string& database, base::Duration age) {
    Write(database + "-" + std::to_string(++count_) + ".dump", age, "PGDMP");
  }
  void Nights(const std::string& database, int from, int to, base::Duration after = 0min) {
    for (int night = from; night < to; ++night) Dump(database, 24h * night + 20h - after);
  }
  // The check's message; "absent" where nothing is left out.
  std::string LeftOut() {
    spec_.verify.enabled = false;
    Restart();
    Run();
    const model::CheckOutcome check = Check("left_out");
    EXPECT_EQ(Value("backup_check_success", "left_out").has_value(), check.name != "absent");
    return check.name == "absent" ? check.name : check.message;
  }
  int count_ = 1000;
};

TEST_F(BackupLeftOutTest, OneThatDoesNotComeWithTheOthersIsNamed) {
  Nights("crm", 0, 6);
  Nights("shop", 0, 6, 30min);
  EXPECT_EQ(LeftOut(), "absent");
  clock_.Advance(24h);
  Dump("shop", 19h);
  const std::string message = LeftOut();
  EXPECT_TRUE(message.starts_with("\"crm-1001.dump\" is the newest of its name and 44h old"))
      << message;
  EXPECT_NE(message.find("\"shop-1013.dump\""), message.npos) << message;
  EXPECT_EQ(Check("left_out").severity, model::Severity::kWarning);
  EXPECT_EQ(Value("backup_success"), 1) << "of the newest";
  clock_.Advance(24h);
  Dump("shop", 19h);
  EXPECT_NE(LeftOut(), "absent") << "also after the second night";
  Dump("crm", 1h);
  EXPECT_EQ(LeftOut(), "absent");
}

TEST_F(BackupLeftOutTest, TheOneThatComesLastIsGivenItsTime) {
  Nights("crm", 0, 6, 1h);
  Nights("shop", 0, 6);
  clock_.Advance(5h);
  Dump("shop", 1h);
  EXPECT_EQ(LeftOut(), "absent") << "24 hours after the one before";
  clock_.Advance(6h);
  EXPECT_EQ(LeftOut(), "absent") << "a quarter of that later";
  clock_.Advance(1min);
  EXPECT_NE(LeftOut(), "absent");
}

TEST_F(BackupLeftOutTest, TheGraceOfTheScheduleIsWaitedFor) {
  spec_.schedule = *config::Schedule::Parse("0 4 * * *");
  spec_.grace = 8h;
  Nights("crm", 0, 6, 1h);
  Nights("shop", 0, 6);
  clock_.Advance(5h);
  Dump("shop", 1h);
  clock_.Advance(8h);
  EXPECT_EQ(LeftOut(), "absent");
  clock_.Advance(1min);
  EXPECT_NE(LeftOut(), "absent");
}

TEST_F(BackupLeftOutTest, WhatIsBeingWrittenIsWaitedForOnceMore) {
  Nights("crm", 1, 7);
  Nights("shop", 0, 7);
  Write("crm-2000.dump.part", 0h, "PGDMP");
  EXPECT_EQ(LeftOut(), "absent");
  clock_.Advance(11h);
  Nights("shop", 0, 1);
  Write("crm-2001.dump.part", 0h, "PGDMP");
  EXPECT_NE(LeftOut(), "absent") << "it is never finished";
}

TEST_F(BackupLeftOutTest, OneOfWorkdaysHasItsWeekend) {
  for (const int night : {1, 2, 3, 4, 5, 8, 9, 10}) Dump("crm", 24h * night + 20h);
  Nights("shop", 0, 11);
  EXPECT_EQ(LeftOut(), "absent");
  clock_.Advance(48h);
  Nights("shop", 0, 2);
  EXPECT_NE(LeftOut(), "absent") << "Monday";
}

TEST_F(BackupLeftOutTest, OneThatIsDumpedOnceMoreLeavesNoneOut) {
  Nights("crm", 0, 6);
  Nights("shop", 0, 6);
  Dump("shop", 15h);
  Dump("before_migration", 10h);
  EXPECT_EQ(LeftOut(), "absent");
  clock_.Advance(24h);
  EXPECT_EQ(LeftOut(), "absent") << "nor if the job does not run then";
}

TEST_F(BackupLeftOutTest, ANewNameOfAllIsNoDatabaseLess) {
  Nights("crm", 7, 14);
  Nights("shop", 7, 14);
  Nights("new_crm", 0, 7);
  Nights("new_shop", 0, 7);
  EXPECT_EQ(LeftOut(), "absent");
}

TEST_F(BackupLeftOutTest, ANewNameOfOneIsNoDatabaseLess) {
  Nights("crm", 4, 12);
  Nights("shop", 0, 12);
  Dump("before_migration", 60h);
  EXPECT_NE(LeftOut(), "absent") << "made once";
  Nights("crm_prod", 1, 4);
  EXPECT_EQ(LeftOut(), "absent");
}

TEST_F(BackupLeftOutTest, OneThatWasDroppedIsToldForAMonth) {
  Nights("crm", 0, 6);
  Nights("shop", 0, 6);
  clock_.Advance(30 * 24h);
  Nights("shop", 0, 30);
  EXPECT_NE(LeftOut(), "absent");
  clock_.Advance(24h);
  Nights("shop", 0, 1);
  EXPECT_EQ(LeftOut(), "absent");
}

// Names with the month in letters, every quarter of an hour.
TEST_F(BackupLeftOutTest, WhatAnotherNameFollowsIsNotLeftOut) {
  for (int i = 0; i < 200; ++i) Dump(i < 12 ? "shop-jan" : "shop-dec", 15min * i + 1min);
  EXPECT_EQ(LeftOut(), "absent");
}

// Shards, whose names differ in digits, minutes apart, after the dump of another one.
TEST_F(BackupLeftOutTest, ARunThatLeavesSeveralOfOneNameIsNoRhythm) {
  Nights("crm", 0, 8);
  for (int shard = 0; shard < 16; ++shard) Nights("shop", 1, 8, 10min + shard * 2min);
  EXPECT_EQ(LeftOut(), "absent");
}

// Of a rotation that has given the newest one its number, but has no new one yet.
TEST_F(BackupLeftOutTest, ANumberIsNoNameOfItsOwn) {
  const auto name = [](const std::string& database, int night) {
    return database + (night == 0 ? ".sql" : ".sql." + std::to_string(night) + ".gz");
  };
  for (int night = 0; night < 8; ++night) {
    Write(name("crm", night), 24h * night + 12h, "PGDMP");
    Write(name("shop", night), 24h * night + 36h, "PGDMP");
  }
  EXPECT_NE(LeftOut(), "absent");
  Write(name("shop", 9), 11h, "PGDMP");
  EXPECT_EQ(LeftOut(), "absent");
}

TEST_F(BackupLeftOutTest, OthersTimesAreNoMeasure) {
  for (int week = 1; week < 6; ++week) Dump("full", 24h * 7 * week);
  Nights("daily_rest", 0, 7);
  EXPECT_EQ(LeftOut(), "absent") << "it came in none of the runs that are kept";
  Nights("shop", 0, 2);
  Dump("crm", 24h * 20);
  EXPECT_EQ(LeftOut(), "absent") << "made once";
}

TEST_F(BackupLeftOutTest, CopiesThatAreKeptLongerAreNoDatabase) {
  Nights("shop", 0, 80);
  for (int week = 2; week < 12; ++week) Dump("weekly", 24h * 7 * week + 20h);
  EXPECT_EQ(LeftOut(), "absent");
}

TEST_F(BackupLeftOutTest, WhereTheWholeJobStoppedNoneIsLeftOut) {
  Nights("crm", 0, 6);
  Nights("shop", 0, 6, 30min);
  clock_.Advance(72h);
  EXPECT_EQ(LeftOut(), "absent") << "the newest is stale";
  EXPECT_EQ(Value("backup_success"), 0);
  Dump("shop", 1h);
  EXPECT_EQ(LeftOut(), "absent") << "it runs again";
  clock_.Advance(6h);
  EXPECT_NE(LeftOut(), "absent");
}

}  // namespace
}  // namespace drwatch::probes
