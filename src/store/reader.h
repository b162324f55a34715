// How the query engine reads a store: selections that it may keep, and samples without a copy of
// every series. Others use Store's own functions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "store/store.h"

namespace drwatch::store {

// The series that match one selector, in order of creation. Immutable; keep it as long as you like
// and hand it to Reader::Refresh before each use.
struct Selection {
  std::shared_ptr<const std::vector<model::Labels>> labels;
  std::shared_ptr<const std::vector<std::uint32_t>> ids;  // beside the labels
  std::uint32_t next_id = 0;  // series from here on have not been looked at
  std::uint64_t removals = 0;
};

enum class StaleMarkers { kKeep, kSkip };

// Whether a visitor may run under the store's lock. That is quickest, but makes writers wait.
enum class Visits { kMayLock, kNeverLock };

// Gets the samples of one series: `row` is its place in the selection, `samples` are in order of
// time and never empty. Must not call the store.
class SampleVisitor {
 public:
  virtual ~SampleVisitor() = default;
  virtual void Visit(std::size_t row, std::span<const model::Sample> samples) = 0;
};

// Thread-safe; the store must outlive it.
class Reader {
 public:
  explicit Reader(const Store& store) : impl_(store.impl()) {}

  // `selection` itself if it still holds every match, else a new one. It costs nothing while no
  // series come or go, and little while they only come. nullptr selects afresh.
  std::shared_ptr<const Selection> Refresh(std::shared_ptr<const Selection> selection,
                                           const std::vector<model::Matcher>& matchers) const;

  // Of each row the newest sample in (at - lookback, at]; a stale NaN where there is none or it is
  // a stale marker. `values` and `times` (milliseconds; may be empty) have a place for each row.
  // False, with nothing read, if series were removed since the selection was refreshed.
  bool ReadLatest(const Selection& selection, std::int64_t at, std::int64_t lookback,
                  std::span<double> values, std::span<std::int64_t> times) const;

  // Visits the rows that have samples in (from, to], in any order. A batch of a writer is seen
  // whole or not at all as long as recent samples are enough (SeriesRecord::kMinHead); older ones
  // are read in slices of rows. False as above.
  bool ReadRange(const Selection& selection, std::int64_t from, std::int64_t to,
                 StaleMarkers markers, Visits visits, SampleVisitor& visitor) const;

 private:
  struct Pending;

  const Store::Impl& impl_;
};

}  // namespace drwatch::store
