// What lay where something lies now that is not read yet, or is still being written.
//
// Its bytes are gone, and those in its place prove nothing. While they are read - hours, of a large
// backup - the state of the one before stands in for them: it was good, so that this one most
// likely is, and what it brings back is newer. Not for longer than a proof may be old: verify.every
// and the time that one verification may take. Pure, no I/O.
#pragma once

#include <optional>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "model/probe_result.h"
#include "probes/backup_verdicts.h"

namespace drwatch::probes {

// The newest state that a replaced backup brought back, and that stands in. nullopt: there is none.
// Not of base backups without WAL.
std::optional<base::Timestamp> PresumedPoint(const config::BackupProbe& spec,
                                             const catalog::Listing& listing,
                                             const BackupVerdicts& verdicts, base::Timestamp now);

// Copies in whose place something is being written are not good any more; nor is any where all are
// `gone` and another one is being written elsewhere.
void DropReplaced(const catalog::Listing& listing, bool gone,
                  std::vector<model::StoredCopy>& copies);

}  // namespace drwatch::probes
