// Backups that are dated in the future.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "probes/backup_probe_fixture.h"
#include "probes/probe_result_access.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace drwatch::probes {
namespace {

using model::Severity;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

class BackupDatesTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, base::Timestamp modified,
             std::string_view content = "not to be verified") {
    folder_.Write(name, content);
    const timespec time{base::ToUnixMillis(modified) / 1000, 0};
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, folder_.Path(name).c_str(), times, 0), 0);
  }
  model::ProbeResult Run(const testing::FakeClock& clock) {
    config::BackupProbe spec;
    spec.place.path = folder_.path();
    spec.pattern = "*.sql";
    spec.max_age = 26h;
    spec.min_size_bytes = 10;
    spec.verify.enabled = false;
    config::Probe config;
    config.name = "nightly";
    config.type = "backup";
    config.spec = spec;
    ProbeServices services;
    services.clock = &clock;
    BackupProbe probe(config, services);
    return probe.Run({base::Deadline::After(10s), {}, clock.Now(), &clock});
  }

  testing::TempDir folder_;
  const base::Timestamp real_now_ = base::SystemClock().Now();
};

TEST_F(BackupDatesTest, ADateInTheFutureMakesNoBackupFreshForEver) {
  Write("shop.sql", real_now_ + 4000h);
  const model::ProbeResult fresh = Run(testing::FakeClock(real_now_ + 1min));
  EXPECT_EQ(ValueOf(fresh, "backup_success"), 1) << Describe(fresh);
  EXPECT_EQ(CheckOf(fresh, "time").severity, Severity::kWarning);
  EXPECT_EQ(ValueOf(fresh, "backup_check_success", {{"check", "time"}}), 0);
  const model::ProbeResult stale = Run(testing::FakeClock(real_now_ + 30h));
  EXPECT_EQ(ValueOf(stale, "backup_success"), 0) << Describe(stale);
  EXPECT_GT(ValueOf(stale, "backup_age_seconds").value_or(0), 29 * 3600);
}

TEST_F(BackupDatesTest, OneThatNobodyKnowsTheAgeOfHidesNoOther) {
  // For a clock that is far behind, the time of the change is to come, too.
  const testing::FakeClock clock(real_now_ - 4000h);
  Write("future.sql", real_now_);
  const model::ProbeResult alone = Run(clock);
  EXPECT_EQ(ValueOf(alone, "backup_success"), 0) << Describe(alone);
  EXPECT_EQ(CheckOf(alone, "fresh").severity, Severity::kCritical);
  EXPECT_FALSE(ValueOf(alone, "backup_age_seconds"));
  EXPECT_FALSE(ValueOf(alone, "backup_last_success_timestamp_seconds"));
  Write("shop.sql", clock.Now() - 3h);
  const model::ProbeResult beside = Run(clock);
  EXPECT_EQ(ValueOf(beside, "backup_success"), 1) << Describe(beside);
  EXPECT_EQ(ValueOf(beside, "backup_check_success", {{"check", "time"}}), 0);
  EXPECT_NEAR(ValueOf(beside, "backup_age_seconds").value_or(0), 3 * 3600, 2);
}

TEST_F(BackupDatesTest, ADateInTheFutureIsNoSignThatItIsBeingWritten) {
  Write("good.sql", real_now_ - 3h);
  Write("shop.sql", real_now_ + 4000h, "small");
  const model::ProbeResult result = Run(testing::FakeClock(real_now_ + 1min));
  EXPECT_EQ(ValueOf(result, "backup_success"), 0) << Describe(result);
  EXPECT_EQ(CheckOf(result, "size").severity, Severity::kCritical);
}

// On a file server whose clock is ahead the time of the change is, too: the clock of these tests is
// far behind that of the file system.
class BackupClockAheadTest : public BackupProbeTest {
 protected:
  BackupClockAheadTest() { spec_.max_age = 1h; }
  std::optional<double> Age() {
    Run();
    return Value("backup_age_seconds");
  }
};

TEST_F(BackupClockAheadTest, ItsBackupsAreAsOldAsTheirFirstSight) {
  Write("shop.dump", -2h, GoodDump());
  EXPECT_EQ(Age(), 0);
  clock_.Advance(50min);
  EXPECT_EQ(Age(), 50 * 60);
  EXPECT_NE(Check("time").message.find("and counts from 2026-01-01T00:00:00Z"), std::string::npos)
      << Check("time").message;
  Restart();
  clock_.Advance(20min);
  EXPECT_EQ(Age(), 70 * 60) << "also over a restart";
  EXPECT_EQ(Value("backup_success"), 0);
  clock_.Advance(1h);
  EXPECT_EQ(Age(), 130 * 60) << "its date has come";
  Restart();
  EXPECT_EQ(Age(), 130 * 60);
  Write("shop-2.dump", -2h, GoodDump() + "");
  EXPECT_EQ(Age(), 0);
  clock_.Advance(10min);
  EXPECT_EQ(Age(), 600);
  EXPECT_EQ(last_.copies.at(0).name, "shop-2.dump");
}

TEST_F(BackupClockAheadTest, NeitherDoesOneThatNobodyReadsGetYounger) {
  spec_.verify.enabled = false;
  Write("shop.sql", -2h, "--");
  EXPECT_EQ(Age(), 0);
  clock_.Advance(50min);
  EXPECT_EQ(Age(), 50 * 60);
  clock_.StepWall(3h);  // this machine's clock was behind
  EXPECT_EQ(Age(), 110 * 60) << "the date of the file, which has come";
}

TEST_F(BackupClockAheadTest, WhatIsReplacedIsNew) {
  Write("shop.dump", -2h, GoodDump());
  EXPECT_EQ(Age(), 0);
  clock_.Advance(50min);
  Write("shop.dump", -2h, GoodDump());
  EXPECT_EQ(Age(), 0);
}

}  // namespace
}  // namespace drwatch::probes
