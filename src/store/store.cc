#include "store/store.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "store/impl.h"
#include "store/reader.h"

namespace drwatch::store {
namespace {

class Collector final : public SampleVisitor {
 public:
  explicit Collector(const Selection& selection) : selection_(selection) {}
  void Visit(std::size_t row, std::span<const model::Sample> samples) override {
    found.push_back({(*selection_.labels)[row], {samples.begin(), samples.end()}});
  }
  std::vector<SeriesData> found;

 private:
  const Selection& selection_;
};

class Presence final : public SampleVisitor {
 public:
  explicit Presence(const Selection& selection) : selection_(selection) {}
  void Visit(std::size_t row, std::span<const model::Sample>) override {
    found.push_back((*selection_.labels)[row]);
  }
  std::vector<model::Labels> found;

 private:
  const Selection& selection_;
};

// `from` itself belongs to the API's ranges, but not to the reader's.
std::int64_t Before(base::Timestamp from) {
  const std::int64_t millis = base::ToUnixMillis(from);
  return millis == SeriesRecord::kNever ? millis : millis - 1;
}

template <typename Visitor>
auto ReadAll(const Store& store, const std::vector<model::Matcher>& matchers, base::Timestamp from,
             base::Timestamp to) {
  const Reader reader(store);
  while (true) {  // again if series were removed in between
    const auto selection = reader.Refresh(nullptr, matchers);
    Visitor visitor(*selection);
    if (reader.ReadRange(*selection, Before(from), base::ToUnixMillis(to), StaleMarkers::kKeep,
                         Visits::kMayLock, visitor)) {
      return std::move(visitor.found);
    }
  }
}

}  // namespace

Store::Store(StoreOptions options) : impl_(std::make_unique<Impl>(options)) {}
Store::~Store() = default;

std::vector<SeriesData> Store::Select(const std::vector<model::Matcher>& matchers,
                                      base::Timestamp from, base::Timestamp to) const {
  std::vector<SeriesData> found = ReadAll<Collector>(*this, matchers, from, to);
  std::sort(found.begin(), found.end(),
            [](const SeriesData& a, const SeriesData& b) { return a.labels < b.labels; });
  return found;
}

std::vector<model::Labels> Store::Series(const std::vector<model::Matcher>& matchers,
                                         base::Timestamp from, base::Timestamp to) const {
  std::vector<model::Labels> found = ReadAll<Presence>(*this, matchers, from, to);
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> Store::LabelNames(const std::vector<model::Matcher>& matchers,
                                           base::Timestamp from, base::Timestamp to) const {
  std::set<std::string, std::less<>> names;
  for (const model::Labels& labels : Series(matchers, from, to)) {
    for (const model::LabelView label : labels) {
      if (!names.contains(label.name)) names.emplace(label.name);
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Store::LabelValues(std::string_view name,
                                            const std::vector<model::Matcher>& matchers,
                                            base::Timestamp from, base::Timestamp to) const {
  std::set<std::string, std::less<>> values;
  for (const model::Labels& labels : Series(matchers, from, to)) {
    const std::string_view value = labels.Get(name);
    if (!value.empty() && !values.contains(value)) values.emplace(value);
  }
  return {values.begin(), values.end()};
}

void Store::SetMetadata(std::string_view metric, MetricMetadata metadata) {
  const std::lock_guard lock(impl_->metadata_mutex);
  impl_->metadata.insert_or_assign(std::string(metric), std::move(metadata));
}

std::vector<std::pair<std::string, MetricMetadata>> Store::Metadata() const {
  const std::lock_guard lock(impl_->metadata_mutex);
  return {impl_->metadata.begin(), impl_->metadata.end()};
}

void Store::DropExpired(base::Timestamp now) {
  const std::int64_t cutoff = base::ToUnixMillis(now - impl_->options.retention);
  const std::unique_lock lock(impl_->index_mutex);
  const std::lock_guard data_lock(impl_->data_mutex);
  std::vector<SeriesId> expired;
  for (SeriesId id = 0; id < impl_->index.next_id(); ++id) {
    SeriesRecord* const series = impl_->index.Get(id);
    if (series == nullptr) continue;
    const bool gone = series->last_time() < cutoff;
    const MemoryUsage freed = gone ? series->usage() : series->DropChunks(cutoff);
    impl_->usage.bytes -= freed.bytes;
    impl_->usage.chunks -= freed.chunks;
    if (gone) expired.push_back(id);
  }
  impl_->index.Remove(expired);
}

void Store::Shift(base::Timestamp now, base::Duration step) {
  const std::int64_t new_now = base::ToUnixMillis(now);
  const std::int64_t millis = base::ToUnixMillis(now + step) - new_now;
  const std::unique_lock lock(impl_->index_mutex);
  const std::lock_guard data_lock(impl_->data_mutex);
  for (SeriesId id = 0; id < impl_->index.next_id(); ++id) {
    SeriesRecord* const series = impl_->index.Get(id);
    if (series == nullptr || series->last_time() == SeriesRecord::kNever) continue;
    const std::int64_t distance = std::abs(series->last_time() - new_now);
    if (std::abs(series->last_time() + millis - new_now) < distance) series->Shift(millis);
  }
}

StoreStats Store::Stats() const {
  const std::shared_lock lock(impl_->index_mutex);
  const std::lock_guard data_lock(impl_->data_mutex);
  StoreStats stats = impl_->counters;
  stats.series = impl_->index.size();
  stats.chunks = impl_->usage.chunks;
  stats.memory_bytes = impl_->usage.bytes + impl_->index.memory_bytes();
  return stats;
}

}  // namespace drwatch::store
