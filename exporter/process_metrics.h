// process_* as Prometheus' client libraries expose them, read from /proc.
#pragma once

#include "model/metric_family.h"

namespace drwatch::exporter {

// Adds what can be read; a value that cannot is left out. Any thread.
void AddProcessMetrics(model::FamilySet& families);

}  // namespace drwatch::exporter
