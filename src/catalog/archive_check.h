// Proves a WAL archive: each segment is read to its end, and from the oldest base backup on none is
// missing but what the repository's retention takes away between base backups.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "catalog/wal_archive.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

// `folder` is where the segments lie, "archive/main/15-1/"; folders below it count. Several
// stretches at a time, VerifyOptions::jobs. A `system_identifier` of 0 is any cluster's. `proven`
// is told which segments are whole, with what goes on from one to the next. Where no `bases` are
// known that segments are missing is a detail. Never fails.
verify::Verdict VerifyArchive(Place& place, const std::string& folder,
                              std::uint64_t system_identifier, ProvenFiles& proven,
                              const verify::VerifyOptions& options,
                              const std::vector<WalBase>& bases = {}, base::Timestamp now = {});

}  // namespace drwatch::catalog
