#include "probes/backup_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/digest.h"
#include "base/strings.h"
#include "probes/backup_probe_fixture.h"
#include "support/as_nobody.h"
#include "support/log_check.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

std::string Text(std::size_t size) { return std::string(size, 't'); }

// A dump that says it began then, on the wall clock of its machine.
std::string DumpBegunAt(int month, int day, int hour, int minute) {
  std::string dump = GoodDump();
  const auto put = [&dump](std::size_t field, int value) {
    dump[17 + 5 * field] = static_cast<char>(value);
  };
  put(1, minute);
  put(2, hour);
  put(3, day);
  put(4, month - 1);
  put(5, 125);
  return dump;
}

TEST_F(BackupProbeTest, ADumpBringsBackWhatWasThereWhenItBegan) {
  // 14:50 in Denver, 21:50 UTC; done at 22:00.
  Write("shop.dump", 2h, DumpBegunAt(12, 31, 14, 50));
  Run();
  EXPECT_EQ(Value("backup_age_seconds"), 2 * 3600);
  const auto begun = base::ToUnixSeconds(clock_.Now() - 2h - 10min + 55s);
  EXPECT_EQ(Value("backup_last_success_timestamp_seconds"), begun);
  EXPECT_EQ(base::ToUnixSeconds(last_.copies.at(0).point), begun);
  Restart();
  Run();
  EXPECT_EQ(Value("backup_verified_bytes_total"), 0) << "it is remembered";
  EXPECT_EQ(Value("backup_last_success_timestamp_seconds"), begun);
}

TEST_F(BackupProbeTest, TellsWhatARestoreReadsAndHowQuicklyItWasRead) {
  Write("shop.dump", 2h, GoodDump());
  const auto size = static_cast<std::int64_t>(GoodDump().size());
  Run();
  EXPECT_EQ(last_.copies.at(0).restore_bytes, size);
  ASSERT_TRUE(last_.copies.at(0).reading);
  EXPECT_EQ(last_.copies.at(0).reading->bytes, size);
  EXPECT_EQ(last_.copies.at(0).retrieval, base::Duration(0));
  Restart();
  Run();
  ASSERT_TRUE(last_.copies.at(0).reading) << "it is remembered";
  EXPECT_EQ(last_.copies.at(0).reading->bytes, size);
  spec_.verify.enabled = false;
  database_ = *db::Database::OpenInMemory(BackupMigrations());
  Restart();
  Run();
  EXPECT_FALSE(last_.copies.at(0).reading) << "nobody reads it";
}

TEST_F(BackupProbeTest, TheConfiguredZoneTellsWhenADumpBegan) {
  spec_.timezone = "America/Denver";
  // Begun at 14:50 there, 21:50 UTC; copied without its time at 23:50.
  Write("shop.dump", 10min, DumpBegunAt(12, 31, 14, 50));
  Run();
  EXPECT_EQ(last_.copies.at(0).point, clock_.Now() - 2h - 10min + 55s);
  // In a container the clock shows UTC.
  Write("shop.dump", 10min, DumpBegunAt(12, 31, 23, 40));
  Run();
  EXPECT_EQ(last_.copies.at(0).point, clock_.Now() - 20min + 55s);
  Restart();
  spec_.timezone = "";
  Write("shop.dump", 10min, DumpBegunAt(12, 31, 14, 50));
  Run();
  EXPECT_GT(last_.copies.at(0).point, clock_.Now() - 25min) << "any zone, if none is given";
}

TEST_F(BackupProbeTest, TheConfiguredZoneTellsWhatTimeIsInAName) {
  spec_.verify.enabled = false;
  spec_.timezone = "America/Denver";
  Write("shop-2025-12-31_0950.sql", 1min, "--");
  Run();
  EXPECT_EQ(Value("backup_age_seconds"), 7 * 3600 + 600) << "16:50 UTC, copied at 23:59";
  std::filesystem::remove(folder_.Path("backups/shop-2025-12-31_0950.sql"));
  Write("shop-2025-12-31_2350.sql", 5min, "--");
  Run();
  EXPECT_EQ(Value("backup_age_seconds"), 600) << "a container's";
  Restart();
  spec_.timezone = "";
  Run();
  EXPECT_EQ(Value("backup_age_seconds"), 300) << "the same event, in whatever zone";
}

TEST_F(BackupProbeTest, TheNumberOfARunBehindTheTimeInANameIsNoPartOfIt) {
  spec_.verify.enabled = false;
  spec_.timezone = "America/Denver";
  for (const char* number : {"-2", "-02", "_17", ".3", "-0412", "-4711"}) {
    const std::string name = "shop-20251231-0950" + std::string(number) + ".dump";
    Write(name, 1min, "--");
    Run();
    EXPECT_EQ(Value("backup_age_seconds"), 7 * 3600 + 600) << name;
    std::filesystem::remove(folder_.Path("backups/" + name));
  }
}

