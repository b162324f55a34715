#include "exporter/app.h"

#include <malloc.h>
#include <pthread.h>

#include <csignal>
#include <iostream>

#include "base/log.h"
#include "db/state_lock.h"
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

// Large pages, answers and intermediate results of queries go back to the system when they are
// freed, as glibc otherwise keeps them for each of many threads: after a few large queries the
// program stayed ten times as large (bench/query_memory.py).
void KeepHeapSmall() {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_ARENA_MAX, 2);
}

// Exit status where another drwatch runs on the same state: a supervisor need not try again.
constexpr int kStateInUse = 3;

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
  KeepHeapSmall();
  base::ConfigureLog(options.log);
  const sigset_t signals = BlockSignals();
  config::Problems problems;
  auto loaded = LoadAll(options.config_file, problems);
  std::cerr << FormatProblems(problems);
  if (!loaded) return 1;
  base::LogInfo("starting", {{"version", VersionText()}, {"config", options.config_file}});
  const std::string state = StateFile(options.storage_path, *loaded->config);
  auto service = Service::Start(options, *std::move(loaded));
  if (!service) {
    std::cerr << "drwatch: " << service.error().ToString() << "\n";
    return db::IsStateLocked(state) ? kStateInUse : 1;
  }
  while (true) {
    int number = 0;
    sigwait(&signals, &number);
    if (number != SIGHUP) break;
    // Why it failed has been logged; the old configuration runs on.
    static_cast<void>((*service)->Reload("SIGHUP"));
  }
  base::LogInfo("stopping");
  (*service)->Stop();
  return 0;
}

}  // namespace drwatch::exporter
