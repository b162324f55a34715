#include "exporter/app.h"

#include <pthread.h>

#include <csignal>
#include <iostream>

#include "base/log.h"
#include "exporter/load.h"
#include "exporter/service.h"
#include "exporter/version.h"

namespace drwatch::exporter {
namespace {

// Blocks the signals that Serve waits for, in this thread and every one started after it.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int NoConfig() {
  std::cerr << "drwatch needs a configuration: drwatch --config.file=drwatch.yml\n"
               "hint: \"drwatch init drwatch.yml\" writes a commented one to start from; \"drwatch "
               "--once TARGET\" needs "
               "none\n";
  return 1;
}

}  // namespace

int Serve(const ServeOptions& options) {
  if (options.config_file.empty()) return NoConfig();
  base::ConfigureLog(options.log);
  const sigset_t signals = BlockSignals();
  config::Problems problems;
  auto loaded = LoadAll(options.config_file, problems);
  std::cerr << FormatProblems(problems);
  if (!loaded) return 1;
  base::LogInfo("starting", {{"version", VersionText()}, {"config", options.config_file}});
  auto service = Service::Start(options, *std::move(loaded));
  if (!service) {
    std::cerr << "drwatch: " << service.error().ToString() << "\n";
    return 1;
  }
  while (true) {
    int number = 0;
    sigwait(&signals, &number);
    if (number != SIGHUP) break;
    // Why it failed has been logged; the old configuration runs on.
    static_cast<void>((*service)->Reload());
  }
  base::LogInfo("stopping");
  (*service)->Stop();
  return 0;
}

}  // namespace drwatch::exporter
