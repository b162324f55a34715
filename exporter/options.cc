#include "exporter/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

#include "base/duration.h"
#include "base/strings.h"
#include "exporter/version.h"
#include "model/matcher.h"

namespace drwatch::exporter {
namespace {

// What CLI11 fills; turned into a Command afterwards.
struct Raw {
  ServeOptions serve;
  OnceOptions once;
  CheckConfigOptions check_config;
  CheckWebConfigOptions check_web_config;
  CheckRulesOptions check_rules;
  TestRulesOptions test_rules;
  TestRoutesOptions test_routes;
  InitOptions init;
  VerifyOptions verify;
  AckOptions ack;
  DrillOptions drill;
  ReportOptions report;
  std::string log_level = "info";
  std::string log_format = "logfmt";
  std::string once_format = "table";
  std::string once_timeout = "30s";
  std::string verify_format = "text";
  std::string report_format = "md";
  std::string query_timeout = "2m";
  std::string query_lookback = "5m";
  std::string resend_delay = "1m";
  bool run_once = false;
};

void AddMainOptions(CLI::App& app, Raw& raw) {
  app.add_option("--config.file", raw.serve.config_file, "Configuration file")->type_name("FILE");
  app.add_option("--web.listen-address", raw.serve.listen_addresses,
                 "Address to listen on; may be repeated (default :10911)")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--web.config.file", raw.serve.web_config_file,
                 "TLS, users and headers of the HTTP server, as for Prometheus")
      ->type_name("FILE");
  app.add_option("--storage.path", raw.serve.storage_path,
                 "Folder of the state; overrides storage.path")
      ->type_name("FOLDER");
  app.add_option("--log.level", raw.log_level, "Least severe lines to log (default info)")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->type_name("LEVEL");
  app.add_option("--log.format", raw.log_format, "Form of log lines (default logfmt)")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->type_name("FORMAT");
  app.add_flag("--once", raw.run_once,
               "Run every probe once, print what they found and exit: 0 ok, 1 warning, "
               "2 critical, 3 unknown");
  app.add_option("selector", raw.once.selectors,
                 "With --once: names or globs of probes, type/name, service:NAME, or targets "
                 "without a config: "
                 "postgres://..., redis://..., https://..., tcp://host:port, /backup/folder, "
                 "s3://bucket/prefix")
      ->type_name("");
  app.add_option("--format", raw.once_format,
                 "With --once: table, json, ndjson, nagios, junit or prometheus")
      ->type_name("FORMAT");
  app.add_option("--output.file", raw.once.output_file,
                 "With --once: write there instead of standard output")
      ->type_name("FILE");
  app.add_option("--timeout", raw.once_timeout,
                 "With --once: longest time for the whole run (default 30s)")
      ->type_name("DURATION");
  app.set_version_flag("--version", VersionText(), "Print the version and exit");
}

void AddQueryOptions(CLI::App& app, Raw& raw) {
  app.add_option("--query.timeout", raw.query_timeout,
                 "Longest time of one query of the API (default 2m)")
      ->type_name("DURATION");
  app.add_option("--query.max-samples", raw.serve.api.max_samples,
                 "Most samples one query of the API may load (default 10000000)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--query.max-concurrency", raw.serve.api.max_concurrency,
                 "Most queries of the API that run at once (default 4)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  app.add_option("--query.lookback-delta", raw.query_lookback,
                 "Oldest sample that still counts, in rules and queries (default 5m)")
      ->type_name("DURATION");
  app.add_option("--rules.alert.resend-delay", raw.resend_delay,
                 "How often Alertmanagers are told again of what fires (default 1m)")
      ->type_name("DURATION");
  app.add_option("--web.cors.origin", raw.serve.api.cors_origin,
                 "Sites whose pages may read /api/v1 in a browser: a regular expression that "
                 "matches the whole origin, ^$ for none (default .*)")
      ->type_name("REGEX");
}

void AddRoutes(CLI::App& app, Raw& raw) {
  CLI::App* routes = app.add_subcommand("routes", "Routes of alerts");
  routes->require_subcommand(1);
  CLI::App* test = routes->add_subcommand("test", "Where an alert with these labels goes");
  test->add_option("label", raw.test_routes.labels, "Labels, such as severity=disaster")
      ->type_name("NAME=VALUE");
  test->add_option("--config.file", raw.test_routes.config_file, "Configuration file")
      ->required()
      ->type_name("FILE");
  test->add_option("--verify.receivers", raw.test_routes.expected,
                   "End with 1 unless it goes to these receivers, in this order, between commas")
      ->type_name("NAMES");
}

void AddReport(CLI::App& app, Raw& raw) {
  CLI::App* report = app.add_subcommand("report", "Evidence from the audit log");
  report->add_option("--config.file", raw.report.config_file, "Configuration file")
      ->type_name("FILE");
  report
      ->add_option("--storage.path", raw.report.storage_path,
                   "Folder of the state; overrides storage.path")
      ->type_name("FOLDER");
  report
      ->add_option("--from", raw.report.from,
                   "Begin: 2026-11-01, 2026-11-01T00:00:00Z, or 90d for so long ago (default 30d)")
      ->type_name("TIME");
  report->add_option("--to", raw.report.to, "End, not included (default now)")->type_name("TIME");
  report->add_option("--format", raw.report_format, "json, md or html (default md)")
      ->check(CLI::IsMember({"json", "md", "html"}))
      ->type_name("FORMAT");
  report
      ->add_option("--output.file", raw.report.output_file,
                   "Write there instead of standard output")
      ->type_name("FILE");
  report->add_flag("--verify", raw.report.verify_only,
                   "Only check that no row was changed or removed: 0 none, 2 some");
}

void AddServer(CLI::App& command, RunningServer& server) {
  command.add_option("--url", server.url, "The running drwatch (default http://localhost:10911)")
      ->type_name("URL");
  command.add_option("--user", server.user, "User name, where it asks for one")->type_name("NAME");
  command.add_option("--password-file", server.password_file, "File with the password")
      ->type_name("FILE");
  command.add_option("--ca-file", server.ca_file, "Authority of its certificate (default: system)")
      ->type_name("FILE");
}

void AddDrills(CLI::App& app, Raw& raw) {
  CLI::App* drills = app.add_subcommand("drill", "Drills, told to a running drwatch");
  drills->require_subcommand(1);
  const auto add = [&](const char* action, const char* help) {
    CLI::App* command = drills->add_subcommand(action, help);
    AddServer(*command, raw.drill.server);
    return command;
  };
  const auto add_one = [&](const char* action, const char* help) {
    CLI::App* command = add(action, help);
    command->add_option("service", raw.drill.service, "The service that comes back")->required();
    command
        ->add_option("--scenario", raw.drill.scenario,
                     "database_corrupted, server_lost, site_lost or region_lost")
        ->required()
        ->type_name("NAME");
    command->add_option("--by", raw.drill.by, "Who does it (default $USER)")->type_name("NAME");
    command->add_option("--note", raw.drill.note, "What is worth knowing of it")->type_name("TEXT");
    return command;
  };
  const auto add_result = [&](CLI::App* command) {
    command->add_option("--result", raw.drill.result, "pass or fail")
        ->required()
        ->check(CLI::IsMember({"pass", "fail"}))
        ->type_name("RESULT");
  };
  add("list", "The latest drills, newest first");
  add_one("start", "A drill begins now");
  add_result(add_one("stop", "The drill that was started is over"));
  CLI::App* record = add_one("record", "A drill that is over");
  add_result(record);
  record->add_option("--took", raw.drill.took, "How long it took, such as 42m")
      ->required()
      ->type_name("DURATION");
  record->add_option("--at", raw.drill.at, "When it ended: 2026-11-01T10:00:00Z (default now)")
      ->type_name("TIME");
}

void AddAck(CLI::App& app, Raw& raw) {
  CLI::App* ack = app.add_subcommand(
      "ack", "Acknowledge firing alerts of a running drwatch; without a selection: list what is");
  ack->add_option("matcher", raw.ack.matchers, "Matchers, such as alertname=DatabaseDown")
      ->type_name("MATCHER");
  AddServer(*ack, raw.ack.server);
  ack->add_option("--fingerprint", raw.ack.fingerprint, "Only the alert with this fingerprint")
      ->type_name("HEX");
  ack->add_option("--group", raw.ack.group, "Only alerts of the group with this key")
      ->type_name("KEY");
  ack->add_option("--by", raw.ack.by, "Who looks after them (default $USER)")->type_name("NAME");
  ack->add_option("--comment", raw.ack.comment, "What is being done")->type_name("TEXT");
  ack->add_option("--duration", raw.ack.duration, "How long it holds (default 1h)")
      ->type_name("DURATION");
  ack->add_flag("--withdraw", raw.ack.withdraw, "Take the acknowledgement back");
}

void AddCommands(CLI::App& app, Raw& raw) {
  CLI::App* check = app.add_subcommand("check", "Check files without starting anything");
  check->require_subcommand(1);
  check->add_subcommand("config", "Every error of a configuration with file:line:column")
      ->add_option("file", raw.check_config.files, "Configuration files")
      ->required();
  check->add_subcommand("web-config", "Every error of a web configuration with file:line:column")
      ->add_option("file", raw.check_web_config.files, "Web configuration files")
      ->required();
  CLI::App* check_rules = check->add_subcommand("rules", "Every error of rule files");
  check_rules->add_option("file", raw.check_rules.files, "Rule files (default standard input)");
  check_rules
      ->add_option("--lint", raw.check_rules.lint,
                   "What to look for beside errors: all, duplicate-rules or none, between commas "
                   "(default duplicate-rules)")
      ->type_name("CHECKS");
  check_rules->add_flag("--lint-fatal", raw.check_rules.lint_fatal,
                        "What --lint finds ends with status 3");
  check_rules->add_flag("--ignore-unknown-fields", raw.check_rules.ignore_unknown_fields,
                        "Let unknown keys of rule files pass");
  CLI::App* test = app.add_subcommand("test", "Run tests");
  test->require_subcommand(1);
  CLI::App* test_rules = test->add_subcommand("rules", "Run rule unit tests as promtool does");
  test_rules->add_option("file", raw.test_rules.files, "Test files")->required();
  test_rules->add_option("--run", raw.test_rules.run,
                         "Only tests whose name matches this RE2; may be repeated");
  test_rules->add_option("--junit", raw.test_rules.junit_file, "Write a JUnit report to this file");
  test_rules->add_flag("--ignore-unknown-fields", raw.test_rules.ignore_unknown_fields,
                       "Let unknown keys of rule files pass");
  test_rules->add_flag("--diff", raw.test_rules.diff, "Show differences line by line");
  AddRoutes(app, raw);
  AddAck(app, raw);
  AddDrills(app, raw);
  AddReport(app, raw);
  app.add_subcommand("init", "Print a commented starter configuration")
      ->add_option("file", raw.init.file,
                   "Write it there (must not exist) instead of standard output");
  CLI::App* verify = app.add_subcommand(
      "verify", "Prove backup artefacts intact: exit 0 intact, 2 broken, 3 cannot judge");
  verify->add_option("path", raw.verify.paths, "Files or folders");
  verify
      ->add_option("--wal", raw.verify.wal_folders,
                   "A folder of archived WAL: gaps, timelines, every record; may be repeated")
      ->allow_extra_args(false);
  raw.verify.jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  verify
      ->add_option("--jobs", raw.verify.jobs,
                   "Files or folders to read at a time (default: one a core)")
      ->check(CLI::Range(1, 256))
      ->type_name("N");
  verify
      ->add_option("--level", raw.verify.level,
                   "The least level that has to be proven: 2 outer checksum, 3 format, 4 content")
      ->check(CLI::Range(0, 4))
      ->type_name("N");
  verify->add_option("--format", raw.verify_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
}

base::LogOptions ToLogOptions(const Raw& raw) {
  base::LogOptions log;
  log.level = raw.log_level == "debug"   ? base::LogLevel::kDebug
              : raw.log_level == "warn"  ? base::LogLevel::kWarn
              : raw.log_level == "error" ? base::LogLevel::kError
                                         : base::LogLevel::kInfo;
  log.format = raw.log_format == "json" ? base::LogFormat::kJson : base::LogFormat::kLogfmt;
  return log;
}

Command OnceCommand(Raw& raw) {
  const auto format = ParseOnceFormat(raw.once_format);
  if (!format) {
    return ExitNow{kUsageExitCode,
                   "unknown --format \"" + raw.once_format +
                       "\"\nhint: use table, json, ndjson, nagios, junit or prometheus\n"};
  }
  const auto timeout = base::ParseDuration(raw.once_timeout);
  if (!timeout) return ExitNow{kUsageExitCode, "--timeout: " + timeout.error().ToString() + "\n"};
  raw.once.format = *format;
  raw.once.timeout = *timeout;
  raw.once.config_file = raw.serve.config_file;
  raw.once.storage_path = raw.serve.storage_path;
  raw.once.log = ToLogOptions(raw);
  return std::move(raw.once);
}

Command ServeCommand(Raw& raw) {
  ServeOptions& serve = raw.serve;
  const auto read = [](const std::string& text, base::Duration& into) {
    const auto duration = base::ParseDuration(text);
    if (!duration) return duration.error().ToString();
    if (*duration <= base::Duration(0)) return std::string("must be more than 0");
    into = *duration;
    return std::string();
  };
  if (const std::string why = read(raw.query_timeout, serve.api.query_timeout); !why.empty()) {
    return ExitNow{kUsageExitCode, "--query.timeout: " + why + "\n"};
  }
  if (const std::string why = read(raw.query_lookback, serve.lookback); !why.empty()) {
    return ExitNow{kUsageExitCode, "--query.lookback-delta: " + why + "\n"};
  }
  if (const std::string why = read(raw.resend_delay, serve.resend_delay); !why.empty()) {
    return ExitNow{kUsageExitCode, "--rules.alert.resend-delay: " + why + "\n"};
  }
  if (const auto origins = model::CheckRegex(serve.api.cors_origin); !origins) {
    return ExitNow{kUsageExitCode, "--web.cors.origin: " + origins.error().ToString() + "\n"};
  }
  serve.log = ToLogOptions(raw);
  serve.flags = {{"config.file", serve.config_file},
                 {"log.format", raw.log_format},
                 {"log.level", raw.log_level},
                 {"query.lookback-delta", raw.query_lookback},
                 {"rules.alert.resend-delay", raw.resend_delay},
                 {"query.max-concurrency", std::to_string(serve.api.max_concurrency)},
                 {"query.max-samples", std::to_string(serve.api.max_samples)},
                 {"query.timeout", raw.query_timeout},
                 {"storage.path", serve.storage_path},
                 {"web.config.file", serve.web_config_file},
                 {"web.cors.origin", serve.api.cors_origin},
                 {"web.listen-address", base::Join(serve.listen_addresses, ",")}};
  return std::move(serve);
}

Command ToCommand(const CLI::App& app, Raw& raw) {
  if (app.got_subcommand("check")) {
    if (app.get_subcommand("check")->got_subcommand("config")) return std::move(raw.check_config);
    if (app.get_subcommand("check")->got_subcommand("web-config")) {
      return std::move(raw.check_web_config);
    }
    return std::move(raw.check_rules);
  }
  if (app.got_subcommand("test")) return std::move(raw.test_rules);
  if (app.got_subcommand("routes")) return std::move(raw.test_routes);
  if (app.got_subcommand("ack")) return std::move(raw.ack);
  if (app.got_subcommand("drill")) {
    raw.drill.action = app.get_subcommand("drill")->get_subcommands().front()->get_name();
    return std::move(raw.drill);
  }
  if (app.got_subcommand("init")) return std::move(raw.init);
  if (app.got_subcommand("report")) {
    raw.report.format = raw.report_format == "json"   ? ReportFormat::kJson
                        : raw.report_format == "html" ? ReportFormat::kHtml
                                                      : ReportFormat::kMarkdown;
    if (raw.report.config_file.empty() && raw.report.storage_path.empty()) {
      return ExitNow{kUsageExitCode, "report needs --config.file or --storage.path\n"};
    }
    return std::move(raw.report);
  }
  if (app.got_subcommand("verify")) {
    if (raw.verify.paths.empty() && raw.verify.wal_folders.empty()) {
      return ExitNow{kUsageExitCode, "verify needs a path, or --wal and a folder\n"};
    }
    raw.verify.json = raw.verify_format == "json";
    return std::move(raw.verify);
  }
  if (raw.run_once) return OnceCommand(raw);
  if (!raw.once.selectors.empty()) {
    return ExitNow{kUsageExitCode, "unexpected argument \"" + raw.once.selectors.front() +
                                       "\"\nhint: targets need --once; see drwatch --help\n"};
  }
  return ServeCommand(raw);
}

}  // namespace

Command ParseCommandLine(int argc, const char* const* argv) {
  Raw raw;
  CLI::App app("drwatch tells whether you could recover from a disaster right now.", "drwatch");
  app.require_subcommand(0, 1);
  app.fallthrough(false);
  AddMainOptions(app, raw);
  AddQueryOptions(app, raw);
  AddCommands(app, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream errors;
    const int code = app.exit(error, out, errors);
    return ExitNow{code == 0 ? 0 : kUsageExitCode, out.str() + errors.str()};
  }
  return ToCommand(app, raw);
}

}  // namespace drwatch::exporter
