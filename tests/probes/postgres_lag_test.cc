#include "probes/postgres_lag.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace drwatch::probes {
namespace {

using base::Duration;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kSegment = 16 << 20;

PostgresFacts Standby(std::uint64_t receive, std::uint64_t replay, double age) {
  PostgresFacts facts;
  facts.in_recovery = true;
  facts.system_identifier = "7000";
  facts.timeline = 1;
  facts.receive = receive;
  facts.replay = replay;
  facts.replay_paused = false;
  facts.replay_age_seconds = age;
  facts.receiver = PostgresReceiver{true, "streaming", 5};
  return facts;
}

PostgresFacts Unlinked(std::uint64_t receive, std::uint64_t replay, double age) {
  PostgresFacts facts = Standby(receive, replay, age);
  facts.receiver = PostgresReceiver{};
  return facts;
}

PositionReading Primary(std::uint64_t newest, std::optional<PositionLag> lag = std::nullopt) {
  PositionReading reading;
  reading.history = {"7000", 1};
  reading.newest = newest;
  reading.fresh = true;
  reading.lag = lag;
  return reading;
}

PositionLag Lag(int at_least, std::optional<int> estimate, bool certain = true) {
  PositionLag lag;
  lag.at_least = seconds(at_least);
  if (estimate) lag.estimate = seconds(*estimate);
  lag.certain = certain;
  return lag;
}

TEST(ReplicationLagTest, APrimaryHasNone) {
  PostgresFacts facts = Standby(100, 100, 55);  // a promoted one still tells its last replay
  facts.in_recovery = false;
  EXPECT_EQ(ReplicationLagSeconds(facts, std::nullopt), std::nullopt);
}

TEST(ReplicationLagTest, AloneItIsZeroOnlyWhileTheReceiverIsFresh) {
  EXPECT_EQ(ReplicationLagSeconds(Standby(100, 100, 3600), std::nullopt), 0);
  EXPECT_EQ(ReplicationLagSeconds(Standby(90, 100, 3600), std::nullopt), 0)
      << "after a start the receiver is behind what the folder held";
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(100, 100, 33), std::nullopt), 33);
  EXPECT_EQ(ReplicationLagSeconds(Standby(200, 100, 7), std::nullopt), 7);
  PostgresFacts silent = Standby(100, 100, 90);
  silent.receiver->message_age_seconds = 61;
  EXPECT_EQ(ReplicationLagSeconds(silent, std::nullopt), 90);
  EXPECT_EQ(ReplicationLagSeconds(Standby(200, 100, -3), std::nullopt), 0) << "clocks differ";
}

TEST(ReplicationLagTest, AloneItMayBeUnknown) {
  PostgresFacts facts = Unlinked(100, 100, 0);
  facts.replay_age_seconds.reset();
  EXPECT_EQ(ReplicationLagSeconds(facts, std::nullopt), std::nullopt);
  facts.receive.reset();
  facts.receiver.reset();
  EXPECT_EQ(ReplicationLagSeconds(facts, std::nullopt), std::nullopt);
}

TEST(ReplicationLagTest, ThePrimarysPositionsDecide) {
  // Idle for an hour: the standby's own age would be an alarm.
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(100, 100, 3600), Primary(100)), 0);
  // Cut off while the primary writes on: alone it would see 33 s of idle time.
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(100, 100, 3600), Primary(500, Lag(20, 25))), 25);
  EXPECT_EQ(ReplicationLagSeconds(Standby(500, 100, 2), Primary(500, Lag(20, 25))), 25);
}

TEST(ReplicationLagTest, WhereNobodyLookedTheLinkDecides) {
  const PositionReading hole = Primary(500, Lag(1, 3600, false));
  EXPECT_EQ(ReplicationLagSeconds(Standby(100, 100, 3600), hole), 1)
      << "an idle primary that woke while nobody looked";
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(100, 100, 4000), hole), 3600);
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(100, 100, 40), hole), 40);
  PostgresFacts paused = Standby(500, 100, 40);
  paused.replay_paused = true;
  EXPECT_EQ(ReplicationLagSeconds(paused, hole), 40);
  const PositionReading beginning = Primary(500, Lag(2, std::nullopt, false));
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(100, 100, 7200), beginning), 7200);
  EXPECT_EQ(ReplicationLagSeconds(Standby(100, 100, 7200), beginning), 2);
  PostgresFacts fresh = Unlinked(100, 100, 0);
  fresh.replay_age_seconds.reset();
  EXPECT_EQ(ReplicationLagSeconds(fresh, beginning), 2);
}

