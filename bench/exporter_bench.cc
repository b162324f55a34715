// GET /metrics through the site's handler with 100 000 series of probes: 2000 results with 50
// families each, the program's own metrics beside them.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "exporter/intake.h"
#include "exporter/self_metrics.h"
#include "net/gzip.h"
#include "web/site.h"

namespace drwatch::exporter {
namespace {

constexpr int kProbes = 2'000;
constexpr int kFamilies = 50;

model::ProbeResult MakeResult(int probe, int round) {
  model::FamilySet families;
  model::ProbeResult result;
  result.probe = "probe-" + std::to_string(10'000 + probe);
  result.type = "http";
  result.checks.push_back({"status", model::Severity::kOk, model::Reason::kNone, "200", ""});
  const std::string service = "service-" + std::to_string(probe % 100);
  for (int i = 0; i < kFamilies; ++i) {
    families.Gauge("probe_metric_" + std::to_string(i) + "_seconds", "What the probe measured.",
                   {{"probe", result.probe}, {"service", service}},
                   probe * 1.25 + i + round * 0.001);
  }
  result.families = families.Take();
  return result;
}

struct World {
  World() : intake(store, clock, [] {}), site(Sources()) {}

  void AcceptAll(int round) {
    for (int probe = 0; probe < kProbes; ++probe) intake.Accept(MakeResult(probe, round));
  }
  web::SiteSources Sources() {
    web::SiteSources sources;
    sources.api.store = &store;
    sources.api.engine = &engine;
    sources.api.clock = &clock;
    sources.metrics = [this](model::TextFormat format) {
      return intake.Page(self_metrics.Collect(), format);
    };
    sources.metrics_pieces = [this](model::TextFormat format,
                                    const model::MetricsPage::Known& known) {
      return intake.PagePieces(self_metrics.Collect(), format, known);
    };
    return sources;
  }
  std::size_t Scrape(const std::string& encoding) {
    net::ServerRequest request;
    request.method = "GET";
    request.path = "/metrics";
    if (!encoding.empty()) request.headers["accept-encoding"] = encoding;
    return site.Handle(request).body->size();
  }

  base::SystemClock clock;
  store::Store store;
  promql::Engine engine{store};
  Intake intake;
  SelfMetrics self_metrics;
  web::Site site;
};

void Scrape(benchmark::State& state, const std::string& encoding) {
  World world;
  world.AcceptAll(1);
  std::size_t bytes = 0;
  for (auto _ : state) bytes = world.Scrape(encoding);
  state.counters["body_bytes"] = static_cast<double>(bytes);
}

void BM_ScrapeNothingChanged(benchmark::State& state) { Scrape(state, ""); }
BENCHMARK(BM_ScrapeNothingChanged)->Unit(benchmark::kMillisecond);

void BM_ScrapeGzip(benchmark::State& state) { Scrape(state, "gzip"); }
BENCHMARK(BM_ScrapeGzip)->Unit(benchmark::kMillisecond);

// Every value is another one; the results arrive between two scrapes.
void ScrapeAllChanged(benchmark::State& state, const std::string& encoding) {
  World world;
  int round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    world.AcceptAll(++round);
    state.ResumeTiming();
    world.Scrape(encoding);
  }
}

void BM_ScrapeAllChanged(benchmark::State& state) { ScrapeAllChanged(state, ""); }
BENCHMARK(BM_ScrapeAllChanged)->Unit(benchmark::kMillisecond);

void BM_ScrapeAllChangedGzip(benchmark::State& state) { ScrapeAllChanged(state, "gzip"); }
BENCHMARK(BM_ScrapeAllChangedGzip)->Unit(benchmark::kMillisecond);

// What packing the page anew for each client costs: the comparison for the two above.
void BM_GzipWholePage(benchmark::State& state) {
  World world;
  world.AcceptAll(1);
  const std::string page = world.intake.Page({}, model::TextFormat::kPrometheus);
  std::size_t bytes = 0;
  for (auto _ : state) bytes = net::Gzip(page).size();
  state.counters["body_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BM_GzipWholePage)->Unit(benchmark::kMillisecond);

// All that a round of results costs when it arrives: made, into the store, written for the page.
void BM_AcceptAll(benchmark::State& state) {
  World world;
  int round = 0;
  for (auto _ : state) world.AcceptAll(++round);
}
BENCHMARK(BM_AcceptAll)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drwatch::exporter
