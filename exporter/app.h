// The service: everything wired together in one straight line, stopped in reverse order.
#pragma once

#include "exporter/options.h"

namespace drwatch::exporter {

// Runs until SIGTERM or SIGINT; SIGHUP reloads. Returns the exit status: 0 after a clean stop, 1 if
// it could not start (bad configuration, state not usable, port taken), with the reason on standard
// error.
int Serve(const ServeOptions& options);

}  // namespace drwatch::exporter
