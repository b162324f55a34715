#include "store/reader.h"

#include <array>
#include <mutex>
#include <shared_mutex>

#include "store/impl.h"

namespace drwatch::store {
namespace {

// Rows whose chunks are collected under one hold of the lock: bounds both memory and the wait of a
// writer.
constexpr std::size_t kSlice = 4096;

std::size_t DropMarkers(std::span<model::Sample> samples) {
  std::size_t kept = 0;
  for (const model::Sample& sample : samples) {
    if (!model::IsStaleNan(sample.value)) samples[kept++] = sample;
  }
  return kept;
}

}  // namespace

// A row that needs chunks: what is to be decoded once the lock is released.
struct Reader::Pending {
  std::size_t row = 0;
  std::vector<std::shared_ptr<const Chunk>> chunks;
  int head_count = 0;
  std::array<model::Sample, SeriesRecord::kMaxHead> head;

  void Decode(std::int64_t from, std::int64_t to, std::vector<model::Sample>& out) const {
    out.clear();
    for (const auto& chunk : chunks) chunk->Read(from, to, out);
    out.insert(out.end(), head.begin(), head.begin() + head_count);
  }
};

std::shared_ptr<const Selection> Reader::Refresh(
    std::shared_ptr<const Selection> selection, const std::vector<model::Matcher>& matchers) const {
  const std::shared_lock lock(impl_.index_mutex);
  const Index& index = impl_.index;
  const bool valid = selection != nullptr && selection->removals == index.removals();
  if (valid && selection->next_id == index.next_id()) return selection;
  std::vector<SeriesId> added;
  if (valid) {
    index.SelectFrom(selection->next_id, matchers, added);
  } else {
    added = index.Select(matchers);
  }
  auto fresh = std::make_shared<Selection>();
  fresh->next_id = index.next_id();
  fresh->removals = index.removals();
  if (valid && added.empty()) {
    fresh->ids = selection->ids;
    fresh->labels = selection->labels;
    return fresh;
  }
  std::vector<SeriesId> ids;
  std::vector<model::Labels> labels;
  if (valid) {
    ids = *selection->ids;
    labels = *selection->labels;
  }
  ids.insert(ids.end(), added.begin(), added.end());
  for (const SeriesId id : added) labels.push_back(index.Get(id)->labels);
  fresh->ids = std::make_shared<const std::vector<SeriesId>>(std::move(ids));
  fresh->labels = std::make_shared<const std::vector<model::Labels>>(std::move(labels));
  return fresh;
}

bool Reader::ReadLatest(const Selection& selection, std::int64_t at, std::int64_t lookback,
                        std::span<double> values, std::span<std::int64_t> times) const {
  const std::int64_t from = at - lookback;
  std::vector<Pending> pending;
  {
    const std::shared_lock index_lock(impl_.index_mutex);
    if (selection.removals != impl_.index.removals()) return false;
    const std::lock_guard data_lock(impl_.data_mutex);
    const std::vector<SeriesId>& ids = *selection.ids;
    for (std::size_t row = 0; row < ids.size(); ++row) {
      const SeriesRecord& series = *impl_.index.Get(ids[row]);
      values[row] = model::StaleNan();
      if (series.last_time() <= from) continue;
      if (series.last_time() <= at) {
        values[row] = series.last_value();
        if (!times.empty()) times[row] = series.last_time();
        continue;
      }
      std::int64_t millis = 0;
      if (const double* const newest = series.NewestInHead(from, at, millis)) {
        values[row] = *newest;
        if (!times.empty()) times[row] = millis;
      } else if (!series.HeadCovers(from)) {
        Pending& one = pending.emplace_back();
        one.row = row;
        series.CollectChunks(from, at, one.chunks);
      }
    }
  }
  std::vector<model::Sample> samples;
  for (const Pending& one : pending) {
    one.Decode(from, at, samples);
    if (samples.empty()) continue;
    values[one.row] = samples.back().value;
    if (!times.empty()) times[one.row] = base::ToUnixMillis(samples.back().time);
  }
  return true;
}

bool Reader::ReadRange(const Selection& selection, std::int64_t from, std::int64_t to,
                       StaleMarkers markers, Visits visits, SampleVisitor& visitor) const {
  std::vector<Pending> pending;
  std::vector<model::Sample> samples;
  std::array<model::Sample, SeriesRecord::kMaxHead> head;
  const auto visit = [&](std::size_t row, std::span<model::Sample> found) {
    if (markers == StaleMarkers::kSkip) found = found.first(DropMarkers(found));
    if (!found.empty()) visitor.Visit(row, found);
  };
  const std::vector<SeriesId>& ids = *selection.ids;
  for (std::size_t row = 0; row < ids.size();) {
    {
      const std::shared_lock index_lock(impl_.index_mutex);
      if (selection.removals != impl_.index.removals()) return false;
      const std::lock_guard data_lock(impl_.data_mutex);
      for (; row < ids.size() && pending.size() < kSlice; ++row) {
        const SeriesRecord& series = *impl_.index.Get(ids[row]);
        if (series.last_time() <= from) continue;
        if (visits == Visits::kMayLock && series.HeadCovers(from)) {
          const int count = series.ReadHead(from, to, head.data());
          visit(row, std::span(head).first(static_cast<std::size_t>(count)));
          continue;
        }
        Pending& one = pending.emplace_back();
        one.row = row;
        one.head_count = series.ReadHead(from, to, one.head.data());
        series.CollectChunks(from, to, one.chunks);
      }
    }
    for (const Pending& one : pending) {
      one.Decode(from, to, samples);
      visit(one.row, samples);
    }
    pending.clear();
  }
  return true;
}

}  // namespace drwatch::store
