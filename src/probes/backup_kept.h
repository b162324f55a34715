// The backups before the newest one: which of them is read again, and what became of those that
// were good once.
#pragma once

#include <optional>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "probes/backup_judge.h"
#include "probes/backup_verdicts.h"

namespace drwatch::probes {

// Of one probe, for one thread. No I/O.
class KeptBackups {
 public:
  // `spec` outlives it.
  explicit KeptBackups(const config::BackupProbe& spec) : spec_(spec) {}

  // The newest of the older ones whose bytes are others than those that were judged, though it lies
  // under the same name and is of the same time; else, with verify.kept_every, the newest that was
  // not read for so long. One that proved broken stays so. nullopt: none.
  std::optional<catalog::Artefact> Next(const catalog::ArtefactList& complete,
                                        const BackupVerdicts& verdicts, base::Timestamp now);

 private:
  bool IsDue(const catalog::Artefact& artefact, const BackupVerdict* verdict,
             base::Timestamp now) const;

  const config::BackupProbe& spec_;
  // Of this list none is due before then.
  catalog::ArtefactList calm_;
  base::Timestamp calm_since_{};
};

// The check "kept": fails while an older one that was good is broken. nullopt: none is.
std::optional<BackupCheck> JudgeKept(const std::vector<catalog::Artefact>& complete,
                                     const BackupVerdicts& verdicts);

}  // namespace drwatch::probes
