// What would be lost if a disaster happened now: recovery points and the achieved RPO of each
// service.
//
// A recovery point is the newest state that could be restored. Which copies count depends on what
// was lost:
//   database_corrupted   backups only: a standby has replayed the corruption, too
//   server_lost          backups, and standbys that can be promoted
//   site_lost            backups kept off-site (offsite: true)
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "model/metric_family.h"
#include "model/probe_result.h"

namespace drwatch::recovery {

enum class Scenario { kDatabaseCorrupted, kServerLost, kSiteLost };
// "database_corrupted", ...: the label `scenario`.
std::string_view ScenarioName(Scenario scenario);

struct RecoveryPoint {
  std::string service;
  Scenario scenario = Scenario::kDatabaseCorrupted;
  base::Timestamp time{};
  std::string probe;  // whose evidence it is
};

// Remembers the point of a probe while its place cannot be looked at: being blind loses no backup.
// One thread at a time.
class RecoveryPoints {
 public:
  explicit RecoveryPoints(const config::Config& config);

  // The newest point of each service and scenario that has a source. `latest` is the latest result
  // of each probe.
  std::vector<RecoveryPoint> Compute(const std::vector<model::ProbeResult>& latest,
                                     base::Timestamp now);
  // dr_recovery_point_timestamp_seconds, dr_rpo_achieved_seconds and dr_rpo_target_seconds.
  std::vector<model::MetricFamily> Families(const std::vector<RecoveryPoint>& points,
                                            base::Timestamp now) const;

 private:
  struct Source {
    std::string service;
    bool backup = false;  // else a standby
    bool offsite = false;
  };
  std::map<std::string, Source> sources_;              // by probe name
  std::map<std::string, double> targets_;              // RPO in seconds by service
  std::map<std::string, base::Timestamp> remembered_;  // by probe name
};

}  // namespace drwatch::recovery
