// `drwatch ack`: tells a running drwatch that somebody looks after alerts.
#pragma once

#include "exporter/options.h"

namespace drwatch::exporter {

// 0: done; 1: it could not be, with the reason on standard error.
int Acknowledge(const AckOptions& options);

}  // namespace drwatch::exporter
