#include "recovery/copies.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "model/latest_good.h"

namespace drwatch::recovery {
namespace {

std::optional<double> ValueOf(const model::ProbeResult& result, std::string_view metric) {
  for (const model::MetricFamily& family : result.families) {
    if (family.name == metric && !family.points.empty()) return family.points.front().value;
  }
  return std::nullopt;
}

bool SameDigest(const model::StoredCopy& a, const model::StoredCopy& b) {
  return !a.digest.empty() && a.digest == b.digest;
}

// The copy of that artefact: under its name, or its bytes under another one.
const model::StoredCopy* FindCopy(const CopyPlace& place, const model::StoredCopy& wanted) {
  const model::StoredCopy* same_bytes = nullptr;
  for (const model::StoredCopy& copy : place.copies) {
    if (copy.name == wanted.name) return &copy;
    if (same_bytes == nullptr && SameDigest(copy, wanted)) same_bytes = &copy;
  }
  return same_bytes;
}

bool IsProven(const model::StoredCopy& copy) {
  return copy.good && copy.verified != base::Timestamp();
}

bool Same(const model::StoredCopy& a, const model::StoredCopy& b) {
  if (!a.digest.empty() && !b.digest.empty()) return a.digest == b.digest;
  if ((a.broken && IsProven(b)) || (b.broken && IsProven(a))) return false;
  return a.size_bytes == b.size_bytes;
}

CopyDifference Differ(const std::string& location, const model::StoredCopy& copy,
                      const model::StoredCopy& reference) {
  if (copy.size_bytes != reference.size_bytes) {
    return {location, "size",
            std::to_string(copy.size_bytes) + " bytes instead of " +
                std::to_string(reference.size_bytes)};
  }
  if (copy.digest.empty() || reference.digest.empty()) {
    return {location, "damage", copy.problem.empty() ? "it is broken" : copy.problem};
  }
  return {location, "digest", copy.digest + " instead of " + reference.digest};
}

// The newest one that at least two places have. nullptr: there is none.
const model::StoredCopy* NewestShared(const BackupReport& report) {
  const model::StoredCopy* newest = nullptr;
  for (const CopyPlace& place : report.places) {
    for (const model::StoredCopy& copy : place.copies) {
      if (newest != nullptr && copy.point <= newest->point) break;
      const auto having = std::count_if(
          report.places.begin(), report.places.end(),
          [&copy](const CopyPlace& other) { return FindCopy(other, copy) != nullptr; });
      if (having > 1) {
        newest = &copy;
        break;
      }
    }
  }
  return newest;
}

using Shared = std::vector<std::pair<const CopyPlace*, const model::StoredCopy*>>;

// The copy that most of `shared` are the same as, the first of them. A good one wherever there is
// one: who is told that a place differs may replace what lies there.
const model::StoredCopy& MostCommon(const Shared& shared) {
  const auto rank = [&shared](const auto& one) {
    const auto alike = std::count_if(shared.begin(), shared.end(), [&one](const auto& other) {
      return Same(*one.second, *other.second);
    });
    return std::pair(one.second->good, alike);
  };
  return *std::max_element(shared.begin(), shared.end(), [&](const auto& a, const auto& b) {
            return rank(a) < rank(b);
          })->second;
}

void Compare(const Shared& shared, BackupReport& report) {
  const model::StoredCopy& reference = MostCommon(shared);
  for (const auto& [place, copy] : shared) {
    if (Same(reference, *copy)) continue;
    report.differences.push_back(Differ(place->location, *copy, reference));
  }
}

// The first place of the site itself; else the first one.
const model::StoredCopy& Original(const Shared& shared) {
  const auto own = std::find_if(shared.begin(), shared.end(),
                                [](const auto& one) { return !one.first->offsite; });
  return *(own == shared.end() ? shared.begin() : own)->second;
}

// True for a copy of what lay under the original's name before the original did.
bool IsBehind(const model::StoredCopy& copy, const model::StoredCopy& original) {
  constexpr base::Duration kCoarsest = std::chrono::seconds(2);  // the times of FAT
  if (copy.name != original.name || Same(copy, original)) return false;
  if (copy.made != base::Timestamp() && original.made != base::Timestamp()) {
    return copy.made != original.made;
  }
  return !original.dated && copy.point + kCoarsest < original.point;
}

void CompareNewestShared(BackupReport& report) {
  const model::StoredCopy* const newest = NewestShared(report);
  if (newest == nullptr) return;
  Shared shared;
  for (const CopyPlace& place : report.places) {
    if (const auto* copy = FindCopy(place, *newest)) shared.emplace_back(&place, copy);
  }
  const model::StoredCopy& original = Original(shared);
  std::erase_if(shared, [&](const auto& one) { return IsBehind(*one.second, original); });
  if (shared.size() < 2) return;
  Compare(shared, report);
  if (report.differences.empty()) {
    // One of the right size whose digest is not known is like all of them.
    std::erase_if(shared, [](const auto& one) { return one.second->digest.empty(); });
    if (!shared.empty()) Compare(shared, report);
  }
  report.identical = report.differences.empty();
  if (!*report.identical) report.differing = newest->name;
}

// The probes of WAL archives that lie off-site.
std::set<std::string> OffsiteArchives(const config::Config& config) {
  std::set<std::string> names;
  for (const config::Probe& probe : config.probes) {
    const auto* spec = std::get_if<config::WalArchiveProbe>(&probe.spec);
    if (spec != nullptr && spec->offsite) names.insert(probe.name);
  }
  return names;
}

bool HasWalOffsite(const model::StoredCopy& copy, const std::set<std::string>& offsite_archives) {
  const std::vector<std::string>& having = copy.wal_archives;
  return having.empty() || std::any_of(having.begin(), having.end(), [&](const std::string& probe) {
           return offsite_archives.contains(probe);
         });
}

// Of WAL archives the locks are not known: whoever deletes that WAL deletes the backup.
bool IsImmutable(const model::StoredCopy& copy, base::Timestamp now) {
  return copy.immutable_until > now && copy.wal_archives.empty();
}

void Count(BackupReport& report, const std::set<std::string>& offsite_archives,
           base::Timestamp now) {
  for (const CopyPlace& place : report.places) {
    const model::StoredCopy* copy = place.LatestGood();
    if (copy == nullptr && place.presumed_seconds && !place.copies.empty()) {
      copy = &place.copies.front();
    }
    if (copy == nullptr || !place.success) continue;
    ++report.copies;
    if (place.offsite && HasWalOffsite(*copy, offsite_archives)) ++report.offsite_copies;
    if (IsImmutable(*copy, now)) ++report.immutable_copies;
  }
}

const std::string& NameOfBackup(const config::Probe& probe, const config::BackupProbe& spec) {
  return spec.backup.empty() ? probe.name : spec.backup;
}

struct PlacesOfBackup {
  std::vector<model::ProbeResult*> all;
  const model::ProbeResult* original = nullptr;  // the first that is not off-site
};

void DateCopiesOf(const PlacesOfBackup& places) {
  std::map<std::pair<std::string, std::string>, base::Timestamp> known;  // by name and digest
  for (const model::ProbeResult* place : places.all) {
    for (const model::StoredCopy& copy : place->copies) {
      if (copy.digest.empty() || (!copy.dated && place != places.original)) continue;
      const auto at = known.emplace(std::pair(copy.name, copy.digest), copy.point).first;
      at->second = std::min(at->second, copy.point);
    }
  }
  for (model::ProbeResult* place : places.all) {
    for (model::StoredCopy& copy : place->copies) {
      const auto original = known.find({copy.name, copy.digest});
      if (original != known.end()) copy.point = std::min(copy.point, original->second);
    }
    std::stable_sort(place->copies.begin(), place->copies.end(),
                     [](const auto& a, const auto& b) { return a.point > b.point; });
  }
}

std::optional<base::Timestamp> NewestPoint(const BackupReport& report) {
  std::optional<base::Timestamp> newest;
  for (const CopyPlace& place : report.places) {
    const model::StoredCopy* good = place.LatestGood();
    if (good != nullptr && (!newest || good->point > *newest)) newest = good->point;
  }
  return newest;
}

void AddTarget(model::FamilySet& families, const BackupReport& report, std::string_view what,
               int value, const std::optional<int>& target) {
  const model::Labels labels{{"backup", report.backup}, {"service", report.service}};
  const std::string name = "backup_" + std::string(what);
  families.Gauge(name, "Places with a good, current copy of the backup.", labels, value);
  if (!target) return;
  families.Gauge(name + "_target", "How many of them the service wants.", labels, *target);
}

}  // namespace

const model::StoredCopy* CopyPlace::LatestGood() const { return model::LatestGood(copies); }

void DateCopies(const config::Config& config, std::vector<model::ProbeResult>& latest) {
  std::map<std::string, model::ProbeResult*> results;
  for (model::ProbeResult& result : latest) results[result.probe] = &result;
  std::map<std::pair<std::string, std::string>, PlacesOfBackup> backups;
  for (const config::Probe& probe : config.probes) {
    const auto* spec = std::get_if<config::BackupProbe>(&probe.spec);
    const auto result = results.find(probe.name);
    if (spec == nullptr || result == results.end()) continue;
    PlacesOfBackup& places = backups[{NameOfBackup(probe, *spec), probe.service}];
    if (places.original == nullptr && !spec->offsite) places.original = result->second;
    places.all.push_back(result->second);
  }
  for (auto& [name, places] : backups) {
    if (places.all.size() > 1) DateCopiesOf(places);
  }
}

std::vector<BackupReport> CompareCopies(const config::Config& config,
                                        const std::vector<model::ProbeResult>& latest,
                                        base::Timestamp now) {
  const std::set<std::string> offsite_archives = OffsiteArchives(config);
  std::map<std::string, const model::ProbeResult*> results;
  for (const model::ProbeResult& result : latest) results[result.probe] = &result;
  std::map<std::pair<std::string, std::string>, BackupReport> reports;
  for (const config::Probe& probe : config.probes) {
    const auto* spec = std::get_if<config::BackupProbe>(&probe.spec);
    if (spec == nullptr) continue;
    const std::string& backup = NameOfBackup(probe, *spec);
    BackupReport& report = reports[{backup, probe.service}];
    report.backup = backup;
    report.service = probe.service;
    CopyPlace& place = report.places.emplace_back();
    place.probe = probe.name;
    place.location = spec->location;
    place.offsite = spec->offsite;
    place.region = spec->region;
    const auto result = results.find(probe.name);
    if (result == results.end()) continue;
    place.target = result->second->target;
    place.visible = ValueOf(*result->second, "backup_probe_success") == 1.0;
    place.success = ValueOf(*result->second, "backup_success") == 1.0;
    place.presumed_seconds = ValueOf(*result->second, "backup_presumed_timestamp_seconds");
    place.copies = result->second->copies;
    if (const auto* check = model::LatestGoodCheck(*result->second)) place.search = check->message;
  }
  std::vector<BackupReport> sorted;
  for (auto& [key, report] : reports) {
    for (const config::Service& service : config.services) {
      if (service.name != report.service) continue;
      report.copies_target = service.copies;
      report.offsite_target = service.offsite_copies;
      report.immutable_target = service.immutable_copies;
    }
    Count(report, offsite_archives, now);
    CompareNewestShared(report);
    sorted.push_back(std::move(report));
  }
  return sorted;
}

namespace {

// How far each location is behind: of places that share a name the one that is behind most.
std::map<std::string, base::Duration> LagsOf(const BackupReport& report) {
  std::map<std::string, base::Duration> lags;
  const auto newest = NewestPoint(report);
  if (!newest || report.places.size() < 2) return lags;
  for (const CopyPlace& place : report.places) {
    const model::StoredCopy* good = place.LatestGood();
    if (good == nullptr) continue;
    base::Duration& lag = lags[place.location];
    lag = std::max(lag, *newest - good->point);
  }
  return lags;
}

}  // namespace

std::vector<model::MetricFamily> CopyFamilies(const std::vector<BackupReport>& reports) {
  model::FamilySet families;
  for (const BackupReport& report : reports) {
    AddTarget(families, report, "copies", report.copies, report.copies_target);
    AddTarget(families, report, "offsite_copies", report.offsite_copies, report.offsite_target);
    AddTarget(families, report, "immutable_copies", report.immutable_copies,
              report.immutable_target);
    if (report.identical) {
      families.Gauge("backup_copies_identical",
                     "1 if the newest copy that several places have is the same in all of them.",
                     {{"backup", report.backup}, {"service", report.service}},
                     *report.identical ? 1 : 0);
    }
    std::set<std::string> told;
    for (const CopyDifference& difference : report.differences) {
      if (!told.insert(difference.location).second) continue;  // places may share a name
      families.Gauge("backup_copy_difference_info",
                     "1 while the newest copy that several places have is another one here.",
                     {{"backup", report.backup},
                      {"service", report.service},
                      {"location", difference.location},
                      {"artefact", report.differing},
                      {"by", difference.by}},
                     1);
    }
    for (const auto& [location, lag] : LagsOf(report)) {
      families.Gauge(
          "backup_copy_lag_seconds",
          "How much older the newest good copy of this location is than the newest one "
          "anywhere.",
          {{"backup", report.backup}, {"service", report.service}, {"location", location}},
          base::ToSeconds(lag));
    }
  }
  return families.Take();
}

}  // namespace drwatch::recovery
