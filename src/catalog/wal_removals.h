// Which segments went away from an archive lately. While old WAL is pruned, a look in the middle
// sees gaps: pg_archivecleanup, find -delete and the life cycles of buckets keep to no order.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "catalog/wal_archive.h"

namespace drwatch::catalog {

// Segments that were there at the last look, or went away before it.
struct SeenWal {
  WalRange range;
  base::Timestamp gone{};  // the epoch: they were there
  friend bool operator==(const SeenWal&, const SeenWal&) = default;
};

// Of one archive, look after look.
class WalRemovals {
 public:
  // If nothing more went away for so long, nothing is being pruned any more.
  static constexpr base::Duration kQuiet{5 * 60'000};
  // For so long what went away may be part of it. Where WAL is pruned all the time, a loss shows.
  static constexpr base::Duration kLongest{3 * 3'600'000};

  using Segments = std::map<std::uint32_t, std::vector<WalSegmentFile>>;
  // What was there at the last look and what is there now.
  void Compare(const Segments& before, const Segments& after, base::Timestamp now);
  // Everything was listed.
  void EndListing(base::Timestamp now);
  void Forget() { gone_.clear(); }
  WalSegmentSet recent() const;
  // While something more went away at the last listing of everything: what has for less than
  // kQuiet. For which base backup it is pruned shows when that is over.
  WalSegmentSet Leaving(base::Timestamp now) const;
  // What Restore() needs after a restart. `there` is what the last look found.
  std::vector<SeenWal> Seen(const Segments& there) const;
  // Takes over what went away then, and returns what was there.
  Segments Restore(const std::vector<SeenWal>& seen);

 private:
  std::map<std::pair<std::uint32_t, std::uint64_t>, base::Timestamp> gone_;  // and since when
  base::Timestamp last_{};
  bool goes_on_ = false;
};

}  // namespace drwatch::catalog
