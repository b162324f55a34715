#include "recovery/recovery_points.h"

#include <gtest/gtest.h>

namespace drwatch::recovery {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

constexpr base::Timestamp kNow = base::Timestamp(std::chrono::hours(480'000));

config::Config MakeConfig() {
  config::Config config;
  config.services.resize(1);
  config.services[0].name = "shop";
  config.services[0].rpo = 1h;
  config.services[0].rto = 4h;
  config.probes.resize(3);
  config.probes[0].name = "dump";
  config.probes[0].service = "shop";
  config.probes[0].spec = config::BackupProbe{};
  config.probes[1].name = "offsite";
  config.probes[1].service = "shop";
  config::BackupProbe offsite;
  offsite.offsite = true;
  config.probes[1].spec = offsite;
  config.probes[2].name = "standby";
  config.probes[2].service = "shop";
  config.probes[2].spec = config::PostgresProbe{};
  return config;
}

model::ProbeResult Backup(const std::string& probe, std::optional<base::Timestamp> point,
                          double visible = 1) {
  model::ProbeResult result;
  result.probe = probe;
  result.started = kNow;
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, visible);
  if (point)
    families.Gauge("backup_last_success_timestamp_seconds", "", {}, base::ToUnixSeconds(*point));
  result.families = families.Take();
  return result;
}

// Says in `result` that what lay before in the place of another one was of `point`.
void Replace(model::ProbeResult& result, base::Timestamp point) {
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, 1);
  families.Gauge("backup_presumed_timestamp_seconds", "", {}, base::ToUnixSeconds(point));
  result.families = families.Take();
}

model::ProbeResult Standby(double lag) {
  model::ProbeResult result;
  result.probe = "standby";
  result.started = kNow;
  model::FamilySet families;
  families.Gauge("postgres_up", "", {}, 1);
  families.Gauge("replication_lag_seconds", "", {}, lag);
  result.families = families.Take();
  return result;
}

const ScenarioReport* Find(const std::vector<ServiceReport>& reports, Scenario scenario) {
  for (const ServiceReport& report : reports) {
    for (const ScenarioReport& each : report.scenarios) {
      if (each.scenario == scenario) return &each;
    }
  }
  return nullptr;
}
std::optional<base::Timestamp> PointOf(const std::vector<ServiceReport>& reports,
                                       Scenario scenario) {
  const ScenarioReport* report = Find(reports, scenario);
  if (report == nullptr || report->Decisive() == nullptr) return std::nullopt;
  return report->Decisive()->point;
}

double Value(const std::vector<model::MetricFamily>& families, std::string_view name,
             Scenario scenario = Scenario::kDatabaseCorrupted) {
  for (const auto& family : families) {
    if (family.name != name) continue;
    for (const model::MetricPoint& point : family.points) {
      const std::string_view label = point.labels.Get("scenario");
      if (label.empty() || label == ScenarioName(scenario)) return point.value;
    }
  }
  return -1;
}

TEST(RecoveryPointsTest, EachScenarioCountsOnlyWhatSurvivesIt) {
  RecoveryPoints recovery(MakeConfig());
  const auto reports =
      recovery.Compute({Backup("dump", kNow - 2h), Backup("offsite", kNow - 5h), Standby(3)});
  EXPECT_EQ(PointOf(reports, Scenario::kDatabaseCorrupted), kNow - 2h);
  EXPECT_EQ(PointOf(reports, Scenario::kServerLost), kNow - 3s);
  EXPECT_EQ(PointOf(reports, Scenario::kSiteLost), kNow - 5h);
  EXPECT_EQ(Find(reports, Scenario::kRegionLost), nullptr) << "nobody said where anything lies";
  EXPECT_EQ(Find(reports, Scenario::kServerLost)->data[0].paths.size(), 3u);
  EXPECT_EQ(Find(reports, Scenario::kServerLost)->data[0].paths[0].kind, PathKind::kStandby);
}

TEST(RecoveryPointsTest, TheRegionCountsWhereBothSayTheirs) {
  config::Config config = MakeConfig();
  config.services[0].region = "us-east-1";
  std::get<config::BackupProbe>(config.probes[0].spec).region = "us-east-1";
  std::get<config::BackupProbe>(config.probes[1].spec).region = "us-west-2";
  std::get<config::PostgresProbe>(config.probes[2].spec).region = "eu-west-1";
  RecoveryPoints recovery(config);
  const auto reports =
      recovery.Compute({Backup("dump", kNow - 2h), Backup("offsite", kNow - 5h), Standby(3)});
  const ScenarioReport* lost = Find(reports, Scenario::kRegionLost);
  ASSERT_NE(lost, nullptr);
  ASSERT_EQ(lost->data[0].paths.size(), 2u);
  EXPECT_EQ(lost->data[0].paths[0].probe, "standby");
  EXPECT_EQ(lost->data[0].paths[1].probe, "offsite");
}

model::ProbeResult Archive(base::Timestamp end, std::vector<model::ReplayBase> bases) {
  model::ProbeResult result;
  result.probe = "wal";
  result.started = kNow;
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, 1);
  families.Gauge("pitr_window_end_timestamp_seconds", "", {}, base::ToUnixSeconds(end));
  families.Gauge("wal_archive_lag_seconds", "", {}, 0);
  families.Gauge("wal_archive_missing_segments", "", {}, 0);
  result.families = families.Take();
  result.replay_bases = std::move(bases);
  return result;
}

