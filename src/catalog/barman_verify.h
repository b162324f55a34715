// Proves one Barman backup: its data and that of its parents, and the WAL that it needs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "verify/barman_info.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

struct BarmanLink {
  std::string folder;  // "main/base/20260101T020000/"
  verify::BarmanInfo info;
  std::int64_t info_bytes = 0;  // of backup.info, wherever it lies
};

// `chain` begins with the backup itself, its parents behind it; `artefact` is the backup, with
// facts. Never fails: what cannot be judged says why.
verify::Verdict VerifyBarman(Place& place, const std::vector<BarmanLink>& chain,
                             const Artefact& artefact, ProvenFiles& proven,
                             const verify::VerifyOptions& options);

}  // namespace drwatch::catalog
