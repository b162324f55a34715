#include "probes/backup_replaced.h"

#include <algorithm>

#include "probes/backup_due.h"
#include "probes/backup_worth.h"

namespace drwatch::probes {
namespace {

// What `before`, a verdict on what lay at the path of `now_there`, still stands for.
std::optional<base::Timestamp> StandsFor(const config::BackupProbe& spec,
                                         const catalog::Artefact& now_there,
                                         const BackupVerdict& before, base::Timestamp now) {
  const bool known = before.fingerprint != now_there.fingerprint &&
                     before.taken != base::Timestamp{} && before.needs_wal.empty();
  if (!known || IsOver(before.judged, spec.verify.every + spec.verify.timeout, now)) {
    return std::nullopt;
  }
  const bool passed = before.outcome == verify::Outcome::kIntact ||
                      (before.outcome == verify::Outcome::kUnjudged && !WasPrevented(before));
  if (!passed) return std::nullopt;
  catalog::Artefact replaced;
  replaced.time = before.taken;
  replaced.time_source = before.time_source;
  return PointOf(spec, replaced, before);
}

}  // namespace

std::optional<base::Timestamp> PresumedPoint(const config::BackupProbe& spec,
                                             const catalog::Listing& listing,
                                             const BackupVerdicts& verdicts, base::Timestamp now) {
  if (!spec.verify.enabled) return std::nullopt;
  std::optional<base::Timestamp> newest;
  const auto look = [&](const catalog::Artefact& artefact) {
    const auto last = verdicts.FindPath(artefact.path);
    if (!last) return;
    // One that could not be read says nothing of itself, nor of what lay there before.
    const BackupVerdict& before = last->before ? *last->before : *last;
    newest = std::max(newest, StandsFor(spec, artefact, before, now));
  };
  for (const catalog::Artefact& artefact : listing.complete) {
    if (!artefact.defect && !IsTooSmall(spec, artefact)) look(artefact);
  }
  for (const catalog::Artefact& artefact : listing.recent) look(artefact);
  return newest;
}

void DropReplaced(const catalog::Listing& listing, bool gone,
                  std::vector<model::StoredCopy>& copies) {
  for (const catalog::Artefact& artefact : listing.recent) {
    // One that was read whole is complete, too.
    const bool being_written = std::find(listing.in_progress.begin(), listing.in_progress.end(),
                                         artefact.name) != listing.in_progress.end();
    if (!being_written) continue;
    for (model::StoredCopy& copy : copies) {
      if (copy.name != artefact.name || !copy.good) continue;
      copy.good = false;
      copy.problem = "another one is being written in its place";
    }
  }
  for (model::StoredCopy& copy : copies) {
    if (!gone || !copy.good) continue;
    copy.good = false;
    copy.problem = "it is gone, and another one is being written";
  }
}

}  // namespace drwatch::probes
