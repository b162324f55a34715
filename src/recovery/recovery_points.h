// What would be lost if a disaster happened now: the recovery points of each service, the paths
// that lead to them, the achieved RPO, and how long coming back would take at the least
// (recovery_time.h). Pure: computed from the latest results of all probes.
//
// A recovery point is a state that could be restored, proven by what drwatch has read. Which paths
// count depends on what is lost:
//   database_corrupted   backups and WAL archives: a standby has replayed the corruption, too
//   server_lost          those, and standbys that can be promoted
//   site_lost            of these what is kept off-site (offsite: true)
//   region_lost          of these what lies in another region than the service; only where both say
//                        their region
// A service whose data lies in several places (a database, uploads) is back when all of it is: the
// data that would come back oldest decides what is lost, and the data that takes longest how long
// it takes: nothing keeps them from being restored side by side.
// A WAL archive counts where a proven base backup survives as well, upon which it can be replayed;
// a base backup without WAL of its own where an archive survives that has it, and then as one way
// with that archive's. Ways are counted by the places they need: WAL and the base backup it is
// replayed on are lost with either, and what two probes find at one place is lost with that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "model/metric_family.h"
#include "model/probe_result.h"
#include "recovery/independent_ways.h"
#include "recovery/recovery_time.h"
#include "recovery/scenario.h"

namespace drwatch::recovery {

enum class PathKind { kBackup, kWalArchive, kStandby };
// "backup", "wal_archive", "standby".
std::string_view PathKindName(PathKind kind);

// One way back: restore this artefact, replay this archive, promote this standby.
struct RecoveryPath {
  PathKind kind = PathKind::kBackup;
  base::Timestamp point{};  // the state it brings back
  std::string probe;        // whose evidence it is
  std::string target;       // where it lies, for people
  std::string artefact;     // the copy's name, or the base backup's; empty for a standby
  std::vector<model::ReplayBase> bases;  // of a WAL archive: one of these is needed
  // Of a backup without WAL: the probes of archives, one of which is needed. Empty = it needs none.
  std::vector<std::string> wal_archives{};
  // Of a backup: another one lies in its place that is not read yet. It was good, and is gone.
  bool presumed = false;
  // What is read on it, in order. None for a standby: it takes over as it is.
  std::vector<RestoreStep> steps{};
};

// Ways back to the same data: one is enough.
struct DataReport {
  std::string data;                 // "database"
  std::vector<RecoveryPath> paths;  // newest point first; empty = nothing would come back
};

struct ScenarioReport {
  Scenario scenario = Scenario::kDatabaseCorrupted;
  std::vector<DataReport> data;  // by name; what something is configured for that survives it
  std::optional<MeasuredTime> measured{};  // RecoveryPoints does not know it: DrillLog does
  // The way back whose point is the service's: of the data that would come back oldest. nullptr:
  // some of its data would not come back.
  const RecoveryPath* Decisive() const;
  // How long the newest way back of each data takes at the least, of the one that takes longest.
  // nullopt: some would not come back, or nobody knows how long it takes.
  std::optional<double> EstimatedSeconds() const;
};

struct ServiceReport {
  std::string service;
  std::optional<double> target_seconds;      // RPO
  std::optional<double> rto_target_seconds;  // RTO
  // Of the scenarios that something of the service is configured for.
  std::vector<ScenarioReport> scenarios;
};

// Remembers the paths of a probe while its place cannot be looked at: being blind loses no backup.
// Counts how long the objectives were kept. One thread at a time.
class RecoveryPoints {
 public:
  explicit RecoveryPoints(const config::Config& config);

  // In the order of the names. `latest` is the latest result of each probe.
  std::vector<ServiceReport> Compute(const std::vector<model::ProbeResult>& latest);
  // dr_recovery_point_timestamp_seconds, dr_rpo_achieved_seconds, dr_rpo_target_seconds,
  // dr_rto_estimated_seconds, dr_rto_target_seconds, dr_recovery_paths and the counters of how long
  // the RPO was observed and violated. The time since the last call counts for what `reports` says;
  // none where the clock was set back.
  std::vector<model::MetricFamily> Families(const std::vector<ServiceReport>& reports,
                                            base::Timestamp now);

 private:
  struct Source {
    std::string service;
    PathKind kind = PathKind::kBackup;
    bool offsite = false;
    std::string region;
    std::string data;
    std::string place;   // where it lies; a server's is its own
    bool is_way = true;  // of a postgres probe: it is a standby's, by the configuration or its runs
    bool data_guessed = false;  // what a backup probe finds tells what its data is
  };
  struct Observed {
    double seconds = 0;
    double violated_seconds = 0;
  };
  std::vector<NeededPlaces> WaysOf(const RecoveryPath& path, Scenario scenario,
                                   const std::string& service) const;
  std::int64_t FewestWays(const ScenarioReport& report, const std::string& service,
                          base::Timestamp oldest) const;
  static void LearnData(const model::ProbeResult& result, Source& source);
  void Remember(const model::ProbeResult& result, Source& source);
  void RememberBases(const std::vector<model::ProbeResult>& latest);
  std::vector<RestoreStep> StepsOf(const RecoveryPath& path, const model::ReplayBase& base) const;
  bool Survives(const Source& source, Scenario scenario, const std::string& service) const;
  std::optional<RecoveryPath> PathIn(Scenario scenario, const RecoveryPath& path,
                                     const std::string& service) const;

  std::map<std::string, Source> sources_;       // by probe name
  std::map<std::string, double> targets_;       // RPO in seconds by service
  std::map<std::string, double> rto_targets_;   // the same of the RTO
  std::map<std::string, std::string> regions_;  // by service
  // By probe name. Of a backup probe several, newest first, if the newest needs an archive.
  std::map<std::string, std::vector<RecoveryPath>> paths_;
  // What restoring base backups takes, by the names of their probe and their own.
  std::map<std::string, std::map<std::string, RestoreStep>> bases_;
  std::map<std::pair<std::string, Scenario>, Observed> observed_;
  base::Timestamp last_{};
};

}  // namespace drwatch::recovery
