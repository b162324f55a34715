// Which artefacts exist somewhere, and whether they are intact: a folder, a bucket.
#pragma once

#include <cstdint>
#include <optional>

#include "base/stop.h"
#include "catalog/artefact.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

struct ArtefactTimes {
  // When the newest of its files came to lie there, whatever times they carry from elsewhere.
  base::Timestamp arrived{};
  // When the newest of the checksum files that name it was written. nullopt: none does, or it is a
  // folder.
  std::optional<base::Timestamp> listed{};
  // When a file beside it that checksum files name was written to last under a temporary name:
  // ".shop.dump.Xy12Zw" (rsync), "shop.dump.part". nullopt: there is none.
  std::optional<base::Timestamp> arriving{};
};

// List() and Times() are called by one thread at a time; the others by any, beside it.
class ArtefactCatalog {
 public:
  virtual ~ArtefactCatalog() = default;
  // Never fails: what is wrong stands in Listing::blind.
  virtual Listing List(base::Timestamp now, base::Deadline deadline,
                       const base::StopToken& stop) = 0;
  // The artefact's fingerprint as it is now; nullopt if it is gone or cannot be looked at.
  virtual std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact,
                                                          base::Deadline deadline,
                                                          const base::StopToken& stop) = 0;
  // Reads it to its end. Never fails: what cannot be judged says why.
  virtual verify::Verdict Verify(const Artefact& artefact,
                                 const verify::VerifyOptions& options) = 0;
  // Of one that the last List() found.
  virtual ArtefactTimes Times(const Artefact& artefact) { return {artefact.modified}; }
};

}  // namespace drwatch::catalog