TEST(ReplicationLagTest, APrimaryOutOfSightKeepsWhatIsKnown) {
  PositionReading lost = Primary(100);
  lost.fresh = false;
  lost.newest_age = minutes(10);
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(100, 100, 3600), lost), 0);
  // It streams on where drwatch cannot see it, and replay is behind.
  EXPECT_EQ(ReplicationLagSeconds(Standby(900, 100, 3600), lost), 600);
  EXPECT_EQ(ReplicationLagSeconds(Standby(900, 100, 20), lost), 20);
  lost.lag = Lag(700, 705);
  EXPECT_EQ(ReplicationLagSeconds(Unlinked(50, 50, 1), lost), 705);
}

TEST(ReplicationLagTest, AnotherPrimaryIsNoMeasure) {
  PositionReading other = Primary(900, Lag(100, 100));
  other.history.system_identifier = "8000";
  EXPECT_EQ(MatchPrimary(Standby(100, 100, 5), other), PrimaryMatch::kOtherSystem);
  EXPECT_EQ(ReplicationLagSeconds(Standby(100, 100, 5), other), 0);
  PostgresFacts newer = Standby(100, 100, 5);
  newer.timeline = 2;
  EXPECT_EQ(MatchPrimary(newer, Primary(900, Lag(100, 100))), PrimaryMatch::kOlderTimeline);
  EXPECT_EQ(ReplicationLagSeconds(newer, Primary(900, Lag(100, 100))), 0);
  // A standby's control file is late: an older timeline there says nothing.
  PositionReading promoted = Primary(900, Lag(100, 100));
  promoted.history.timeline = 3;
  EXPECT_EQ(ReplicationLagSeconds(Standby(100, 100, 5), promoted), 100);
}

TEST(WalSegmentTest, EndsWhereTheNextBegins) {
  EXPECT_EQ(EndOfWalSegment("000000010000000000000001", kSegment), 2 * kSegment);
  EXPECT_EQ(EndOfWalSegment("0000000A00000002000000FF", kSegment), std::uint64_t{3} << 32);
  EXPECT_EQ(EndOfWalSegment("000000010000000100000000", 1 << 30),
            (std::uint64_t{1} << 32) + (1 << 30));
  for (const char* name :
       {"", "00000002.history", "000000010000000000000001.partial", "00000001000000000000000g"}) {
    EXPECT_EQ(EndOfWalSegment(name, kSegment), std::nullopt) << name;
  }
  EXPECT_EQ(EndOfWalSegment("000000010000000000000001", 0), std::nullopt);
  EXPECT_EQ(EndOfWalSegment("000000010000000000000001.00000028.backup", kSegment), 2 * kSegment)
      << "a backup history file is archived after its segment";
}

class ArchiveLagTest : public ::testing::Test {
 protected:
  ArchiveLagTest() {
    facts_.system_identifier = "7000";
    facts_.timeline = 1;
    facts_.archive_mode = "on";
    facts_.segment_bytes = kSegment;
    facts_.archiver = PostgresArchiver{};
    facts_.archiver->last_wal = "000000010000000000000001";  // ends at 2 segments
    facts_.ready = PostgresReadySegments{};
  }
  void At(Duration wait, std::uint64_t position) {
    clock_.Advance(wait);
    facts_.position = position;
    facts_.positions_answered = clock_.Steady();
    ring_.Observe("pg", {"7000", 1}, position, clock_.Steady(), seconds(10),
                  std::to_string(transactions_));
  }
  void Idle(Duration time, std::uint64_t position) {
    for (Duration done{}; done < time; done += seconds(10)) At(seconds(10), position);
  }
  std::optional<double> SecondsBehind() {
    const auto lag = ComputeArchiveLag(facts_, ring_, "pg");
    return lag ? lag->seconds : std::nullopt;
  }
  testing::FakeClock clock_;
  PositionRing ring_{nullptr, &clock_};
  PostgresFacts facts_;
  int transactions_ = 0;
};

