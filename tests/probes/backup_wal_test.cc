// Base backups without WAL of their own, and the archives that have it.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/digest.h"
#include "base/strings.h"
#include "probes/backup_probe.h"
#include "probes/position_ring.h"
#include "probes/probe_result_access.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "verify/backup_files.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

constexpr std::uint64_t kBytes = verify::kDefaultSegmentBytes;
constexpr std::uint64_t kCluster = 0x1234567890ABCDEF;

// As "pg_basebackup -X none" leaves it: it needs the segments from 3 to that of `end`.
std::string Manifest(const std::string& version, const std::string& end = "0/4000100",
                     const std::string& modified = "2026-01-02 03:04:05 GMT") {
  const std::string text =
      "{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n\"System-Identifier\": " +
      std::to_string(kCluster) +
      ",\n\"Files\": [\n{ \"Path\": \"PG_VERSION\", \"Size\": " + std::to_string(version.size()) +
      ", \"Last-Modified\": \"" + modified +
      "\", \"Checksum-Algorithm\": \"SHA256\", "
      "\"Checksum\": \"" +
      base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, version)) +
      "\" }\n],\n\"WAL-Ranges\": [\n{ \"Timeline\": 1, \"Start-LSN\": \"0/3000028\", "
      "\"End-LSN\": \"" +
      end + "\" }\n],\n";
  return text + "\"Manifest-Checksum\": \"" +
         base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, text)) + "\"}\n";
}

class BackupWalTest : public ::testing::Test {
 protected:
  BackupWalTest() {
    config_.name = "base";
    config_.type = "backup";
    config_.service = "shop";
    spec_.place.path = folder_.Path("backups");
    spec_.quiet_time = base::Duration(0);
    folder_.Write("backups/base-1/PG_VERSION", "15\n");
    folder_.Write("backups/base-1/backup_manifest", Manifest("15\n"));
    std::filesystem::create_directory(folder_.Path("backups/base-1/pg_wal"));
    // Later than the files were written.
    clock_.Advance(base::SystemClock().Now() + 1h - clock_.Now());
    database_ = *db::Database::OpenInMemory(BackupMigrations());
  }
  // A later one, whose WAL ends at `end`.
  void AddNext(const std::string& name, const std::string& end) {
    folder_.Write("backups/" + name + "/PG_VERSION", "15\n");
    folder_.Write("backups/" + name + "/backup_manifest", Manifest("15\n", end));
    std::filesystem::create_directory(folder_.Path("backups/" + name + "/pg_wal"));
  }
  void Touch(const std::string& name, base::Duration age) const {
    for (const char* const file : {"/PG_VERSION", "/backup_manifest"}) {
      std::filesystem::last_write_time(folder_.Path("backups/" + name + file),
                                       std::chrono::file_clock::from_sys(clock_.Now() - age));
    }
  }
  ArchiveNotes& notes() { return positions_.archive_notes(); }
  std::shared_ptr<ArchiveNotes::Archive> AddArchive(const std::string& probe,
                                                    base::Duration patience = {}) {
    return notes().AddArchive({probe, {"shop", spec_.data}, {}, std::nullopt, {}, patience});
  }
  void Hold(ArchiveNotes::Archive& archive, std::uint64_t first, std::uint64_t last,
            std::set<std::pair<std::uint32_t, std::uint64_t>> broken = {}) {
    catalog::WalHoldings holdings;
    holdings.system_identifier = kCluster;
    holdings.runs = {{1, first, last}};
    holdings.broken = std::move(broken);
    notes().PutHoldings(archive, std::move(holdings));
  }
  model::ProbeResult Run() {
    if (!probe_) {
      config_.spec = spec_;
      ProbeServices services;
      services.database = database_.get();
      services.clock = &clock_;
      services.positions = &positions_;
      probe_ = std::make_unique<BackupProbe>(config_, services);
    }
    return probe_->Run({base::Deadline::After(10s), {}, clock_.Now(), &clock_});
  }
  std::vector<catalog::WalBase> Bases() { return notes().Bases({}, {"shop", spec_.data}); }

  testing::TempDir folder_;
  testing::FakeClock clock_;
  std::unique_ptr<db::Database> database_;
  PositionRing positions_{nullptr};
  config::Probe config_;
  config::BackupProbe spec_;
  std::unique_ptr<BackupProbe> probe_;
};

