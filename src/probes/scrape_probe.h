// Reads a foreign /metrics page as Prometheus would, for rules and queries.
#pragma once

#include <memory>

#include "probes/probe.h"

namespace drwatch::probes {

// `config.spec` holds a config::ScrapeProbe.
std::unique_ptr<Probe> MakeScrapeProbe(const config::Probe& config, const ProbeServices& services);

}  // namespace drwatch::probes
