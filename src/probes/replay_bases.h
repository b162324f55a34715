// Upon which base backups the WAL of an archive brings a server back to the end of its window, and
// how much of it. Pure.
#pragma once

#include <vector>

#include "catalog/place.h"
#include "catalog/wal_archive.h"
#include "model/probe_result.h"

namespace drwatch::probes {

// The proven ones of `bases` from which WAL leads to the end of the window, oldest first. `state`
// was judged of `inventory` with `bases` and has such an end; `objects` are those it points into.
std::vector<model::ReplayBase> FindReplayBases(const catalog::WalArchiveState& state,
                                               const std::vector<catalog::WalBase>& bases,
                                               const catalog::WalInventory& inventory,
                                               const std::vector<catalog::PlaceObject>& objects);

}  // namespace drwatch::probes