TEST_F(BackupWalTest, IsGoodWhereAnArchiveHasItsWal) {
  const auto archive = AddArchive("wal");
  Hold(*archive, 2, 4);
  const model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  ASSERT_EQ(result.copies.size(), 1u);
  EXPECT_TRUE(result.copies[0].good);
  EXPECT_EQ(result.copies[0].level, 4);
  EXPECT_EQ(result.copies[0].wal_archives, std::vector<std::string>{"wal"});
  EXPECT_EQ(result.copies[0].problem, "");
  EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", "restorable"}}), 1);
  ASSERT_EQ(Bases().size(), 1u);
  EXPECT_EQ(Bases()[0].state, catalog::WalBase::State::kProven);
}

TEST_F(BackupWalTest, FollowsWhatTheArchiveHolds) {
  const auto archive = AddArchive("wal");
  Hold(*archive, 1, 3);
  const model::ProbeResult lacking = Run();
  const model::CheckOutcome& missing = lacking.Headline();
  EXPECT_EQ(missing.severity, Severity::kCritical);
  EXPECT_EQ(missing.reason, Reason::kIncomplete);
  EXPECT_EQ(missing.message,
            "its files are intact, but it carries no WAL and needs WAL 0/3000028 to 0/4000100 of "
            "timeline 1; archive \"wal\": 000000010000000000000004 is not there");
  EXPECT_EQ(ValueOf(lacking, "backup_success"), 0);
  EXPECT_EQ(ValueOf(lacking, "backup_check_success", {{"check", "restorable"}}), 0);
  // Nothing is wrong with its files.
  EXPECT_EQ(ValueOf(lacking, "backup_check_success", {{"check", "format"}}), 1);
  EXPECT_EQ(ValueOf(lacking, "backup_verification_success"), 1);
  Hold(*archive, 1, 4);
  EXPECT_TRUE(Run().ok()) << "its WAL arrived";
  Hold(*archive, 1, 4, {{1, 3}});
  EXPECT_NE(Run().Headline().message.find("000000010000000000000003 is damaged there"),
            std::string::npos);
  // Any archive will do.
  const auto other = AddArchive("wal-dr");
  Hold(*other, 3, 9);
  EXPECT_EQ(Run().copies.at(0).wal_archives, std::vector<std::string>{"wal-dr"});
  // Its files may break, too.
  folder_.Write("backups/base-1/PG_VERSION", "51\n");
  const model::ProbeResult broken = Run();
  EXPECT_EQ(broken.Headline().reason, Reason::kCorrupt);
  EXPECT_EQ(ValueOf(broken, "backup_verification_success"), 0);
  EXPECT_TRUE(Bases().empty()) << "no archive makes up for that";
}

// By hand, between pg_backup_start() and pg_backup_stop().
TEST_F(BackupWalTest, OneWithoutManifestAndWalNeedsItsArchiveToo) {
  std::filesystem::remove(folder_.Path("backups/base-1/backup_manifest"));
  std::string control(8192, '\0');  // of PostgreSQL 9.3: nothing is read of it but the cluster
  for (int i = 0; i < 8; ++i) control[i] = static_cast<char>(kCluster >> (8 * i));
  control[8] = static_cast<char>(937 & 0xFF);
  control[9] = static_cast<char>(937 >> 8);
  folder_.Write("backups/base-1/global/pg_control", control);
  folder_.Write("backups/base-1/base/1/1259", "pages");
  folder_.Write("backups/base-1/pg_xact/0000", "states");
  folder_.Write("backups/base-1/backup_label",
                "START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\n");
  const model::ProbeResult alone = Run();
  EXPECT_EQ(alone.Headline().severity, Severity::kCritical);
  EXPECT_TRUE(alone.Headline().message.starts_with("it carries no WAL and needs WAL 0/3000028"))
      << alone.Headline().message;
  EXPECT_EQ(ValueOf(alone, "backup_success"), 0);
  EXPECT_EQ(ValueOf(alone, "backup_verification_success"), std::nullopt) << "it is not damaged";
  EXPECT_FALSE(alone.copies.at(0).good) << "no way back of its own";
  const auto archive = AddArchive("wal");
  Hold(*archive, 3, 4);
  const model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_TRUE(result.copies.at(0).good);
  EXPECT_EQ(result.copies[0].level, 1);
  EXPECT_EQ(result.copies[0].wal_archives, std::vector<std::string>{"wal"});
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), std::nullopt) << "nor proven";
  Hold(*archive, 4, 9);
  EXPECT_EQ(Run().Headline().reason, Reason::kIncomplete);
}