config::Config WithArchive(bool offsite) {
  config::Config config = MakeConfig();
  config::Probe& probe = config.probes.emplace_back();
  probe.name = "wal";
  probe.service = "shop";
  config::WalArchiveProbe archive;
  archive.offsite = offsite;
  archive.region = offsite ? "us-west-2" : "";
  probe.spec = archive;
  config.services[0].region = "us-east-1";
  std::get<config::BackupProbe>(config.probes[1].spec).region = "us-west-2";
  return config;
}

TEST(RecoveryPointsTest, AnArchiveReachesUpToTheEndOfItsWindow) {
  RecoveryPoints recovery(WithArchive(false));
  const auto point = [&](const model::ProbeResult& archive) {
    return PointOf(recovery.Compute({Backup("dump", kNow - 20h), archive}),
                   Scenario::kDatabaseCorrupted);
  };
  EXPECT_EQ(point(Archive(kNow - 90s, {{"dump", "base"}})), kNow - 90s);
  // Nothing is missing and nothing lags, and yet the way back ends before: a damaged segment, an
  // acknowledged gap.
  EXPECT_EQ(point(Archive(kNow - 5h, {{"dump", "base"}})), kNow - 5h);
  EXPECT_EQ(point(Archive(kNow - 5h, {})), kNow - 20h) << "no base backup is proven";
  EXPECT_EQ(point(Archive(kNow - 5h, {{"", "base"}})), kNow - 5h) << "told by the archive alone";
}