TEST_F(BackupProbeTest, ADumpThatWasCopiedWithoutItsTimeIsNotNew) {
  Write("shop-a.dump", 40h, DumpBegunAt(12, 30, 6, 50));
  Run();
  Write("shop-b.dump", 1h, DumpBegunAt(12, 1, 2, 0));
  Run();
  // What the older one, by its file, brings back is newer.
  const auto of_a = base::ToUnixSeconds(clock_.Now() - 40h);
  EXPECT_LE(*Value("backup_last_success_timestamp_seconds"), of_a);
  EXPECT_GT(*Value("backup_last_success_timestamp_seconds"), of_a - 900);
  ASSERT_EQ(last_.copies.size(), 2u);
  EXPECT_EQ(last_.copies[0].name, "shop-a.dump");
  // At the latest at 02:00 at the other end of the world.
  EXPECT_EQ(last_.copies[1].point, clock_.Now() - 31 * 24h + 14h + 55s);
}

TEST_F(BackupProbeTest, ItSaysWhyNothingIsProven) {
  Write("keys.bin", 1h, "\x01\x02 whatever");
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_NE(Check("exists").message.find(
                "unjudged (level 1): its format is not known and no checksum file names it"),
            std::string::npos)
      << Check("exists").message;
}

TEST_F(BackupProbeTest, AFileMayBeAsOldAsTheClock) {
  Write("shop.dump", clock_.Now() - base::Timestamp{}, GoodDump());
  Run();
  EXPECT_EQ(Check("fresh").reason, model::Reason::kStale);
  EXPECT_EQ(Value("backup_success"), 0);
  Restart();
  spec_.max_age.reset();
  Run();
  EXPECT_EQ(Value("backup_success"), 1) << "nothing says how old it may be";
  EXPECT_EQ(Value("backup_last_completion_timestamp_seconds"), 0);
}

TEST_F(BackupProbeTest, ADumpFromTheFutureSaysNothing) {
  Write("shop.dump", 48h, DumpBegunAt(12, 31, 14, 50));
  Run();
  EXPECT_EQ(Value("backup_last_success_timestamp_seconds"),
            base::ToUnixSeconds(clock_.Now() - 48h));
}

TEST_F(BackupProbeTest, AZoneInTheNameSaysItBetter) {
  Write("shop-20251231T213000Z.dump", 2h, DumpBegunAt(12, 31, 14, 50));
  Run();
  EXPECT_EQ(Value("backup_last_success_timestamp_seconds"),
            base::ToUnixSeconds(clock_.Now() - 2h - 30min));
}

TEST_F(BackupProbeTest, GoodBackupIsProvenAtOnce) {
  Write("shop-1.dump", 2h, GoodDump());
  const model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_probe_success"), 1);
  EXPECT_EQ(Value("probe_success"), 1);
  for (const char* check : {"exists", "fresh", "size", "format"}) {
    EXPECT_EQ(Value("backup_check_success", check), 1) << check;
  }
  EXPECT_EQ(Value("backup_check_success", "checksum"), std::nullopt);
  EXPECT_EQ(Value("backup_verification_success"), 1);
  EXPECT_EQ(Value("backup_verification_level"), 4);
  EXPECT_EQ(Value("backup_age_seconds"), 7200);
  EXPECT_EQ(Value("backup_max_age_seconds"), 26 * 3600);
  EXPECT_EQ(Value("backup_last_size_bytes"), static_cast<double>(GoodDump().size()));
  EXPECT_EQ(Value("backup_stored_backups"), 1);
  EXPECT_EQ(Value("backup_verified_bytes_total"), static_cast<double>(GoodDump().size()));
  EXPECT_EQ(Value("backup_last_success_timestamp_seconds"), base::ToUnixSeconds(clock_.Now() - 2h));
  EXPECT_GT(Value("backup_filesystem_size_bytes").value_or(0), 0);
  EXPECT_EQ(result.target, spec_.place.path);
  const model::Labels& labels = last_.families.front().points.front().labels;
  EXPECT_EQ(labels.Get("backup"), "nightly");
  EXPECT_EQ(labels.Get("location"), "primary");
  EXPECT_EQ(labels.Get("probe"), "nightly");
  EXPECT_EQ(labels.Get("service"), "shop");
}

TEST_F(BackupProbeTest, EveryDamageHasItsReason) {
  spec_.min_size_bytes = 1024;
  const std::string good = GoodDump();
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 16);
  std::string xml;
  while (xml.size() < 2000)
    xml += "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>\n";
  struct Damage {
    std::string bytes;
    Reason reason;
  };
  for (const Damage& damage :
       {Damage{good.substr(0, good.size() - 100), Reason::kIncomplete},
        Damage{flipped, Reason::kCorrupt}, Damage{xml, Reason::kWrongFormat},
        Damage{"", Reason::kTooSmall}, Damage{std::string(5000, '\0'), Reason::kCorrupt}}) {
    Write("shop-1.dump", 1h, good);
    EXPECT_EQ(RunForReason(), Reason::kNone);
    Write("shop-1.dump", 30min, damage.bytes);
    EXPECT_EQ(RunForReason(), damage.reason);
    EXPECT_EQ(Value("backup_success"), 0);
    EXPECT_EQ(Value("backup_verification_success"), 0);
    EXPECT_EQ(Value("probe_success"), 0);
    EXPECT_EQ(Value("backup_last_success_timestamp_seconds"), std::nullopt);
  }
}

