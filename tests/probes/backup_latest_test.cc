// Which backup one would go back to, while the newest one is not good.
#include "probes/backup_latest.h"

#include <gtest/gtest.h>

#include "model/latest_good.h"
#include "probes/backup_probe_fixture.h"
#include "support/as_nobody.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

class BackupLatestTest : public BackupProbeTest {
 protected:
  std::string Half() const { return GoodDump().substr(0, 9000); }
  void WriteSparse(const std::string& name, base::Duration age, std::int64_t size) {
    Write(name, age, GoodDump());
    std::filesystem::resize_file(folder_.Path("backups/" + name), size);
    Touch(name, age);
  }
  model::CheckOutcome Latest() const { return Check(model::kLatestGoodCheck); }
  // The name of the newest good copy; empty if there is none.
  std::string Good() const {
    const model::StoredCopy* const good = model::LatestGood(last_.copies);
    return good == nullptr ? std::string() : good->name;
  }
};

TEST_F(BackupLatestTest, NothingIsAddedWhileTheNewestIsGood) {
  Write("shop-1.dump", 2h, GoodDump());
  Write("shop-2.dump", 1h, GoodDump());
  Run();
  EXPECT_EQ(Latest().name, "absent");
  EXPECT_EQ(Good(), "shop-2.dump");
}

TEST_F(BackupLatestTest, OlderOnesAreReadOverTheRunsUntilOneIsGood) {
  Write("shop-1.dump", 7h, GoodDump());
  for (int i = 2; i <= 6; ++i) Write("shop-" + std::to_string(i) + ".dump", 1h * (8 - i), Half());
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Latest().severity, Severity::kUnknown);
  EXPECT_EQ(Latest().reason, Reason::kUnverified);
  EXPECT_EQ(Latest().message, "none of the 3 looked at is good, 3 are not verified yet");
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Latest().severity, Severity::kOk);
  EXPECT_EQ(Latest().message,
            "\"shop-1.dump\" of 2025-12-31T17:00:00Z, 7h old, level 4; the 5 after it are not "
            "proven good");
  EXPECT_EQ(Value("backup_check_success", "latest_good"), std::nullopt);
}

TEST_F(BackupLatestTest, AnOnlyRunReadsAsManyAsItTakes) {
  database_.reset();
  Write("shop-1.dump", 20h, GoodDump());
  for (int i = 2; i <= 9; ++i) Write("shop-" + std::to_string(i) + ".dump", 1h * (11 - i), Half());
  Run();
  EXPECT_EQ(Good(), "shop-1.dump");
  EXPECT_EQ(Latest().severity, Severity::kOk);
}

TEST_F(BackupLatestTest, AnOnlyRunSaysHowFarItsTimeSufficed) {
  database_.reset();
  spec_.verify.read_rate_bytes = 1 << 20;
  WriteSparse("shop-1.dump", 4h, 70 << 20);
  Write("shop-2.dump", 3h, Half());
  Write("shop-3.dump", 2h, Half());
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Latest().severity, Severity::kUnknown);
  EXPECT_EQ(Latest().message, "none of the 2 looked at is good, 1 is not verified yet");
  EXPECT_TRUE(Latest().hint.starts_with("there was no time to read on")) << Latest().hint;
  EXPECT_EQ(Good(), "");
}

TEST_F(BackupLatestTest, WhatCouldNotBeReadSaysWhy) {
  Write("shop-1.dump", 3h, GoodDump());
  std::filesystem::permissions(folder_.Path("backups/shop-1.dump"), std::filesystem::perms::none);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  database_.reset();
  const testing::AsNobody nobody;
  Run();
  EXPECT_EQ(Latest().message, "none is known: 1 is not verified yet");
  EXPECT_EQ(Latest().hint.find("\"shop-1.dump\" could not be read: "), 0U) << Latest().hint;
  EXPECT_NE(Latest().hint.find("permission denied"), std::string::npos) << Latest().hint;
}

// At that rate nobody is done before the run ends.
TEST_F(BackupLatestTest, WhatAnOnlyRunCannotReadIsUnknown) {
  spec_.verify.read_rate_bytes = 1000;
  Write("shop-1.dump", 1h, GoodDump());
  database_.reset();
  EXPECT_EQ(Run(1s).severity(), Severity::kUnknown);
  EXPECT_EQ(last_.Headline().name, "verified");
  EXPECT_EQ(last_.Headline().reason, Reason::kUnverified);
  EXPECT_FALSE(last_.Headline().hint.empty());
}

TEST_F(BackupLatestTest, WhatAServiceHasReadAnOnlyRunKnows) {
  Write("shop-1.dump", 1h, GoodDump());
  const std::string file = folder_.Path("state/drwatch.db");
  database_ = *db::Database::Open(file, BackupMigrations());
  ASSERT_TRUE(Run().ok());
  Restart();
  const auto service = std::move(database_);
  database_ = *db::Database::OpenForReading(file);
  only_run_ = true;
  spec_.verify.read_rate_bytes = 1000;
  EXPECT_TRUE(Run(1s).ok()) << Check("verified").message;
  EXPECT_EQ(Value("backup_verification_success"), 1);
  Restart();
  Write("shop-1.dump", 30min, GoodDump());
  EXPECT_EQ(Run(1s).severity(), Severity::kUnknown) << "other bytes";
}

