// `drwatch report`: evidence from the audit log, while the service runs or not.
#pragma once

#include "exporter/options.h"

namespace drwatch::exporter {

// Exit code: 0, 1 if it cannot be made, 2 if the log's chain is broken.
int Report(const ReportOptions& options);

}  // namespace drwatch::exporter
