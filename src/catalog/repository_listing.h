// What the listings of repositories have in common. Used within this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/backup_wal.h"
#include "catalog/place.h"

namespace drwatch::catalog {

// Of a chain of backups, each made upon another: no program makes one as long.
inline constexpr std::size_t kMaxChain = 1000;

// What was seen of the WAL that a backup needs.
struct WalLook {
  // It is looked for again after so long.
  static constexpr base::Duration kEvery{600'000};

  std::optional<base::Timestamp> looked;
  std::optional<Finding> defect;
  std::uint64_t fingerprint = 0;

  // True if it was all there a short while ago.
  bool Holds(base::Timestamp now) const;
  // Notes what was found now in the folder that messages call `folder`. An error: nothing could be
  // seen.
  tl::expected<void, Finding> Note(const tl::expected<BackupWal, Finding>& wal,
                                   std::string_view folder, base::Timestamp now);
};

// A server's version as PG_VERSION says it: 150004 -> "15", 90624 -> "9.6"; "" of 0.
std::string PostgresVersion(std::int64_t number);

Listing BlindListing(Finding finding);
// Unless there are kMaxFindings.
void AddFinding(Listing& listing, model::Reason reason, std::string message);
// A finished backup that is not all there, so shortly after it was finished that the rest may be on
// its way.
bool IsArriving(const Artefact& artefact, base::Timestamp now, base::Duration arrival);
// Changes when any of them does.
std::uint64_t FingerprintOfObjects(const std::vector<PlaceObject>& objects);
// Puts everything in the order that Listing says, and leaves out what is too much.
void SortListing(Listing& listing);

}  // namespace drwatch::catalog
