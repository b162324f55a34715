// What the others at a place say of a backup that says little itself.
#include "probes/backup_doubt.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

// Bytes that look like nothing.
std::string Noise(std::size_t size) {
  std::string noise;
  std::uint32_t state = 12345;
  while (noise.size() < size) {
    state = state * 1664525 + 1013904223;
    noise.push_back(static_cast<char>(state >> 24));
  }
  return noise;
}

constexpr std::string_view kSql =
    "--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump "
    "complete\n--\n\n";

class BackupDoubtTest : public BackupProbeTest {
 protected:
  BackupDoubtTest() {
    spec_.max_age = 26h;
    spec_.min_size_bytes = 1;
  }
  // When the dump that lies there alone was begun, by what it says itself.
  base::Timestamp WhenBegun() {
    Run();
    const base::Timestamp begun = last_.copies.at(0).made;
    EXPECT_NE(begun, base::Timestamp{});
    return begun;
  }
  void AdvanceTo(base::Timestamp at) { clock_.Advance(at - clock_.Now()); }
};

TEST_F(BackupDoubtTest, NoiseInASeriesOfDumpsIsBroken) {
  Write("shop-1.sql", 25h, kSql);
  Run();
  ASSERT_EQ(Value("backup_verification_success"), 1) << Check("format").message;
  Write("shop-2.sql", 1h, Noise(20'000));
  EXPECT_EQ(RunForReason(), Reason::kWrongFormat);
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_TRUE(Check("format").message.starts_with(
      "its content is of no known format, and \"shop-1.sql\" was: "))
      << Check("format").message;
  Run();
  EXPECT_EQ(last_.copies.at(0).good, false);
  EXPECT_EQ(last_.copies.at(1).good, true);
}

// Packed by gzip, as a pipe does whatever comes through it.
std::string Packed(std::string_view bytes) {
  const testing::TempDir folder;
  const std::string path = folder.Write("bytes", std::string(bytes));
  EXPECT_EQ(std::system(("gzip -n " + path).c_str()), 0);
  return testing::ReadTestFile(path + ".gz");
}

TEST_F(BackupDoubtTest, WhatIsPackedIsJudgedByWhatIsInIt) {
  Write("shop-1.sql.gz", 25h, Packed(kSql));
  Run();
  Write("shop-2.sql.gz", 2h, Packed("pg_isready says something that nobody knows\n"));
  EXPECT_EQ(RunForReason(), Reason::kWrongFormat);
  EXPECT_TRUE(Check("format").message.starts_with(
      "its content is of no known format, and \"shop-1.sql.gz\" was: "))
      << Check("format").message;
  Write("shop-3.sql.gz", 1h, Packed(kSql));
  EXPECT_EQ(RunForReason(), Reason::kNone) << Check("format").message;
}

TEST_F(BackupDoubtTest, PackedFilesOfTheirOwnKindAreBackups) {
  Write("rows-1.csv.gz", 25h, Packed("1;2;3\n"));
  Run();
  Write("rows-2.csv.gz", 1h, Packed("1;2;3\n4;5;6\n"));
  EXPECT_EQ(RunForReason(), Reason::kNone) << Check("format").message;
  EXPECT_EQ(Value("backup_age_seconds"), 3600.0);
}

TEST_F(BackupDoubtTest, NoiseInPlaceOfADumpIsBroken) {
  Write("latest.sql", 25h, kSql);
  Run();
  Write("latest.sql", 1h, Noise(20'000));
  EXPECT_EQ(RunForReason(), Reason::kWrongFormat);
  EXPECT_EQ(Check("format").message,
            "its content is of no known format, and what lay there before was");
  Write("latest.sql", 1h, kSql);
  EXPECT_EQ(RunForReason(), Reason::kNone) << Check("format").message;
}

TEST_F(BackupDoubtTest, WhatNothingWasEverKnownOfIsLeftAlone) {
  Write("shop-1.sql", 25h, Noise(20'000));
  Run();
  Write("shop-2.sql", 1h, Noise(21'000));
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_success"), 1);
}

TEST_F(BackupDoubtTest, WhatIsEncryptedFromNowOnIsNoStranger) {
  Write("shop-1.sql", 25h, kSql);
  Run();
  Write("shop-2.sql", 1h, "Salted__" + Noise(20'000));
  EXPECT_EQ(RunForReason(), Reason::kNone) << Check("format").message;
}

TEST_F(BackupDoubtTest, AnotherSeriesAndOrdinaryFilesAreNoMeasure) {
  Write("shop-1.sql", 25h, kSql);
  Run();
  Write("keys.bin", 1h, Noise(20'000));
  EXPECT_EQ(RunForReason(), Reason::kNone) << Check("format").message;
  EXPECT_EQ(Value("backup_age_seconds"), 25 * 3600.0) << "not taken for a backup";
  EXPECT_EQ(
      Check("place").message,
      "1 complete; \"keys.bin\" is newer and of no known format: it is not taken for a backup");
  Restart();
  spec_.kind = "files";
  Write("shop-2.sql", 0h, Noise(20'000));
  Touch("shop-2.sql", 30min);
  EXPECT_EQ(RunForReason(), Reason::kNone) << Check("format").message;
}

TEST_F(BackupDoubtTest, WhatAJobLeavesBesideItsBackupsIsNone) {
  Write("shop-1.sql", 30h, kSql);
  Write("backup.log", 1h, "pg_dump: error: connection to server failed\n");
  Write("README", 1h, "how to restore\n");
  Write("nightly.sh", 1h, "#!/bin/sh\n");
  Write("notes", 1h, Noise(3000));
  EXPECT_EQ(RunForReason(), Reason::kStale);
  EXPECT_EQ(Value("backup_age_seconds"), 30 * 3600.0) << Check("exists").message;
  EXPECT_EQ(Value("backup_success"), 0);
  Run();
  EXPECT_EQ(Value("backup_age_seconds"), 30 * 3600.0) << "again, with what was read";
  EXPECT_EQ(Value("backup_stored_backups"), 1);
}

TEST_F(BackupDoubtTest, WhatAJobNotesIsNoBackupWhereThereAreOthers) {
  Write("shop-1.sql", 30h, kSql);
  Write("last-run.yml", 2h, "state: failed\n");
  Write("status.json", 1h, R"({"ok": false, "said": "pg_dump failed"})");
  EXPECT_EQ(RunForReason(), Reason::kStale);
  EXPECT_EQ(Value("backup_age_seconds"), 30 * 3600.0) << Check("exists").message;
  EXPECT_EQ(Check("place").message,
            "1 complete; \"status.json\" is newer and holds JSON: it is not taken for a backup");
  Write("status.json", 1h, R"({"ok": true})");
  EXPECT_EQ(RunForReason(), Reason::kStale) << "it was JSON before";
}

TEST_F(BackupDoubtTest, JsonIsABackupWhereNothingElseIs) {
  Write("export-1.json", 30h, "[1]");
  Write("export-2.json", 1h, "[1, 2]");
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_stored_backups"), 2);
  EXPECT_EQ(Value("backup_age_seconds"), 3600.0);
}

TEST_F(BackupDoubtTest, WhereNothingIsOfAKnownFormatTheNewestCounts) {
  Write("shop-1.bin", 30h, Noise(20'000));
  Write("shop-2.bin", 1h, Noise(20'000));
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_stored_backups"), 2);
  EXPECT_EQ(Value("backup_age_seconds"), 3600.0);
}

TEST_F(BackupDoubtTest, ACopyOfAnOldDumpIsAsOldAsItSays) {
  const std::string dump = GoodDump();
  Write("latest.dump", 1h, dump);
  const base::Timestamp begun = WhenBegun();
  AdvanceTo(begun + 30 * 24h);
  Restart();
  Touch("latest.dump", 1h);
  EXPECT_EQ(RunForReason(), Reason::kStale) << Check("fresh").message;
  EXPECT_GT(*Value("backup_age_seconds"), 29 * 86400.0);
  EXPECT_EQ(Value("backup_success"), 0);
  Write("another.sql", 20h, kSql);
  EXPECT_EQ(RunForReason(), Reason::kNone) << "the newest by what they say themselves";
  EXPECT_EQ(Value("backup_age_seconds"), 20 * 3600.0);
  AdvanceTo(begun + 40h);
  Restart();
  std::filesystem::remove(folder_.Path("backups/another.sql"));
  Touch("latest.dump", 1h);
  Run();
  EXPECT_LT(*Value("backup_age_seconds"), 2 * 3600.0) << "a dump that took so long";
}

std::string MySqlDump(const std::string& completed) {
  return "-- MySQL dump 10.13  Distrib 8.0.36\n--\nSELECT 1;\n\n-- Dump completed on " + completed +
         "\n";
}
std::string VerboseDump(const std::string& started) {
  return "--\n-- PostgreSQL database dump\n--\n\n-- Started on " + started +
         "\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
}

// It is 2026-01-01 00:00.
TEST_F(BackupDoubtTest, ACopyOfAnOldScriptIsAsOldAsItSays) {
  for (const std::string& dump :
       {MySqlDump("2025-12-29  0:00:00"), VerboseDump("2025-12-29 00:00:00 CET")}) {
    Write("shop.sql", 1h, dump);
    EXPECT_EQ(RunForReason(), Reason::kStale) << dump;
    // At the latest where it is 12 hours earlier.
    EXPECT_EQ(Value("backup_age_seconds"), 60 * 3600.0) << dump;
    EXPECT_EQ(Value("backup_success"), 0);
  }
}

TEST_F(BackupDoubtTest, AScriptBringsBackNothingNewerThanItSays) {
  const auto age = [this](const std::string& dump) {
    Write("shop.sql", 1h, dump);
    EXPECT_EQ(RunForReason(), Reason::kNone) << dump;
    return std::chrono::duration_cast<std::chrono::minutes>(clock_.Now() -
                                                            last_.copies.at(0).point);
  };
  EXPECT_EQ(age(MySqlDump("2025-12-31 23:00:00")), 60min);
  EXPECT_EQ(age(MySqlDump("2025-12-31  9:00:00")), 180min) << "copied, or west of all";
  EXPECT_EQ(age(VerboseDump("2025-12-31 15:55:00 PST")), 65min);
  EXPECT_EQ(age(MySqlDump("2025-12-31  9:00:00") + "-- Dump completed\n"), 60min) << "no date";
}

TEST_F(BackupDoubtTest, NoDateThatAScriptTellsMakesItNewer) {
  for (const char* date : {"2026-01-01 23:00:00", "2026-06-01  3:04:05", "9999-12-31 23:59:60",
                           "2026-02-30 00:00:00"}) {
    for (const std::string& dump : {MySqlDump(date), VerboseDump(date)}) {
      Write("shop.sql", 1h, dump);
      EXPECT_EQ(RunForReason(), Reason::kNone) << dump;
      EXPECT_EQ(Value("backup_age_seconds"), 3600.0);
      EXPECT_LE(last_.copies.at(0).point, clock_.Now() - 1h) << dump;
    }
  }
  for (const char* date : {"0000-01-01 00:00:00", "1969-12-31 23:59:59", "1970-01-01 00:00:00"}) {
    Write("shop.sql", 1h, MySqlDump(date));
    EXPECT_EQ(RunForReason(), Reason::kStale) << date;
  }
}

// It is 2026-01-01 00:00.
TEST_F(BackupDoubtTest, ANewDateInItsNameMakesNoOldDumpNew) {
  const auto age = [this](const std::string& name, base::Duration written, std::string_view bytes) {
    Write(name, written, bytes);
    Run();
    const double seconds = *Value("backup_age_seconds");
    std::filesystem::remove(folder_.Path("backups/" + name));
    return seconds / 3600;
  };
  EXPECT_EQ(age("shop-2025-12-31.sql", 12 * 24h, kSql), 288) << "cp -p";
  EXPECT_EQ(age("shop-20251231T200000Z.sql", 12 * 24h, kSql), 288);
  EXPECT_EQ(age("shop-20251231T200000Z.sql", 4h, MySqlDump("2025-12-20 00:00:00")), 276) << "cp";
  EXPECT_EQ(age("shop-20251231T200000Z.sql", 40h, kSql), 4) << "its file's clock is behind";
  EXPECT_EQ(age("shop-20251231T200000Z.sql", 50 * 365 * 24h, kSql), 4) << "it has none";
  EXPECT_EQ(age("shop-20251231T200000Z.sql", 25 * 365 * 24h, kSql), 4) << "it has none";
  EXPECT_EQ(age("shop-20251231T200000Z.sqlite", 12 * 24h, Noise(20'000)), 4) << "nothing changed";
  // The others of such a job are as old.
  Write("shop-2025-12-30.sql", 12 * 24h, kSql);
  Write("shop-2025-12-31.sql", 12 * 24h, kSql);
  EXPECT_EQ(RunForReason(), Reason::kStale);
  EXPECT_EQ(Value("backup_age_seconds"), 288 * 3600.0);
  Write("shop-2025-12-29.sql", 3 * 24h, kSql);
  Run();
  EXPECT_EQ(Value("backup_age_seconds"), 72 * 3600.0);
}

TEST_F(BackupDoubtTest, WhatIsCalledLatestIsAsOldAsTheOneWhoseBytesItHolds) {
  Write("shop-2025-12-20.sql", 12 * 24h, kSql);
  Run();  // as each is read while it is the newest
  Write("shop-latest.sql", 1h, kSql);
  EXPECT_EQ(RunForReason(), Reason::kStale) << Check("fresh").message;
  EXPECT_EQ(Value("backup_age_seconds"), 12 * 86400.0);
  Write("shop-other.sql", 1h, kSql);  // of a database that did not change
  Run();
  EXPECT_EQ(RunForReason(), Reason::kNone);
  std::filesystem::remove(folder_.Path("backups/shop-other.sql"));
  Write("shop-latest.sql", 30min, std::string(kSql) + "\n");
  Run();
  EXPECT_EQ(RunForReason(), Reason::kNone);
  EXPECT_EQ(Value("backup_age_seconds"), 1800.0);
}

// Weekly dumps with dates, and a daily one of a database in which nothing changes.
TEST_F(BackupDoubtTest, TheDailyDumpOfAQuietDatabaseIsNoCopyOfItsWeeklyOne) {
  const auto weekly = [this](int days, const std::string& date) {
    Write("shop-2025-" + date + ".sql", 24h * days, kSql);
    Run();
  };
  weekly(19, "12-13");
  weekly(12, "12-20");
  weekly(5, "12-27");
  Write("shop-latest.sql", 1h, kSql);
  EXPECT_EQ(RunForReason(), Reason::kNone) << Check("fresh").message;
  EXPECT_EQ(Value("backup_age_seconds"), 3600);
  spec_.max_age.reset();
  spec_.schedule = *config::Schedule::Parse("0 22 * * *");
  spec_.grace = 2h;
  Restart();
  Run();
  EXPECT_EQ(Check("fresh").reason, Reason::kNone) << Check("fresh").message;
  clock_.Advance(4 * 24h);
  Write("shop-latest.sql", 1h, kSql);
  Run();
  EXPECT_EQ(Check("fresh").reason, Reason::kOverdue) << "the weekly one is late, too";
}

// Of daily dumps, thinned out to weekly ones, the last one is copied on, since the job that dumps
// has died.
TEST_F(BackupDoubtTest, WhatWasCopiedDailyIsACopyWhateverIsKept) {
  const auto write = [this](int days) {
    Write("shop-2025-12-" + std::to_string(32 - days) + ".sql", 24h * days, kSql);
    Run();
  };
  write(20);
  write(13);
  write(6);
  write(2);
  Write("shop-latest.sql", 1h, kSql);
  EXPECT_EQ(RunForReason(), Reason::kStale) << Check("fresh").message;
  EXPECT_EQ(Value("backup_age_seconds"), 48 * 3600);
  write(3);
  Run();
  EXPECT_EQ(RunForReason(), Reason::kStale) << Check("fresh").message;
}

// The same of hourly ones, which are missed sooner than the longest run takes.
TEST_F(BackupDoubtTest, WhatComesInTimeIsCopied) {
  spec_.max_age = 90min;
  for (const int hour : {19, 20, 21, 22}) {
    Write("shop-20251231T" + std::to_string(hour) + "0000Z.sql", (24 - hour) * 1h, kSql);
    Run();
  }
  Write("shop-latest.sql", 5min, kSql);
  EXPECT_EQ(RunForReason(), Reason::kStale) << Check("fresh").message;
}

class CopiedDumpsTest : public BackupDoubtTest {
 protected:
  // Dumps that were begun a month ago, copied an hour ago without their times.
  void Copy(int count) {
    const std::string dump = GoodDump();
    Write("first.dump", 1h, dump);
    AdvanceTo(WhenBegun() + 30 * 24h);
    std::filesystem::remove(folder_.Path("backups/first.dump"));
    for (int i = 0; i < count; ++i) Write("shop.dump." + std::to_string(i), 1h, dump);
    Restart();
    database_.reset();
    only_run_ = true;
  }
};

TEST_F(CopiedDumpsTest, AnOnlyRunReadsOnUntilTheNewestStaysTheNewest) {
  for (const int count : {1, 2, 3, 12}) {
    Copy(count);
    EXPECT_EQ(RunForReason(), Reason::kStale) << count << Check("fresh").message;
    EXPECT_GT(*Value("backup_age_seconds"), 29 * 86400.0) << count;
    EXPECT_EQ(Value("backup_success"), 0) << count;
    for (int i = 0; i < count; ++i) {
      std::filesystem::remove(folder_.Path("backups/shop.dump." + std::to_string(i)));
    }
    database_ = std::move(*db::Database::OpenInMemory(BackupMigrations()));
    only_run_ = false;
    Restart();
  }
}

TEST_F(CopiedDumpsTest, AnOnlyRunReadsOnBehindWhatIsNoBackup) {
  Copy(3);
  Write("state.json", 1min, "{\"ok\": true}");
  EXPECT_EQ(RunForReason(), Reason::kStale) << Check("fresh").message;
  EXPECT_EQ(Value("backup_success"), 0);
}

TEST_F(CopiedDumpsTest, WhatThereIsNoTimeToReadIsNotCalledFresh) {
  Copy(2);
  spec_.verify.read_rate_bytes = 100;
  Run(std::chrono::seconds(2));
  EXPECT_EQ(Check("verified").severity, model::Severity::kUnknown);
  EXPECT_EQ(Check("fresh").severity, model::Severity::kUnknown) << Check("fresh").message;
}

TEST_F(BackupDoubtTest, WhatWasNoBackupIsNoneAfterTheNextOne) {
  Write("shop-1.sql", 20h, kSql);
  Run();
  Write("keys.bin", 10h, Noise(20'000));
  Write("state.json", 9h, "{\"ok\": false}");
  Run();
  ASSERT_EQ(Check("exists").message.substr(0, 12), "\"shop-1.sql\"") << Check("exists").message;
  Write("shop-2.sql", 1h, kSql.substr(0, kSql.size() / 2));
  Run();
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Check("latest_good").message.substr(0, 12), "\"shop-1.sql\"")
      << Check("latest_good").message;
  ASSERT_EQ(last_.copies.size(), 4U);
  EXPECT_EQ(last_.copies.at(1).problem,
            "not taken for a backup: those before it are of another format");
}

}  // namespace
}  // namespace drwatch::probes