TEST_F(ArchiveLagTest, NeedsAnArchiveAndAFirstSegment) {
  At(seconds(0), 2 * kSegment);
  EXPECT_TRUE(ComputeArchiveLag(facts_, ring_, "pg"));
  facts_.archiver->last_wal.clear();
  EXPECT_FALSE(ComputeArchiveLag(facts_, ring_, "pg"));
  facts_.archiver->last_wal = "000000010000000000000001";
  facts_.archive_mode = "off";
  EXPECT_FALSE(ComputeArchiveLag(facts_, ring_, "pg"));
  facts_.archive_mode = "always";
  facts_.in_recovery = true;
  EXPECT_FALSE(ComputeArchiveLag(facts_, ring_, "pg"));
}

TEST_F(ArchiveLagTest, GrowsWhileTheServerWrites) {
  At(seconds(0), 2 * kSegment);
  for (int i = 1; i <= 90; ++i) {
    ++transactions_;
    At(seconds(20), 2 * kSegment + 1100 * i);
  }
  EXPECT_NEAR(SecondsBehind().value_or(0), 1800, 1);
  EXPECT_EQ(ComputeArchiveLag(facts_, ring_, "pg")->bytes, 99'000);
}

TEST_F(ArchiveLagTest, AnIdleServerHasNone) {
  At(seconds(0), 2 * kSegment);
  At(seconds(10), 2 * kSegment + 200);
  EXPECT_EQ(SecondsBehind(), 0);
  Idle(hours(3), 2 * kSegment + 200);
  EXPECT_EQ(SecondsBehind(), 0);
}

TEST_F(ArchiveLagTest, ACommitInTheOpenSegmentWaitsHoweverIdleTheServer) {
  At(seconds(0), 2 * kSegment);
  At(seconds(10), 2 * kSegment + 200);
  ++transactions_;
  At(seconds(10), 2 * kSegment + 5000);
  Idle(hours(3), 2 * kSegment + 5000);
  EXPECT_NEAR(SecondsBehind().value_or(0), 3 * 3600 + 10, 1);
}

// A server that stops archives its last segment when it has written its statistics.
TEST_F(ArchiveLagTest, WhatWaitsForNoArchiverIsArchived) {
  At(seconds(0), 2 * kSegment + 7000);
  ++transactions_;
  At(seconds(10), 3 * kSegment + 200);
  Idle(hours(3), 3 * kSegment + 200);
  EXPECT_EQ(SecondsBehind(), 0);
  EXPECT_EQ(ComputeArchiveLag(facts_, ring_, "pg")->bytes, 200);
  facts_.ready->count = 1;
  EXPECT_GE(SecondsBehind(), 3 * 3600);
  facts_.ready.reset();
  EXPECT_GE(SecondsBehind(), 3 * 3600) << "nobody knows whether one waits";
}

// After a crash archive_timeout switches no segment until something is written.
TEST_F(ArchiveLagTest, ATimeoutThatIsOverShipsNothingByItself) {
  At(seconds(0), 2 * kSegment);
  ++transactions_;
  facts_.archive_timeout_seconds = 300;
  At(seconds(10), 2 * kSegment + 5000);
  Idle(hours(1), 2 * kSegment + 5000);
  EXPECT_NEAR(SecondsBehind().value_or(0), 3610, 1);
  facts_.archiver->last_wal = "000000010000000000000002";
  At(seconds(10), 3 * kSegment + 200);
  EXPECT_EQ(SecondsBehind(), 0);
}

TEST_F(ArchiveLagTest, AWholeSegmentWaitsHoweverIdleTheServer) {
  At(seconds(0), 2 * kSegment);
  At(seconds(10), 4 * kSegment);
  facts_.ready->count = 2;
  Idle(hours(1), 4 * kSegment);
  EXPECT_NEAR(SecondsBehind().value_or(0), 3605, 6);
}

TEST_F(ArchiveLagTest, AfterAStartTheOldestWaitingSegmentTells) {
  facts_.ready = PostgresReadySegments{3, 1234};
  At(seconds(0), 9 * kSegment);
  EXPECT_EQ(SecondsBehind(), 1234);
}

}  // namespace
}  // namespace drwatch::probes
