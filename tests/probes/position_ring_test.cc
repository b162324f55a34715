#include "probes/position_ring.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace drwatch::probes {
namespace {

using base::Duration;
using std::chrono::hours;
using std::chrono::seconds;
using testing::FakeClock;

const WalHistory kHistory{"7000", 1};
constexpr Duration kInterval{10'000};

class PositionRingTest : public ::testing::Test {
 protected:
  void Look(std::uint64_t lsn, const WalHistory& history = kHistory) {
    ring_.Observe("pg", history, lsn, clock_.Steady(), kInterval, transactions_);
  }
  void LookAfter(Duration wait, std::uint64_t lsn) {
    clock_.Advance(wait);
    Look(lsn);
  }
  std::optional<PositionLag> Lag(std::uint64_t lsn, const OpenSegment& open = {}) {
    const auto reading = ring_.Read("pg", lsn, clock_.Steady(), open);
    EXPECT_TRUE(reading);
    return reading ? reading->lag : std::nullopt;
  }
  FakeClock clock_;
  PositionRing ring_{nullptr, &clock_};
  std::string transactions_;
};

TEST_F(PositionRingTest, KnowsNothingOfOthers) {
  EXPECT_FALSE(ring_.Read("pg", 0, clock_.Steady()));
  ring_.ObserveNothing("pg");
  EXPECT_FALSE(ring_.Read("pg", 0, clock_.Steady()));
}

TEST_F(PositionRingTest, IsCaughtUpAtTheNewestPosition) {
  Look(100);
  EXPECT_FALSE(Lag(100));
  EXPECT_FALSE(Lag(150));
  clock_.Advance(hours(5));
  EXPECT_FALSE(Lag(100)) << "nothing is known to have changed since";
}

TEST_F(PositionRingTest, CountsFromTheFirstChangeAfterAPosition) {
  Look(100);
  LookAfter(seconds(10), 100);
  LookAfter(seconds(10), 200);  // the change came between 10 s and 20 s
  LookAfter(seconds(10), 300);
  const auto lag = Lag(100);
  ASSERT_TRUE(lag);
  EXPECT_EQ(lag->at_least, seconds(10));
  EXPECT_EQ(lag->estimate, seconds(20));
  EXPECT_TRUE(lag->certain);
  clock_.Advance(seconds(60));
  EXPECT_EQ(Lag(100)->estimate, seconds(80)) << "it grows while nobody replays";
}

TEST_F(PositionRingTest, ReadsBetweenTwoLooksInProportion) {
  Look(100);
  LookAfter(seconds(10), 200);
  EXPECT_EQ(Lag(199)->estimate, Duration(100));
  EXPECT_EQ(Lag(150)->estimate, Duration(5000));
}

TEST_F(PositionRingTest, AnIdlePrimaryThatWakesIsNotLate) {
  Look(100);
  for (int i = 0; i < 360; ++i) LookAfter(seconds(10), 100);
  LookAfter(seconds(10), 101);
  EXPECT_LE(*Lag(100)->estimate, seconds(10));
}

TEST_F(PositionRingTest, LooksAfterThePositionWasReadDoNotCount) {
  Look(100);
  clock_.Advance(seconds(10));
  const base::SteadyTime read_at = clock_.Steady();
  LookAfter(Duration(1), 500);
  const auto reading = ring_.Read("pg", 100, read_at);
  ASSERT_TRUE(reading);
  EXPECT_FALSE(reading->lag);
  EXPECT_EQ(reading->newest, 100u);
}

TEST_F(PositionRingTest, BeforeTheFirstLookOnlyALowerBoundIsKnown) {
  Look(100);
  clock_.Advance(seconds(30));
  const auto lag = Lag(50);
  ASSERT_TRUE(lag);
  EXPECT_EQ(lag->at_least, seconds(30));
  EXPECT_FALSE(lag->estimate);
  EXPECT_FALSE(lag->certain);
}

TEST_F(PositionRingTest, AHoleMakesItUncertain) {
  Look(100);
  LookAfter(hours(1), 200);
  clock_.Advance(seconds(1));
  const auto lag = Lag(100);
  ASSERT_TRUE(lag);
  EXPECT_FALSE(lag->certain);
  EXPECT_EQ(lag->at_least, seconds(1));
  EXPECT_EQ(lag->estimate, hours(1) + seconds(1));
}

TEST_F(PositionRingTest, SaysWhenThePrimaryIsOutOfSight) {
  Look(100);
  clock_.Advance(seconds(30));
  EXPECT_TRUE(ring_.Read("pg", 100, clock_.Steady())->fresh);
  clock_.Advance(seconds(1));
  const auto reading = ring_.Read("pg", 100, clock_.Steady());
  EXPECT_FALSE(reading->fresh);
  EXPECT_EQ(reading->newest_age, seconds(31));
}

TEST_F(PositionRingTest, ANewTimelineKeepsTheCommonPast) {
  Look(100);
  LookAfter(seconds(10), 200);
  LookAfter(seconds(10), 300);
  clock_.Advance(seconds(10));
  Look(250, {"7000", 2});  // promoted before 300 had arrived
  EXPECT_EQ(ring_.Read("pg", 0, clock_.Steady())->history.timeline, 2u);
  EXPECT_FALSE(Lag(250));
  EXPECT_EQ(Lag(150)->estimate, seconds(25));
  EXPECT_EQ(Lag(200)->at_least, Duration(0)) << "300 was never part of this history";
}

TEST_F(PositionRingTest, TellsForHowLongItHasBeenOnItsTimeline) {
  const auto age = [this] { return ring_.Read("pg", 100, clock_.Steady())->timeline_age; };
  Look(100);
  LookAfter(seconds(60), 200);
  EXPECT_EQ(age(), seconds(60));
  Look(300, {kHistory.system_identifier, kHistory.timeline + 1});
  EXPECT_EQ(age(), seconds(0));
  clock_.Advance(seconds(5));
  EXPECT_EQ(age(), seconds(5));
}

TEST_F(PositionRingTest, AnotherSystemBeginsAnew) {
  Look(100);
  LookAfter(seconds(10), 50'000);
  LookAfter(seconds(10), 60'000);
  Look(70'000, {"8000", 1});
  EXPECT_FALSE(Lag(55'000)->estimate);
  EXPECT_EQ(Lag(0)->at_least, Duration(0));
}

TEST_F(PositionRingTest, ASystemThatIsNotToldOnceIsTheSame) {
  Look(100);
  ring_.Observe("pg", {"", kHistory.timeline}, 200, clock_.Steady(), kInterval);
  clock_.Advance(seconds(10));
  Look(300);
  const auto reading = ring_.Read("pg", 100, clock_.Steady());
  ASSERT_TRUE(reading && reading->lag);
  EXPECT_EQ(reading->lag->at_least, seconds(10));
  EXPECT_EQ(reading->history, kHistory);
}

TEST_F(PositionRingTest, APrimaryThatWentBackIsBelieved) {
  Look(100);
  LookAfter(seconds(10), 300);
  LookAfter(seconds(10), 200);
  EXPECT_FALSE(Lag(200));
  LookAfter(seconds(10), 300);
  EXPECT_EQ(Lag(250)->estimate, seconds(5));
}

TEST_F(PositionRingTest, StaysBoundedAndKeepsRecentLooksSharp) {
  Look(0);
  std::uint64_t lsn = 0;
  for (int i = 0; i < 100'000; ++i) LookAfter(seconds(10), lsn += 1000);
  EXPECT_EQ(Lag(lsn - 500 * 1000)->estimate, seconds(5000));
  // An old position is still known to within its thinned neighbourhood.
  const auto old_lag = Lag(lsn - 50'000 * 1000);
  ASSERT_TRUE(old_lag);
  ASSERT_TRUE(old_lag->estimate);
  EXPECT_NEAR(base::ToSeconds(*old_lag->estimate), 500'000, 5'000);
  EXPECT_TRUE(old_lag->certain);
}

TEST_F(PositionRingTest, ThinningKeepsLongStays) {
  Look(1);
  std::uint64_t lsn = 1;
  for (int i = 0; i < 100; ++i) LookAfter(seconds(10), ++lsn);
  const std::uint64_t idle = lsn;
  for (int i = 0; i < 1000; ++i) LookAfter(seconds(10), idle);
  const base::SteadyTime woke = clock_.Steady();
  for (int i = 0; i < 3000; ++i) LookAfter(seconds(10), ++lsn);
  const auto lag = Lag(idle);
  ASSERT_TRUE(lag && lag->estimate);
  EXPECT_LE(*lag->estimate, clock_.Steady() - woke);
}

// A segment ends at 10'000, the next one at 20'000.
TEST_F(PositionRingTest, CountsFromTheFirstEndOfATransactionInTheOpenSegment) {
  const OpenSegment open{20'000};
  transactions_ = "7:7:0";
  Look(9'900);
  LookAfter(seconds(10), 10'120);  // a checkpoint
  LookAfter(hours(5), 10'240);
  EXPECT_FALSE(Lag(10'000, open));
  EXPECT_TRUE(Lag(10'000));
  transactions_ = "8:8:0";
  LookAfter(seconds(10), 10'500);
  EXPECT_EQ(Lag(10'000, open)->estimate, seconds(10));
  EXPECT_EQ(Lag(10'000, open)->at_least, seconds(0));
  LookAfter(hours(9), 10'500);
  LookAfter(seconds(10), 10'600);
  EXPECT_EQ(Lag(10'000, open)->estimate, hours(9) + seconds(20)) << "nobody ships it";
  // Of whole segments everything counts.
  transactions_ = "9:9:0";
  LookAfter(seconds(10), 20'100);
  EXPECT_EQ(Lag(10'600, {20'000})->estimate, seconds(10));
  LookAfter(seconds(10), 20'200);
  LookAfter(seconds(10), 30'100);
  EXPECT_EQ(Lag(20'200, {30'000, {}})->estimate, seconds(10));
}

TEST_F(PositionRingTest, AnEndSeenWithTheStepIntoTheSegmentIsBeforeItIfLittleFollows) {
  transactions_ = "7:7:0";
  Look(9'900);
  transactions_ = "8:8:0";
  LookAfter(seconds(10), 10'120);
  EXPECT_FALSE(Lag(10'000, {20'000}));
  LookAfter(seconds(10), 18'000);  // hint bits, say
  EXPECT_FALSE(Lag(10'000, {20'000}));
  transactions_ = "9:9:0";
  LookAfter(seconds(10), 25'000);
  LookAfter(hours(1), 25'000);
  EXPECT_EQ(Lag(20'000, {30'000, {}})->at_least, hours(1)) << "too much for housekeeping";
  // What is streamed of the segment ends within it.
  OpenSegment streamed{30'000};
  streamed.begins_here = false;
  EXPECT_FALSE(Lag(25'000, streamed));
  transactions_ = "10:10:0";
  LookAfter(seconds(10), 25'112);
  EXPECT_EQ(Lag(25'000, streamed)->at_least, seconds(0));
  LookAfter(seconds(10), 25'112);
  EXPECT_EQ(Lag(25'000, streamed)->at_least, seconds(10));
}

TEST_F(PositionRingTest, AnEndBehindALookAtTheBeginOfTheSegmentIsInIt) {
  transactions_ = "7:7:0";
  Look(10'000);
  transactions_ = "8:8:0";
  LookAfter(seconds(10), 10'120);
  LookAfter(seconds(10), 20'000);  // full
  EXPECT_EQ(Lag(10'000, {20'000})->at_least, seconds(10));
}

TEST_F(PositionRingTest, AnEndThatShowsLateIsBeforeThePositionItShowsAt) {
  transactions_ = "7:7:0";
  Look(8'000);
  LookAfter(seconds(10), 9'500);
  transactions_ = "8:8:0";
  LookAfter(seconds(10), 9'500);
  LookAfter(seconds(10), 10'120);
  EXPECT_FALSE(Lag(9'500, {20'000}));
  EXPECT_TRUE(Lag(8'000, {20'000}));
}

TEST_F(PositionRingTest, WhatEndedBeforeTheFirstLookIsNotKnown) {
  transactions_ = "7:7:0";
  Look(15'000);
  LookAfter(hours(1), 15'000);
  EXPECT_EQ(Lag(10'000, {20'000})->at_least, hours(1));
}

TEST_F(PositionRingTest, IgnoresStepsOfTheWallClock) {
  Look(100);
  LookAfter(seconds(10), 200);
  clock_.StepWall(hours(3));
  EXPECT_EQ(Lag(100)->estimate, seconds(10));
}

TEST_F(PositionRingTest, WaitsForTheFirstRunOfAnExpectedProbeOnly) {
  const auto soon = [] { return base::Deadline::After(seconds(10)); };
  const auto begin = std::chrono::steady_clock::now();
  ring_.AwaitFirstRun("pg", soon(), {});  // nobody expects it
  ring_.Expect("pg");
  ring_.AwaitFirstRun("pg", base::Deadline::After(Duration(20)), {});
  std::thread other([&] { ring_.ObserveNothing("pg"); });
  ring_.AwaitFirstRun("pg", soon(), {});
  other.join();
  ring_.AwaitFirstRun("pg", soon(), {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

std::unique_ptr<db::Database> Open(const std::string& path) {
  auto database = db::Database::Open(path, PositionRingMigrations());
  EXPECT_TRUE(database) << database.error().message;
  return database ? std::move(*database) : nullptr;
}

TEST(PositionRingDatabaseTest, RemembersOverARestart) {
  const testing::TempDir folder;
  FakeClock clock;
  {
    const auto database = Open(folder.Path("db"));
    PositionRing ring(database.get(), &clock);
    ring.Observe("pg", kHistory, 100, clock.Steady(), kInterval);
    clock.Advance(seconds(10));
    ring.Observe("pg", kHistory, 200, clock.Steady(), kInterval);
  }
  FakeClock later(clock.Now() + seconds(60));  // another steady clock
  const auto database = Open(folder.Path("db"));
  PositionRing ring(database.get(), &later);
  const auto reading = ring.Read("pg", 100, later.Steady());
  ASSERT_TRUE(reading && reading->lag);
  EXPECT_EQ(reading->history, kHistory);
  EXPECT_EQ(reading->lag->estimate, seconds(70));
  EXPECT_EQ(reading->timeline_age, seconds(70));
  EXPECT_FALSE(reading->fresh);
  EXPECT_FALSE(ring.Read("pg", 200, later.Steady())->lag);
}

TEST(PositionRingDatabaseTest, AClockThatWasAheadMakesNoLookYounger) {
  const testing::TempDir folder;
  FakeClock clock;
  const auto observe = [&](std::uint64_t lsn) {
    const auto database = Open(folder.Path("db"));
    PositionRing ring(database.get(), &clock);
    ring.Observe("pg", kHistory, lsn, clock.Steady(), kInterval);
    return ring.Read("pg", 200, clock.Steady());
  };
  clock.StepWall(std::chrono::hours(24));
  observe(100);
  observe(200);
  clock.Advance(seconds(1));
  clock.StepWall(std::chrono::hours(-24));
  // The first look that was stored with the right time; the lag counts from there.
  observe(300);
  for (const int second : {20, 40, 60}) {
    clock.Advance(seconds(20));
    const auto reading = observe(300);
    ASSERT_TRUE(reading && reading->lag);
    EXPECT_EQ(reading->lag->at_least, seconds(second));
  }
  // What was seen before a clock is set back is at least as old as it was then.
  clock.StepWall(std::chrono::hours(-1));
  const auto reading = observe(400);
  ASSERT_TRUE(reading && reading->lag);
  EXPECT_EQ(reading->lag->at_least, seconds(60));
}

TEST(PositionRingDatabaseTest, AClockThatIsSetChangesNoAge) {
  const testing::TempDir folder;
  FakeClock clock;
  for (const int step : {-2, 2}) {
    {
      const auto database = Open(folder.Path("db"));
      PositionRing ring(database.get(), &clock);
      ring.Observe("pg", {std::to_string(step), 1}, 100, clock.Steady(), kInterval);
      clock.Advance(seconds(10));
      ring.Observe("pg", {std::to_string(step), 1}, 200, clock.Steady(), kInterval);
      clock.StepWall(hours(step));
      clock.Advance(seconds(10));
      ring.Observe("pg", {std::to_string(step), 1}, 300, clock.Steady(), kInterval);
    }
    clock.Advance(seconds(10));
    const auto database = Open(folder.Path("db"));
    PositionRing ring(database.get(), &clock);
    const auto reading = ring.Read("pg", 100, clock.Steady());
    ASSERT_TRUE(reading && reading->lag);
    EXPECT_EQ(reading->lag->at_least, seconds(20)) << step;
  }
}

TEST(PositionRingDatabaseTest, RemembersWhichTransactionsHaveEnded) {
  const testing::TempDir folder;
  FakeClock clock;
  {
    const auto database = Open(folder.Path("db"));
    PositionRing ring(database.get(), &clock);
    ring.Observe("pg", kHistory, 10'000, clock.Steady(), kInterval, "7:7:0");
    clock.Advance(seconds(10));
    ring.Observe("pg", kHistory, 10'100, clock.Steady(), kInterval, "7:7:0");
  }
  {
    const auto database = Open(folder.Path("db"));
    PositionRing ring(database.get(), &clock);
    ring.Observe("pg", kHistory, 15'000, clock.Steady(), kInterval, "7:7:0");
    EXPECT_FALSE(ring.Read("pg", 10'000, clock.Steady(), {20'000})->lag);
    clock.Advance(seconds(10));
    ring.Observe("pg", kHistory, 15'100, clock.Steady(), kInterval, "8:8:0");
  }
  const auto database = Open(folder.Path("db"));
  PositionRing ring(database.get(), &clock);
  clock.Advance(seconds(10));
  EXPECT_EQ(ring.Read("pg", 10'000, clock.Steady(), {20'000})->lag->estimate, seconds(20));
}

TEST(PositionRingDatabaseTest, AKillLosesLittle) {
  const testing::TempDir folder;
  FakeClock clock;
  const auto database = Open(folder.Path("db"));
  PositionRing ring(database.get(), &clock);
  for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) {
    ring.Observe("pg", kHistory, lsn, clock.Steady(), Duration(300));
    clock.Advance(Duration(300));
  }
  // As a program that starts after the kill sees it.
  const PositionRing survivor(database.get(), &clock);
  const auto reading = survivor.Read("pg", 0, clock.Steady());
  ASSERT_TRUE(reading);
  EXPECT_GE(reading->newest, 80u);
  EXPECT_LT(reading->newest, 100u) << "not every look is a transaction";
}

TEST(PositionRingDatabaseTest, ThinnedAndTruncatedLooksAreStoredWhole) {
  const testing::TempDir folder;
  FakeClock clock;
  const auto database = Open(folder.Path("db"));
  std::optional<PositionReading> before;
  {
    PositionRing ring(database.get(), &clock);
    for (std::uint64_t lsn = 1; lsn <= 3000; ++lsn) {
      ring.Observe("pg", kHistory, lsn * 10, clock.Steady(), kInterval);
      clock.Advance(Duration(100));
    }
    ring.Observe("pg", {"7000", 2}, 25'000, clock.Steady(), kInterval);
    before = ring.Read("pg", 20'000, clock.Steady());
  }
  const PositionRing ring(database.get(), &clock);
  const auto after = ring.Read("pg", 20'000, clock.Steady());
  ASSERT_TRUE(before && after && before->lag && after->lag);
  EXPECT_EQ(after->newest, 25'000u);
  EXPECT_EQ(after->history.timeline, 2u);
  EXPECT_EQ(after->lag->estimate, before->lag->estimate);
}

TEST(PositionRingDatabaseTest, ManyThreadsMayUseIt) {
  const testing::TempDir folder;
  const auto database = Open(folder.Path("db"));
  PositionRing ring(database.get());
  const base::SystemClock clock;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, name = "pg" + std::to_string(i)] {
      for (std::uint64_t lsn = 1; lsn < 3000; ++lsn) {
        ring.Observe(name, kHistory, lsn, clock.Steady(), kInterval);
        ring.Read("pg0", lsn, clock.Steady());
        ring.server_names().Claim(name, "7000", "1", "a");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ring.Read("pg3", 0, clock.Steady())->newest, 2999u);
}

TEST(ServerNamesTest, OneServerHasOneName) {
  ServerNames names;
  EXPECT_EQ(names.Claim("vip", "7000", "111", "10.0.0.9:5432"), "10.0.0.9:5432");
  EXPECT_EQ(names.Claim("own", "7000", "111", "10.0.0.1:5432"), "10.0.0.9:5432");
  EXPECT_EQ(names.Claim("own", "7000", "111", "10.0.0.1:5432"), "10.0.0.9:5432");
  names.Release("vip");
  EXPECT_EQ(names.Claim("own", "7000", "111", "10.0.0.1:5432"), "10.0.0.9:5432");
}

TEST(ServerNamesTest, TwoServersNeverShareOne) {
  ServerNames names;
  const std::string a = names.Claim("a", "7000", "111", "127.0.0.1:5432");
  const std::string b = names.Claim("b", "7000", "222", "127.0.0.1:5432");
  EXPECT_EQ(a, "127.0.0.1:5432");
  EXPECT_NE(a, b);
  EXPECT_EQ(names.Claim("c", "8000", "333", "127.0.0.1:5432"), "127.0.0.1:5432");
  // A restart keeps the name: nobody else has it.
  EXPECT_EQ(names.Claim("a", "7000", "444", "127.0.0.1:5432"), "127.0.0.1:5432");
}

}  // namespace
}  // namespace drwatch::probes
