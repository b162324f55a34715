// The whole configuration, typed. What each key means to a user is in docs/configuration.md;
// defaults stand here.
//
// A Config is a value, built whole by LoadConfig and never changed afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/alertmanager_config.h"
#include "config/audit_config.h"
#include "config/dead_man_config.h"
#include "config/escalation_config.h"
#include "config/probe_config.h"
#include "config/problem.h"
#include "config/receiver_config.h"
#include "model/labels.h"

namespace drwatch::config {

struct Global {
  base::Duration probe_interval = 10s;
  base::Duration probe_timeout = 10s;
  base::Duration evaluation_interval = 15s;
  int max_concurrent_probes = 256;
  model::Labels external_labels;
  std::string external_url;  // without a slash at its end; empty = http://<host name>:<port>
  // When an alert posted to the API without an end is over.
  base::Duration resolve_timeout = 5min;
  DeadMan dead_man;
};

struct Storage {
  std::string path = "/var/lib/drwatch";  // absolute
  base::Duration retention = 6h;
  std::int64_t max_series = 1'000'000;
};

// One row of the plan's objectives.
struct Service {
  std::string name;
  std::string level;                  // "L1".."L4" or free text
  std::optional<base::Duration> rpo;  // else that of the level
  std::optional<base::Duration> rto;
  std::vector<std::string> depends_on;
  std::string region;  // where it runs: copies elsewhere survive the loss of the region
  // How many copies each of its backups must have, in all and of these off-site and immutable.
  std::optional<int> copies, offsite_copies, immutable_copies;
  Position position;
};

// One of Alertmanager's `templates`, read with the rest.
struct TemplateFile {
  std::string path;
  std::string text;
  Position position;  // of the pattern that named it
};

struct Config {
  std::string file;
  Global global;
  Storage storage;
  AuditCopyTarget audit_copy;
  std::vector<Service> services;
  std::vector<Probe> probes;
  std::vector<std::string> rule_files;  // as absolute paths, globs expanded
  bool builtin_rules = true;            // builtin_rules: false leaves the embedded ones out
  Route route;  // always there; without one in the file everything goes to the first receiver
  std::vector<Receiver> receivers;
  std::vector<TemplateFile> templates;
  std::vector<InhibitRule> inhibit_rules;
  std::vector<TimeInterval> time_intervals;
  std::vector<EscalationPolicy> escalation_policies;
  std::string fallback_receiver;  // empty = the root route's receiver
  // Takes alerts on drwatch itself to the fallback receiver, beside their own route; only where one
  // is configured.
  std::optional<Route> own_route;
  std::vector<Alertmanagers> alertmanagers;  // told of every alert of the rules
  // What PagerDuty is told for each severity word; merged over the built-in map.
  std::map<std::string, std::string> severity_map;
};

struct LoadOptions {
  // Looks up ${NAME} in string values; a name it does not know is an error. Default: the process
  // environment.
  const std::map<std::string, std::string>* environment = nullptr;
  // Gets the rule files even when the config has errors, so that theirs are shown in the same run.
  std::vector<std::string>* rule_files = nullptr;
};

// Reads and checks `path`. The config is there only if `problems` gained no error. Every error is
// reported at once.
std::optional<Config> LoadConfig(const std::string& path, Problems& problems,
                                 const LoadOptions& options = {});
// The same for text; relative paths are taken from the folder of `file`.
std::optional<Config> ParseConfig(std::string_view text, const std::string& file,
                                  Problems& problems, const LoadOptions& options = {});

// A commented file to start from, for `drwatch init`. It loads once its ${...} are set.
std::string StarterConfig();
// The effective config as YAML, defaults filled in, every secret as <secret>.
std::string DescribeConfig(const Config& config);
// The part of it that an Alertmanager knows: routes, receivers, inhibition, time intervals.
std::string DescribeAlerting(const Config& config);

}  // namespace drwatch::config
