#include "recovery/recovery_points.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
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

RecoveryPath PathTo(PathKind kind, base::Timestamp point) {
  RecoveryPath path;
  path.kind = kind;
  path.point = point;
  return path;
}

// A backup of which nobody knows how long it takes.
RecoveryPath BackupPath(base::Timestamp point) {
  RecoveryPath path = PathTo(PathKind::kBackup, point);
  path.steps = {RestoreStep{}};
  return path;
}

// What a replaced backup stands for, where that is newer than what is proven.
std::optional<RecoveryPath> Presumed(const model::ProbeResult& result,
                                     const std::vector<RecoveryPath>& proven) {
  const auto seconds = ValueOf(result, "backup_presumed_timestamp_seconds");
  if (!seconds) return std::nullopt;
  const base::Timestamp point = base::FromUnixSeconds(*seconds);
  if (!proven.empty() && proven.front().point >= point) return std::nullopt;
  RecoveryPath path = BackupPath(point);
  path.presumed = true;
  return path;
}

// The newest copy that passed everything, and of those that need other archives or none the newest
// each: which of them survives depends on the scenario.
std::vector<RecoveryPath> BackupPaths(const model::ProbeResult& result) {
  std::vector<RecoveryPath> paths;
  std::set<std::vector<std::string>> needs;
  for (const model::StoredCopy& copy : result.copies) {
    if (!copy.good || !needs.insert(copy.wal_archives).second) continue;
    RecoveryPath& path = paths.emplace_back(PathTo(PathKind::kBackup, copy.point));
    path.artefact = copy.name;
    path.wal_archives = copy.wal_archives;
    path.steps = {StepOf(result.probe, copy)};
    if (copy.wal_archives.empty()) break;
  }
  if (const auto presumed = Presumed(result, paths)) paths.insert(paths.begin(), *presumed);
  if (!paths.empty()) return paths;
  const auto point = ValueOf(result, "backup_last_success_timestamp_seconds");
  // Passed everything and not good all the same: taken on WAL that the server has left.
  const bool left =
      std::any_of(result.copies.begin(), result.copies.end(),
                  [&point](const auto& copy) { return base::ToUnixSeconds(copy.point) == point; });
  if (!point || left) return {};
  return {BackupPath(base::FromUnixSeconds(*point))};
}

// From a base backup to the end of the WAL without a hole. While nobody has read where that is, it
// brings back no less than the base backup.
std::vector<RecoveryPath> WalPaths(const model::ProbeResult& result) {
  auto end = ValueOf(result, "pitr_window_end_timestamp_seconds");
  if (!end) end = ValueOf(result, "pitr_window_start_timestamp_seconds");
  if (!end || result.replay_bases.empty()) return {};
  RecoveryPath path = PathTo(PathKind::kWalArchive, base::FromUnixSeconds(*end));
  path.bases = result.replay_bases;
  return {path};
}

std::vector<RecoveryPath> StandbyPaths(const model::ProbeResult& result) {
  const auto lag = ValueOf(result, "replication_lag_seconds");
  if (!lag || ValueOf(result, "postgres_up") != 1.0) return {};
  return {PathTo(PathKind::kStandby, result.started - Seconds(*lag))};
}

std::vector<RecoveryPath> PathsOf(const model::ProbeResult& result, PathKind kind) {
  std::vector<RecoveryPath> paths;
  switch (kind) {
    case PathKind::kBackup:
      paths = BackupPaths(result);
      break;
    case PathKind::kWalArchive:
      paths = WalPaths(result);
      break;
    case PathKind::kStandby:
      paths = StandbyPaths(result);
      break;
  }
  for (RecoveryPath& path : paths) {
    path.probe = result.probe;
    path.target = result.target;
  }
  return paths;
}

