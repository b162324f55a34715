// How far the WAL that can be reached from a base backup is read at its end, where the last commit
// stands that a restore would bring back. Pure, but for what it asks the verdicts.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "catalog/wal_archive.h"
#include "catalog/wal_reader.h"
#include "probes/wal_verdicts.h"
#include "probes/wal_verifier.h"

namespace drwatch::probes {

struct WalEnd {
  std::optional<base::Timestamp> last_commit;  // of what is read
  // Segments behind that commit (without one: behind the base backup) that nobody has read yet, or
  // could not read: there may be later commits in them.
  std::uint64_t unread = 0;
};

// `state` was judged of the reader's inventory with `bases`.
WalEnd FindWalEnd(const catalog::WalArchiveState& state, const std::vector<catalog::WalBase>& bases,
                  const catalog::WalReader& reader, const WalVerdicts& verdicts);

// The newest of those unread segments that is not in `tried`; nullopt: there is none.
std::optional<WalWork> NextAtEnd(const catalog::WalArchiveState& state,
                                 const std::vector<catalog::WalBase>& bases,
                                 const catalog::WalReader& reader, const WalVerdicts& verdicts,
                                 const std::set<WalSegmentKey>& tried);

}  // namespace drwatch::probes