TEST(RecoveryPointsTest, AnArchiveNeedsABaseBackupThatSurvivesToo) {
  RecoveryPoints recovery(WithArchive(true));
  const auto compute = [&](std::vector<model::ReplayBase> bases) {
    return recovery.Compute({Backup("dump", kNow - 20h), Backup("offsite", kNow - 30h),
                             Archive(kNow - 5s, std::move(bases))});
  };
  const auto here = compute({{"", "told"}, {"dump", "base"}});
  EXPECT_EQ(PointOf(here, Scenario::kServerLost), kNow - 5s);
  EXPECT_EQ(PointOf(here, Scenario::kSiteLost), kNow - 30h);
  EXPECT_EQ(PointOf(here, Scenario::kRegionLost), kNow - 30h);
  const auto both = compute({{"offsite", "base-1"}, {"dump", "base-2"}});
  EXPECT_EQ(PointOf(both, Scenario::kSiteLost), kNow - 5s);
  EXPECT_EQ(PointOf(both, Scenario::kRegionLost), kNow - 5s);
  EXPECT_EQ(Find(both, Scenario::kSiteLost)->Decisive()->artefact, "base-1");
  EXPECT_EQ(Find(both, Scenario::kServerLost)->Decisive()->artefact, "base-2") << "the newest";
  // A base backup of another probe counts wherever that one looks.
  config::Config config = WithArchive(true);
  config::Probe& other = config.probes.emplace_back();
  other.name = "base";
  config::BackupProbe elsewhere;
  elsewhere.offsite = true;
  other.spec = elsewhere;
  RecoveryPoints named(config);
  EXPECT_EQ(PointOf(named.Compute({Archive(kNow - 5s, {{"base", "b"}})}), Scenario::kSiteLost),
            kNow - 5s);
}

model::StoredCopy GoodCopy(const std::string& name, base::Duration age,
                           std::vector<std::string> wal_archives) {
  model::StoredCopy copy;
  copy.name = name;
  copy.point = kNow - age;
  copy.good = true;
  copy.wal_archives = std::move(wal_archives);
  return copy;
}

TEST(RecoveryPointsTest, ABackupWithoutWalCountsWhereItsArchiveSurvives) {
  const auto compute = [](bool archive_offsite) {
    RecoveryPoints recovery(WithArchive(archive_offsite));
    model::ProbeResult offsite = Backup("offsite", kNow - 2h);
    offsite.copies = {GoodCopy("bare", 2h, {"wal"}), GoodCopy("whole", 30h, {}),
                      GoodCopy("older", 40h, {})};
    return recovery.Compute({offsite, Archive(kNow - 5h, {})});
  };
  const auto near = compute(false);
  EXPECT_EQ(PointOf(near, Scenario::kServerLost), kNow - 2h);
  EXPECT_EQ(PointOf(near, Scenario::kSiteLost), kNow - 30h) << "its WAL is lost with the site";
  EXPECT_EQ(Find(near, Scenario::kSiteLost)->Decisive()->artefact, "whole");
  EXPECT_EQ(PointOf(compute(true), Scenario::kSiteLost), kNow - 2h);
}

TEST(RecoveryPointsTest, ABackupAndTheArchiveThatItNeedsAreOneWay) {
  RecoveryPoints recovery(WithArchive(false));
  model::ProbeResult dump = Backup("dump", kNow - 2h);
  dump.copies = {GoodCopy("bare", 2h, {"wal"})};
  const auto reports = recovery.Compute({dump, Archive(kNow - 90s, {{"dump", "bare"}})});
  const ScenarioReport* lost = Find(reports, Scenario::kServerLost);
  ASSERT_EQ(lost->data[0].paths.size(), 1u);
  EXPECT_EQ(lost->data[0].paths[0].kind, PathKind::kWalArchive);
  dump.copies = {GoodCopy("bare", 2h, {"elsewhere", "wal"})};
  const auto two = recovery.Compute({dump, Archive(kNow - 90s, {{"dump", "bare"}})});
  EXPECT_EQ(Find(two, Scenario::kServerLost)->data[0].paths.size(), 2u);
}

