// Writing /metrics with 100 000 series: 2000 probes with 50 families each.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "model/exposition.h"
#include "model/metric_family.h"
#include "model/metrics_page.h"

namespace drwatch::model {
namespace {

constexpr int kProbes = 2'000;
constexpr int kFamilies = 50;

std::string NameOf(int probe) { return "probe-" + std::to_string(10'000 + probe); }

// What a probe's result holds in one round.
std::vector<MetricFamily> MakeResult(int probe, int round) {
  FamilySet families;
  const std::string name = NameOf(probe);
  const std::string service = "service-" + std::to_string(probe % 100);
  for (int i = 0; i < kFamilies; ++i) {
    families.Gauge("probe_metric_" + std::to_string(i) + "_seconds", "What the probe measured.",
                   {{"probe", name}, {"service", service}}, probe * 1.25 + i + round * 0.001);
  }
  return families.Take();
}

std::vector<std::vector<MetricFamily>> MakeResults(int round) {
  std::vector<std::vector<MetricFamily>> results;
  for (int probe = 0; probe < kProbes; ++probe) results.push_back(MakeResult(probe, round));
  return results;
}

// All lines written anew, as without a MetricsPage.
void BM_WriteText(benchmark::State& state) {
  std::vector<MetricFamily> all;
  for (std::vector<MetricFamily>& result : MakeResults(1)) {
    for (MetricFamily& family : result) all.push_back(std::move(family));
  }
  std::size_t bytes = 0;
  for (auto _ : state) bytes = WriteText(all, TextFormat::kPrometheus).size();
  state.counters["page_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BM_WriteText)->Unit(benchmark::kMillisecond);

// What a scrape costs, whatever changed since the last one.
void BM_PageWrite(benchmark::State& state) {
  MetricsPage page;
  const auto results = MakeResults(1);
  for (int probe = 0; probe < kProbes; ++probe) {
    page.Update(NameOf(probe), results[static_cast<std::size_t>(probe)]);
  }
  std::size_t bytes = 0;
  for (auto _ : state) bytes = page.Write({}, TextFormat::kPrometheus).size();
  state.counters["page_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BM_PageWrite)->Unit(benchmark::kMillisecond);

// What the results of all probes cost when they arrive, each value another one, and the page then.
void BM_PageUpdateAllAndWrite(benchmark::State& state) {
  MetricsPage page;
  const std::vector<std::vector<MetricFamily>> rounds[] = {MakeResults(1), MakeResults(2)};
  std::size_t round = 0;
  for (auto _ : state) {
    for (int probe = 0; probe < kProbes; ++probe) {
      page.Update(NameOf(probe), rounds[round % 2][static_cast<std::size_t>(probe)]);
    }
    benchmark::DoNotOptimize(page.Write({}, TextFormat::kPrometheus));
    ++round;
  }
}
BENCHMARK(BM_PageUpdateAllAndWrite)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drwatch::model
