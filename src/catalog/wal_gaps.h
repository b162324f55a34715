// What is missing from a WAL archive, gap by gap. Used by wal_archive.cc.
#pragma once

#include <vector>

#include "catalog/wal_archive.h"
#include "catalog/wal_path.h"

namespace drwatch::catalog {

// Refers to what it is given.
class WalGaps {
 public:
  WalGaps(const WalInventory& inventory, const WalQuestion& question,
          const std::vector<WalPathPart>& path, WalArchiveState& state)
      : inventory_(inventory), question_(question), path_(path), state_(state) {}
  // These numbers are, both included: a gap for each timeline, without what is broken, and what is
  // acknowledged apart.
  void Miss(std::uint64_t first, std::uint64_t last, WalGap::Kind kind);
  // What was removed and lies before this number is being pruned.
  void PrunedBefore(std::uint64_t number) { pruned_before_ = number; }

 private:
  void MissOf(WalRange range, WalGap::Kind kind);
  void AddLost(WalRange range);
  void Add(const WalRange& range, WalGap::Kind kind);

  const WalInventory& inventory_;
  const WalQuestion& question_;
  const std::vector<WalPathPart>& path_;
  WalArchiveState& state_;
  std::uint64_t pruned_before_ = 0;
};

}  // namespace drwatch::catalog
