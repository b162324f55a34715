// Appending, memory and reading of the store.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "store/reader.h"
#include "store/store.h"

namespace drwatch::store {
namespace {

constexpr std::int64_t kStart = 1'767'225'600'000;
constexpr std::int64_t kStep = 15'000;

base::Timestamp At(std::int64_t round) { return base::FromUnixMillis(kStart + round * kStep); }

// Label sets as a scrape has them.
std::vector<NewSample> MakeSeries(std::int64_t count) {
  std::vector<NewSample> samples;
  for (std::int64_t i = 0; i < count; ++i) {
    samples.push_back({model::Labels{{"__name__", "http_requests_" + std::to_string(i / 10'000)},
                                     {"instance", "10.0.0." + std::to_string(i % 250) + ":9100"},
                                     {"job", "api-server"},
                                     {"method", i % 2 == 0 ? "GET" : "POST"},
                                     {"path", "/api/v1/" + std::to_string(i / 250)}},
                       0});
  }
  return samples;
}

// A third each: constant gauges, counters, gauges that move.
void Move(std::vector<NewSample>& samples, std::int64_t round) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    double& value = samples[i].value;
    const auto noise =
        static_cast<double>((i * 2654435761U + static_cast<std::size_t>(round) * 40503U) % 97);
    switch (i % 3) {
      case 0:
        value = 1;
        break;
      case 1:
        value += noise;
        break;
      default:
        value = 20 + noise / 10;
        break;
    }
  }
}

void BM_AppendKnownSeries(benchmark::State& state) {
  Store store;
  std::vector<NewSample> samples = MakeSeries(state.range(0));
  std::int64_t round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Move(samples, round);
    state.ResumeTiming();
    store.AppendFrom("probe", samples, At(round++));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_AppendKnownSeries)->Arg(100)->Arg(1'000)->Arg(10'000)->Arg(100'000);

// Without a source each series is looked up.
void BM_AppendLookedUpSeries(benchmark::State& state) {
  Store store;
  std::vector<NewSample> samples = MakeSeries(state.range(0));
  std::int64_t round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Move(samples, round);
    state.ResumeTiming();
    store.Append(samples, At(round++));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_AppendLookedUpSeries)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void BM_AppendNewSeries(benchmark::State& state) {
  const std::vector<NewSample> samples = MakeSeries(state.range(0));
  for (auto _ : state) {
    Store store;
    store.Append(samples, At(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_AppendNewSeries)->Arg(10'000);

// What the heap holds in all, rounding and free space inside blocks included.
double HeapBytes() {
  const auto info = ::mallinfo2();
  return static_cast<double>(info.uordblks) + static_cast<double>(info.hblkhd);
}

// One hour at 15 s; the counters say what a series then takes: by the store's own count, and of the
// heap.
void BM_MemoryOfOneHour(benchmark::State& state) {
  const double series = static_cast<double>(state.range(0));
  double counted = 0;
  double heap = 0;
  for (auto _ : state) {
    const double before = HeapBytes();
    Store store;
    {
      std::vector<NewSample> samples = MakeSeries(state.range(0));
      for (std::int64_t round = 0; round < 240; ++round) {
        Move(samples, round);
        store.AppendFrom("probe", samples, At(round));
      }
    }
    counted = static_cast<double>(store.Stats().memory_bytes) / series;
    heap = (HeapBytes() - before) / series;
  }
  state.counters["counted_bytes_per_series"] = counted;
  state.counters["heap_bytes_per_series"] = heap;
}
BENCHMARK(BM_MemoryOfOneHour)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_SelectOneHour(benchmark::State& state) {
  Store store;
  std::vector<NewSample> samples = MakeSeries(1'000);
  for (std::int64_t round = 0; round < 240; ++round) {
    Move(samples, round);
    store.Append(samples, At(round));
  }
  const std::vector<model::Matcher> all{model::Matcher::Equal("job", "api-server")};
  for (auto _ : state) benchmark::DoNotOptimize(store.Select(all, At(0), At(240)));
  state.SetItemsProcessed(state.iterations() * 240'000);
}
BENCHMARK(BM_SelectOneHour)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drwatch::store