// A backup that needs an archive is no other way back than that archive's.
void DropSharedWays(std::vector<RecoveryPath>& paths) {
  std::set<std::string> archives;
  for (const RecoveryPath& path : paths) {
    if (path.kind == PathKind::kWalArchive) archives.insert(path.probe);
  }
  std::erase_if(paths, [&archives](const RecoveryPath& path) {
    return !path.wal_archives.empty() &&
           std::all_of(path.wal_archives.begin(), path.wal_archives.end(),
                       [&archives](const auto& probe) { return archives.contains(probe); });
  });
}

// Whether the place could be looked at: what is not there then is gone.
bool Saw(const model::ProbeResult& result, PathKind kind) {
  return kind == PathKind::kStandby || ValueOf(result, "backup_probe_success") == 1.0;
}

// What two probes find at the same place is lost with it. Empty: it is not known.
std::string PlaceKey(const config::PlaceAddress& place) {
  if (place.s3) return place.path + " " + place.s3->endpoint;
  std::string path = std::filesystem::path(place.path).lexically_normal();
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

const RecoveryPath* ScenarioReport::Decisive() const {
  const RecoveryPath* oldest = nullptr;
  for (const DataReport& each : data) {
    if (each.paths.empty()) return nullptr;
    const RecoveryPath& newest = each.paths.front();
    if (oldest == nullptr || newest.point < oldest->point) oldest = &newest;
  }
  return oldest;
}

std::optional<double> ScenarioReport::EstimatedSeconds() const {
  std::optional<double> longest;
  for (const DataReport& each : data) {
    if (each.paths.empty()) return std::nullopt;
    const auto seconds = AtLeastSeconds(each.paths.front().steps);
    if (!seconds) return std::nullopt;
    longest = std::max(longest.value_or(0), *seconds);
  }
  return longest;
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
    if (const auto* backup = std::get_if<config::BackupProbe>(&probe.spec)) {
      sources_[probe.name] = {probe.service,   PathKind::kBackup,   backup->offsite,
                              backup->region,  backup->data,        PlaceKey(backup->place),
                              /*is_way=*/true, backup->data_guessed};
    } else if (const auto* archive = std::get_if<config::WalArchiveProbe>(&probe.spec)) {
      sources_[probe.name] = {probe.service,   PathKind::kWalArchive, archive->offsite,
                              archive->region, archive->data,         PlaceKey(archive->place)};
    } else if (const auto* postgres = std::get_if<config::PostgresProbe>(&probe.spec)) {
      const bool meant = !postgres->primary.empty() ||
                         postgres->expect.role == config::PostgresProbe::Role::kStandby;
      sources_[probe.name] = {probe.service,
                              PathKind::kStandby,
                              postgres->offsite,
                              postgres->region,
                              postgres->data,
                              {},
                              meant};
    }
  }
  for (auto& [probe, source] : sources_) {
    if (source.place.empty()) source.place = "probe " + probe;
  }
}

bool RecoveryPoints::Survives(const Source& source, Scenario scenario,
                              const std::string& service) const {
  switch (scenario) {
    case Scenario::kDatabaseCorrupted:
      return source.kind != PathKind::kStandby;
    case Scenario::kServerLost:
      return true;
    case Scenario::kSiteLost:
      return source.offsite;
    case Scenario::kRegionLost: {
      const auto home = regions_.find(service);
      return home != regions_.end() && !source.region.empty() && source.region != home->second;
    }
  }
  std::abort();
}

// The path as the scenario leaves it: with the newest base backup that survives, or the archive
// that a backup needs. nullopt: none does.
std::optional<RecoveryPath> RecoveryPoints::PathIn(Scenario scenario, const RecoveryPath& path,
                                                   const std::string& service) const {
  const auto probe_survives = [&](const std::string& probe) {
    const auto source = sources_.find(probe);
    return source != sources_.end() && Survives(source->second, scenario, service);
  };
  if (path.kind != PathKind::kWalArchive) {
    const bool left =
        path.wal_archives.empty() ||
        std::any_of(path.wal_archives.begin(), path.wal_archives.end(), probe_survives);
    return left ? std::optional(path) : std::nullopt;
  }
  const auto survives = [&](const model::ReplayBase& base) {
    if (base.probe.empty()) return scenario <= Scenario::kServerLost;
    return probe_survives(base.probe);
  };
  const auto newest = std::find_if(path.bases.rbegin(), path.bases.rend(), survives);
  if (newest == path.bases.rend()) return std::nullopt;
  RecoveryPath left = path;
  left.artefact = newest->name;
  left.steps = StepsOf(path, *newest);
  return left;
}

