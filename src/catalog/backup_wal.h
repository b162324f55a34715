// The WAL that a backup itself needs: from its start to its stop, in an archive that keeps segments
// in folders named after the first 16 digits of their names (pgBackRest, Barman).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "catalog/wal_archive.h"
#include "verify/file_source.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

struct BackupWal {
  std::vector<PlaceObject> objects;    // its segments, in their order
  std::optional<std::string> missing;  // the name of the first one that is not there
};

// `facts` names the folder and the segments; without a folder nothing is needed. Finding kCorrupt:
// what it names are no segments, or they are not in order.
tl::expected<BackupWal, Finding> FindBackupWal(Place& place, const RepositoryFacts& facts,
                                               const PlaceContext& context);

// Of a backup in a repository, whose program wrote down all there is to know; nullopt where it
// cannot be restored or needs no WAL.
std::optional<WalBase> WalBaseOf(const Artefact& artefact);

// Reads them to their end: every record's checksum, the SHA-1 in their names, one cluster's, each
// going on where the one before it ends. What `proven` holds is left out, what was read whole is
// put there.
verify::Verdict VerifyBackupWal(Place& place, const RepositoryFacts& facts, const BackupWal& wal,
                                ProvenFiles& proven, verify::ReadBudget& budget);

// What `proven` knows a segment by that was read as one of that cluster's.
std::uint64_t WalKey(const PlaceObject& object, std::uint64_t system_identifier);

}  // namespace drwatch::catalog
