// Proves one WAL-G backup: its tar files and those of its parents, what files_metadata.json says of
// them, and the WAL that it needs.
#pragma once

#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "verify/verdict.h"
#include "verify/walg_metadata.h"

namespace drwatch::catalog {

struct WalGLink {
  std::string name;  // "base_..."
  verify::WalGBackup said;
};

// `chain` begins with the backup itself, its parents behind it; `artefact` is the backup, with
// facts. Several tar files are read at a time (VerifyOptions::jobs). Never fails: what cannot be
// judged says why.
verify::Verdict VerifyWalG(Place& place, const std::vector<WalGLink>& chain,
                           const Artefact& artefact, ProvenFiles& proven,
                           const verify::VerifyOptions& options);

}  // namespace drwatch::catalog
