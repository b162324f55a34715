// A backup that is overwritten in place: what stands in while the new one is written and read.
#include "probes/backup_replaced.h"

#include <gtest/gtest.h>

#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class BackupReplacedTest : public BackupProbeTest {
 protected:
  BackupReplacedTest() { spec_.max_age = 1000h; }
  // Read at so many bytes a second from now on.
  void ReadAt(std::int64_t rate) {
    Restart();
    spec_.verify.read_rate_bytes = rate;
  }
  std::optional<double> Presumed() const { return Value("backup_presumed_timestamp_seconds"); }
};

TEST_F(BackupReplacedTest, TheOneBeforeStandsInWhileTheNewOneIsNotRead) {
  Write("latest.dump", 24h, GoodDump());
  Run();
  EXPECT_EQ(Presumed(), std::nullopt) << "it is there itself";
  const double before = base::ToUnixSeconds(clock_.Now() - 24h);
  ReadAt(1000);
  Write("latest.dump", 1h, GoodDump() + std::string(100'000, '\0'));
  Run();
  EXPECT_EQ(Presumed(), before);
  EXPECT_EQ(Value("backup_success"), 1);
  ASSERT_EQ(last_.copies.size(), 1u);
  EXPECT_FALSE(last_.copies[0].good);
  EXPECT_EQ(last_.copies[0].problem, "not verified");
  ReadAt(1000);
  Run();
  EXPECT_EQ(Presumed(), before) << "over a restart";
  clock_.Advance(30h - 1min);
  Run();
  EXPECT_EQ(Presumed(), before);
  clock_.Advance(1min);
  Run();
  EXPECT_EQ(Presumed(), std::nullopt) << "verify.every and verify.timeout after it was proven";
}

TEST_F(BackupReplacedTest, TheOneBeforeStandsInForOneThatCannotBeRead) {
  Write("latest.dump", 24h, GoodDump());
  Run();
  const double before = base::ToUnixSeconds(clock_.Now() - 24h);
  ReadAt(1000);
  spec_.verify.timeout = 50ms;
  Write("latest.dump", 1h, GoodDump() + std::string(100'000, '\0'));
  for (int i = 0; i < 2; ++i) {
    Run();
    ASSERT_TRUE(Probe().WaitIdle(base::Deadline::After(10s)));
  }
  EXPECT_EQ(Check("verified").reason, Reason::kTimeout) << Check("verified").message;
  EXPECT_EQ(Presumed(), before);
  EXPECT_EQ(Value("backup_success"), 1);
  Restart();
  Run();
  EXPECT_EQ(Presumed(), before) << "over a restart";
}

TEST_F(BackupReplacedTest, NothingStandsInForWhatIsRead) {
  Write("latest.dump", 24h, GoodDump());
  Run();
  Write("latest.dump", 1h, GoodDump() + "x");
  EXPECT_EQ(RunForReason(), Reason::kCorrupt);
  EXPECT_EQ(Presumed(), std::nullopt) << "broken";
  Write("latest.dump", 1h, GoodDump());
  Run();
  EXPECT_EQ(Presumed(), std::nullopt);
  EXPECT_TRUE(last_.copies.at(0).good);
}

TEST_F(BackupReplacedTest, NothingStandsInThatWasNotGood) {
  Write("latest.dump", 24h, GoodDump().substr(0, 9000));
  Run();
  ReadAt(1000);
  Write("latest.dump", 1h, GoodDump() + std::string(100'000, '\0'));
  Run();
  EXPECT_EQ(Presumed(), std::nullopt);
}

TEST_F(BackupReplacedTest, WhileItIsWrittenTheOldOneIsNotGoodAnyMore) {
  Write("latest.dump", 24h, GoodDump());
  Run();
  const double before = base::ToUnixSeconds(clock_.Now() - 24h);
  Write("latest.dump", 1s, GoodDump().substr(0, 4000));
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Presumed(), before);
  ASSERT_EQ(last_.copies.size(), 1u);
  EXPECT_FALSE(last_.copies[0].good);
  EXPECT_EQ(last_.copies[0].problem, "another one is being written in its place");
  EXPECT_EQ(Check("latest_good").message, "none is known: 1 is not verified yet");
  EXPECT_TRUE(last_.ok());
  Restart();
  Run();
  EXPECT_EQ(Presumed(), before) << "over a restart";
}

TEST_F(BackupReplacedTest, WhatIsGoneIsNotGoodWhileAnotherIsWritten) {
  Write("shop-1.dump", 24h, GoodDump());
  Run();
  std::filesystem::remove(folder_.Path("backups/shop-1.dump"));
  Write("shop-2.dump.tmp", 1s, "half");
  for (int i = 0; i < 2; ++i) {
    Run();
    EXPECT_EQ(Value("backup_success"), 1) << "none is due yet";
    ASSERT_EQ(last_.copies.size(), 1u);
    EXPECT_FALSE(last_.copies[0].good);
    EXPECT_EQ(last_.copies[0].problem, "it is gone, and another one is being written");
  }
  std::filesystem::rename(folder_.Path("backups/shop-2.dump.tmp"),
                          folder_.Path("backups/shop-2.dump"));
  Write("shop-2.dump", 1h, GoodDump());
  Run();
  ASSERT_EQ(last_.copies.size(), 1u);
  EXPECT_TRUE(last_.copies[0].good);
}

TEST_F(BackupReplacedTest, WhatIsProvenStaysGoodWhereItCannotBeReadAgainInTime) {
  Write("weekly.dump", 24h, GoodDump());
  Run();
  ReadAt(1000);
  spec_.verify.timeout = 1s;
  clock_.Advance(25h);
  Run(1s);
  ASSERT_TRUE(Probe().WaitIdle(base::Deadline::After(60s)));
  Run(1s);
  EXPECT_EQ(Value("backup_verification_prevented"), 1);
  ASSERT_EQ(last_.copies.size(), 1u);
  EXPECT_TRUE(last_.copies[0].good);
  EXPECT_EQ(last_.copies[0].level, 4);
  EXPECT_EQ(last_.copies[0].problem, "");
}

TEST_F(BackupReplacedTest, AVerificationThatWasPreventedIsNone) {
  Write("latest.dump", 24h, GoodDump());
  Run();
  const auto verified = Value("backup_verification_timestamp_seconds");
  EXPECT_FALSE(Value("backup_verification_prevented"));
  ReadAt(1000);
  spec_.verify.timeout = 1s;
  clock_.Advance(25h);
  Run(1s);
  ASSERT_TRUE(Probe().WaitIdle(base::Deadline::After(60s)));
  Run(1s);
  EXPECT_EQ(Check("verified").reason, Reason::kTimeout);
  EXPECT_EQ(Value("backup_verification_prevented"), 1);
  EXPECT_EQ(Value("backup_verification_timestamp_seconds"), verified);
  EXPECT_EQ(Value("backup_verification_max_age_seconds"), 7 * 86400);
}

TEST_F(BackupReplacedTest, TheLimitOfAVerificationsAgeFollowsItsPeriod) {
  config::BackupProbe::Verify verify;
  EXPECT_EQ(VerificationMaxAge(verify), 7 * 24h);
  verify.every = 30 * 24h;
  EXPECT_EQ(VerificationMaxAge(verify), 60 * 24h + 6h);
  verify.every = 6h;
  EXPECT_EQ(VerificationMaxAge(verify), 42h);
  verify.every = 1h;
  EXPECT_EQ(VerificationMaxAge(verify), 8h);
}

}  // namespace
}  // namespace drwatch::probes
