// The whole configuration, typed. What each key means to a user is in docs/configuration.md;
// defaults stand here.
//
// A Config is a value, built whole by LoadConfig and never changed afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "config/problem.h"
#include "config/schedule.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace drwatch::config {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

struct Global {
  base::Duration probe_interval = 10s;
  base::Duration probe_timeout = 10s;
  base::Duration evaluation_interval = 15s;
  int max_concurrent_probes = 256;
  model::Labels external_labels;
  std::string external_url;  // without a slash at its end; empty = http://<host name>:<port>
};

struct Storage {
  std::string path = "/var/lib/drwatch";
  base::Duration retention = 6h;
  std::int64_t max_series = 1'000'000;
};

// One row of the plan's objectives.
struct Service {
  std::string name;
  std::string level;  // "L1".."L4" or free text
  std::optional<base::Duration> rpo;
  std::optional<base::Duration> rto;
  std::vector<std::string> depends_on;
};

struct Tls {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // verify against this name instead of the host
  bool insecure_skip_verify = false;
};

// A secret given in place or as a file that is read again at each use, so that rotation needs no
// reload.
struct SecretSource {
  base::Secret value;
  std::string file;
  bool empty() const { return value.empty() && file.empty(); }
};
// The secret's text, without one newline at its end. Errors: the file cannot be read or is empty
// (its name, never its content).
base::Result<base::Secret> ReadSecret(const SecretSource& source);

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
  } expect;
  double connections_warning_ratio = 0.8;
  base::Duration max_lag = 300s;  // a standby behind by more is a warning in --once
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
  } expect;
  base::Duration max_lag = 300s;
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
  } expect;
  int failure_threshold = 1;  // so many failures in a row before probe_success is 0
  base::Duration certificate_warning = 14 * 24h;
};

struct TcpProbe {
  std::string address;  // host:port
  bool use_tls = false;
  Tls tls;
  std::string send;
  std::string expect;  // RE2 the first bytes must match; empty = connecting is enough
  int failure_threshold = 1;
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
};

struct BackupProbe {
  std::string backup;                // label `backup`; default the probe's name
  std::string location = "primary";  // label `location`
  bool offsite = false;
  std::string path;           // a folder (later issues: s3://bucket/prefix)
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
      60s;  // a file changed more recently than this and without a completeness mark is in progress
  struct Verify {
    bool enabled = true;
    base::Duration every = 24h;               // a verdict older than this is made anew (bit rot)
    std::int64_t read_rate_bytes = 50 << 20;  // per second; 0 = unlimited
    base::Duration timeout = 6h;
  } verify;
  bool require_checksum = false;  // no sidecar or list entry is a failure
  double free_space_warning_ratio = 0.1;
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
};

struct PagerDutyReceiver {
  SecretSource routing_key;
  std::string url = "https://events.pagerduty.com/v2/enqueue";
  std::string severity;     // template; empty = the alert's severity through severity_map
  std::string description;  // template of the summary; empty = built-in
  std::string client = "drwatch";
  std::string client_url;
  std::string component, group, event_class;
  std::vector<std::pair<std::string, std::string>> details;
  bool send_resolved = true;
};

struct SlackReceiver {
  SecretSource api_url;  // the webhook's URL is the secret
  std::string channel;
  std::string title;  // template; empty = built-in
  std::string text;   // template; empty = built-in
  bool send_resolved = true;
};

struct WebhookReceiver {
  SecretSource url;
  bool send_resolved = true;
};

using Integration = std::variant<PagerDutyReceiver, SlackReceiver, WebhookReceiver>;

// One name, any number of integrations; each is delivered on its own.
struct Receiver {
  std::string name;
  std::vector<Integration> integrations;
  Position position;
};

struct Route {
  std::string receiver;  // inherited where the file leaves it out
  std::vector<model::Matcher> matchers;
  std::vector<std::string> group_by;
  bool group_by_all = false;  // group_by: ['...']
  base::Duration group_wait = 5s;
  base::Duration group_interval = 1min;
  base::Duration repeat_interval = 4h;
  bool continue_matching = false;
  std::vector<Route> routes;
  Position position;
};

struct Config {
  std::string file;
  Global global;
  Storage storage;
  std::vector<Service> services;
  std::vector<Probe> probes;
  std::vector<std::string> rule_files;  // as absolute paths, globs expanded
  bool builtin_rules = true;            // builtin_rules: false leaves the embedded ones out
  Route route;  // always there; without one in the file everything goes to the first receiver
  std::vector<Receiver> receivers;
  std::string fallback_receiver;  // empty = the root route's receiver
  // What PagerDuty is told for each severity word; merged over the built-in map.
  std::map<std::string, std::string> severity_map;
};

struct LoadOptions {
  // Looks up ${NAME} in string values; a name it does not know is an error. Default: the process
  // environment.
  const std::map<std::string, std::string>* environment = nullptr;
};

// Reads and checks `path`. The config is there only if `problems` gained no error. Every error is
// reported at once.
std::optional<Config> LoadConfig(const std::string& path, Problems& problems,
                                 const LoadOptions& options = {});
// The same for text; relative paths are taken from the folder of `file`.
std::optional<Config> ParseConfig(std::string_view text, const std::string& file,
                                  Problems& problems, const LoadOptions& options = {});

}  // namespace drwatch::config
