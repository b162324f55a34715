#include "catalog/artefact_time.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "catalog/folder_catalog.h"
#include "catalog/name_time.h"

namespace drwatch::catalog {
namespace {

// The widest a zone is from UTC, and a little for how long a dump may take to write.
constexpr base::Duration kZoneSpan = std::chrono::hours(15);

// What the name says, given when the file was last written.
std::pair<base::Timestamp, TimeSource> FromName(const NameTime& name, base::Timestamp modified,
                                                const config::LocalClock& clock) {
  if (name.precision == NameTime::Precision::kDay) {
    const base::Timestamp earliest = name.time - kZoneSpan;
    const base::Timestamp latest = name.time + std::chrono::hours(24) + kZoneSpan;
    if (modified >= earliest && modified <= latest) return {modified, TimeSource::kModified};
    return {name.time, TimeSource::kName};
  }
  const bool by_clock = clock && !name.zone_known && name.precision != NameTime::Precision::kHour;
  if (by_clock) {
    if (const auto time = ReadLocal(name.time, clock, modified)) return {*time, TimeSource::kName};
  }
  if (!name.zone_known && std::chrono::abs(modified - name.time) <= kZoneSpan) {
    return {modified, TimeSource::kModified};
  }
  return {name.time, TimeSource::kName};
}

}  // namespace

std::string_view TimeSourceName(TimeSource source) {
  switch (source) {
    case TimeSource::kContent:
      return "content";
    case TimeSource::kName:
      return "name";
    case TimeSource::kModified:
      return "modification time";
    case TimeSource::kChanged:
      return "time of its last change";
  }
  std::abort();
}

std::optional<base::Timestamp> ReadLocal(base::Timestamp local, const config::LocalClock& clock,
                                         base::Timestamp end) {
  constexpr base::Duration kClockSkew = std::chrono::minutes(1);
  std::optional<base::Timestamp> latest;
  for (const base::Timestamp reading : {clock(local), local}) {
    if (reading <= end + kClockSkew) latest = std::max(latest.value_or(reading), reading);
  }
  return latest ? std::optional(std::min(*latest, end)) : std::nullopt;
}

std::string ChooseTime(const TimeEvidence& evidence, base::Timestamp now, Artefact& artefact) {
  const base::Timestamp latest = now + FolderCatalog::kClockSkew;
  std::string problem;
  const auto believe = [&](base::Timestamp time, TimeSource source) {
    if (time > latest) {
      if (problem.empty()) {
        problem = base::Quote(evidence.name) + " is from the future: its " +
                  std::string(TimeSourceName(source)) + " says " + base::FormatRfc3339(time);
      }
      return false;
    }
    artefact.time = std::min(time, now);
    artefact.time_source = source;
    return true;
  };
  if (evidence.content && believe(*evidence.content, TimeSource::kContent)) return problem;
  if (const auto name = ParseNameTime(evidence.name, evidence.modified)) {
    const auto [time, source] = FromName(*name, evidence.modified, evidence.clock);
    if (believe(time, source)) return problem;
  }
  if (believe(evidence.modified, TimeSource::kModified)) return problem;
  if (evidence.changed && believe(*evidence.changed, TimeSource::kChanged)) return problem;
  artefact.time_source = TimeSource::kModified;
  // Some file systems keep local time.
  if (evidence.modified <= now + kZoneSpan) {
    artefact.time = now;
    return problem;
  }
  artefact.time = {};
  artefact.defect = Finding{model::Reason::kStale, "nobody knows when it was taken: " + problem};
  return problem;
}

bool IsMisdated(const Artefact& artefact, base::Timestamp now) {
  if (artefact.time_source == TimeSource::kChanged) return true;
  return artefact.time_source == TimeSource::kModified &&
         artefact.modified > now + FolderCatalog::kClockSkew;
}

bool IsBefore(const Artefact& a, const Artefact& b) {
  return std::tie(a.time, a.name) < std::tie(b.time, b.name);
}

// Sorts small keys and moves each artefact once: folders give their entries in no order.
void SortByTime(std::vector<Artefact>& artefacts) {
  std::vector<std::pair<base::Timestamp, std::size_t>> keys;
  keys.reserve(artefacts.size());
  for (const Artefact& artefact : artefacts) keys.emplace_back(artefact.time, keys.size());
  std::sort(keys.begin(), keys.end(), [&artefacts](const auto& a, const auto& b) {
    return std::tie(a.first, artefacts[a.second].name) <
           std::tie(b.first, artefacts[b.second].name);
  });
  // Along the cycles of who takes whose place: a second list would be as large as the first.
  for (std::size_t start = 0; start < keys.size(); ++start) {
    if (keys[start].second == start) continue;
    Artefact first = std::move(artefacts[start]);
    std::size_t at = start;
    while (keys[at].second != start) {
      artefacts[at] = std::move(artefacts[keys[at].second]);
      at = std::exchange(keys[at].second, at);
    }
    artefacts[at] = std::move(first);
    keys[at].second = at;
  }
}

}  // namespace drwatch::catalog
