// A backup probe on a pgBackRest repository.
#include "probes/backup_repository.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "catalog/pgbackrest_repository.h"
#include "probes/backup_probe.h"
#include "probes/position_ring.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace drwatch::probes {
namespace {

using catalog::PgBackRestRepository;
using model::Reason;
using model::Severity;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

class BackupRepositoryTest : public ::testing::Test {
 protected:
  BackupRepositoryTest() {
    config_.name = "nightly";
    config_.type = "backup";
    config_.service = "shop";
    spec_.place.path = folder_.path();
    spec_.repository = config::Repository::kPgBackRest;
    spec_.max_age = 26h;
    database_ = *db::Database::OpenInMemory(BackupMigrations());
  }
  void Save(const PgBackRestRepository& repository) { repository.Save(folder_); }
  model::ProbeResult Run() {
    if (!probe_) {
      config_.spec = spec_;
      ProbeServices services;
      services.database = database_.get();
      services.clock = &clock_;
      services.positions = &positions_;
      probe_ = std::make_unique<BackupProbe>(config_, services);
    }
    last_ = probe_->Run({base::Deadline::After(10s), {}, clock_.Now(), &clock_});
    return last_;
  }
  std::optional<double> Value(std::string_view name, std::string_view label = {},
                              std::string_view value = {}) const {
    for (const model::MetricFamily& family : last_.families) {
      if (family.name != name) continue;
      for (const model::MetricPoint& point : family.points) {
        if (label.empty() || point.labels.Get(label) == value) return point.value;
      }
    }
    return std::nullopt;
  }
  model::CheckOutcome Check(std::string_view name) const {
    for (const model::CheckOutcome& check : last_.checks) {
      if (check.name == name) return check;
    }
    return {"absent", Severity::kOk, Reason::kNone, {}, {}};
  }

  testing::TempDir folder_;
  // An hour after the last backup of the repository.
  testing::FakeClock clock_{
      base::FromUnixMillis(1000 * (PgBackRestRepository::kFirst + 26 * 3600))};
  PositionRing positions_{nullptr, &clock_};
  std::unique_ptr<db::Database> database_;
  config::Probe config_;
  config::BackupProbe spec_;
  std::unique_ptr<BackupProbe> probe_;
  model::ProbeResult last_;
};

TEST_F(BackupRepositoryTest, AnIntactRepositoryIsWell) {
  Save(PgBackRestRepository().Build());
  Run();
  EXPECT_EQ(last_.severity(), Severity::kOk) << last_.Headline().name << last_.Headline().message;
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_check_success", "check", "restorable"), 1);
  EXPECT_EQ(Value("backup_check_success", "check", "attempts"), 1);
  EXPECT_EQ(Value("backup_check_success", "check", "source"), 1);
  EXPECT_EQ(Value("backup_stored_backups"), 3);
  EXPECT_EQ(Value("backup_stored_bytes"), 30000);  // what each of them takes itself
  EXPECT_EQ(Value("backup_last_size_bytes"), 30000);
  EXPECT_EQ(Value("backup_verification_success"), 1);
  EXPECT_EQ(Value("backup_verification_level"), 4);
  EXPECT_EQ(Value("backup_failed_attempts"), 0);
  // By the time inside of it, whatever the files' times are.
  EXPECT_EQ(Value("backup_age_seconds"), 3600 - 60);
  EXPECT_EQ(Value("backup_kind_last_completion_timestamp_seconds", "kind", "full"),
            static_cast<double>(PgBackRestRepository::kFirst + 60));
  EXPECT_EQ(Value("backup_kind_last_completion_timestamp_seconds", "kind", "incremental"),
            static_cast<double>(PgBackRestRepository::kFirst + 25 * 3600 + 60));
  ASSERT_EQ(last_.copies.size(), 3u);
  EXPECT_TRUE(last_.copies[0].good);
  EXPECT_EQ(last_.copies[0].name, PgBackRestRepository::kIncr);
  // WAL can carry on each of them.
  const auto bases = positions_.archive_notes().Bases({}, {"shop", "database"});
  ASSERT_EQ(bases.size(), 3u);
  EXPECT_EQ(bases[0].start, 0x1700028u);
  EXPECT_EQ(bases[0].timeline, 1u);
}

TEST_F(BackupRepositoryTest, WhatIsMissingShowsAtOnce) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  Save(repository);
  Run();
  const std::string wal = repository.WalFile("000000010000000000000018");
  std::filesystem::remove(folder_.Path(wal));
  Run();
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Check("restorable").severity, Severity::kCritical);
  EXPECT_EQ(Check("restorable").reason, Reason::kIncomplete);
  EXPECT_NE(Check("restorable").message.find("missing from 000000010000000000000018"),
            std::string::npos);
  ASSERT_FALSE(last_.copies.empty());
  EXPECT_FALSE(last_.copies[0].good);
  EXPECT_NE(last_.copies[0].problem.find("WAL"), std::string::npos);
  folder_.Write(wal, repository.files[wal]);
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
}

