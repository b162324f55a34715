// A job that dumps several databases into one folder leaves several series of artefacts. Pure.
#pragma once

#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"

namespace drwatch::probes {

// A run without a schedule takes no longer than this.
inline constexpr base::Duration kLongestRun = std::chrono::hours(2);

// The newest of each other series (SeriesOf) that the run of the newest artefact left: of its kind
// and with its extension, since the slot of the schedule or within kLongestRun before it. A series
// is one that runs before have left, too: what was made once is no database's. Not of repositories.
std::vector<const catalog::Artefact*> SiblingsOfNewest(
    const config::BackupProbe& spec, const std::vector<catalog::Artefact>& complete);

}  // namespace drwatch::probes
