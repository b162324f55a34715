// `drwatch drill`: tells a running drwatch of drills.
#pragma once

#include "exporter/options.h"

namespace drwatch::exporter {

// 0: done; 1: it could not be, with the reason on standard error.
int RunDrill(const DrillOptions& options);

}  // namespace drwatch::exporter
