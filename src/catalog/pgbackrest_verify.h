// Proves one pgBackRest backup: its manifest, every file that it names wherever it is stored, and
// the WAL that it needs.
#pragma once

#include <string>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

// `stanza` is the folder of the stanza's backups, "backup/main/". Reads several objects at a time,
// VerifyOptions::jobs. Never fails: what cannot be judged says why.
verify::Verdict VerifyPgBackRest(Place& place, const std::string& stanza, const std::string& label,
                                 const RepositoryFacts& facts, ProvenFiles& proven,
                                 const verify::VerifyOptions& options);

}  // namespace drwatch::catalog
