// What becomes of backups that are not the newest any more.
#include "probes/backup_kept.h"

#include <gtest/gtest.h>

#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

class BackupKeptTest : public BackupProbeTest {
 protected:
  BackupKeptTest() { spec_.min_count = 3; }
  // Three that are good, each read when it was the newest.
  void ThreeNights() {
    Write("shop-1.dump", 50h, GoodDump());
    Run();
    Write("shop-2.dump", 26h, GoodDump());
    Run();
    Write("shop-3.dump", 2h, GoodDump());
    Run();
    ASSERT_EQ(Value("backup_success"), 1);
    ASSERT_EQ(Value("backup_check_success", "count"), 1);
    ASSERT_EQ(Check("kept").message, "");
    read_ = Read();
  }
  double Read() const { return Value("backup_verified_bytes_total").value_or(0); }

  double read_ = 0;
};

TEST_F(BackupKeptTest, OneThatIsOverwrittenInPlaceIsReadAgain) {
  ThreeNights();
  std::string spoilt = GoodDump();
  spoilt[spoilt.size() / 2] ^= 1;
  Write("shop-1.dump", 50h, spoilt);
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_check_success", "kept"), 0);
  EXPECT_EQ(Value("backup_check_success", "count"), 0);
  EXPECT_EQ(Check("kept").severity, Severity::kCritical);
  EXPECT_TRUE(Check("kept").message.starts_with("was good once: \"shop-1.dump\": byte "))
      << Check("kept").message;
  Restart();
  Run();
  EXPECT_EQ(Value("backup_check_success", "kept"), 0);
  Write("shop-1.dump", 50h, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_check_success", "kept"), std::nullopt);
  EXPECT_EQ(Value("backup_check_success", "count"), 1);
}

TEST_F(BackupKeptTest, NoiseInPlaceOfOneIsNoBackup) {
  ThreeNights();
  std::string noise(GoodDump().size(), '\0');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i * 31 % 251);
  Write("shop-1.dump", 50h, noise);
  Write("shop-2.dump", 26h, noise);
  Run();
  EXPECT_EQ(Check("kept").message,
            "was good once: \"shop-2.dump\": its content is of no known format, and what lay there "
            "before was; and 1 more");
  EXPECT_EQ(last_.copies.at(1).good, false);
}

TEST_F(BackupKeptTest, WhatOnlyMovesIsNotRead) {
  ThreeNights();
  // As logrotate does it, with the times they had.
  const std::filesystem::path folder = spec_.place.path;
  std::filesystem::remove(folder / "shop-1.dump");
  std::filesystem::rename(folder / "shop-2.dump", folder / "shop-1.dump");
  std::filesystem::rename(folder / "shop-3.dump", folder / "shop-2.dump");
  Write("shop-3.dump", 1h, GoodDump());
  Run();
  EXPECT_EQ(Read(), read_ + static_cast<double>(GoodDump().size()));
  Run();
  EXPECT_EQ(Read(), read_ + static_cast<double>(GoodDump().size()));
}

TEST_F(BackupKeptTest, TheyAreReadInTurnWhereThatIsAskedFor) {
  spec_.verify.kept_every = 72h;
  spec_.verify.every = 1000h;
  ThreeNights();
  const auto size = static_cast<double>(GoodDump().size());
  EXPECT_EQ(read_, 3 * size);
  clock_.Advance(71h);
  Run();
  EXPECT_EQ(Read(), read_);
  clock_.Advance(1h);
  Run();
  EXPECT_EQ(Read(), read_ + 2 * size) << "all but the newest";
  Run();
  EXPECT_EQ(Read(), read_ + 2 * size);
}

// As after a start with a clock a year ahead.
TEST_F(BackupKeptTest, WhatWasReadWhileTheClockWasAheadIsReadAgain) {
  spec_.verify.kept_every = 72h;
  spec_.verify.every = 48h;
  Write("shop-1.dump", 2h, GoodDump());
  Write("shop-2.dump", 1h, GoodDump());
  clock_.StepWall(9000h);
  for (int i = 0; i < 3; ++i) Run();
  const double read = Read();
  EXPECT_EQ(read, 2 * static_cast<double>(GoodDump().size()));
  clock_.StepWall(-9000h);
  for (int i = 0; i < 3; ++i) Run();
  EXPECT_EQ(Read(), 2 * read);
  EXPECT_LE(Value("backup_verification_timestamp_seconds"), base::ToUnixSeconds(clock_.Now()));
  Run();
  EXPECT_EQ(Read(), 2 * read);
}

TEST_F(BackupKeptTest, WithoutThatOnlyTheNewestIsReadAgain) {
  spec_.verify.every = 1000h;
  ThreeNights();
  clock_.Advance(900h);
  Run();
  EXPECT_EQ(Read(), read_);
}

TEST_F(BackupKeptTest, OneThatCouldNotBeReadIsTriedAgain) {
  BackupVerdicts verdicts(nullptr, "nightly");
  catalog::Artefact older;
  older.path = "/b/shop-1.dump";
  older.time = clock_.Now() - 50h;
  older.size_bytes = 1000;
  BackupVerdict verdict;
  verdict.taken = older.time;
  verdict.outcome = verify::Outcome::kIntact;
  verdict.level = verify::Level::kContent;
  verdict.verified = clock_.Now();
  verdicts.Put(older.path, verdict);
  verdict.outcome = verify::Outcome::kUnjudged;
  verdict.reason = Reason::kStorage;
  verdicts.Put(older.path, verdict);
  catalog::Artefact newest = older;
  newest.path = "/b/shop-2.dump";
  newest.time = clock_.Now() - 2h;
  const catalog::ArtefactList complete({older, newest});
  KeptBackups kept(spec_);
  EXPECT_EQ(kept.Next(complete, verdicts, clock_.Now()), std::nullopt);
  EXPECT_EQ(kept.Next(complete, verdicts, clock_.Now() + 59min), std::nullopt);
  EXPECT_EQ(kept.Next(complete, verdicts, clock_.Now() + 61min), older);
}

}  // namespace
}  // namespace drwatch::probes