// The base backup first, then the WAL from its start on.
std::vector<RestoreStep> RecoveryPoints::StepsOf(const RecoveryPath& path,
                                                 const model::ReplayBase& base) const {
  RestoreStep restore;
  restore.probe = base.probe;
  restore.artefact = base.name;
  const auto probe = bases_.find(base.probe);
  if (probe != bases_.end()) {
    const auto known = probe->second.find(base.name);
    if (known != probe->second.end()) restore = known->second;
  }
  RestoreStep replay;
  replay.kind = RestoreStep::Kind::kWal;
  replay.probe = path.probe;
  replay.bytes = base.wal_bytes;
  replay.reading = base.wal_reading;
  return {restore, replay};
}

// The ways that a path stands for: one for each place of what it needs besides, of those that
// survive. A base backup of which only the archive speaks lies nobody knows where.
std::vector<NeededPlaces> RecoveryPoints::WaysOf(const RecoveryPath& path, Scenario scenario,
                                                 const std::string& service) const {
  std::vector<std::string> besides = path.wal_archives;
  for (const model::ReplayBase& base : path.bases) besides.push_back(base.probe);
  const std::string& place = sources_.at(path.probe).place;
  if (besides.empty()) return {{place, {}}};
  std::vector<NeededPlaces> ways;
  for (const std::string& probe : besides) {
    const auto source = sources_.find(probe);
    if (probe.empty()) {
      ways.push_back({place, {}});
    } else if (source != sources_.end() && Survives(source->second, scenario, service)) {
      ways.push_back({place, source->second.place});
    }
  }
  return ways;
}

// Of the data that has the fewest, among the paths whose point is not before `oldest`.
std::int64_t RecoveryPoints::FewestWays(const ScenarioReport& report, const std::string& service,
                                        base::Timestamp oldest) const {
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  for (const DataReport& each : report.data) {
    std::vector<NeededPlaces> ways;
    for (const RecoveryPath& path : each.paths) {
      if (path.point < oldest) continue;
      const auto more = WaysOf(path, report.scenario, service);
      ways.insert(ways.end(), more.begin(), more.end());
    }
    fewest = std::min(fewest, CountIndependentWays(ways));
  }
  return fewest;
}

// A snapshot of Redis brings no database back. "files" is the kind of all that no name tells.
void RecoveryPoints::LearnData(const model::ProbeResult& result, Source& source) {
  if (!source.data_guessed || result.copies.empty()) return;
  const std::string& kind = result.copies.front().kind;
  source.data = config::DataOfKind(kind == "files" ? "" : kind);
}

void RecoveryPoints::Remember(const model::ProbeResult& result, Source& source) {
  LearnData(result, source);
  if (auto paths = PathsOf(result, source.kind); !paths.empty()) {
    paths_[result.probe] = std::move(paths);
    source.is_way = true;
  } else if (Saw(result, source.kind)) {
    paths_.erase(result.probe);
  }
}

// Of the probes whose base backups an archive names.
void RecoveryPoints::RememberBases(const std::vector<model::ProbeResult>& latest) {
  std::set<std::string> named;
  for (const model::ProbeResult& result : latest) {
    for (const model::ReplayBase& base : result.replay_bases) named.insert(base.probe);
  }
  for (const model::ProbeResult& result : latest) {
    if (!named.contains(result.probe)) continue;
    if (result.copies.empty() && !Saw(result, PathKind::kBackup)) continue;
    std::map<std::string, RestoreStep>& steps = bases_[result.probe];
    steps.clear();
    for (const model::StoredCopy& copy : result.copies) {
      steps[copy.name] = StepOf(result.probe, copy);
    }
  }
}

