// Which probes `--once` runs beside the selected ones, without showing them: what a selected one is
// judged with comes from their runs.
#pragma once

#include <vector>

#include "config/config.h"

namespace drwatch::exporter {

// Of `configured`, those that `selected` (some of them, and others) refer to and that are not
// selected themselves, in their order: of a WAL archive its primary and the probes that look for
// its base backups, of a standby its primary, of a backup the archives that may hold its WAL and
// the primaries of these.
std::vector<config::Probe> FindCompanions(const std::vector<config::Probe>& selected,
                                          const std::vector<config::Probe>& configured);

}  // namespace drwatch::exporter
