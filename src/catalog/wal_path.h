// Which timeline each segment number of a WAL archive belongs to. Used by wal_archive.cc.
#pragma once

#include <limits>
#include <vector>

#include "catalog/wal_archive.h"

namespace drwatch::catalog {

inline constexpr std::uint64_t kNoWalEnd = std::numeric_limits<std::uint64_t>::max();

// The numbers for which a timeline of the ancestry stands: [first, end).
struct WalPathPart {
  std::uint32_t timeline = 0;
  std::uint64_t first = 0;
  std::uint64_t end = kNoWalEnd;
  verify::Lsn left_at = std::numeric_limits<verify::Lsn>::max();
};

// The timeline that is judged and its parents, oldest first; empty: the archive is. Says in `state`
// which they are and which others have files here.
std::vector<WalPathPart> FindWalPath(const WalInventory& inventory, const WalQuestion& question,
                                     WalArchiveState& state);

}  // namespace drwatch::catalog