TEST_F(BackupProbeTest, AnOlderGoodOneIsNamedWhileTheNewestIsBroken) {
  Write("shop-1.dump", 3h, GoodDump());
  Write("shop-2.dump", 2h, GoodDump().substr(0, 9000));
  Write("shop-3.dump", 1h, GoodDump().substr(0, 8000));
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_last_success_timestamp_seconds"), base::ToUnixSeconds(clock_.Now() - 3h));
}

TEST_F(BackupProbeTest, StaleAndOverdueBackups) {
  Write("shop-1.dump", 27h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kStale);
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_check_success", "fresh"), 0);
  EXPECT_EQ(Check("fresh").message, "age 27h (by modification time) > max_age 26h");
  // It is 2026-01-01 00:00; daily at 02:00 with an hour of grace.
  Restart();
  spec_.max_age.reset();
  spec_.schedule = *config::Schedule::Parse("0 2 * * *");
  Write("shop-1.dump", 21h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_overdue_seconds"), 0);
  EXPECT_EQ(Value("backup_schedule_next_timestamp_seconds"),
            base::ToUnixSeconds(clock_.Now() + 2h));
  clock_.Advance(2h + 59min);
  EXPECT_EQ(RunForReason(), Reason::kNone);
  clock_.Advance(2min);
  EXPECT_EQ(RunForReason(), Reason::kOverdue);
  EXPECT_EQ(Value("backup_overdue_seconds"), 60);
  EXPECT_EQ(Value("backup_success"), 0);
  Write("shop-2.dump", 1h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kNone);
}

TEST_F(BackupProbeTest, TheOnlyOneMayBeBeingWritten) {
  Write("shop.enc", base::Duration(0), "Salted__12345678abcdef");
  EXPECT_EQ(RunForReason(), Reason::kNotFound);
  EXPECT_EQ(Check("exists").message, "no complete backup, but 1 being written: \"shop.enc\"");
  EXPECT_EQ(Check("exists").severity, model::Severity::kCritical);
  only_run_ = true;
  Restart();
  Run();
  EXPECT_EQ(Check("exists").severity, model::Severity::kUnknown);
  EXPECT_NE(Check("exists").hint.find("quiet_time"), std::string::npos);
}

TEST_F(BackupProbeTest, SaysThatNothingIsFinished) {
  only_run_ = true;
  for (const char* const name : {"shop.dump.part", "shop.dump.tmp", ".shop.dump.Xy12Zw"}) {
    Write(name, 1h, "half");
    Run();
    EXPECT_EQ(Check("exists").severity, model::Severity::kUnknown) << name;
    EXPECT_EQ(Check("exists").message,
              "no complete backup, but 1 being written: " + base::Quote(name));
    EXPECT_EQ(Check("exists").hint, "it counts once it has its final name");
    Touch(name, 49h);
    Run();
    EXPECT_EQ(Check("exists").severity, model::Severity::kCritical) << name;
    EXPECT_EQ(Check("exists").message,
              "no complete backup: " + base::Quote(name) + " was never finished");
    EXPECT_EQ(Check("exists").hint, "look at the job's log and run it now");
    std::filesystem::remove(folder_.Path("backups/" + std::string(name)));
  }
  Write(".app.config", 1h, "a file that a program keeps");
  Run();
  EXPECT_EQ(Check("exists").message, "no complete backup");
}

TEST_F(BackupProbeTest, SaysThatFoldersWereNotLookedInto) {
  Write("2025-12-30/shop.dump", 3h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kNotFound);
  EXPECT_EQ(Check("exists").message, "no complete backup, but 1 folder that was not looked into");
  Write("2025-12-31/shop.dump", 2h, GoodDump());
  Run();
  EXPECT_EQ(Check("exists").message, "no complete backup, but 2 folders that were not looked into");
  EXPECT_NE(Check("exists").hint.find("recursive: true"), std::string::npos);
  spec_.recursive = true;
  Restart();
  EXPECT_EQ(RunForReason(), Reason::kNone);
}

TEST_F(BackupProbeTest, NothingThereIsNotABackup) {
  EXPECT_EQ(RunForReason(), Reason::kNotFound);
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_probe_success"), 1);
  EXPECT_EQ(Value("backup_check_success", "exists"), 0);
  EXPECT_NE(Check("exists").hint.find("mounted"), std::string::npos) << Check("exists").hint;
  std::filesystem::remove(spec_.place.path);
  EXPECT_EQ(RunForReason(), Reason::kNotFound);
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_probe_success"), 0);
}

TEST_F(BackupProbeTest, ARunThatDoesNotReturnSaysNothingOfTheBackup) {
  last_ = Probe().NotRun(Reason::kTimeout, "not back in time");
  EXPECT_EQ(Value("backup_success"), std::nullopt) << "nothing was ever seen";
  EXPECT_EQ(Value("backup_probe_success"), 0);
  EXPECT_EQ(last_.Headline().reason, Reason::kTimeout);
  Write("shop-1.dump", 1h, GoodDump());
  for (const bool good : {true, false}) {
    Run();
    last_ = Probe().NotRun(Reason::kTimeout, "not back in time");
    EXPECT_EQ(Value("backup_success"), good ? 1 : 0);
    Write("shop-1.dump", 1h, GoodDump().substr(0, 4000));
  }
}

TEST_F(BackupProbeTest, WhatWasSeenLastAgesWhileRunsDoNotReturn) {
  Write("shop-1.dump", 1h, GoodDump());
  Run();
  const auto copies = last_.copies;
  clock_.Advance(24h);
  last_ = Probe().NotRun(Reason::kTimeout, "not back in time");
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_probe_success"), 0);
  EXPECT_EQ(Value("backup_age_seconds"), 25 * 3600.0);
  ASSERT_EQ(last_.copies.size(), 1u) << "being blind loses no copy";
  EXPECT_TRUE(last_.copies[0].good);
  clock_.Advance(2h);
  last_ = Probe().NotRun(Reason::kTimeout, "not back in time");
  EXPECT_EQ(Value("backup_success"), 0) << "older than max_age";
}

TEST_F(BackupProbeTest, UnfinishedFilesLeaveThePreviousBackupAlone) {
  Write("shop-1.dump", 2h, GoodDump());
  Run();
  Write("shop-2.dump.part", 1h, "half");
  Write("shop-3.dump", 1s, "half");
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_in_progress"), 2);
}

TEST_F(BackupProbeTest, ADumpThatStandsStillIsNotBrokenYet) {
  Write("shop-1.dump", 20h, GoodDump());
  Run();
  // It waits for a lock, and was quiet for longer than quiet_time.
  for (const std::string& half : {GoodDump().substr(0, 4000), std::string()}) {
    Write("shop-2.dump", 45s, half);
    EXPECT_EQ(RunForReason(), Reason::kNone) << Check("format").message;
    EXPECT_EQ(Value("backup_success"), 1);
    EXPECT_EQ(Value("backup_verification_success"), 1);
    EXPECT_EQ(Value("backup_in_progress"), 1);
    EXPECT_EQ(Value("backup_age_seconds"), 20 * 3600);
    EXPECT_EQ(last_.copies.size(), 1u);
  }
  clock_.Advance(5min);
  EXPECT_NE(RunForReason(), Reason::kNone) << "nothing has changed for minutes";
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_in_progress"), 0);
  Write("shop-2.dump", 45s, GoodDump().substr(0, 8000));
  EXPECT_EQ(RunForReason(), Reason::kNone) << "it goes on";
  Write("shop-2.dump", 45s, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_age_seconds"), 45);
}

TEST_F(BackupProbeTest, WhatIsUnfinishedHidesNothing) {
  std::string flipped = GoodDump();
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 16);
  Write("shop-1.dump", 27h, GoodDump());
  Write("shop-2.dump", 45s, GoodDump().substr(0, 4000));
  EXPECT_EQ(RunForReason(), Reason::kStale) << "the one before it is judged";
  Write("shop-1.dump", 20h, GoodDump().substr(0, 5000));
  EXPECT_EQ(RunForReason(), Reason::kIncomplete) << "no good one stands in";
  Write("shop-1.dump", 20h, GoodDump());
  Write("shop-2.dump", 45s, flipped);
  EXPECT_EQ(RunForReason(), Reason::kCorrupt) << "no writing mends it";
  Write("shop-2.dump", 45s, GoodDump().substr(0, 4000));
  Write("SHA256SUMS", 45s, std::string(64, 'a') + "  shop-2.dump\n");
  Run();
  EXPECT_EQ(Value("backup_success"), 0) << "its writer says that it is done";
}

TEST_F(BackupProbeTest, AnUnfinishedOneHasTheGraceOfItsSlot) {
  spec_.max_age.reset();
  spec_.schedule = *config::Schedule::Parse("0 22 * * *");
  spec_.grace = 3h;
  Write("shop-1.dump", 25h, GoodDump());
  Write("shop-2.dump", 1h, GoodDump().substr(0, 4000));
  EXPECT_EQ(RunForReason(), Reason::kNone) << "00:00, until 01:00";
  EXPECT_EQ(Value("backup_in_progress"), 1);
  clock_.Advance(1h + 1min);
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Value("backup_verification_success"), 0);
}

