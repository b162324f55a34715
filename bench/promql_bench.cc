// Rules and queries on a store of many series: one hour at 15 s, evaluated at its end.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "promql/engine.h"
#include "promql/parser.h"
#include "store/store.h"

namespace drwatch::promql {
namespace {

constexpr std::int64_t kStart = 1'767'225'600'000;
constexpr std::int64_t kStep = 15'000;
constexpr int kRounds = 240;

base::Timestamp At(std::int64_t round) { return base::FromUnixMillis(kStart + round * kStep); }

struct World {
  explicit World(std::int64_t count) : engine(store) {
    std::vector<store::NewSample> samples;
    for (const char* name : {"requests_total", "errors_total", "lag_seconds"}) {
      for (std::int64_t i = 0; i < count; ++i) {
        samples.push_back(
            {model::Labels{{"__name__", name},
                           {"instance", "10.0.0." + std::to_string(i % 250) + ":9100"},
                           {"job", "job-" + std::to_string(i % 10)},
                           {"id", std::to_string(i)}},
             0});
      }
    }
    for (std::int64_t round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto noise =
            static_cast<double>((i * 2654435761U + static_cast<std::size_t>(round) * 40503U) % 97);
        if (i < 2 * static_cast<std::size_t>(count)) {
          samples[i].value += noise;
        } else {
          samples[i].value = noise * 3.2;
        }
      }
      store.AppendFrom("bench", samples, At(round));
    }
  }
  store::Store store;
  Engine engine;
};

World& WorldOf(std::int64_t count) {
  static std::int64_t current = 0;
  static std::unique_ptr<World> world;
  if (current != count) {
    world.reset();
    world = std::make_unique<World>(count);
    current = count;
  }
  return *world;
}

void RunInstant(benchmark::State& state, const char* text) {
  World& world = WorldOf(state.range(0));
  const ExprPtr expr = ParseExpr(text).value();
  for (auto _ : state) {
    auto result = world.engine.Instant(*expr, At(kRounds - 1));
    if (!result) state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["ns_per_series"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

#define INSTANT(name, text)                                       \
  void name(benchmark::State& state) { RunInstant(state, text); } \
  BENCHMARK(name)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond)

INSTANT(BM_Threshold, "lag_seconds > 300");
INSTANT(BM_RateOverRate, "rate(errors_total[5m]) / rate(requests_total[5m])");
INSTANT(BM_SumByJob, "sum by (job) (lag_seconds)");
INSTANT(BM_SumByJobOfRate, "sum by (job) (rate(requests_total[5m]))");
INSTANT(BM_ThresholdAll, "lag_seconds >= 0");
INSTANT(BM_AvgOverTime1h, "avg_over_time(lag_seconds[1h])");
INSTANT(BM_TopK, "topk(5, lag_seconds)");
INSTANT(BM_AndUnless, "lag_seconds > 100 and on (instance, id) requests_total unless errors_total");

// The first evaluation, which has to find the series and match their labels.
void BM_RateOverRateFirst(benchmark::State& state) {
  World& world = WorldOf(state.range(0));
  const ExprPtr expr = ParseExpr("rate(errors_total[5m]) / rate(requests_total[5m])").value();
  for (auto _ : state) {
    const Engine engine(world.store);
    benchmark::DoNotOptimize(engine.Instant(*expr, At(kRounds - 1)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RateOverRateFirst)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

// What a usual alert costs: few series among many.
void BM_OneSeriesRule(benchmark::State& state) {
  World& world = WorldOf(state.range(0));
  const ExprPtr expr = ParseExpr("lag_seconds{id=\"7\"} > 300").value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.engine.Instant(*expr, At(kRounds - 1)));
  }
}
BENCHMARK(BM_OneSeriesRule)->Arg(1'000)->Arg(100'000);

void BM_OneSeriesRateRule(benchmark::State& state) {
  World& world = WorldOf(state.range(0));
  const ExprPtr expr =
      ParseExpr("rate(errors_total{id=\"7\"}[5m]) / rate(requests_total{id=\"7\"}[5m]) > 0.5")
          .value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.engine.Instant(*expr, At(kRounds - 1)));
  }
}
BENCHMARK(BM_OneSeriesRateRule)->Arg(1'000)->Arg(100'000);

void BM_RangeSumOfRate(benchmark::State& state) {
  World& world = WorldOf(state.range(0));
  const ExprPtr expr = ParseExpr("sum by (job) (rate(requests_total[5m]))").value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        world.engine.Range(*expr, At(0), At(kRounds - 1), base::Duration(kStep)));
  }
}
BENCHMARK(BM_RangeSumOfRate)->Arg(1'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drwatch::promql
