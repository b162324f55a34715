// Proves a WAL archive as far as single segments go: each is read to its end. That some are missing
// is a detail: what a repository keeps of its WAL depends on its retention.
#pragma once

#include <cstdint>
#include <string>

#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

// `folder` is where the segments lie, "archive/main/15-1/"; folders below it count. Several
// stretches at a time, VerifyOptions::jobs. A `system_identifier` of 0 is any cluster's. `proven`
// is told which segments are whole, with what goes on from one to the next. Never fails.
verify::Verdict VerifyArchive(Place& place, const std::string& folder,
                              std::uint64_t system_identifier, ProvenFiles& proven,
                              const verify::VerifyOptions& options);

}  // namespace drwatch::catalog