TEST(RecoveryPointsTest, WaysThatNeedTheSamePlaceAreCountedOnce) {
  config::Config config = WithArchive(false);
  const auto paths = [&config](const std::vector<model::ProbeResult>& latest) {
    RecoveryPoints recovery(config);
    return Value(recovery.Families(recovery.Compute(latest), kNow), "dr_recovery_paths");
  };
  const auto dump = Backup("dump", kNow - 600s);
  const auto offsite = Backup("offsite", kNow - 600s);
  EXPECT_EQ(paths({dump, Archive(kNow - 90s, {{"dump", "base"}})}), 1)
      << "the WAL is lost with the base backup";
  EXPECT_EQ(paths({Backup("dump", kNow - 20h), Archive(kNow - 90s, {{"dump", "base"}})}), 1)
      << "which keeps no hour itself";
  EXPECT_EQ(paths({dump, Archive(kNow - 90s, {{"dump", "base"}, {"offsite", "base"}})}), 2);
  EXPECT_EQ(paths({dump, Archive(kNow - 90s, {{"", "told"}})}), 2) << "lies nobody knows where";
  EXPECT_EQ(paths({dump, offsite}), 2);
  std::get<config::BackupProbe>(config.probes[0].spec).place.path = "/backup/shop";
  std::get<config::BackupProbe>(config.probes[1].spec).place.path = "/backup/./shop/";
  EXPECT_EQ(paths({dump, offsite}), 1) << "two probes of one place";
  std::get<config::BackupProbe>(config.probes[1].spec).place.path = "/other/shop";
  EXPECT_EQ(paths({dump, offsite}), 2);
}

TEST(RecoveryPointsTest, WhileTheEndOfTheWalIsNotReadItsBaseBackupStands) {
  RecoveryPoints recovery(WithArchive(false));
  model::ProbeResult archive = Archive(kNow - 90s, {{"dump", "base"}});
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, 1);
  families.Gauge("pitr_window_start_timestamp_seconds", "", {}, base::ToUnixSeconds(kNow - 3h));
  archive.families = families.Take();
  EXPECT_EQ(PointOf(recovery.Compute({archive}), Scenario::kServerLost), kNow - 3h);
}

TEST(RecoveryPointsTest, TheDataThatComesBackOldestDecides) {
  config::Config config = MakeConfig();
  std::get<config::BackupProbe>(config.probes[1].spec).data = "files";
  RecoveryPoints recovery(config);
  auto reports = recovery.Compute({Backup("dump", kNow - 2h), Backup("offsite", kNow - 600s)});
  EXPECT_EQ(PointOf(reports, Scenario::kDatabaseCorrupted), kNow - 2h);
  EXPECT_EQ(PointOf(reports, Scenario::kSiteLost), kNow - 600s) << "only files are kept there";
  auto families = recovery.Families(reports, kNow);
  EXPECT_EQ(Value(families, "dr_rpo_achieved_seconds"), 7200);
  EXPECT_EQ(Value(families, "dr_recovery_paths"), 0) << "the database's keeps no hour";
  // Fresh dumps are of no use to files that are gone.
  reports = recovery.Compute({Backup("dump", kNow - 60s), Backup("offsite", std::nullopt)});
  EXPECT_EQ(PointOf(reports, Scenario::kDatabaseCorrupted), std::nullopt);
  families = recovery.Families(reports, kNow + 60s);
  EXPECT_EQ(Value(families, "dr_recovery_paths"), 0);
  EXPECT_EQ(Value(families, "dr_rpo_achieved_seconds"), -1);
  EXPECT_EQ(Value(families, "dr_rpo_violation_seconds_total"), 60);
}

// Nobody says what the probe's backups hold.
TEST(RecoveryPointsTest, ASnapshotOfRedisStandsInForNoDatabase) {
  config::Config config = MakeConfig();
  std::get<config::BackupProbe>(config.probes[1].spec).data_guessed = true;
  RecoveryPoints recovery(config);
  model::ProbeResult snapshot = Backup("offsite", kNow - 60s);
  model::StoredCopy copy;
  copy.kind = "rdb";
  copy.point = kNow - 60s;
  copy.good = true;
  snapshot.copies = {copy};
  auto reports = recovery.Compute({Backup("dump", kNow - 2h), snapshot});
  EXPECT_EQ(PointOf(reports, Scenario::kDatabaseCorrupted), kNow - 2h);
  // It is known what lay there when nothing does any more.
  reports = recovery.Compute({Backup("dump", kNow - 2h), Backup("offsite", std::nullopt)});
  EXPECT_EQ(PointOf(reports, Scenario::kDatabaseCorrupted), std::nullopt);
  snapshot.copies[0].kind = "files";
  reports = recovery.Compute({Backup("dump", kNow - 2h), snapshot});
  EXPECT_EQ(PointOf(reports, Scenario::kDatabaseCorrupted), kNow - 60s);
}

