// What a Store holds and which lock guards what.
//
// Locks are taken in the order below. Samples of known series need the index lock shared, new
// series need it exclusively. The data lock is held for one batch or one copy of recent samples:
// chunks are decoded after it is released.
#pragma once

#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/index.h"
#include "store/store.h"

namespace drwatch::store {

struct Store::Impl {
  explicit Impl(StoreOptions store_options) : options(store_options) {}

  // The series of a source's latest batch, in its order.
  struct Source {
    std::vector<model::Labels> labels;
    std::vector<SeriesId> ids;
    std::uint64_t removals = 0;  // Index::removals() when `ids` were found
  };

  const StoreOptions options;

  std::mutex sources_mutex;  // also serialises AppendFrom
  std::map<std::string, Source, std::less<>> sources;

  mutable std::shared_mutex index_mutex;
  Index index;

  mutable std::mutex data_mutex;  // every SeriesRecord's samples, and what follows
  MemoryUsage usage;              // of all SeriesRecords
  StoreStats counters;            // only what was appended and rejected; Stats() fills in the rest
  std::uint32_t round = 0;        // of AppendFrom

  mutable std::mutex metadata_mutex;
  std::map<std::string, MetricMetadata, std::less<>> metadata;
};

}  // namespace drwatch::store
