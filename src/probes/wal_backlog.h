// Which segments of a WAL archive are to be read next. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "catalog/wal_archive.h"
#include "catalog/wal_reader.h"
#include "probes/wal_verdicts.h"
#include "probes/wal_verifier.h"

namespace drwatch::probes {

// Segments read at a stretch, so that records are followed from one to the next.
inline constexpr std::size_t kWalBatch = 16;

// nullptr: it is not there.
const catalog::WalSegmentFile* FindSegment(const catalog::WalInventory& inventory,
                                           const WalSegmentKey& key);

// How many segments of the ancestry have no verdict as they are now.
std::uint64_t CountUnread(const catalog::WalArchiveState& state, const catalog::WalReader& reader,
                          const WalVerdicts& verdicts);

// The newest segments without a verdict, in their order, at most kWalBatch and those beside them:
// what matters most is known first.
std::vector<WalWork> NextToRead(const catalog::WalArchiveState& state,
                                const catalog::WalReader& reader, const WalVerdicts& verdicts);

// Of an archive that is not to be read: segments that are not as large as they have to be and have
// no verdict. What is packed under a plain name is so, too, which shows when it is read. Where
// they are more than kWalBatch, all of the archive is packed: only empty ones are odd then.
std::vector<WalWork> OddSegments(const catalog::WalReader& reader, const WalVerdicts& verdicts);

}  // namespace drwatch::probes
