#include "probes/backup_repository.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

// How much of a database a backup of its kind holds by itself.
int RankOf(std::string_view kind) {
  if (kind == "full") return 2;
  return kind == "differential" ? 1 : 0;
}

}  // namespace

void KeepKind(const config::BackupProbe& spec, catalog::Listing& listing) {
  const int least = RankOf(spec.kind);
  if (least == 0) return;
  std::erase_if(listing.complete.Edit(), [least](const catalog::Artefact& artefact) {
    return artefact.facts && RankOf(artefact.facts->kind) < least;
  });
}

std::vector<BackupCheck> JudgeRepository(const catalog::Listing& listing) {
  std::vector<BackupCheck> checks;
  if (listing.complete.empty()) return checks;
  const catalog::Artefact& newest = listing.complete.back();
  const auto last = std::max_element(listing.failed.begin(), listing.failed.end(),
                                     [](const auto& a, const auto& b) { return a.time < b.time; });
  if (last != listing.failed.end() && last->time > newest.time) {
    checks.push_back({"attempts", false, Severity::kWarning, Reason::kIncomplete,
                      "the last attempt failed: " + base::Quote(last->name) + ": " + last->message,
                      "look at the program's log"});
  } else {
    checks.push_back({"attempts",
                      true,
                      Severity::kOk,
                      Reason::kNone,
                      "no attempt failed since the newest backup",
                      {}});
  }
  if (!newest.facts) return checks;
  if (newest.facts->damaged_source) {
    checks.push_back({"source", false, Severity::kWarning, Reason::kCorrupt, newest.facts->remark,
                      "the database itself is damaged: find out which pages, and keep the backups "
                      "from before"});
  } else {
    checks.push_back({"source",
                      true,
                      Severity::kOk,
                      Reason::kNone,
                      "no damage was found in what was copied",
                      {}});
  }
  return checks;
}

void ReportRepository(ProbeReport& report, const model::Labels& labels,
                      const catalog::Listing& listing) {
  report.Gauge("backup_failed_attempts",
               "Backups in the repository that were begun and did not end well.", labels,
               static_cast<double>(listing.failed.size()));
  std::map<std::string_view, base::Timestamp> newest;
  for (const catalog::Artefact& artefact : listing.complete) {
    if (!artefact.facts || artefact.facts->kind.empty()) continue;
    base::Timestamp& time = newest[artefact.facts->kind];
    time = std::max(time, artefact.time);
  }
  for (const auto& [kind, time] : newest) {
    report.Gauge("backup_kind_last_completion_timestamp_seconds",
                 "Time of the newest complete backup of each kind.",
                 model::LabelsBuilder(labels).Set("kind", std::string(kind)).Build(),
                 base::ToUnixSeconds(time));
  }
}

}  // namespace drwatch::probes
