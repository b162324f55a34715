// The files of a tree that may have any number of them, several read at a time and told in order.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "verify/parallel.h"

namespace drwatch::verify {

// Keeps the items and results of no more than a batch. One thread.
template <typename Item, typename Result>
class Batches {
 public:
  // On one of several threads; false: something is so wrong that no other file need be read.
  using Work = std::function<bool(const Item& item, ReadBudget& budget, Result& result)>;
  // On the caller's thread, in the order of Add(); false: no more.
  using Take = std::function<bool(const Item& item, Result result)>;

  Batches(ReadBudget& budget, Work work, Take take)
      : budget_(budget), work_(std::move(work)), take_(std::move(take)) {}

  // False once no more is wanted, or may be read.
  bool Add(Item item) {
    items_.push_back(std::move(item));
    return items_.size() < kAtOnce || Finish();
  }
  // Reads what was added. Call once more at the end.
  bool Finish() {
    std::vector<std::optional<Result>> results(items_.size());
    ForEachPart(items_.size(), budget_, [&](std::size_t index, ReadBudget& own) {
      return work_(items_[index], own, results[index].emplace()) && own.Check().has_value();
    });
    bool more = budget_.Check().has_value();
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (results[i]) more = take_(items_[i], *std::move(results[i])) && more;
    }
    items_.clear();
    return more;
  }

 private:
  static constexpr std::size_t kAtOnce = 1000;

  ReadBudget& budget_;
  const Work work_;
  const Take take_;
  std::vector<Item> items_;
};

}  // namespace drwatch::verify
