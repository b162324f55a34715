// Does a TCP or TLS port accept connections, and does what stands behind it say the expected words?
#pragma once

#include <memory>

#include "probes/probe.h"

namespace drwatch::probes {

// `config.spec` holds a config::TcpProbe.
std::unique_ptr<Probe> MakeTcpProbe(const config::Probe& config, const ProbeServices& services);

}  // namespace drwatch::probes
