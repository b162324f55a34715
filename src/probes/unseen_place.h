// What a probe says of a place that cannot be looked at.
#pragma once

#include <string>

#include "catalog/artefact.h"
#include "config/backup_probe_config.h"
#include "probes/probe_report.h"

namespace drwatch::probes {

// What to do: what the finding itself says, else what helps with such a place. Empty where the
// finding's message tells it.
std::string RemedyOf(const catalog::Finding& finding, const config::PlaceAddress& place);

// Its check "place". A service that sees nothing is in trouble itself; to whoever asks once the
// backups there are unknown, unless there is no such place.
void ReportUnseenPlace(ProbeReport& report, const catalog::Finding& finding,
                       const config::PlaceAddress& place, bool only_run);

}  // namespace drwatch::probes
