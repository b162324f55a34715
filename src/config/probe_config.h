// What each probe type is told. Defaults stand here; docs/configuration.md says what the keys mean.
#pragma once

#include <string>
#include <variant>

#include "base/clock.h"
#include "config/backup_probe_config.h"
#include "config/database_probe_config.h"
#include "config/endpoint_probe_config.h"
#include "config/problem.h"
#include "model/labels.h"

namespace drwatch::config {

using ProbeSpec = std::variant<PostgresProbe, RedisProbe, HttpProbe, TcpProbe, ScrapeProbe,
                               BackupProbe, WalArchiveProbe>;

struct Probe {
  std::string name;
  std::string type;
  std::string service;
  base::Duration interval{};  // filled from global
  base::Duration timeout{};
  model::Labels labels;  // on every series of the probe
  Position position;
  ProbeSpec spec;

  // Where it stands in the file makes no difference.
  friend bool operator==(const Probe& a, const Probe& b) {
    return a.name == b.name && a.type == b.type && a.service == b.service &&
           a.interval == b.interval && a.timeout == b.timeout && a.labels == b.labels &&
           a.spec == b.spec;
  }
};

}  // namespace drwatch::config