TEST_F(BackupLatestTest, WhatIsMissingShowsInAnOnlyRunHoweverLargeTheRestIs) {
  database_.reset();
  spec_.verify.read_rate_bytes = 1000;
  for (const char* name : {"PG_VERSION", "backup_label", "base/1/1", "pg_xact/0000"}) {
    folder_.Write("backups/base-1/" + std::string(name), std::string(20'000, 'x'));
    Touch("base-1/" + std::string(name), 1h);
  }
  EXPECT_EQ(Run(1s).severity(), Severity::kCritical);
  EXPECT_TRUE(Check("format").message.starts_with("global/pg_control")) << Check("format").message;
}

TEST_F(BackupLatestTest, AnOnlyRunReadsWhatARunOfManyLeavesToTheBackground) {
  spec_.verify.read_rate_bytes = 1000;  // the background is not done when the run is
  WriteSparse("shop-1.dump", 1h, kInlineBytes + 1);
  Run();
  EXPECT_EQ(Value("backup_verification_success"), std::nullopt);
  Restart();
  spec_.verify.read_rate_bytes = 0;
  database_.reset();
  Run(60s);
  EXPECT_EQ(Value("backup_verification_success"), 0);
}

TEST_F(BackupLatestTest, SaysWhenNoneIsGood) {
  Write("shop-1.dump", 3h, Half());
  Write("shop-2.dump", 2h, "");
  Write("shop-3.dump", 1h, Half());
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Latest().severity, Severity::kCritical);
  EXPECT_EQ(Latest().reason, Reason::kNotFound);
  EXPECT_EQ(Latest().message, "none of 3 is good");
}

TEST_F(BackupLatestTest, OneThatIsTooSmallOrWithoutItsChecksumIsNotGoodEither) {
  Write("shop-1.dump", 3h, GoodDump());
  Write("shop-2.sql", 1h, "--\n-- PostgreSQL database dump\n--\n");
  spec_.min_size_bytes = 1024;
  EXPECT_EQ(RunForReason(), Reason::kTooSmall);
  EXPECT_EQ(Good(), "shop-1.dump");
  Restart();
  spec_.require_checksum = true;
  Run();
  EXPECT_EQ(Latest().message, "none of 2 is good");
}

TEST_F(BackupLatestTest, OneThatCannotBeReadDoesNotEndTheSearch) {
  Write("shop-1.dump", 3h, GoodDump());
  Write("shop-2.dump", 2h, GoodDump());
  Write("shop-3.dump", 1h, Half());
  std::filesystem::permissions(folder_.Path("backups/shop-2.dump"), std::filesystem::perms::none);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  const testing::AsNobody nobody;
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Good(), "shop-1.dump");
}

TEST_F(BackupLatestTest, TheOneBeforeANewestThatCannotBeReadIsRead) {
  Write("shop-1.dump", 3h, GoodDump());
  Write("shop-2.dump", 2h, GoodDump());
  std::filesystem::permissions(folder_.Path("backups/shop-2.dump"), std::filesystem::perms::none);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  const testing::AsNobody nobody;
  Run();
  Run();
  EXPECT_EQ(Good(), "shop-1.dump");
  EXPECT_EQ(Latest().severity, Severity::kOk);
}

TEST_F(BackupLatestTest, TheLatestGoodOneIsReadAgainAsTheNewestWouldBe) {
  spec_.max_age = 1000h;
  Write("shop-1.dump", 3h, GoodDump());
  Write("shop-2.dump", 1h, Half());
  Run();
  clock_.Advance(25h);
  Run();
  ASSERT_NE(model::LatestGood(last_.copies), nullptr);
  EXPECT_EQ(model::LatestGood(last_.copies)->verified, clock_.Now());
}

TEST_F(BackupLatestTest, AStaleOneIsNamedAsWhatThereIs) {
  Write("shop-1.dump", 27h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kStale);
  EXPECT_EQ(Latest().message, "\"shop-1.dump\" of 2025-12-30T21:00:00Z, 27h old, level 4");
}

TEST_F(BackupLatestTest, WhileTheNewestIsNotReadTheProvenOneIsNamed) {
  Write("shop-1.dump", 2h, GoodDump());
  Run();
  EXPECT_EQ(Latest().name, "absent");
  Restart();
  spec_.verify.read_rate_bytes = 1000;
  WriteSparse("shop-2.dump", 1h, kInlineBytes + 1);
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Latest().severity, Severity::kOk);
  EXPECT_EQ(Latest().message,
            "\"shop-1.dump\" of 2025-12-31T22:00:00Z, 2h old, level 4; the one after it is not "
            "proven good");
}

}  // namespace
}  // namespace drwatch::probes
