// `drwatch --once`: every selected probe once, now.
#pragma once

#include "exporter/options.h"

namespace drwatch::exporter {

// Prints the report and returns its exit code. Reads no state, writes none, and never pages.
int RunOnce(const OnceOptions& options);

}  // namespace drwatch::exporter
