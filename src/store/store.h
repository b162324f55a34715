// Samples in memory: the one truth for /metrics, rules, queries and plots.
//
// Series are kept in compressed chunks for `retention`; hard limits refuse rather than grow. Any
// thread may call any function. Writers append batches; readers get copies or immutable chunks, so
// a slow query never holds up a writer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/metric_family.h"
#include "model/sample.h"

namespace drwatch::store {

struct StoreOptions {
  base::Duration retention = std::chrono::hours(6);
  std::int64_t max_series = 1'000'000;
};

struct NewSample {
  model::Labels labels;  // with __name__
  double value = 0;
};

// What a batch did not take, and why.
struct AppendReport {
  std::int64_t appended = 0;
  std::int64_t out_of_order = 0;  // at or before the series' newest sample with another value
  std::int64_t over_limit = 0;    // a new series beyond max_series
};

struct MetricMetadata {
  model::MetricType type = model::MetricType::kUnknown;
  std::string help;
  std::string unit;
};

// One series of a range read: its samples in (from, to] or [from, to], as asked, stale markers
// included.
struct SeriesData {
  model::Labels labels;
  std::vector<model::Sample> samples;
};

struct StoreStats {
  std::int64_t series = 0;
  std::int64_t chunks = 0;
  std::int64_t samples_appended = 0;
  std::int64_t rejected_over_limit = 0;
  std::int64_t rejected_out_of_order = 0;
  std::int64_t memory_bytes = 0;  // chunks, labels and index, as counted
};

class Store {
 public:
  explicit Store(StoreOptions options = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Appends all samples at `time`. Readers see either none or all of the batch.
  AppendReport Append(const std::vector<NewSample>& samples, base::Timestamp time);

  // Remembers the series of one source (a probe, a rule): appends `samples` and a stale marker to
  // every series that the previous call with the same source had and this one has not. An empty
  // list ends all of them.
  AppendReport AppendFrom(std::string_view source, const std::vector<NewSample>& samples,
                          base::Timestamp time);
  // Stale markers for everything `source` had, and forgets it.
  void EndSource(std::string_view source, base::Timestamp time);

  // Label sets that match all matchers and have a sample in [from, to].
  std::vector<model::Labels> Series(const std::vector<model::Matcher>& matchers,
                                    base::Timestamp from, base::Timestamp to) const;
  // Sorted, unique.
  std::vector<std::string> LabelNames(const std::vector<model::Matcher>& matchers,
                                      base::Timestamp from, base::Timestamp to) const;
  std::vector<std::string> LabelValues(std::string_view name,
                                       const std::vector<model::Matcher>& matchers,
                                       base::Timestamp from, base::Timestamp to) const;
  // All samples in [from, to] of the matching series, sorted by labels.
  std::vector<SeriesData> Select(const std::vector<model::Matcher>& matchers, base::Timestamp from,
                                 base::Timestamp to) const;

  void SetMetadata(std::string_view metric, MetricMetadata metadata);
  std::vector<std::pair<std::string, MetricMetadata>> Metadata() const;

  // The wall clock was set by `step` and says `now`: samples of before keep their distance from
  // now, so that nothing goes stale, and what follows is not older than they are. A series that has
  // a sample of after the step already stays as it is.
  void Shift(base::Timestamp now, base::Duration step);

  // Drops chunks older than the retention and series without samples. Call it every few minutes.
  void DropExpired(base::Timestamp now);
  StoreStats Stats() const;

  // The engine's door (store/reader.h): not for others.
  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace drwatch::store