TEST(RecoveryPointsTest, NamesTheNewestCopyThatPassedEverything) {
  RecoveryPoints recovery(MakeConfig());
  model::ProbeResult result = Backup("dump", kNow - 26h);
  result.target = "/backup";
  model::StoredCopy broken;
  broken.name = "shop-3.dump";
  broken.point = kNow - 2h;
  model::StoredCopy good;
  good.name = "shop-2.dump";
  good.point = kNow - 26h;
  good.good = true;
  result.copies = {broken, good};
  const auto reports = recovery.Compute({result});
  const RecoveryPath path = *Find(reports, Scenario::kDatabaseCorrupted)->Decisive();
  EXPECT_EQ(path.artefact, "shop-2.dump");
  EXPECT_EQ(path.point, kNow - 26h);
  EXPECT_EQ(path.target, "/backup");
}

TEST(RecoveryPointsTest, AReplacedBackupStandsInWhileItIsNewer) {
  RecoveryPoints points(MakeConfig());
  auto dump = Backup("dump", std::nullopt);
  Replace(dump, kNow - 2h);
  auto reports = points.Compute({dump});
  EXPECT_EQ(PointOf(reports, Scenario::kServerLost), kNow - 2h);
  EXPECT_TRUE(Find(reports, Scenario::kServerLost)->Decisive()->presumed);
  model::StoredCopy copy;
  copy.point = kNow - 5h;
  copy.good = true;
  dump.copies = {copy};
  EXPECT_EQ(PointOf(points.Compute({dump}), Scenario::kServerLost), kNow - 2h);
  dump.copies[0].point = kNow - 1h;
  reports = points.Compute({dump});
  EXPECT_EQ(PointOf(reports, Scenario::kServerLost), kNow - 1h);
  EXPECT_FALSE(Find(reports, Scenario::kServerLost)->Decisive()->presumed);
}

TEST(RecoveryPointsTest, WhatPassedEverythingAndIsNotGoodIsNoPoint) {
  RecoveryPoints recovery(MakeConfig());
  model::ProbeResult result = Backup("dump", kNow - 2h);
  model::StoredCopy left;
  left.point = kNow - 2h;  // taken on WAL that the server has left
  model::StoredCopy unproven;
  unproven.point = kNow - 9h;
  result.copies = {left, unproven};
  EXPECT_EQ(PointOf(recovery.Compute({result}), Scenario::kServerLost), std::nullopt);
  result.copies = {unproven};
  EXPECT_EQ(PointOf(recovery.Compute({result}), Scenario::kServerLost), kNow - 2h);
}

TEST(RecoveryPointsTest, BlindnessKeepsThePointAndABackupThatIsGoneLosesIt) {
  RecoveryPoints recovery(MakeConfig());
  recovery.Compute({Backup("dump", kNow - 2h)});
  EXPECT_EQ(
      PointOf(recovery.Compute({Backup("dump", std::nullopt, 0)}), Scenario::kDatabaseCorrupted),
      kNow - 2h);
  const auto gone = recovery.Compute({Backup("dump", std::nullopt, 1)});
  EXPECT_EQ(PointOf(gone, Scenario::kDatabaseCorrupted), std::nullopt);
  // The scenario stays: that nothing would come back is what must be said.
  const auto families = recovery.Families(gone, kNow);
  EXPECT_EQ(Value(families, "dr_recovery_paths"), 0);
  EXPECT_EQ(Value(families, "dr_rpo_achieved_seconds"), -1);
}

