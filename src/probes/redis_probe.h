// Is a Redis server there, in the role it should have, replicated and persisted?
#pragma once

#include <memory>

#include "probes/probe.h"

namespace drwatch::probes {

// `config.spec` holds a config::RedisProbe. Connects anew at each run.
std::unique_ptr<Probe> MakeRedisProbe(const config::Probe& config, const ProbeServices& services);

}  // namespace drwatch::probes
