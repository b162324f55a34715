#include "probes/probe.h"

#include <variant>

#include "probes/backup_probe.h"
#include "probes/http_probe.h"
#include "probes/postgres_probe.h"
#include "probes/redis_probe.h"
#include "probes/scrape_probe.h"
#include "probes/tcp_probe.h"
#include "probes/wal_archive_probe.h"

namespace drwatch::probes {
namespace {

// One overload a type: a type of config::ProbeSpec that is not in the list does not compile.
struct Factory {
  const config::Probe& config;
  const ProbeServices& services;
#define DRWATCH_PROBE_TYPE(type, make) \
  std::unique_ptr<Probe> operator()(const config::type&) const { return make(config, services); }
#include "probes/probe_types.inc"
#undef DRWATCH_PROBE_TYPE
};

}  // namespace

std::unique_ptr<Probe> MakeProbe(const config::Probe& config, const ProbeServices& services) {
  return std::visit(Factory{config, services}, config.spec);
}

}  // namespace drwatch::probes