TEST_F(BackupWalTest, IsNoStateToReturnToWhereTheServerWentBackFromIt) {
  const auto archive = AddArchive("wal");
  Hold(*archive, 2, 4);
  notes().PutLeft(*archive, {{"base", "base-0"}, {"other", "base-1"}});
  EXPECT_TRUE(Run().copies.at(0).good);
  notes().PutLeft(*archive, {{"base", "base-1"}});
  const model::ProbeResult left = Run();
  EXPECT_TRUE(left.ok()) << "the backup itself is what it should be";
  EXPECT_FALSE(left.copies.at(0).good);
  EXPECT_EQ(left.copies.at(0).problem,
            "taken on WAL that the server has left: it went on from an earlier point");
}

TEST_F(BackupWalTest, TheNewestThatTheServerHasNotLeftIsVerifiedToo) {
  folder_.Write("backups/base-0/PG_VERSION", "15\n");
  folder_.Write("backups/base-0/backup_manifest", Manifest("15\n"));
  std::filesystem::create_directory(folder_.Path("backups/base-0/pg_wal"));
  const auto archive = AddArchive("wal");
  Hold(*archive, 2, 4);
  Run();
  const auto level_of = [this](const std::string& name) {
    for (const model::StoredCopy& copy : Run().copies) {
      if (copy.name == name) return copy.level;
    }
    return -1;
  };
  const std::string newest = level_of("base-0") > 0 ? "base-0" : "base-1";
  const std::string other = newest == "base-0" ? "base-1" : "base-0";
  EXPECT_EQ(level_of(other), 0);
  notes().PutLeft(*archive, {{"base", newest}});
  EXPECT_EQ(level_of(other), 4);
}

TEST_F(BackupWalTest, IsNotGoodWithoutAnArchive) {
  const model::CheckOutcome alone = Run().Headline();
  EXPECT_EQ(alone.severity, Severity::kCritical);
  EXPECT_NE(alone.message.find("no wal_archive probe is configured for it"), std::string::npos);
  // Of another service.
  const auto foreign = notes().AddArchive({"wal-2", {"bank", spec_.data}, {}, std::nullopt});
  Hold(*foreign, 1, 9);
  EXPECT_FALSE(Run().copies.at(0).good);
  {
    const auto named = notes().AddArchive({"wal-3", {"bank", ""}, {"base"}, std::nullopt});
    Hold(*named, 1, 9);
    EXPECT_TRUE(Run().copies.at(0).good) << "an archive that names the probe";
  }
  EXPECT_FALSE(Run().copies.at(0).good) << "its probe is gone";
}

TEST_F(BackupWalTest, IsUnjudgedUntilTheArchiveWasLookedAt) {
  const auto archive = AddArchive("wal");
  base::StopSource stop;
  stop.RequestStop();  // nobody waits for it here
  config_.spec = spec_;
  ProbeServices services;
  services.clock = &clock_;
  services.positions = &positions_;
  BackupProbe probe(config_, services);
  (void)probe.Run({base::Deadline::After(10s), {}, clock_.Now(), &clock_});
  const auto result = probe.Run({base::Deadline::After(10s), stop.token(), clock_.Now(), &clock_});
  EXPECT_FALSE(result.copies.at(0).good);
  EXPECT_EQ(result.Headline().severity, Severity::kUnknown) << result.Headline().message;
  EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", "restorable"}}), std::nullopt);
  Hold(*archive, 1, 4);
  EXPECT_TRUE(probe.Run({base::Deadline::After(10s), {}, clock_.Now(), &clock_}).ok());
}

TEST_F(BackupWalTest, WhatItNeedsOutlivesARestart) {
  const auto archive = AddArchive("wal");
  Hold(*archive, 1, 4);
  EXPECT_TRUE(Run().ok());
  probe_.reset();
  Hold(*archive, 5, 6);
  const model::ProbeResult result = Run();
  EXPECT_EQ(result.Headline().reason, Reason::kIncomplete);
  EXPECT_NE(result.Headline().message.find("000000010000000000000003 is not there"),
            std::string::npos);
}

