// What each probe type is told. Defaults stand here; docs/configuration.md says what the keys mean.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "config/database_probe_config.h"
#include "config/endpoint_probe_config.h"
#include "config/problem.h"
#include "config/schedule.h"
#include "model/labels.h"

namespace drwatch::config {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

struct BackupProbe {
  std::string backup;                // label `backup`; default the probe's name
  std::string location = "primary";  // label `location`
  bool offsite = false;
  std::string path;           // a folder, absolute
  std::string pattern = "*";  // shell pattern of an artefact's name below `path`; {base} folders
                              // count as one artefact
  bool recursive = false;
  std::string kind;  // "", full, incremental, dump, wal, rdb, aof, files, snapshot: label `kind`
  std::optional<Schedule> schedule;  // when a new one is due
  base::Duration grace = 1h;         // how late it may be, with a schedule
  std::optional<base::Duration> max_age;
  std::int64_t min_size_bytes = 1;
  std::optional<base::Duration> retention;  // oldest kept must reach back so far
  base::Duration quiet_time =
      15s;  // a file changed more recently than this and without a completeness mark is in progress
  struct Verify {
    bool enabled = true;
    base::Duration every = 24h;               // a verdict older than this is made anew (bit rot)
    std::int64_t read_rate_bytes = 50 << 20;  // per second; 0 = unlimited
    base::Duration timeout = 6h;
    friend bool operator==(const Verify&, const Verify&) = default;
  } verify;
  bool require_checksum = false;  // no sidecar or list entry is a failure
  double free_space_warning_ratio = 0.1;
  friend bool operator==(const BackupProbe&, const BackupProbe&) = default;
};

using ProbeSpec =
    std::variant<PostgresProbe, RedisProbe, HttpProbe, TcpProbe, ScrapeProbe, BackupProbe>;

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