std::vector<ServiceReport> RecoveryPoints::Compute(const std::vector<model::ProbeResult>& latest) {
  using ByData = std::map<std::string, std::vector<RecoveryPath>>;
  std::map<std::string, std::map<Scenario, ByData>> found;
  RememberBases(latest);
  for (const model::ProbeResult& result : latest) {
    const auto source = sources_.find(result.probe);
    if (source == sources_.end() || source->second.service.empty()) continue;
    const std::string& service = source->second.service;
    Remember(result, source->second);
    const auto known = paths_.find(result.probe);
    for (const Scenario scenario : kScenarios) {
      if (!Survives(source->second, scenario, service)) continue;
      // Every postgres probe can be a standby's: one that is meant to be, or was.
      if (known == paths_.end() && !source->second.is_way) continue;
      std::vector<RecoveryPath>& paths = found[service][scenario][source->second.data];
      if (known == paths_.end()) continue;
      for (const RecoveryPath& path : known->second) {
        auto left = PathIn(scenario, path, service);
        if (!left) continue;
        paths.push_back(*std::move(left));
        break;
      }
    }
  }
  std::vector<ServiceReport> reports;
  for (auto& [service, scenarios] : found) {
    ServiceReport& report = reports.emplace_back();
    report.service = service;
    const auto target = targets_.find(service);
    if (target != targets_.end()) report.target_seconds = target->second;
    const auto rto = rto_targets_.find(service);
    if (rto != rto_targets_.end()) report.rto_target_seconds = rto->second;
    for (auto& [scenario, by_data] : scenarios) {
      ScenarioReport& each = report.scenarios.emplace_back();
      each.scenario = scenario;
      for (auto& [data, paths] : by_data) {
        DropSharedWays(paths);
        std::stable_sort(
            paths.begin(), paths.end(),
            [](const RecoveryPath& a, const RecoveryPath& b) { return a.point > b.point; });
        each.data.push_back({data, std::move(paths)});
      }
    }
  }
  return reports;
}

std::vector<model::MetricFamily> RecoveryPoints::Families(const std::vector<ServiceReport>& reports,
                                                          base::Timestamp now) {
  const bool first = last_ == base::Timestamp{};
  const bool watched = !first && now >= last_ && now - last_ <= kMaxGap;
  const base::Duration since = watched ? now - last_ : base::Duration(0);
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
      const base::Timestamp oldest =
          report.target_seconds ? now - Seconds(*report.target_seconds) : base::Timestamp::min();
      families.Gauge("dr_recovery_paths",
                     "Independent ways back that keep the recovery point objective (without one: "
                     "all ways back), of the data that has the fewest.",
                     labels, static_cast<double>(FewestWays(each, report.service, oldest)));
      const RecoveryPath* const decisive = each.Decisive();
      if (report.target_seconds) {
        Observed& observed = observed_[{report.service, each.scenario}];
        observed.seconds += base::ToSeconds(since);
        if (decisive == nullptr || decisive->point < oldest) {
          observed.violated_seconds += base::ToSeconds(since);
        }
        families.Counter("dr_rpo_observed_seconds_total",
                         "How long the recovery point objective was watched.", labels,
                         observed.seconds);
        families.Counter("dr_rpo_violation_seconds_total",
                         "How long of it the objective was not kept.", labels,
                         observed.violated_seconds);
      }
      if (const auto estimate = each.EstimatedSeconds()) {
        families.Gauge("dr_rto_estimated_seconds",
                       "Optimistic lower bound of how long coming back to the newest recovery "
                       "point would take: reading what is stored as quickly as verification did.",
                       labels, *estimate);
      }
      if (decisive == nullptr) continue;
      const base::Timestamp point = decisive->point;
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
