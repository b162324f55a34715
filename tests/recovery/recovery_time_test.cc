#include "recovery/recovery_time.h"

#include <gtest/gtest.h>

#include "recovery/recovery_points.h"

namespace drwatch::recovery {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

constexpr base::Timestamp kNow = base::Timestamp(std::chrono::hours(480'000));
constexpr std::int64_t kGiB = 1 << 30;

RestoreStep Step(std::optional<std::int64_t> bytes, std::optional<model::Reading> reading,
                 base::Duration retrieval = base::Duration(0)) {
  RestoreStep step;
  step.bytes = bytes;
  step.reading = reading;
  step.retrieval = retrieval;
  return step;
}

TEST(RecoveryTimeTest, AllStoredBytesAreReadAsQuicklyAsSomeWere) {
  EXPECT_EQ(Step(10 * kGiB, {{kGiB, 20s}}).AtLeastSeconds(), 200);
  EXPECT_EQ(Step(10 * kGiB, {{kGiB, 20s}}, 5h).AtLeastSeconds(), 5 * 3600 + 200);
  EXPECT_EQ(Step(10 * kGiB, {{kGiB, 0s}}).AtLeastSeconds(), 0) << "too quick to be measured";
  EXPECT_EQ(Step(0, std::nullopt).AtLeastSeconds(), 0);
}

TEST(RecoveryTimeTest, WithoutAMeasureThereIsNoEstimate) {
  EXPECT_EQ(Step(kGiB, std::nullopt).AtLeastSeconds(), std::nullopt);
  EXPECT_EQ(Step(std::nullopt, {{kGiB, 20s}}).AtLeastSeconds(), std::nullopt);
  EXPECT_EQ(AtLeastSeconds({Step(kGiB, {{kGiB, 20s}}), Step(kGiB, std::nullopt)}), std::nullopt);
  EXPECT_EQ(AtLeastSeconds({}), 0) << "a standby takes over";
  EXPECT_EQ(AtLeastSeconds({Step(kGiB, {{kGiB, 20s}}), Step(kGiB, {{kGiB, 5s}})}), 25);
}

// Two backup probes (the second elsewhere and off-site), a standby and a WAL archive.
config::Config MakeConfig() {
  config::Config config;
  config.services.resize(1);
  config.services[0].name = "shop";
  config.services[0].rto = 4h;
  config::BackupProbe offsite;
  offsite.offsite = true;
  config::WalArchiveProbe archive;
  archive.offsite = true;
  for (const auto& [name, spec] :
       std::vector<std::pair<std::string, config::ProbeSpec>>{{"dump", config::BackupProbe{}},
                                                              {"offsite", offsite},
                                                              {"standby", config::PostgresProbe{}},
                                                              {"wal", archive}}) {
    config::Probe& probe = config.probes.emplace_back();
    probe.name = name;
    probe.service = "shop";
    probe.spec = spec;
  }
  return config;
}

model::StoredCopy Copy(const std::string& name, base::Duration age, std::int64_t bytes,
                       std::optional<model::Reading> reading) {
  model::StoredCopy copy;
  copy.name = name;
  copy.point = kNow - age;
  copy.good = true;
  copy.restore_bytes = bytes;
  copy.reading = reading;
  return copy;
}

model::ProbeResult Backup(const std::string& probe, std::vector<model::StoredCopy> copies,
                          double visible = 1) {
  model::ProbeResult result;
  result.probe = probe;
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, visible);
  result.families = families.Take();
  result.copies = std::move(copies);
  return result;
}

model::ProbeResult Archive(std::vector<model::ReplayBase> bases) {
  model::ProbeResult result = Backup("wal", {});
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, 1);
  families.Gauge("pitr_window_end_timestamp_seconds", "", {}, base::ToUnixSeconds(kNow - 5s));
  result.families = families.Take();
  result.replay_bases = std::move(bases);
  return result;
}

model::ProbeResult Standby() {
  model::ProbeResult result;
  result.probe = "standby";
  result.started = kNow;
  model::FamilySet families;
  families.Gauge("postgres_up", "", {}, 1);
  families.Gauge("replication_lag_seconds", "", {}, 1);
  result.families = families.Take();
  return result;
}

std::optional<double> Estimate(const std::vector<ServiceReport>& reports, Scenario scenario) {
  for (const ScenarioReport& each : reports.at(0).scenarios) {
    if (each.scenario == scenario) return each.EstimatedSeconds();
  }
  return std::nullopt;
}

TEST(RecoveryTimeTest, EachScenarioHasTheTimeOfItsNewestWayBack) {
  RecoveryPoints recovery(MakeConfig());
  const auto reports = recovery.Compute(
      {Backup("dump", {Copy("new", 1h, 100 * kGiB, {{kGiB, 2s}})}),
       Backup("offsite", {Copy("old", 30h, 100 * kGiB, {{kGiB, 30s}})}), Standby()});
  EXPECT_EQ(Estimate(reports, Scenario::kDatabaseCorrupted), 200);
  EXPECT_EQ(Estimate(reports, Scenario::kServerLost), 0) << "the standby takes over";
  EXPECT_EQ(Estimate(reports, Scenario::kSiteLost), 3000);
  EXPECT_EQ(reports[0].rto_target_seconds, 4 * 3600);
  const auto families = recovery.Families(reports, kNow);
  const auto family = std::find_if(families.begin(), families.end(), [](const auto& each) {
    return each.name == "dr_rto_estimated_seconds";
  });
  ASSERT_NE(family, families.end());
  EXPECT_EQ(family->points.size(), 3u);
  EXPECT_NE(family->help.find("lower bound"), std::string::npos);
}

TEST(RecoveryTimeTest, TheDataThatTakesLongestDecides) {
  config::Config config = MakeConfig();
  std::get<config::BackupProbe>(config.probes[1].spec).data = "files";
  RecoveryPoints recovery(config);
  const model::ProbeResult dump = Backup("dump", {Copy("a", 1h, kGiB, {{kGiB, 2s}})});
  auto reports = recovery.Compute({dump, Backup("offsite", {Copy("b", 1h, kGiB, {{kGiB, 9s}})})});
  EXPECT_EQ(Estimate(reports, Scenario::kServerLost), 9) << "side by side, not 11";
  // That one of them is quick says nothing while nobody knows the other one.
  reports = recovery.Compute({dump, Backup("offsite", {Copy("b", 1h, kGiB, std::nullopt)})});
  EXPECT_EQ(Estimate(reports, Scenario::kServerLost), std::nullopt);
  reports = recovery.Compute({dump, Backup("offsite", {})});
  EXPECT_EQ(Estimate(reports, Scenario::kServerLost), std::nullopt) << "it does not come back";
}

TEST(RecoveryTimeTest, WalIsReplayedOnTheBaseBackupThatSurvives) {
  RecoveryPoints recovery(MakeConfig());
  const model::Reading wal{kGiB, 4s};
  // The archive's result comes before those of the base backups, and knows them all the same.
  const auto archive =
      Archive({{"offsite", "base-1", 50 * kGiB, wal}, {"dump", "base-2", 10 * kGiB, wal}});
  const auto reports =
      recovery.Compute({archive, Backup("dump", {Copy("base-2", 2h, 100 * kGiB, {{kGiB, 2s}})}),
                        Backup("offsite", {Copy("base-1", 9h, 100 * kGiB, {{kGiB, 30s}})})});
  EXPECT_EQ(Estimate(reports, Scenario::kServerLost), 200 + 40);
  EXPECT_EQ(Estimate(reports, Scenario::kSiteLost), 3000 + 200);
  const RecoveryPath& path = reports[0].scenarios[0].data[0].paths[0];
  ASSERT_EQ(path.steps.size(), 2u);
  EXPECT_EQ(path.steps[0].artefact, "base-2");
  EXPECT_EQ(path.steps[0].probe, "dump");
  EXPECT_EQ(path.steps[1].kind, RestoreStep::Kind::kWal);
  EXPECT_EQ(path.steps[1].probe, "wal");
}

TEST(RecoveryTimeTest, ABaseBackupThatNobodyFoundHasNoTime) {
  RecoveryPoints recovery(MakeConfig());
  const auto reports = recovery.Compute({Archive({{"", "told", kGiB, {{kGiB, 4s}}}})});
  EXPECT_EQ(Estimate(reports, Scenario::kServerLost), std::nullopt);
}

TEST(RecoveryTimeTest, ABlindProbeForgetsNoTimeAndABackupThatIsGoneTakesItsTimeAlong) {
  RecoveryPoints recovery(MakeConfig());
  const auto archive = Archive({{"dump", "base", kGiB, {{kGiB, 4s}}}});
  recovery.Compute({archive, Backup("dump", {Copy("base", 2h, kGiB, {{kGiB, 2s}})})});
  EXPECT_EQ(Estimate(recovery.Compute({archive, Backup("dump", {}, 0)}), Scenario::kServerLost), 6);
  EXPECT_EQ(Estimate(recovery.Compute({archive, Backup("dump", {}, 1)}), Scenario::kServerLost),
            std::nullopt);
}

}  // namespace
}  // namespace drwatch::recovery
