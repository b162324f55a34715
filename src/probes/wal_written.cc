#include "probes/wal_written.h"

#include <algorithm>
#include <chrono>

#include "catalog/folder_catalog.h"

namespace drwatch::probes {

base::Timestamp WrittenBy::Latest(verify::Lsn end, std::optional<base::Timestamp> commit,
                                  std::optional<base::Timestamp> modified,
                                  const RunContext& context) {
  const base::SteadyTime steady = context.clock->Steady();
  if (end_ != end) {
    end_ = end;
    since_ = steady;
  }
  const base::Timestamp seen =
      context.now - std::chrono::duration_cast<base::Duration>(steady - since_);
  const bool ahead = commit && *commit > seen + catalog::FolderCatalog::kClockSkew;
  return ahead && modified ? std::min(seen, *modified) : seen;
}

}  // namespace drwatch::probes
