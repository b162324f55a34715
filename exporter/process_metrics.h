// process_* as Prometheus' client libraries expose them, read from /proc.
#pragma once

#include <cstdint>
#include <string>

#include "model/metric_family.h"

namespace drwatch::exporter {

// Adds what can be read; a value that cannot is left out. Any thread.
void AddProcessMetrics(model::FamilySet& families);
// Threads of the process; 0 if that cannot be read.
std::int64_t CountThreads();
// "localhost" if the machine does not say.
std::string HostName();

}  // namespace drwatch::exporter
