// Is an HTTP endpoint healthy: does it answer, with an expected status and body, and how long are
// its certificates good for?
#pragma once

#include <memory>

#include "probes/probe.h"

namespace drwatch::probes {

// `config.spec` holds a config::HttpProbe.
std::unique_ptr<Probe> MakeHttpProbe(const config::Probe& config, const ProbeServices& services);

}  // namespace drwatch::probes
