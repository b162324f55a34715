#include <algorithm>

#include "store/impl.h"

namespace drwatch::store {
namespace {

constexpr SeriesId kRefused = 0xffffffff;

// Known series only; true if all were known.
bool FindAll(const Index& index, const std::vector<NewSample>& samples,
             std::vector<SeriesId>& ids) {
  ids.clear();
  for (const NewSample& sample : samples) {
    const std::optional<SeriesId> id = index.Find(sample.labels);
    if (!id) return false;
    ids.push_back(*id);
  }
  return true;
}

void FindOrAddAll(Index& index, std::int64_t max_series, const std::vector<NewSample>& samples,
                  std::vector<SeriesId>& ids, MemoryUsage& usage) {
  ids.clear();
  for (const NewSample& sample : samples) {
    std::optional<SeriesId> id = index.Find(sample.labels);
    if (!id && index.size() < max_series) {
      id = index.Add(sample.labels);
      usage.bytes += sizeof(SeriesRecord);
    }
    ids.push_back(id.value_or(kRefused));
  }
}

// The ids of the previous batch, if this one has the same series in the same order.
bool SameSeries(const Store::Impl::Source& source, const Index& index,
                const std::vector<NewSample>& samples) {
  return source.removals == index.removals() && source.labels.size() == samples.size() &&
         std::equal(samples.begin(), samples.end(), source.labels.begin(),
                    [](const NewSample& sample, const model::Labels& labels) {
                      return sample.labels == labels;
                    });
}

// Appends under the data lock; `ids` are beside the samples.
AppendReport AppendAll(Store::Impl& impl, const std::vector<NewSample>& samples,
                       const std::vector<SeriesId>& ids, std::int64_t millis) {
  AppendReport report;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (ids[i] == kRefused) {
      ++report.over_limit;
      continue;
    }
    SeriesRecord& series = *impl.index.Get(ids[i]);
    series.round = impl.round;
    switch (series.Append(millis, samples[i].value, impl.usage)) {
      case AppendResult::kAppended:
        ++report.appended;
        break;
      case AppendResult::kDuplicate:
        break;
      case AppendResult::kOutOfOrder:
        ++report.out_of_order;
        break;
    }
  }
  impl.counters.samples_appended += report.appended;
  impl.counters.rejected_over_limit += report.over_limit;
  impl.counters.rejected_out_of_order += report.out_of_order;
  return report;
}

// Ends every series of the source's previous batch that `impl.round` has not seen.
void EndMissing(Store::Impl& impl, const Store::Impl::Source& source, std::int64_t millis) {
  for (std::size_t i = 0; i < source.ids.size(); ++i) {
    std::optional<SeriesId> id = source.ids[i];
    if (source.removals != impl.index.removals()) id = impl.index.Find(source.labels[i]);
    if (!id) continue;
    SeriesRecord& series = *impl.index.Get(*id);
    if (series.round == impl.round) continue;
    if (series.Append(millis, model::StaleNan(), impl.usage) == AppendResult::kAppended) {
      ++impl.counters.samples_appended;
    }
  }
}

void Remember(const Index& index, const std::vector<NewSample>& samples,
              const std::vector<SeriesId>& ids, Store::Impl::Source& source) {
  source.labels.clear();
  source.ids.clear();
  source.removals = index.removals();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (ids[i] == kRefused) continue;
    source.labels.push_back(samples[i].labels);
    source.ids.push_back(ids[i]);
  }
}

AppendReport AppendKnown(Store::Impl& impl, const std::vector<NewSample>& samples,
                         const std::vector<SeriesId>& ids, std::int64_t millis,
                         Store::Impl::Source* source) {
  const std::lock_guard data_lock(impl.data_mutex);
  ++impl.round;
  const AppendReport report = AppendAll(impl, samples, ids, millis);
  if (source != nullptr) EndMissing(impl, *source, millis);
  return report;
}

// `source` is null for a batch without one.
AppendReport AppendBatch(Store::Impl& impl, const std::vector<NewSample>& samples,
                         base::Timestamp time, Store::Impl::Source* source) {
  const std::int64_t millis = base::ToUnixMillis(time);
  std::vector<SeriesId> ids;
  {
    const std::shared_lock lock(impl.index_mutex);
    if (source != nullptr && SameSeries(*source, impl.index, samples)) {
      const std::lock_guard data_lock(impl.data_mutex);
      return AppendAll(impl, samples, source->ids, millis);
    }
    if (FindAll(impl.index, samples, ids)) {
      const AppendReport report = AppendKnown(impl, samples, ids, millis, source);
      if (source != nullptr) Remember(impl.index, samples, ids, *source);
      return report;
    }
  }
  const std::unique_lock lock(impl.index_mutex);
  FindOrAddAll(impl.index, impl.options.max_series, samples, ids, impl.usage);
  const AppendReport report = AppendKnown(impl, samples, ids, millis, source);
  if (source != nullptr) Remember(impl.index, samples, ids, *source);
  return report;
}

}  // namespace

AppendReport Store::Append(const std::vector<NewSample>& samples, base::Timestamp time) {
  return AppendBatch(*impl_, samples, time, nullptr);
}

AppendReport Store::AppendFrom(std::string_view source, const std::vector<NewSample>& samples,
                               base::Timestamp time) {
  const std::lock_guard lock(impl_->sources_mutex);
  auto known = impl_->sources.find(source);
  if (known == impl_->sources.end()) {
    known = impl_->sources.emplace(std::string(source), Impl::Source()).first;
  }
  return AppendBatch(*impl_, samples, time, &known->second);
}

void Store::EndSource(std::string_view source, base::Timestamp time) {
  const std::lock_guard lock(impl_->sources_mutex);
  const auto known = impl_->sources.find(source);
  if (known == impl_->sources.end()) return;
  AppendBatch(*impl_, {}, time, &known->second);
  impl_->sources.erase(known);
}

}  // namespace drwatch::store
