#include "probes/backup_due.h"

#include <algorithm>

#include "catalog/folder_catalog.h"
#include "probes/backup_siblings.h"
#include "probes/backup_worth.h"

namespace drwatch::probes {
namespace {

using verify::Outcome;

// Whether what is known of it is too old to be relied on, or was never known.
bool IsDue(const config::BackupProbe& spec, const catalog::Artefact& artefact,
           const std::optional<BackupVerdict>& verdict, base::Timestamp now) {
  if (!verdict || verdict->checksum_stamp != artefact.checksum_stamp) return true;
  if (verdict->outcome == Outcome::kBroken || artefact.defect) return false;
  const bool open = WasPrevented(*verdict) || WorthOf(spec, artefact, verdict) == Worth::kOpen;
  const base::Duration every = open ? std::min(kRetryAfter, spec.verify.every) : spec.verify.every;
  return IsOver(verdict->verified, every, now);
}

// Whether the place does not let it be read. One that takes too long is as large as those before
// it.
bool IsClosed(const BackupVerdict& verdict) {
  return WasPrevented(verdict) && verdict.reason != model::Reason::kTimeout;
}

// Which of those before the newest one is good, then?
std::optional<catalog::Artefact> NextOlder(const config::BackupProbe& spec,
                                           const std::vector<catalog::Artefact>& complete,
                                           const BackupVerdicts& verdicts, const IsLeft& is_left,
                                           base::Timestamp now) {
  for (auto at = complete.rbegin() + 1; at != complete.rend(); ++at) {
    if (at->defect || IsTooSmall(spec, *at) || is_left(at->name)) continue;
    const auto verdict = verdicts.Find(*at);
    if (IsDue(spec, *at, verdict, now)) return *at;
    if (PassedAll(spec, *at, verdict)) break;
  }
  return std::nullopt;
}

}  // namespace

bool IsOver(base::Timestamp at, base::Duration after, base::Timestamp now) {
  return now - at >= after || at - now > catalog::FolderCatalog::kClockSkew;
}

std::optional<catalog::Artefact> NextToVerify(const config::BackupProbe& spec,
                                              const std::vector<catalog::Artefact>& complete,
                                              const BackupVerdicts& verdicts, const IsLeft& is_left,
                                              base::Timestamp now) {
  if (!spec.verify.enabled || complete.empty()) return std::nullopt;
  const catalog::Artefact& newest = complete.back();
  const auto verdict = verdicts.Find(newest);
  if (IsDue(spec, newest, verdict, now)) return newest;
  const Worth worth = WorthOf(spec, newest, verdict);
  if (worth == Worth::kBad || (worth == Worth::kOpen && IsClosed(*verdict)) ||
      is_left(newest.name)) {
    return NextOlder(spec, complete, verdicts, is_left, now);
  }
  for (const catalog::Artefact* sibling : SiblingsOfNewest(spec, complete)) {
    if (!verdicts.Find(*sibling)) return *sibling;
  }
  return std::nullopt;
}

}  // namespace drwatch::probes
