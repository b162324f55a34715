// Which series exist and which labels they have. Guarded by the store's index lock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/labels.h"
#include "model/matcher.h"
#include "store/series_data.h"

namespace drwatch::store {

// Rises in order of creation. Void once removals() has changed: then ids may have been given anew.
using SeriesId = std::uint32_t;

class Index {
 public:
  // nullopt if there is none with these labels.
  std::optional<SeriesId> Find(const model::Labels& labels) const;
  // `labels` must be new.
  SeriesId Add(const model::Labels& labels);
  // Takes out all of `ids`, which rise.
  void Remove(const std::vector<SeriesId>& ids);

  // nullptr if it was removed.
  SeriesRecord* Get(SeriesId id) const { return series_[id].get(); }
  SeriesId next_id() const { return static_cast<SeriesId>(series_.size()); }
  std::int64_t size() const { return static_cast<std::int64_t>(live_); }
  // Rises whenever series are removed: cached ids are void then.
  std::uint64_t removals() const { return removals_; }
  std::int64_t memory_bytes() const { return memory_bytes_; }

  // Ids of all series that match, rising.
  std::vector<SeriesId> Select(const std::vector<model::Matcher>& matchers) const;
  // The same among ids from `first` on.
  void SelectFrom(SeriesId first, const std::vector<model::Matcher>& matchers,
                  std::vector<SeriesId>& out) const;

 private:
  using Postings = std::vector<SeriesId>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Values = std::unordered_map<std::string, Postings, Hash, std::equal_to<>>;
  struct Slot {
    std::uint32_t hash = 0;
    SeriesId id = kFree;
  };
  static constexpr SeriesId kFree = 0xffffffff;

  const Postings* FindPostings(std::string_view name, std::string_view value) const;
  std::optional<const Postings*> ShortestList(const std::vector<model::Matcher>& matchers) const;
  Postings UnionOf(const model::Matcher& matcher) const;
  void InsertSlot(std::uint64_t hash, SeriesId id);
  void RebuildTable(std::size_t slots);
  void Renumber();
  void AddPosting(std::string_view name, std::string_view value, SeriesId id);

  std::vector<std::unique_ptr<SeriesRecord>> series_;  // by id
  std::vector<Slot> table_;                            // open addressing, a power of two
  std::size_t live_ = 0;
  std::uint64_t removals_ = 0;
  std::unordered_map<std::string, Values, Hash, std::equal_to<>> postings_;
  std::int64_t memory_bytes_ = 0;
};

}  // namespace drwatch::store