TEST_F(BackupProbeTest, OnlyBackupBeingReplacedStandsInWhileItIsFresh) {
  Write("shop.dump", 20h, GoodDump());
  Run();
  Write("shop.dump", 1s, "half");
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_success"), 1);
  clock_.Advance(7h);
  Write("shop.dump", 1s, "still half");
  EXPECT_EQ(RunForReason(), Reason::kStale);
}

TEST_F(BackupProbeTest, HalfWrittenReplacementDoesNotSpoilTheVerdictBeforeIt) {
  Write("shop.dump", 20h, GoodDump());
  Run();
  for (const std::size_t size : {4000, 8000, 8000, 8000}) {
    Write("shop.dump", 1s, GoodDump().substr(0, size));
    EXPECT_EQ(RunForReason(), Reason::kNone);
    EXPECT_EQ(Value("backup_success"), 1);
    EXPECT_EQ(Value("backup_in_progress"), 1);
    EXPECT_EQ(RunForReason(), Reason::kNone);
  }
  // Whole again: no need to wait until it has been quiet.
  Write("shop.dump", 1s, GoodDump());
  Run();
  Run();
  EXPECT_EQ(Value("backup_in_progress"), 0);
  EXPECT_EQ(Value("backup_verification_success"), 1);
}

TEST_F(BackupProbeTest, RecentFilesAreReadOnlyWhileTheyDoNotGrow) {
  spec_.max_age.reset();
  Write("shop.dump", 1s, GoodDump().substr(0, 4000));
  Run();
  EXPECT_EQ(Value("backup_verified_bytes_total"), 4000) << "at first sight";
  Write("shop.dump", 1s, GoodDump().substr(0, 5000));
  Run();
  EXPECT_EQ(Value("backup_verified_bytes_total"), 4000) << "it grows";
  Run();
  EXPECT_EQ(Value("backup_verified_bytes_total"), 9000) << "it did not";
  Run();
  EXPECT_EQ(Value("backup_verified_bytes_total"), 9000) << "once is enough";
  Write("page.dump", 1s, "<html>");
  EXPECT_EQ(RunForReason(), Reason::kWrongFormat) << "an error page does not grow into a dump";
}

