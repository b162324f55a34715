// The command line.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "exporter/once_format.h"
#include "web/api_limits.h"

namespace drwatch::exporter {

// `drwatch --config.file=F`
struct ServeOptions {
  std::string config_file;  // empty: say how to get one
  std::vector<std::string> listen_addresses = {":10911"};
  std::string storage_path;     // overrides storage.path of the config where not empty
  std::string web_config_file;  // TLS and users; empty = neither
  web::ApiLimits api;
  base::Duration lookback = std::chrono::minutes(5);      // of rules and queries
  base::Duration resend_delay = std::chrono::minutes(1);  // to Alertmanagers
  base::LogOptions log;
  // All flags with their values in force, for the API.
  std::vector<std::pair<std::string, std::string>> flags;
};

// `drwatch --once ...`
struct OnceOptions {
  std::string config_file;             // may be empty when every target is ad hoc
  std::string storage_path;            // overrides storage.path of the config where not empty
  std::vector<std::string> selectors;  // names, globs, or targets such as postgres://db1
  OnceFormat format = OnceFormat::kTable;
  std::string output_file;                            // written atomically; empty = standard output
  base::Duration timeout = std::chrono::seconds(30);  // of the whole run
  base::LogOptions log;
};

struct CheckConfigOptions {
  std::vector<std::string> files;
};
struct CheckWebConfigOptions {
  std::vector<std::string> files;
};
struct CheckRulesOptions {
  std::vector<std::string> files;        // none: standard input
  std::string lint = "duplicate-rules";  // promtool's: all, duplicate-rules, none, between commas
  bool lint_fatal = false;               // duplicate rules end with status 3
  bool ignore_unknown_fields = false;    // of rule files
};
struct TestRulesOptions {
  std::vector<std::string> files;
  std::vector<std::string> run;  // only tests whose name matches one of these (RE2)
  std::string junit_file;
  bool diff = false;
  bool ignore_unknown_fields = false;
};
struct TestRoutesOptions {
  std::string config_file;
  std::vector<std::string> labels;  // "severity=disaster"
  std::string expected;             // receivers between commas; empty = any
};
struct InitOptions {
  std::string file;  // empty = standard output
};
struct VerifyOptions {
  std::vector<std::string> paths;
  std::vector<std::string> wal_folders;  // --wal: WAL archives
  int jobs = 1;                          // artefacts at a time
  int level = 0;                         // what is proven to less cannot be judged
  bool json = false;
};

// `drwatch report`
enum class ReportFormat { kJson, kMarkdown, kHtml };
struct ReportOptions {
  std::string config_file;  // where the state lies, unless storage_path says so
  std::string storage_path;
  std::string from, to;     // RFC 3339, a date, or a duration ago; empty: 30 days ago, now
  std::string output_file;  // written atomically; empty = standard output
  ReportFormat format = ReportFormat::kMarkdown;
  bool verify_only = false;  // only the chain: 0 it holds, 2 it does not
};
// Which running drwatch a command talks to.
struct RunningServer {
  std::string url = "http://localhost:10911";
  std::string user, password_file;  // where it asks for them
  std::string ca_file;              // of its certificate; empty: the system's
};
// `drwatch ack ...`
struct AckOptions {
  RunningServer server;
  std::vector<std::string> matchers;  // of firing alerts; nothing selected: list
  std::string fingerprint;
  std::string group;  // the key of a group
  std::string by;     // default: $USER
  std::string comment;
  std::string duration = "1h";
  bool withdraw = false;
};
// `drwatch drill ...`
struct DrillOptions {
  RunningServer server;
  std::string action;  // "start", "stop", "record", "list"
  std::string service, scenario;
  std::string result;    // "pass", "fail"
  std::string took, at;  // of one that is recorded
  std::string by;        // default: $USER
  std::string note;
};

// Nothing to run: print `text` and end with `code`.
struct ExitNow {
  int code = 0;
  std::string text;
};

using Command = std::variant<ServeOptions, OnceOptions, CheckConfigOptions, CheckWebConfigOptions,
                             CheckRulesOptions, TestRulesOptions, TestRoutesOptions, InitOptions,
                             VerifyOptions, AckOptions, DrillOptions, ReportOptions, ExitNow>;

// Exit code of a command line that makes no sense.
inline constexpr int kUsageExitCode = 1;

Command ParseCommandLine(int argc, const char* const* argv);

}  // namespace drwatch::exporter
