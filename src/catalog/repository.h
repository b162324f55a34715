// Repositories of backup programs, read natively: which backups one holds, and whether each of them
// can be restored. One ArtefactCatalog per program; an artefact is one backup of the repository,
// with Artefact::facts set.
//
// Where the catalogs agree, whatever the program:
//   Listing::complete     backups the program counts as finished, by the time they were finished.
//   One
//                         that cannot be restored for a reason that needs no reading (its parent or
//                         a segment of its own WAL is missing) says so in Artefact::defect.
//   Listing::in_progress  begun, not finished, and still changing
//   Listing::failed       begun, and ended or left behind without being finished
//   Verify()              reads what this backup needs, also where it lies in a parent, and the WAL
//                         from its start to its stop. What was read whole within
//                         VerifyOptions::reuse and did not change since is not read again.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "catalog/artefact_catalog.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "config/backup_probe_config.h"

namespace drwatch::catalog {

struct RepositoryOptions {
  std::string stanza;  // pgBackRest's stanza or Barman's server; empty = the only one there
  // A finished backup that was never seen whole may be on its way here (a copy, WAL that is
  // archived later) for so long: it is in progress.
  base::Duration arrival = std::chrono::minutes(10);
  // Of the repository's files, shared with what else reads them; empty: the catalog's own.
  std::shared_ptr<ProvenFiles> proven = {};
};

// The place outlives the catalog, and is the repository's root: what pgBackRest calls repo-path,
// WAL-G its prefix, Barman its home. Calls as ArtefactCatalog says.
std::unique_ptr<ArtefactCatalog> MakePgBackRestCatalog(Place& place,
                                                       const RepositoryOptions& options);
std::unique_ptr<ArtefactCatalog> MakeWalGCatalog(Place& place, const RepositoryOptions& options);
std::unique_ptr<ArtefactCatalog> MakeBarmanCatalog(Place& place, const RepositoryOptions& options);
// The one of these; `kind` is not kNone.
std::unique_ptr<ArtefactCatalog> MakeRepositoryCatalog(config::Repository kind, Place& place,
                                                       const RepositoryOptions& options);

// What lies at a place, by the files only one program writes. kNone: no repository.
struct RecognisedRepository {
  config::Repository kind = config::Repository::kNone;
  // pgBackRest's stanzas, Barman's servers; of WAL-G one, "". Empty if `above` is not 0.
  std::vector<std::string> stanzas;
  // The place is not the repository but the folder of one stanza in it: backup/STANZA of pgBackRest
  // or a server's own one in Barman's home. The repository is so many folders above.
  int above = 0;
};
// Looks at names three levels deep, never at contents. An error: the place cannot be looked at.
tl::expected<RecognisedRepository, Finding> RecogniseRepository(Place& place,
                                                                const PlaceContext& context);

}  // namespace drwatch::catalog
