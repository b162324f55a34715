#include "recovery/recovery_points.h"

#include <gtest/gtest.h>

namespace drwatch::recovery {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

constexpr base::Timestamp kNow = base::Timestamp(std::chrono::hours(480'000));

config::Config MakeConfig() {
  config::Config config;
  config.services = {{"shop", "L1", 1h, std::nullopt, {}}};
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
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, visible);
  if (point)
    families.Gauge("backup_last_success_timestamp_seconds", "", {}, base::ToUnixSeconds(*point));
  result.families = families.Take();
  return result;
}

model::ProbeResult Standby(double lag) {
  model::ProbeResult result;
  result.probe = "standby";
  model::FamilySet families;
  families.Gauge("postgres_up", "", {}, 1);
  families.Gauge("replication_lag_seconds", "", {}, lag);
  result.families = families.Take();
  return result;
}

std::optional<base::Timestamp> PointOf(const std::vector<RecoveryPoint>& points,
                                       Scenario scenario) {
  for (const RecoveryPoint& point : points) {
    if (point.scenario == scenario) return point.time;
  }
  return std::nullopt;
}

TEST(RecoveryPointsTest, EachScenarioCountsOnlyWhatSurvivesIt) {
  RecoveryPoints recovery(MakeConfig());
  const auto points =
      recovery.Compute({Backup("dump", kNow - 2h), Backup("offsite", kNow - 5h), Standby(3)}, kNow);
  EXPECT_EQ(PointOf(points, Scenario::kDatabaseCorrupted), kNow - 2h);
  EXPECT_EQ(PointOf(points, Scenario::kServerLost), kNow - 3s);
  EXPECT_EQ(PointOf(points, Scenario::kSiteLost), kNow - 5h);
}

TEST(RecoveryPointsTest, BlindnessKeepsThePointAndABackupThatIsGoneLosesIt) {
  RecoveryPoints recovery(MakeConfig());
  recovery.Compute({Backup("dump", kNow - 2h)}, kNow);
  EXPECT_EQ(PointOf(recovery.Compute({Backup("dump", std::nullopt, 0)}, kNow),
                    Scenario::kDatabaseCorrupted),
            kNow - 2h);
  EXPECT_EQ(PointOf(recovery.Compute({Backup("dump", std::nullopt, 1)}, kNow),
                    Scenario::kDatabaseCorrupted),
            std::nullopt);
}

TEST(RecoveryPointsTest, FamiliesHoldTargetAndAge) {
  RecoveryPoints recovery(MakeConfig());
  const auto families =
      recovery.Families(recovery.Compute({Backup("dump", kNow - 2h)}, kNow), kNow);
  const auto value = [&](std::string_view name) {
    for (const auto& family : families) {
      if (family.name == name) return family.points.front().value;
    }
    return -1.0;
  };
  EXPECT_EQ(value("dr_rpo_target_seconds"), 3600);
  EXPECT_EQ(value("dr_rpo_achieved_seconds"), 7200);
}

}  // namespace
}  // namespace drwatch::recovery
