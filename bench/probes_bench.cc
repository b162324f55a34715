// A whole run of a backup probe on a place with many artefacts: the first one, which lists, judges
// and reads the newest, and one when nothing changed.
#include <benchmark/benchmark.h>

#include "base/clock.h"
#include "many_artefacts.h"
#include "probes/backup_probe.h"

namespace drwatch::probes {
namespace {

config::Probe Spec() {
  config::BackupProbe spec;
  spec.place.path = bench::Place().path();
  spec.pattern = "shop-*.dump";
  spec.max_age = std::chrono::hours(26);
  spec.retention = std::chrono::hours(24 * 30);
  spec.schedule = *config::Schedule::Parse("0 * * * *", "UTC");
  config::Probe probe;
  probe.name = "nightly";
  probe.type = "backup";
  probe.spec = spec;
  return probe;
}

void Run(BackupProbe& probe, benchmark::State& state) {
  static const base::SystemClock kClock;
  const model::ProbeResult result =
      probe.Run({base::Deadline::After(base::Duration(60'000)), {}, bench::kNow, &kClock});
  if (result.severity() == model::Severity::kCritical) {
    state.SkipWithError(result.Headline().message.c_str());
  }
}

void FirstRun(benchmark::State& state) {
  const config::Probe spec = Spec();
  for (auto _ : state) {
    BackupProbe probe(spec, {});
    Run(probe, state);
  }
}
BENCHMARK(FirstRun)->Unit(benchmark::kMillisecond)->UseRealTime();

void RunWhenNothingChanged(benchmark::State& state) {
  BackupProbe probe(Spec(), {});
  Run(probe, state);
  for (auto _ : state) Run(probe, state);
}
BENCHMARK(RunWhenNothingChanged)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace drwatch::probes