TEST_F(BackupProbeTest, ChecksumFilesAreHeard) {
  const std::string text = Text(5000);
  const std::string hex = base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, text));
  Write("config.bin", 1h, text);
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_verification_success"), std::nullopt) << "nothing could be proven";
  EXPECT_EQ(Value("backup_verification_level"), 1);
  Write("SHA256SUMS", 1h, hex + "  config.bin\n");
  Run();
  EXPECT_EQ(Value("backup_check_success", "checksum"), 1);
  EXPECT_EQ(Value("backup_verification_level"), 2);
  EXPECT_EQ(Value("backup_verification_success"), 1);
  Write("SHA256SUMS", 1h, std::string(64, 'a') + "  config.bin\n");
  EXPECT_EQ(RunForReason(), Reason::kNone) << "another one may be on its way";
  clock_.Advance(5min);
  EXPECT_EQ(RunForReason(), Reason::kCorrupt);
  EXPECT_EQ(Value("backup_check_success", "checksum"), 0);
  Write("SHA256SUMS", 30min, hex + "  config.bin\n");
  EXPECT_EQ(RunForReason(), Reason::kNone) << "the list was wrong, not the backup";
}

TEST_F(BackupProbeTest, RequiredChecksumMustBeThere) {
  spec_.require_checksum = true;
  Write("shop-1.dump", 1h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_check_success", "checksum"), 0);
  Write("shop-1.dump.md5", 1h,
        base::Hex(base::ComputeDigest(base::DigestAlgorithm::kMd5, GoodDump())));
  EXPECT_EQ(RunForReason(), Reason::kNone);
}

TEST_F(BackupProbeTest, VerdictsOutliveARestart) {
  Write("shop-1.dump", 1h, GoodDump());
  Run();
  const auto verified = Value("backup_verification_timestamp_seconds");
  clock_.Advance(1h);
  Restart();
  Run();
  EXPECT_EQ(Value("backup_verification_success"), 1);
  EXPECT_EQ(Value("backup_verification_timestamp_seconds"), verified);
  EXPECT_EQ(Value("backup_verified_bytes_total"), 0) << "nothing was read again";
}

TEST_F(BackupProbeTest, VerifiedAgainWhenTheVerdictIsOld) {
  spec_.max_age = 1000h;
  Write("shop-1.dump", 1h, GoodDump());
  Run();
  clock_.Advance(25h);
  Run();
  EXPECT_EQ(Value("backup_verification_timestamp_seconds"), base::ToUnixSeconds(clock_.Now()));
}

TEST_F(BackupProbeTest, BrokenStaysBrokenUntilTheFileChanges) {
  spec_.max_age = 1000h;
  Write("shop-1.dump", 1h, GoodDump().substr(0, 9000));
  Run();
  const auto bytes = Value("backup_verified_bytes_total");
  clock_.Advance(100h);
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Value("backup_verified_bytes_total"), bytes);
  Write("shop-1.dump", 1h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kNone);
}

