#include "recovery/recovery_points.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <variant>

namespace drwatch::recovery {
namespace {

// A longer pause between two calls (the program was suspended) was not observed.
constexpr base::Duration kMaxGap = std::chrono::minutes(5);

std::optional<double> ValueOf(const model::ProbeResult& result, std::string_view metric) {
  for (const model::MetricFamily& family : result.families) {
    if (family.name == metric && !family.points.empty()) return family.points.front().value;
  }
  return std::nullopt;
}

base::Duration Seconds(double seconds) {
  return base::Duration(static_cast<std::int64_t>(seconds * 1000));
}

// The newest copy that passed everything.
std::optional<RecoveryPath> BackupPath(const model::ProbeResult& result) {
  const auto good = std::find_if(result.copies.begin(), result.copies.end(),
                                 [](const model::StoredCopy& copy) { return copy.good; });
  if (good != result.copies.end()) {
    return RecoveryPath{PathKind::kBackup, good->point, {}, {}, good->name};
  }
  const auto point = ValueOf(result, "backup_last_success_timestamp_seconds");
  if (!point) return std::nullopt;
  return RecoveryPath{PathKind::kBackup, base::FromUnixSeconds(*point), {}, {}, {}};
}

// From a base backup to the last commit in the WAL without a hole. What an idle server has not
// written cannot be lost, so the lag says more than the commit's time.
std::optional<RecoveryPath> WalPath(const model::ProbeResult& result) {
  const auto end = ValueOf(result, "pitr_window_end_timestamp_seconds");
  if (!end) return std::nullopt;
  base::Timestamp point = base::FromUnixSeconds(*end);
  const auto lag = ValueOf(result, "wal_archive_lag_seconds");
  if (lag && ValueOf(result, "wal_archive_missing_segments") == 0.0) {
    point = std::max(point, result.started - Seconds(*lag));
  }
  return RecoveryPath{PathKind::kWalArchive, point, {}, {}, {}};
}

std::optional<RecoveryPath> StandbyPath(const model::ProbeResult& result) {
  const auto lag = ValueOf(result, "replication_lag_seconds");
  if (!lag || ValueOf(result, "postgres_up") != 1.0) return std::nullopt;
  return RecoveryPath{PathKind::kStandby, result.started - Seconds(*lag), {}, {}, {}};
}

std::optional<RecoveryPath> PathOf(const model::ProbeResult& result, PathKind kind) {
  std::optional<RecoveryPath> path;
  switch (kind) {
    case PathKind::kBackup:
      path = BackupPath(result);
      break;
    case PathKind::kWalArchive:
      path = WalPath(result);
      break;
    case PathKind::kStandby:
      path = StandbyPath(result);
      break;
  }
  if (!path) return std::nullopt;
  path->probe = result.probe;
  path->target = result.target;
  return path;
}

// Whether the place could be looked at: what is not there then is gone.
bool Saw(const model::ProbeResult& result, PathKind kind) {
  return kind == PathKind::kStandby || ValueOf(result, "backup_probe_success") == 1.0;
}

}  // namespace

std::string_view ScenarioName(Scenario scenario) {
  switch (scenario) {
    case Scenario::kDatabaseCorrupted:
      return "database_corrupted";
    case Scenario::kServerLost:
      return "server_lost";
    case Scenario::kSiteLost:
      return "site_lost";
    case Scenario::kRegionLost:
      return "region_lost";
  }
  std::abort();
}

std::string_view PathKindName(PathKind kind) {
  switch (kind) {
    case PathKind::kBackup:
      return "backup";
    case PathKind::kWalArchive:
      return "wal_archive";
    case PathKind::kStandby:
      return "standby";
  }
  std::abort();
}

RecoveryPoints::RecoveryPoints(const config::Config& config) {
  for (const config::Service& service : config.services) {
    if (service.rpo) targets_[service.name] = base::ToSeconds(*service.rpo);
    if (service.rto) rto_targets_[service.name] = base::ToSeconds(*service.rto);
    if (!service.region.empty()) regions_[service.name] = service.region;
  }
  for (const config::Probe& probe : config.probes) {
    if (probe.service.empty()) continue;
    if (const auto* backup = std::get_if<config::BackupProbe>(&probe.spec)) {
      sources_[probe.name] = {probe.service, PathKind::kBackup, backup->offsite, backup->region};
    } else if (const auto* archive = std::get_if<config::WalArchiveProbe>(&probe.spec)) {
      sources_[probe.name] = {probe.service, PathKind::kWalArchive, archive->offsite,
                              archive->region};
    } else if (const auto* postgres = std::get_if<config::PostgresProbe>(&probe.spec)) {
      sources_[probe.name] = {probe.service, PathKind::kStandby, postgres->offsite,
                              postgres->region};
    }
  }
}

bool RecoveryPoints::Survives(const Source& source, Scenario scenario) const {
  switch (scenario) {
    case Scenario::kDatabaseCorrupted:
      return source.kind != PathKind::kStandby;
    case Scenario::kServerLost:
      return true;
    case Scenario::kSiteLost:
      return source.offsite;
    case Scenario::kRegionLost: {
      const auto home = regions_.find(source.service);
      return home != regions_.end() && !source.region.empty() && source.region != home->second;
    }
  }
  std::abort();
}

void RecoveryPoints::Remember(const model::ProbeResult& result, const Source& source) {
  if (auto path = PathOf(result, source.kind)) {
    paths_[result.probe] = *std::move(path);
  } else if (Saw(result, source.kind)) {
    paths_.erase(result.probe);
  }
}

std::vector<ServiceReport> RecoveryPoints::Compute(const std::vector<model::ProbeResult>& latest) {
  std::map<std::string, std::map<Scenario, ScenarioReport>> found;
  for (const model::ProbeResult& result : latest) {
    const auto source = sources_.find(result.probe);
    if (source == sources_.end()) continue;
    Remember(result, source->second);
    const auto path = paths_.find(result.probe);
    for (const Scenario scenario : kScenarios) {
      if (!Survives(source->second, scenario)) continue;
      // Every postgres probe can be a standby's; only one that has a lag makes it a scenario.
      if (path == paths_.end() && source->second.kind == PathKind::kStandby) continue;
      ScenarioReport& report = found[source->second.service][scenario];
      report.scenario = scenario;
      if (path != paths_.end()) report.paths.push_back(path->second);
    }
  }
  std::vector<ServiceReport> reports;
  for (auto& [service, scenarios] : found) {
    ServiceReport& report = reports.emplace_back();
    report.service = service;
    const auto target = targets_.find(service);
    if (target != targets_.end()) report.target_seconds = target->second;
    for (auto& [scenario, each] : scenarios) {
      std::stable_sort(
          each.paths.begin(), each.paths.end(),
          [](const RecoveryPath& a, const RecoveryPath& b) { return a.point > b.point; });
      report.scenarios.push_back(std::move(each));
    }
  }
  return reports;
}

std::vector<model::MetricFamily> RecoveryPoints::Families(const std::vector<ServiceReport>& reports,
                                                          base::Timestamp now) {
  const bool first = last_ == base::Timestamp{};
  const base::Duration since = first || now - last_ > kMaxGap ? base::Duration(0) : now - last_;
  last_ = now;
  model::FamilySet families;
  for (const auto& [service, target] : targets_) {
    families.Gauge("dr_rpo_target_seconds", "Recovery point objective of the service.",
                   {{"service", service}}, target);
  }
  for (const auto& [service, target] : rto_targets_) {
    families.Gauge("dr_rto_target_seconds", "Recovery time objective of the service.",
                   {{"service", service}}, target);
  }
  for (const ServiceReport& report : reports) {
    for (const ScenarioReport& each : report.scenarios) {
      const model::Labels labels{{"service", report.service},
                                 {"scenario", ScenarioName(each.scenario)}};
      const auto within = [&](const RecoveryPath& path) {
        return !report.target_seconds ||
               base::ToSeconds(now - path.point) <= *report.target_seconds;
      };
      families.Gauge(
          "dr_recovery_paths",
          "Independent ways back that keep the recovery point objective (without one: "
          "all ways back).",
          labels, static_cast<double>(std::count_if(each.paths.begin(), each.paths.end(), within)));
      if (report.target_seconds) {
        Observed& observed = observed_[{report.service, each.scenario}];
        observed.seconds += base::ToSeconds(since);
        if (each.paths.empty() || !within(each.paths.front())) {
          observed.violated_seconds += base::ToSeconds(since);
        }
        families.Counter("dr_rpo_observed_seconds_total",
                         "How long the recovery point objective was watched.", labels,
                         observed.seconds);
        families.Counter("dr_rpo_violation_seconds_total",
                         "How long of it the objective was not kept.", labels,
                         observed.violated_seconds);
      }
      if (each.paths.empty()) continue;
      const base::Timestamp point = each.paths.front().point;
      families.Gauge("dr_recovery_point_timestamp_seconds",
                     "Newest proven recovery point that survives the scenario.", labels,
                     base::ToUnixSeconds(point));
      families.Gauge("dr_rpo_achieved_seconds",
                     "Age of the newest proven recovery point that survives the scenario.", labels,
                     std::max(0.0, base::ToSeconds(now - point)));
    }
  }
  return families.Take();
}

}  // namespace drwatch::recovery
