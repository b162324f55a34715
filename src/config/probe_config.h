// What each probe type is told. Defaults stand here; docs/configuration.md says what the keys mean.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "config/problem.h"
#include "config/schedule.h"
#include "config/secret_source.h"
#include "model/labels.h"

namespace drwatch::config {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

struct PostgresProbe {
  // A postgres:// URL or a key=value string; may hold a password, so it is a secret.
  base::Secret dsn;
  SecretSource password;
  Tls tls;              // sslmode comes from the dsn; ca_file is sslrootcert
  std::string primary;  // a standby's primary: the name of another postgres probe
  enum class Role { kAny, kPrimary, kStandby };
  struct Expect {
    Role role = Role::kAny;
    std::optional<int> standbys;  // at least so many in state streaming
    std::optional<int> sync_standbys;
    enum class Replication { kStreaming, kArchive };
    Replication replication = Replication::kStreaming;  // how a standby gets its WAL
    std::vector<std::pair<std::string, std::string>> settings;
    friend bool operator==(const Expect&, const Expect&) = default;
  } expect;
  double connections_warning_ratio = 0.8;
  base::Duration max_lag = 300s;  // a standby behind by more is a warning in --once
  friend bool operator==(const PostgresProbe&, const PostgresProbe&) = default;
};

struct RedisProbe {
  std::string address;  // redis:// or rediss:// URL without a password, or host:port
  std::string username;
  SecretSource password;
  Tls tls;
  struct Expect {
    std::string role;  // "", "master" or "replica"
    std::optional<int> replicas;
    std::optional<bool> aof;
    std::optional<bool> rdb;
    friend bool operator==(const Expect&, const Expect&) = default;
  } expect;
  base::Duration max_lag = 300s;
  friend bool operator==(const RedisProbe&, const RedisProbe&) = default;
};

struct JsonCondition {
  std::string path;  // JSON pointer ("/checks/database") or dotted ("checks.database")
  enum class Op {
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kMatches,
    kExists
  };
  Op op = Op::kEqual;
  std::string
      value;  // JSON text of the operand ("true", "300", "\"ok\""), or the regex of kMatches
  friend bool operator==(const JsonCondition&, const JsonCondition&) = default;
};

struct HttpProbe {
  base::Secret url;  // may hold credentials
  std::string method = "GET";
  std::vector<std::pair<std::string, base::Secret>> headers;
  std::string body;
  std::string basic_username;
  SecretSource basic_password;
  SecretSource bearer_token;
  Tls tls;
  bool follow_redirects = false;
  int max_redirects = 5;
  std::string ip_protocol;  // "", "ip4", "ip6"
  std::string resolve_to;   // connect to this host[:port], keeping Host and SNI
  std::int64_t max_body_bytes = 1 << 20;
  struct Expect {
    std::vector<int> status = {200};
    std::vector<JsonCondition> json;
    std::vector<std::string> body_matches;      // RE2
    std::vector<std::string> body_not_matches;  // RE2
    friend bool operator==(const Expect&, const Expect&) = default;
  } expect;
  int failure_threshold = 1;  // so many failures in a row before probe_success is 0
  base::Duration certificate_warning = 14 * 24h;
  friend bool operator==(const HttpProbe&, const HttpProbe&) = default;
};

struct TcpProbe {
  std::string address;  // host:port
  bool use_tls = false;
  Tls tls;
  std::string send;
  std::string expect;  // RE2 the first bytes must match; empty = connecting is enough
  int failure_threshold = 1;
  friend bool operator==(const TcpProbe&, const TcpProbe&) = default;
};

struct ScrapeProbe {
  std::string job;  // label `job`; default the probe's name
  base::Secret url;
  std::string instance;  // label `instance`; default host:port of the url
  std::vector<std::pair<std::string, base::Secret>> headers;
  std::string basic_username;
  SecretSource basic_password;
  SecretSource bearer_token;
  Tls tls;
  bool honor_labels = false;
  std::int64_t max_body_bytes = 64 << 20;
  std::int64_t max_samples = 200'000;
  friend bool operator==(const ScrapeProbe&, const ScrapeProbe&) = default;
};

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