TEST(RecoveryPointsTest, FamiliesHoldTargetAndAge) {
  RecoveryPoints recovery(MakeConfig());
  const auto families = recovery.Families(recovery.Compute({Backup("dump", kNow - 2h)}), kNow);
  EXPECT_EQ(Value(families, "dr_rpo_target_seconds"), 3600);
  EXPECT_EQ(Value(families, "dr_rto_target_seconds"), 4 * 3600);
  EXPECT_EQ(Value(families, "dr_rpo_achieved_seconds"), 7200);
  EXPECT_EQ(Value(families, "dr_recovery_paths"), 0) << "none keeps the objective of an hour";
}

TEST(RecoveryPointsTest, CountsHowLongTheObjectiveWasKept) {
  RecoveryPoints recovery(MakeConfig());
  const auto reports = recovery.Compute({Backup("dump", kNow), Standby(1)});
  recovery.Families(reports, kNow);
  // Kept for an hour, then violated.
  base::Timestamp now = kNow;
  for (int minute = 1; minute <= 62; ++minute) {
    now = kNow + std::chrono::minutes(minute);
    recovery.Families(reports, now);
  }
  const auto families = recovery.Families(reports, now);
  EXPECT_EQ(Value(families, "dr_rpo_observed_seconds_total"), 62 * 60);
  EXPECT_EQ(Value(families, "dr_rpo_violation_seconds_total"), 2 * 60);
  // A suspended machine watched nothing.
  EXPECT_EQ(Value(recovery.Families(reports, now + 3h), "dr_rpo_observed_seconds_total"), 62 * 60);
}

// A primary's probe has no lag; nor has a standby that is down or was promoted.
model::ProbeResult WithoutLag() {
  model::ProbeResult result;
  result.probe = "standby";
  result.started = kNow;
  model::FamilySet families;
  families.Gauge("postgres_up", "", {}, 1);
  result.families = families.Take();
  return result;
}

TEST(RecoveryPointsTest, AScenarioStaysWhenItsOnlyStandbyIsGone) {
  auto config = MakeConfig();
  config.probes.erase(config.probes.begin() + 1);
  auto& standby = std::get<config::PostgresProbe>(config.probes[1].spec);
  standby.offsite = true;
  RecoveryPoints unknown(config);
  EXPECT_EQ(Find(unknown.Compute({Backup("dump", kNow), WithoutLag()}), Scenario::kSiteLost),
            nullptr)
      << "it may be the primary";
  unknown.Compute({Backup("dump", kNow), Standby(1)});
  const auto once = unknown.Compute({Backup("dump", kNow), WithoutLag()});
  ASSERT_NE(Find(once, Scenario::kSiteLost), nullptr) << "it was a standby";
  EXPECT_EQ(Find(once, Scenario::kSiteLost)->Decisive(), nullptr);
  standby.expect.role = config::PostgresProbe::Role::kStandby;
  RecoveryPoints meant(config);
  const auto reports = meant.Compute({Backup("dump", kNow), WithoutLag()});
  ASSERT_NE(Find(reports, Scenario::kSiteLost), nullptr) << "it is meant to be one";
  EXPECT_EQ(Find(reports, Scenario::kSiteLost)->Decisive(), nullptr);
}

TEST(RecoveryPointsTest, AClockThatIsSetBackTakesNothingFromTheCounters) {
  RecoveryPoints recovery(MakeConfig());
  const auto reports = recovery.Compute({Backup("dump", kNow - 5h)});
  const auto observed = [&](base::Timestamp now) {
    return Value(recovery.Families(reports, now), "dr_rpo_observed_seconds_total");
  };
  EXPECT_EQ(observed(kNow), 0);
  EXPECT_EQ(observed(kNow + 30s), 30);
  EXPECT_EQ(observed(kNow - 10h), 30);
  EXPECT_EQ(observed(kNow - 10h + 5s), 35);
}

}  // namespace
}  // namespace drwatch::recovery
