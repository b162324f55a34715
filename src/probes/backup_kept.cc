#include "probes/backup_kept.h"

#include <algorithm>
#include <string>

#include "base/strings.h"
#include "probes/backup_due.h"

namespace drwatch::probes {
namespace {

// Other bytes under the name and the time of those that were judged. A rotation by renaming gives
// names to backups of another time; folders change whenever somebody links to a file of them, and
// repositories tell by themselves.
bool IsChanged(const catalog::Artefact& artefact, const BackupVerdict& verdict) {
  return !artefact.folder && !artefact.facts && verdict.taken == artefact.time &&
         verdict.fingerprint != artefact.fingerprint;
}

// Good once, and what was to be read of it since then could not be.
bool IsToBeTriedAgain(const BackupVerdict& verdict, base::Timestamp now) {
  return verdict.was_good && WasPrevented(verdict) && verdict.reason != model::Reason::kTimeout &&
         IsOver(verdict.verified, kRetryAfter, now);
}

}  // namespace

bool KeptBackups::IsDue(const catalog::Artefact& artefact, const BackupVerdict* verdict,
                        base::Timestamp now) const {
  if (artefact.defect || IsTooSmall(spec_, artefact)) return false;
  if (verdict != nullptr && IsChanged(artefact, *verdict)) return true;
  const bool known = verdict != nullptr && verdict->fingerprint == artefact.fingerprint;
  if (known && verdict->outcome == verify::Outcome::kBroken) return false;
  if (known && IsToBeTriedAgain(*verdict, now)) return true;
  if (!spec_.verify.kept_every) return false;
  return !known || IsOver(verdict->verified, *spec_.verify.kept_every, now);
}

std::optional<catalog::Artefact> KeptBackups::Next(const catalog::ArtefactList& complete,
                                                   const BackupVerdicts& verdicts,
                                                   base::Timestamp now) {
  if (!spec_.verify.enabled || complete.size() < 2) return std::nullopt;
  const base::Duration calm = std::min(kRetryAfter, spec_.verify.kept_every.value_or(kRetryAfter));
  if (!IsOver(calm_since_, calm, now) && calm_.SharedWith(complete)) return std::nullopt;
  const catalog::Artefact* due = nullptr;
  for (auto at = complete.all().rbegin() + 1; at != complete.all().rend(); ++at) {
    const auto verdict = verdicts.FindPath(at->path);
    if (!IsDue(*at, verdict ? &*verdict : nullptr, now)) continue;
    // What somebody changed is looked at first.
    if (verdict && IsChanged(*at, *verdict)) return *at;
    if (due == nullptr) due = &*at;
  }
  if (due != nullptr) return *due;
  calm_ = complete;
  calm_since_ = now;
  return std::nullopt;
}

std::optional<BackupCheck> JudgeKept(const std::vector<catalog::Artefact>& complete,
                                     const BackupVerdicts& verdicts) {
  const auto spoilt = verdicts.Spoilt();
  if (spoilt.empty() || complete.empty()) return std::nullopt;
  std::size_t count = 0;
  std::string newest;
  for (auto at = complete.rbegin() + 1; at != complete.rend(); ++at) {
    const auto found = spoilt.find(at->path);
    if (found == spoilt.end() || found->second.fingerprint != at->fingerprint) continue;
    if (count++ == 0) newest = base::Quote(at->name) + ": " + found->second.text;
  }
  if (count == 0) return std::nullopt;
  const std::string others = count == 1 ? "" : "; and " + std::to_string(count - 1) + " more";
  return BackupCheck{"kept",
                     false,
                     model::Severity::kCritical,
                     model::Reason::kCorrupt,
                     "was good once: " + newest + others,
                     "find out what wrote there, and keep the other copies out of its reach"};
}

}  // namespace drwatch::probes