// Larger than what a run verifies by itself, so that the background has to: sparse, so cheap.
class LargeBackupTest : public BackupProbeTest {
 protected:
  LargeBackupTest() { spec_.verify.read_rate_bytes = 0; }
  void WriteLarge(const std::string& name, base::Duration age, std::string_view head) {
    Write(name, age, head);
    std::filesystem::resize_file(folder_.Path("backups/" + name), kInlineBytes + 1);
    const auto at = base::ToUnixMillis(clock_.Now() - age);
    const timespec time{at / 1000, at % 1000 * 1'000'000};
    const timespec times[2] = {time, time};
    ::utimensat(AT_FDCWD, folder_.Path("backups/" + name).c_str(), times, 0);
  }
};

TEST_F(LargeBackupTest, IsVerifiedInTheBackground) {
  // A gzip file with zeros behind it is a good gzip file.
  const std::string packed =
      testing::ReadTestFile(testing::TestData("testdata/verify/folder/blob_16398.dat.gz"));
  WriteLarge("shop-1.gz", 1h, packed);
  Run();
  EXPECT_EQ(Value("backup_success"), 1) << "not proven broken";
  EXPECT_EQ(Value("backup_verification_success"), std::nullopt) << "nor proven intact";
  EXPECT_EQ(Value("backup_last_success_timestamp_seconds"), std::nullopt);
  EXPECT_EQ(Check("verified").severity, Severity::kOk);
  EXPECT_EQ(Check("verified").reason, Reason::kUnverified);
  ASSERT_TRUE(Probe().WaitIdle(base::Deadline::After(60s)));
  Run();
  EXPECT_EQ(Value("backup_verification_success"), 1) << Check("format").message;
  EXPECT_TRUE(Value("backup_last_success_timestamp_seconds"));
}

TEST_F(LargeBackupTest, UnverifiedOneAfterABrokenOneStaysBad) {
  WriteLarge("shop-1.dump", 2h, GoodDump());  // zeros follow
  Run();
  ASSERT_TRUE(Probe().WaitIdle(base::Deadline::After(60s)));
  Run();
  EXPECT_EQ(Value("backup_success"), 0);
  // Slow: the next one stays unverified.
  Restart();
  spec_.verify.read_rate_bytes = 1;
  WriteLarge("shop-2.dump", 1h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kUnverified);
  EXPECT_EQ(Value("backup_success"), 0) << "a job that leaves broken dumps resolves nothing";
  EXPECT_EQ(Value("backup_verification_success"), std::nullopt);
}

TEST_F(LargeBackupTest, DestructorStopsARunningVerification) {
  spec_.verify.read_rate_bytes = 1000;
  WriteLarge("shop-1.gz", 1h, std::string("\x1f\x8b\x08\0\0\0\0\0\0\0", 10) + Text(1000));
  Run();
  EXPECT_FALSE(Probe().WaitIdle(base::Deadline::After(base::Duration(1))));
  const auto began = std::chrono::steady_clock::now();
  Restart();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
}

TEST_F(BackupProbeTest, UnreadablePlaceHoldsTheLastStateUntilItIsTooOld) {
  Write("shop-1.dump", 1h, GoodDump());
  Run();
  std::filesystem::permissions(spec_.place.path, std::filesystem::perms::none);
  {
    const testing::AsNobody nobody;
    Run();
    EXPECT_EQ(Value("backup_success"), 1);
    EXPECT_EQ(Value("backup_probe_success"), 0);
    EXPECT_EQ(Check("place").reason, Reason::kPermission);
    clock_.Advance(25h);
    Run();
    EXPECT_EQ(Value("backup_success"), 1);
    EXPECT_EQ(last_.copies.size(), 1u);
    clock_.Advance(1min);
    EXPECT_EQ(RunForReason(), Reason::kStale);
    EXPECT_EQ(Value("backup_success"), 0);
    Restart();
    EXPECT_EQ(RunForReason(), Reason::kPermission);
    EXPECT_EQ(Value("backup_success"), std::nullopt) << "nothing is known";
    EXPECT_EQ(last_.severity(), Severity::kCritical);
    only_run_ = true;
    Restart();
    Run();
    EXPECT_EQ(last_.severity(), Severity::kUnknown) << "to whoever asks once";
  }
  std::filesystem::permissions(spec_.place.path, std::filesystem::perms::owner_all);
}

