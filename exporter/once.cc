#include "exporter/once.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <set>

#include "base/log.h"
#include "base/strings.h"
#include "db/database.h"
#include "exporter/adhoc.h"
#include "exporter/load.h"
#include "exporter/once_companions.h"
#include "exporter/once_format.h"
#include "exporter/output.h"
#include "probes/position_ring.h"
#include "probes/scheduler.h"

namespace drwatch::exporter {
namespace {

constexpr int kUnknownExitCode = 3;

// Lives as long as the process: a probe that never returns still holds it when RunOnce is done.
const base::Clock& TheClock() {
  static const base::SystemClock* const clock = new base::SystemClock;
  return *clock;
}

bool Matches(const std::string& selector, const config::Probe& probe) {
  const auto glob = [](const std::string& pattern, const std::string& text) {
    return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
  };
  constexpr std::string_view kService = "service:";
  if (selector.starts_with(kService)) return glob(selector.substr(kService.size()), probe.service);
  return glob(selector, probe.name) || glob(selector, probe.type + "/" + probe.name);
}

struct Selection {
  std::string state_file;                 // of the service; empty without a configuration
  std::vector<config::Probe> shown;       // the ad hoc ones last
  std::size_t ad_hoc = 0;                 // how many of them
  std::vector<config::Probe> companions;  // run, and are not shown
};

// Configured probes are referred to by their names: ad hoc ones give way.
void MakeNamesUnique(std::vector<config::Probe>& ad_hoc,
                     const std::vector<config::Probe>& configured) {
  std::set<std::string> used;
  for (const config::Probe& probe : configured) used.insert(probe.name);
  for (config::Probe& probe : ad_hoc) {
    const std::string name = probe.name;
    for (int i = 2; !used.insert(probe.name).second; ++i)
      probe.name = name + "-" + std::to_string(i);
  }
}

base::Result<config::Config> ReadConfigured(const std::string& config_file) {
  if (config_file.empty()) return config::Config();
  config::Problems problems;
  auto config = config::LoadConfig(config_file, problems);
  for (const config::Problem& problem : problems.all()) std::cerr << problem.ToString() << "\n";
  if (!config || problems.HasErrors()) return base::Fail("the configuration has errors");
  return std::move(*config);
}

std::string HintForUnmatched(const std::string& selector, bool configured) {
  std::error_code error;
  if (std::filesystem::exists(selector, error)) {
    return "there is such a file or folder; a path has a slash: " + base::Quote("./" + selector);
  }
  return configured ? "drwatch --once without a selector lists all probes"
                    : "give a configuration with --config.file=F, or a target such as "
                      "postgres://host/db or /backup/folder";
}

// The selected probes of the configuration, then the ad hoc ones. Errors: a bad configuration or
// target, a selector that matches nothing.
base::Result<Selection> SelectProbes(const OnceOptions& options) {
  auto read = ReadConfigured(options.config_file);
  if (!read) return base::Fail(read.error());
  const std::vector<config::Probe>& configured = read->probes;
  Selection selection;
  if (!options.config_file.empty()) {
    selection.state_file = StateFile(options.storage_path, *read);
  }
  std::vector<config::Probe> ad_hoc;
  if (options.selectors.empty()) selection.shown = configured;
  std::vector<bool> used(configured.size(), false);
  for (const std::string& selector : options.selectors) {
    if (LooksLikeTarget(selector)) {
      auto probe = MakeAdHocProbe(selector);
      if (!probe) return base::Fail(probe.error());
      for (config::Probe& one : EachStanza(*std::move(probe))) ad_hoc.push_back(std::move(one));
      continue;
    }
    bool found = false;
    for (std::size_t i = 0; i < configured.size(); ++i) {
      if (!Matches(selector, configured[i])) continue;
      found = true;
      if (!used[i]) selection.shown.push_back(configured[i]);
      used[i] = true;
    }
    if (!found) {
      return base::Fail("no probe matches " + base::Quote(selector),
                        HintForUnmatched(selector, !options.config_file.empty()));
    }
  }
  selection.companions = FindCompanions(selection.shown, configured);
  MakeNamesUnique(ad_hoc, configured);
  selection.ad_hoc = ad_hoc.size();
  std::move(ad_hoc.begin(), ad_hoc.end(), std::back_inserter(selection.shown));
  for (config::Probe& probe : selection.shown) {
    // One run decides: there is no second failure to wait for.
    if (auto* http = std::get_if<config::HttpProbe>(&probe.spec)) http->failure_threshold = 1;
    if (auto* tcp = std::get_if<config::TcpProbe>(&probe.spec)) tcp->failure_threshold = 1;
  }
  return selection;
}

// What the service knows of backups and WAL that it has read. nullptr: there is none, or somebody
// else may read it. Never freed, as the clock.
db::Database* OpenState(const std::string& state_file) {
  if (state_file.empty()) return nullptr;
  auto database = db::Database::OpenForReading(state_file);
  return database ? database->release() : nullptr;
}

OnceReport Run(const Selection& selection, const OnceOptions& options) {
  // Never freed, for the same reason as the clock.
  static auto* const positions = new probes::PositionRing(nullptr);
  probes::ProbeServices services;
  services.positions = positions;
  services.database = OpenState(selection.state_file);
  services.clock = &TheClock();
  services.only_run = true;
  std::vector<probes::ScheduledProbe> scheduled;
  for (const auto* probes : {&selection.shown, &selection.companions}) {
    for (const config::Probe& probe : *probes) {
      services.ad_hoc = probes == &selection.shown &&
                        scheduled.size() >= selection.shown.size() - selection.ad_hoc;
      scheduled.push_back({probe.name, probe.type, probe.interval, probe.timeout,
                           std::shared_ptr<probes::Probe>(probes::MakeProbe(probe, services))});
    }
  }
  OnceReport report;
  report.generated_at = TheClock().Now();
  const base::SteadyTime began = TheClock().Steady();
  constexpr int kMaxConcurrent = 64;
  report.results =
      probes::RunAll(scheduled, kMaxConcurrent, TheClock(), base::Deadline::After(options.timeout));
  report.results.resize(selection.shown.size());
  report.duration = std::chrono::duration_cast<base::Duration>(TheClock().Steady() - began);
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) report.host = host.data();
  return report;
}

Colour ColourOfOutput(const OnceOptions& options) {
  const char* const terminal = std::getenv("TERM");
  const bool wanted = options.output_file.empty() && ::isatty(STDOUT_FILENO) != 0 &&
                      std::getenv("NO_COLOR") == nullptr && terminal != nullptr &&
                      std::string(terminal) != "dumb";
  return wanted ? Colour::kAlways : Colour::kNever;
}

}  // namespace

int RunOnce(const OnceOptions& options) {
  base::LogOptions log = options.log;
  // The report says what is wrong; the log would say it twice.
  if (log.level == base::LogLevel::kInfo) log.level = base::LogLevel::kError;
  base::ConfigureLog(log);
  const auto selection = SelectProbes(options);
  if (!selection) {
    std::cerr << "drwatch: " << selection.error().ToString() << "\n";
    return kUnknownExitCode;
  }
  const OnceReport report = Run(*selection, options);
  const std::string text = FormatOnce(report, options.format, ColourOfOutput(options));
  if (options.output_file.empty()) {
    std::cout << text << std::flush;
  } else if (const base::Status written = WriteOutput(options.output_file, text); !written) {
    std::cerr << "drwatch: " << written.error().ToString() << "\n";
    return kUnknownExitCode;
  }
  const int code = StatusOfOutput(ExitCode(OverallSeverity(report.results)), kUnknownExitCode);
  // A run that hangs in the kernel must not keep the process: everything is written.
  ::_exit(code);
}

}  // namespace drwatch::exporter