TEST_F(BackupRepositoryTest, AFlippedByteShowsAtOnce) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  Save(repository);
  Run();
  const std::string name =
      std::string("backup/main/") + PgBackRestRepository::kFull + "/pg_data/base/1/1259.lz4";
  std::string bytes = repository.files[name];
  bytes[bytes.size() / 2] ^= 1;
  folder_.Write(name, bytes);
  Run();
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_verification_success"), 0);
  EXPECT_EQ(Check("format").reason, Reason::kCorrupt);
  EXPECT_NE(Check("format").message.find("pg_data/base/1/1259.lz4"), std::string::npos);
}

TEST_F(BackupRepositoryTest, ALeastKindIsAsked) {
  spec_.kind = "full";
  Save(PgBackRestRepository().Build());
  Run();
  EXPECT_EQ(Value("backup_stored_backups"), 1);
  EXPECT_EQ(Value("backup_age_seconds"), 26 * 3600 - 60);
  spec_.kind = "differential";
  probe_.reset();
  Run();
  EXPECT_EQ(Value("backup_stored_backups"), 2);
}

TEST_F(BackupRepositoryTest, FailedAttemptsAndDamagedPagesAreWarnings) {
  PgBackRestRepository repository;
  repository.extra_keys = ",\"backup-error\":true";
  repository.Build();
  repository.files["backup/main/20261122-010000F/backup.manifest.copy"] = "x";
  Save(repository);
  // Two days later.
  clock_.Advance(48h);
  spec_.max_age = 100h;
  const auto when = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(
      folder_.Path("backup/main/20261122-010000F/backup.manifest.copy"),
      when +
          std::chrono::milliseconds(base::ToUnixMillis(clock_.Now()) -
                                    base::ToUnixMillis(base::SystemClock().Now())) -
          25h);
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_failed_attempts"), 1);
  EXPECT_EQ(Check("attempts").severity, Severity::kWarning);
  EXPECT_EQ(Check("source").severity, Severity::kWarning);
  EXPECT_EQ(Check("source").reason, Reason::kCorrupt);
}

TEST_F(BackupRepositoryTest, AnEmptyStanzaHasNoBackup) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  for (const char* const label :
       {PgBackRestRepository::kFull, PgBackRestRepository::kDiff, PgBackRestRepository::kIncr}) {
    repository.Forget(label);
    repository.RemoveFolder(label);
  }
  Save(repository);
  Run();
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_EQ(Value("backup_probe_success"), 1);
  EXPECT_EQ(Check("exists").reason, Reason::kNotFound);
}

TEST_F(BackupRepositoryTest, ADamagedListIsAWarningWhileItsCopyIsWhole) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  repository.files["backup/main/backup.info"].resize(100);
  Save(repository);
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Check("place").severity, Severity::kWarning);
  EXPECT_NE(Check("place").message.find("backup.info"), std::string::npos);
}

}  // namespace
}  // namespace drwatch::probes