TEST_F(BackupProbeTest, SlowPlaceHoldsTheLastState) {
  for (int i = 0; i < 300; ++i) Write("shop-" + std::to_string(i) + ".bin", 1h, "x");
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  Run(base::Duration(0));
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_probe_success"), 0);
  EXPECT_EQ(Check("place").severity, Severity::kUnknown);
  EXPECT_EQ(Check("place").reason, Reason::kTimeout);
  clock_.Advance(6min);
  Run(base::Duration(0));
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Check("place").severity, Severity::kUnknown);
}

TEST_F(BackupProbeTest, RetentionIsAWarning) {
  spec_.retention = 24h * 30;
  Write("shop-1.dump", 24h * 20, GoodDump());
  Write("shop-2.dump", 1h, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Check("retention").severity, Severity::kWarning);
  EXPECT_EQ(Value("backup_check_success", "retention"), 0);
  EXPECT_EQ(Value("probe_success"), 1);
  Write("shop-0.dump", 24h * 29 + 1h, GoodDump());
  EXPECT_TRUE(Run().ok());
}

TEST_F(BackupProbeTest, ARetentionOfADayIsJudgedToo) {
  spec_.retention = 24h;
  Write("shop-1.dump", 11h, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_check_success", "retention"), 0);
  Write("shop-0.dump", 13h, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_check_success", "retention"), 1);
}

TEST_F(BackupProbeTest, RetentionLeavesOutWhatTheScheduleMayJustHaveDropped) {
  // The clock stands at Thursday, 2026-01-01 00:00. The Sunday before the oldest is 32 days ago.
  spec_.retention = 24h * 30;
  spec_.schedule = *config::Schedule::Parse("0 2 * * sun");
  Write("shop-2.dump", 24h * 4 - 2h, GoodDump());
  Write("shop-1.dump", 24h * 25 - 2h, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_check_success", "retention"), 1);
}

TEST_F(BackupProbeTest, ARetentionOfHoursIsJudgedByTheSchedule) {
  spec_.retention = 24h;
  spec_.schedule = *config::Schedule::Parse("0 * * * *");
  for (int hours = 1; hours <= 20; ++hours) {
    Write("shop-" + std::to_string(hours) + ".dump", 1h * hours, GoodDump());
  }
  Run();
  EXPECT_EQ(Value("backup_check_success", "retention"), 0) << "20 hours of 24";
  Write("shop-22.dump", 22h, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_check_success", "retention"), 1);
}

TEST_F(BackupProbeTest, WhatIsKnownToBeBrokenFillsNoHole) {
  // The clock stands at 00:00. Slots at 23:00, 22:00 ... 19:00.
  spec_.schedule = *config::Schedule::Parse("0 * * * *");
  spec_.grace = 10min;
  spec_.retention = 5h;
  spec_.min_count = 5;
  Write("shop-1900.dump", 5h - 5min, "");
  Write("shop-2000.dump", 4h - 5min, GoodDump());
  Write("shop-2100.dump", 3h - 5min, GoodDump().substr(0, 9000));
  Run();
  EXPECT_EQ(Value("backup_verification_success"), 0) << "read while it is the newest";
  Write("shop-2200.dump", 2h - 5min, GoodDump());
  Write("shop-2300.dump", 1h - 5min, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_schedule_missed_slots"), 1) << "since 20:00";
  EXPECT_DOUBLE_EQ(*Value("backup_retention_covered_ratio"), 0.6);
  EXPECT_EQ(Check("count").message, "3 kept, min_count 5");
  EXPECT_EQ(Value("backup_oldest_timestamp_seconds"),
            base::ToUnixSeconds(clock_.Now() - 4h + 5min));
  EXPECT_EQ(Value("backup_check_success", "retention"), 1)
      << "as old as a slot and the grace allow";
  std::filesystem::remove(folder_.Path("backups/shop-2000.dump"));
  Run();
  EXPECT_EQ(Value("backup_check_success", "retention"), 0);
  EXPECT_EQ(Value("backup_stored_backups"), 4) << "they take room all the same";
}

TEST_F(BackupProbeTest, EachDatabaseOfARunIsRead) {
  for (const int day : {2, 1}) {
    for (const std::string database : {"app", "crm", "shop"}) {
      const bool cut = database == "app" && day == 1;
      Write(database + "-2025123" + std::to_string(2 - day) + ".dump", 24h * day - 21h + 1min,
            cut ? GoodDump().substr(0, 9000) : GoodDump());
    }
  }
  Write("shop-20251231.dump", 3h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_check_success", "siblings"), 0);
  EXPECT_TRUE(Check("siblings").message.starts_with("\"app-20251231.dump\" of the same run"))
      << Check("siblings").message;
  EXPECT_EQ(Value("backup_verification_success"), 1) << "of the newest";
  Write("app-20251231.dump", 3h + 1min, "");
  Run();
  EXPECT_EQ(Value("backup_check_success", "siblings"), 0);
  Write("shop-20251231.dump", 1min, GoodDump());
  Write("app-20251231.dump", 2min, "");
  EXPECT_EQ(RunForReason(), Reason::kNone) << "it may be written on";
  Write("app-20251231.dump", 2min, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_check_success", "siblings"), 1);
  EXPECT_EQ(Value("backup_success"), 1);
}

TEST_F(BackupProbeTest, WhatWasMadeOnceOrIsSomethingElseIsNoSibling) {
  Write("shop-20251230.dump", 26h, GoodDump());
  Write("shop-20251231_2.dump", 3h, GoodDump().substr(0, 9000));  // tried again since
  Write("shop-20251230.err", 26h, "");
  Write("shop-20251231.err", 3h, "");
  Write("app-20251230.dump", 26h, GoodDump().substr(0, 9000));  // long gone
  Write("shop-20251231.dump", 2h, GoodDump());
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_check_success", "siblings"), std::nullopt);
}

TEST_F(BackupProbeTest, FullFileSystemIsAWarning) {
  spec_.free_space_warning_ratio = 1.1;
  Write("shop-1.dump", 1h, GoodDump());
  Run();
  EXPECT_EQ(Check("space").severity, Severity::kWarning);
  EXPECT_EQ(Value("backup_success"), 1);
}

TEST_F(BackupProbeTest, OneThatCannotBeReadDoesNotEndTheStateBeforeIt) {
  const auto run_without_reading = [this] {
    Restart();
    spec_.verify.read_rate_bytes = 1000;
    spec_.verify.timeout = 50ms;
    Run();
    ASSERT_TRUE(Probe().WaitIdle(base::Deadline::After(10s)));
    Run();
    EXPECT_EQ(Check("verified").reason, Reason::kTimeout) << Check("verified").message;
    Restart();
    spec_.verify.read_rate_bytes = 0;
    spec_.verify.timeout = 6h;
  };
  Write("shop-1.dump", 5h, GoodDump().substr(0, 9000));
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  Write("shop-2.dump", 3h, GoodDump());
  run_without_reading();
  EXPECT_EQ(Value("backup_success"), 0) << "the one before it is broken";
  clock_.Advance(61min);
  Run();
  EXPECT_EQ(Value("backup_success"), 1) << "read at last";
  Write("shop-2.dump", 2h, GoodDump().substr(0, 9000));
  Run();
  Write("shop-2.dump", 1h, GoodDump());
  run_without_reading();
  EXPECT_EQ(Value("backup_success"), 0) << "what lay there was broken";
  Run();
  clock_.Advance(25h);
  spec_.max_age = 30h;
  run_without_reading();
  EXPECT_EQ(Value("backup_success"), 1) << "it was good itself";
}

TEST_F(BackupProbeTest, SaysWhileItReadsAPlaceForTheFirstTime) {
  constexpr const char* kRunning = "backup_first_verification_running";
  spec_.verify.read_rate_bytes = 1000;
  spec_.verify.timeout = 2s;
  Write("shop-1.dump", 1h, GoodDump());
  Run();
  EXPECT_EQ(Value(kRunning), 1);
  ASSERT_TRUE(Probe().WaitIdle(base::Deadline::After(10s)));
  Run();
  EXPECT_EQ(Value(kRunning), std::nullopt) << "it took too long";
  Restart();
  database_ = *db::Database::OpenInMemory(BackupMigrations());
  spec_.max_age = 30min;
  Run();
  EXPECT_EQ(Value(kRunning), std::nullopt) << "it is stale anyhow";
  Restart();
  spec_.max_age = 26h;
  spec_.verify.read_rate_bytes = 0;
  Run();
  Restart();
  spec_.verify.read_rate_bytes = 1000;
  Write("shop-2.dump", 30min, GoodDump());
  Run();
  EXPECT_EQ(Value(kRunning), std::nullopt) << "another one was read before";
}

TEST_F(BackupProbeTest, VerificationCanBeTurnedOff) {
  spec_.verify.enabled = false;
  Write("shop-1.dump", 1h, "PGDMP broken");
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_verification_success"), std::nullopt);
  EXPECT_TRUE(Value("backup_last_success_timestamp_seconds"));
}

TEST_F(BackupProbeTest, WorksWithoutADatabase) {
  database_.reset();
  Write("shop-1.dump", 1h, GoodDump());
  EXPECT_TRUE(Run().ok());
}

TEST_F(BackupProbeTest, VerdictsOfDeletedArtefactsAreForgotten) {
  Write("shop-1.dump", 2h, GoodDump());
  Write("shop-2.dump", 1h, GoodDump());
  Run();
  std::filesystem::remove(folder_.Path("backups/shop-2.dump"));
  Run();
  BackupVerdicts verdicts(database_.get(), "nightly");
  EXPECT_FALSE(verdicts.FindPath(folder_.Path("backups/shop-2.dump")));
  EXPECT_TRUE(verdicts.FindPath(folder_.Path("backups/shop-1.dump")));
}

}  // namespace
}  // namespace drwatch::probes
