// What probes of databases are told. Included through probe_config.h.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "config/secret_source.h"

namespace drwatch::config {

using std::chrono_literals::operator""s;

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
  // Whether and where it survives the loss of the site or of the region (scenarios of recovery).
  bool offsite = false;
  std::string region;
  std::string data = "database";  // as of a backup: what a standby holds
  double connections_warning_ratio = 0.8;
  base::Duration max_lag = 300s;  // a standby behind by more warns: in --once and as ReplicationLag
  // How long WAL may wait: the longest `max_lag` of the WAL archives that name this probe as
  // their primary, which is no key of its own.
  base::Duration archive_max_lag = 15min;
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

}  // namespace drwatch::config
