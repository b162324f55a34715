// What to do about a place that cannot be looked at.
#pragma once

#include <string>

#include "catalog/artefact.h"
#include "config/backup_probe_config.h"

namespace drwatch::probes {

// What the finding itself says, else what helps with such a place. Empty where the finding's
// message tells it.
std::string RemedyOf(const catalog::Finding& finding, const config::PlaceAddress& place);

}  // namespace drwatch::probes