// Archives that are filled in batches.
TEST_F(BackupWalTest, WalMayBeOnItsWayForAsLongAsTheArchiveSays) {
  const auto archive = AddArchive("wal", 90min);
  Hold(*archive, 1, 3);
  Touch("base-1", 1h);
  const model::ProbeResult waits = Run();
  EXPECT_EQ(waits.Headline().severity, Severity::kUnknown) << Describe(waits);
  EXPECT_NE(waits.Headline().message.find("4 is not there; it may still come"), std::string::npos)
      << waits.Headline().message;
  EXPECT_EQ(ValueOf(waits, "backup_success"), 1);
  EXPECT_FALSE(waits.copies.at(0).good) << "it brings nothing back yet";
  EXPECT_FALSE(ValueOf(waits, "backup_last_success_timestamp_seconds"));
  probe_.reset();  // also over a restart
  clock_.Advance(31min);
  EXPECT_EQ(Run().Headline().severity, Severity::kCritical);
  EXPECT_EQ(ValueOf(Run(), "backup_success"), 0);
  Hold(*archive, 1, 4);
  EXPECT_TRUE(Run().ok());
}

TEST_F(BackupWalTest, WalThatWasThereAndIsGoneIsNotOnItsWay) {
  const auto archive = AddArchive("wal", 90min);
  Hold(*archive, 1, 4);
  Touch("base-1", 1h);
  EXPECT_TRUE(Run().ok());
  Hold(*archive, 1, 3);
  EXPECT_EQ(Run().Headline().severity, Severity::kCritical);
}

TEST_F(BackupWalTest, WhileItsWalIsAwaitedTheOneBeforeIsTheLatestGoodOne) {
  const auto archive = AddArchive("wal", 90min);
  AddNext("base-2", "0/5000100");
  Touch("base-1", 25h);
  Touch("base-2", 1h);
  Hold(*archive, 2, 4);
  spec_.min_count = 2;
  (void)Run();
  const model::ProbeResult waits = Run();
  EXPECT_EQ(waits.Headline().severity, Severity::kUnknown) << Describe(waits);
  EXPECT_EQ(ValueOf(waits, "backup_success"), 1);
  EXPECT_EQ(ValueOf(waits, "backup_check_success", {{"check", "count"}}), 1);
  EXPECT_TRUE(CheckOf(waits, "latest_good").message.starts_with("\"base-1\""))
      << CheckOf(waits, "latest_good").message;
  // Nothing comes that would make up for these.
  Hold(*archive, 2, 5, {{1, 5}});
  EXPECT_EQ(Run().Headline().severity, Severity::kCritical) << "damaged";
  Hold(*archive, 2, 4);
  EXPECT_EQ(Run().Headline().severity, Severity::kUnknown);
  Hold(*archive, 4, 4);
  EXPECT_EQ(Run().Headline().severity, Severity::kCritical) << "the one before never got its WAL";
}

TEST_F(BackupWalTest, ABaseOfAServerWhoseClockIsAheadIsAsOldAsItsFiles) {
  folder_.Write("backups/base-1/backup_manifest",
                Manifest("15\n", "0/4000100", "2099-01-02 03:04:05 GMT"));
  Touch("base-1", 1h);
  const auto archive = AddArchive("wal");
  Hold(*archive, 2, 4);
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_age_seconds"), 3600);
  EXPECT_EQ(CheckOf(result, "place").message,
            "\"base-1\" is from the future: its content says 2099-01-02T03:04:05Z");
  ASSERT_EQ(Bases().size(), 1u);
  EXPECT_EQ(Bases()[0].stopped, clock_.Now() - 1h);
}

TEST_F(BackupWalTest, ADateInTheFutureMakesNobodyWaitForEver) {
  const auto archive = AddArchive("wal", 90min);
  Hold(*archive, 1, 3);
  Touch("base-1", -12h);
  EXPECT_EQ(Run().Headline().severity, Severity::kUnknown);
  clock_.Advance(91min);
  EXPECT_EQ(Run().Headline().severity, Severity::kCritical);
}

