// When base backups ended whose manifests do not say so: what the WAL they are replayed with tells.
#pragma once

#include <vector>

#include "catalog/wal_archive.h"
#include "catalog/wal_reader.h"
#include "probes/wal_verdicts.h"

namespace drwatch::probes {

// Sets `stopped` of those with `begun` to what their .backup file or the first commit behind them
// says, if that is earlier: copying makes files younger, and a window must not begin too early.
void DateBases(std::vector<catalog::WalBase>& bases, const catalog::WalReader& reader,
               const WalVerdicts& verdicts);

}  // namespace drwatch::probes
