#include "recovery/recovery_points.h"

#include <array>
#include <cstdlib>
#include <optional>

namespace drwatch::recovery {
namespace {

constexpr std::array<Scenario, 3> kScenarios = {Scenario::kDatabaseCorrupted, Scenario::kServerLost,
                                                Scenario::kSiteLost};

std::optional<double> ValueOf(const model::ProbeResult& result, std::string_view metric) {
  for (const model::MetricFamily& family : result.families) {
    if (family.name == metric && !family.points.empty()) return family.points.front().value;
  }
  return std::nullopt;
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
  }
  std::abort();
}

RecoveryPoints::RecoveryPoints(const config::Config& config) {
  for (const config::Service& service : config.services) {
    if (service.rpo) targets_[service.name] = base::ToSeconds(*service.rpo);
  }
  for (const config::Probe& probe : config.probes) {
    if (probe.service.empty()) continue;
    if (const auto* backup = std::get_if<config::BackupProbe>(&probe.spec)) {
      sources_[probe.name] = {probe.service, true, backup->offsite};
    } else if (std::holds_alternative<config::PostgresProbe>(probe.spec)) {
      sources_[probe.name] = {probe.service, false, false};
    }
  }
}

std::vector<RecoveryPoint> RecoveryPoints::Compute(const std::vector<model::ProbeResult>& latest,
                                                   base::Timestamp now) {
  std::map<std::pair<std::string, Scenario>, RecoveryPoint> newest;
  const auto offer = [&newest](RecoveryPoint point) {
    RecoveryPoint& best = newest.try_emplace({point.service, point.scenario}, point).first->second;
    if (point.time > best.time) best = std::move(point);
  };
  for (const model::ProbeResult& result : latest) {
    const auto found = sources_.find(result.probe);
    if (found == sources_.end()) continue;
    const Source& source = found->second;
    if (!source.backup) {
      const auto lag = ValueOf(result, "replication_lag_seconds");
      if (!lag || ValueOf(result, "postgres_up") != 1.0) continue;
      offer({source.service, Scenario::kServerLost,
             now - base::Duration(static_cast<std::int64_t>(*lag * 1000)), result.probe});
      continue;
    }
    const auto point = ValueOf(result, "backup_last_success_timestamp_seconds");
    if (point) {
      remembered_[result.probe] = base::FromUnixSeconds(*point);
    } else if (ValueOf(result, "backup_probe_success") == 1.0) {
      remembered_.erase(result.probe);
    }
    const auto known = remembered_.find(result.probe);
    if (known == remembered_.end()) continue;
    for (const Scenario scenario : kScenarios) {
      if (scenario == Scenario::kSiteLost && !source.offsite) continue;
      offer({source.service, scenario, known->second, result.probe});
    }
  }
  std::vector<RecoveryPoint> points;
  points.reserve(newest.size());
  for (auto& [key, point] : newest) points.push_back(std::move(point));
  return points;
}

std::vector<model::MetricFamily> RecoveryPoints::Families(const std::vector<RecoveryPoint>& points,
                                                          base::Timestamp now) const {
  model::FamilySet families;
  for (const auto& [service, target] : targets_) {
    families.Gauge("dr_rpo_target_seconds", "Recovery point objective of the service.",
                   {{"service", service}}, target);
  }
  for (const RecoveryPoint& point : points) {
    const model::Labels labels{{"service", point.service},
                               {"scenario", ScenarioName(point.scenario)}};
    families.Gauge("dr_recovery_point_timestamp_seconds",
                   "Newest proven recovery point that survives the scenario.", labels,
                   base::ToUnixSeconds(point.time));
    families.Gauge("dr_rpo_achieved_seconds",
                   "Age of the newest proven recovery point that survives the scenario.", labels,
                   std::max(0.0, base::ToSeconds(now - point.time)));
  }
  return families.Take();
}

}  // namespace drwatch::recovery