// Without a manifest that says whose it is, as before PostgreSQL 17.
class BackupClusterTest : public BackupWalTest {
 protected:
  BackupClusterTest() { std::filesystem::remove_all(folder_.Path("backups/base-1")); }
  void Write(const std::string& name, const std::string& content) {
    folder_.Write("backups/base-1/" + name, content);
  }
  void WriteTar() {
    std::vector<verify::TarEntry> entries;
    for (const auto& [name, content] : verify::kFiles) entries.push_back({name, content});
    Write("base.tar", verify::Tar(entries));
    Write("pg_wal.tar", verify::Tar({{verify::kWal.names[0], verify::kWal.segments[0]},
                                     {verify::kWal.names[1], verify::kWal.segments[1]}}));
    Write("backup_manifest", verify::MakeManifest(verify::kFiles));
  }
};

TEST_F(BackupClusterTest, OneWithWalTellsItsClusterOnceItIsRead) {
  WriteTar();
  EXPECT_TRUE(Run().ok());
  ASSERT_EQ(Bases().size(), 1u);
  EXPECT_EQ(Bases()[0].system_identifier, kCluster);
  probe_.reset();
  notes().PutBases("base", {"shop", spec_.data}, {});
  Run();
  EXPECT_EQ(Bases().at(0).system_identifier, kCluster) << "after a restart";
}

TEST_F(BackupClusterTest, OneThatLiesThereAsFilesTellsItUnread) {
  spec_.verify.enabled = false;
  for (const auto& [name, content] : verify::kFiles) Write(name, content);
  Write("backup_manifest", verify::MakeManifest(verify::kFiles));
  Run();
  ASSERT_EQ(Bases().size(), 1u);
  EXPECT_EQ(Bases()[0].system_identifier, kCluster);
}

// Its manifest says when it began, which is hours ago where it is large.
TEST_F(BackupClusterTest, OneHasEndedWhenItsLastFileWasWritten) {
  WriteTar();
  const base::Timestamp end = base::FromUnixMillis(1'767'337'445'000);  // 2026-01-02T07:04:05
  for (const char* name : {"base.tar", "pg_wal.tar", "backup_manifest"}) {
    const bool last = std::string_view(name) == "backup_manifest";
    std::filesystem::last_write_time(folder_.Path(std::string("backups/base-1/") + name),
                                     std::chrono::file_clock::from_sys(last ? end : end - 1h));
  }
  Run();
  ASSERT_EQ(Bases().size(), 1u);
  EXPECT_EQ(Bases()[0].stopped, end);
  EXPECT_EQ(Bases()[0].begun, end - 4h);
}

TEST_F(BackupWalTest, APlaceThatIsNotThereHoldsNoBaseBackupsOneThatCannotBeListedMay) {
  const auto known = [this] {
    probe_.reset();
    Run();
    return notes().AwaitBases({}, {"shop", spec_.data}, base::Deadline::After(10s), {});
  };
  EXPECT_TRUE(known());
  spec_.place.path = folder_.Path("nothing");
  EXPECT_TRUE(known());
  spec_.place.path = folder_.Path("loop");
  std::filesystem::create_symlink("loop", spec_.place.path);
  EXPECT_FALSE(known());
}

TEST(NeededWalTest, KeepsTheClusterOfOneThatNeedsNone) {
  const verify::NeededWal again = verify::UnpackNeededWal(verify::PackNeededWal({{}, kCluster}));
  EXPECT_TRUE(again.empty());
  EXPECT_EQ(again.system_identifier, kCluster);
  EXPECT_EQ(verify::PackNeededWal({}), "");
}

TEST(NeededWalTest, PacksAndUnpacks) {
  const verify::NeededWal needed = {{{2, 5 * kBytes, 6 * kBytes}, {1, kBytes, 5 * kBytes}},
                                    kCluster};
  const verify::NeededWal again = verify::UnpackNeededWal(verify::PackNeededWal(needed));
  EXPECT_EQ(again.ToString(), needed.ToString());
  EXPECT_EQ(again.system_identifier, kCluster);
  for (const char* text : {"", "0/1", "0/1 0/1 0/2", "x", "0/1 0/1 0/2 y"}) {
    EXPECT_TRUE(verify::UnpackNeededWal(text).empty()) << text;
  }
}

}  // namespace
}  // namespace drwatch::probes
