// Segments of a WAL archive that follow each other.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace drwatch::catalog {

// Segment numbers of one timeline, both included.
struct WalRange {
  std::uint32_t timeline = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size() const { return last - first + 1; }
  friend bool operator==(const WalRange&, const WalRange&) = default;
};

// "000000010000000000000004 to 000000010000000000000007 (4 segments)".
std::string RangeText(const WalRange& range, std::int64_t segment_bytes);

using WalSegmentSet = std::set<std::pair<std::uint32_t, std::uint64_t>>;  // timelines and numbers

}  // namespace drwatch::catalog
