// Is a PostgreSQL server there, in the role it should have, and how much would be lost without it?
#pragma once

#include <memory>

#include "probes/probe.h"

namespace drwatch::probes {

// `config.spec` holds a config::PostgresProbe. Logs in anew at each run, so that authentication is
// tested, too. A primary's position goes into `services.positions`, where the probes of its
// standbys find it; that must not be nullptr.
std::unique_ptr<Probe> MakePostgresProbe(const config::Probe& config,
                                         const ProbeServices& services);

}  // namespace drwatch::probes
