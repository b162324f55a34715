// Which backup one would go back to while it is not the newest one, or how far it was looked for:
// pure, no I/O.
#pragma once

#include <optional>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "model/probe_result.h"
#include "probes/backup_due.h"
#include "probes/backup_verdicts.h"

namespace drwatch::probes {

struct LatestGoodEvidence {
  const std::vector<catalog::Artefact>& complete;  // oldest first
  const std::vector<model::StoredCopy>& copies;    // of these, newest first
  bool relied_on = false;                          // backup_success
  bool only_run = false;                           // nobody goes on reading
};

// The check model::kLatestGoodCheck: well if one is good or the newest is relied on, else unknown
// while some are not read, else critical. nullopt: the newest is good and there is nothing to add,
// or there is no backup at all.
std::optional<model::CheckOutcome> JudgeLatestGood(const config::BackupProbe& spec,
                                                   const LatestGoodEvidence& evidence,
                                                   const BackupVerdicts& verdicts,
                                                   const IsLeft& is_left, base::Timestamp now);

}  // namespace drwatch::probes
