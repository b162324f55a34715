// What a position in the WAL says beside what is remembered of its primary (position_ring.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace drwatch::probes {

// A history of WAL: positions of two of them cannot be compared.
struct WalHistory {
  std::string system_identifier;
  std::uint32_t timeline = 0;
  friend bool operator==(const WalHistory&, const WalHistory&) = default;
};

// How far a position lies behind the primary.
struct PositionLag {
  // Since the look that first saw the primary beyond it.
  base::Duration at_least{};
  // Since the first change after it: at most one look earlier, in proportion to the bytes. Absent
  // if no look was before that change.
  std::optional<base::Duration> estimate;
  // False if nobody looked for more than three intervals around that change: then `estimate` may be
  // far too long.
  bool certain = false;
};

struct PositionReading {
  WalHistory history;
  std::uint64_t newest = 0;        // the primary's last known position
  base::Duration newest_age{};     // since it was last seen there
  bool fresh = false;              // that is less than three intervals
  base::Duration timeline_age{};   // since it was first seen on its timeline
  std::optional<PositionLag> lag;  // absent: nothing known lies beyond the position
};

// What is left out of a lag: WAL up to `end` in which no transaction ended. archive_timeout does
// not ship it all: a server that recovered from a crash ships nothing until something is written.
struct OpenSegment {
  std::uint64_t end = 0;  // changes beyond it count, whatever they are; 0 = all do
  // The position that is read is its begin: a transaction that was seen to end together with the
  // step over it may have ended before.
  bool begins_here = true;
};

}  // namespace drwatch::probes
