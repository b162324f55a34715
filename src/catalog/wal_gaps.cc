#include "catalog/wal_gaps.h"

#include <algorithm>

namespace drwatch::catalog {

void WalGaps::Add(const WalRange& range, WalGap::Kind kind) {
  state_.gaps.push_back({range, kind});
  switch (kind) {
    case WalGap::Kind::kLost:
      state_.lost += range.size();
      break;
    case WalGap::Kind::kPending:
      state_.pending += range.size();
      break;
    case WalGap::Kind::kAcknowledged:
      state_.acknowledged += range.size();
      break;
    case WalGap::Kind::kExpired:
      state_.expired += range.size();
      break;
    case WalGap::Kind::kPruned:
      state_.pruned += range.size();
      break;
  }
}

// What is being pruned apart.
void WalGaps::AddLost(WalRange range) {
  while (range.first <= range.last) {
    const auto removed = question_.removed.lower_bound({range.timeline, range.first});
    const bool any = removed != question_.removed.end() && removed->first == range.timeline &&
                     removed->second <= range.last && removed->second < pruned_before_;
    if (!any) return Add(range, WalGap::Kind::kLost);
    const std::uint64_t first = removed->second;
    std::uint64_t end = first + 1;
    while (end <= range.last && question_.removed.contains({range.timeline, end})) ++end;
    if (first > range.first) {
      Add({range.timeline, range.first, first - 1}, WalGap::Kind::kLost);
    }
    Add({range.timeline, first, end - 1}, WalGap::Kind::kPruned);
    range.first = end;
  }
}

// Cuts out of a gap of one timeline what is broken and what is acknowledged.
void WalGaps::MissOf(WalRange range, WalGap::Kind kind) {
  const auto broken = question_.broken.lower_bound({range.timeline, range.first});
  if (broken != question_.broken.end() && broken->first == range.timeline &&
      broken->second <= range.last) {
    const std::uint64_t at = broken->second;
    if (at > range.first) MissOf({range.timeline, range.first, at - 1}, kind);
    if (at < range.last) MissOf({range.timeline, at + 1, range.last}, kind);
    return;
  }
  for (const AcknowledgedWal& known : question_.acknowledged) {
    if (known.first.timeline != range.timeline || known.until <= question_.now) continue;
    const auto first = verify::SegmentNumber(known.first, inventory_.segment_bytes);
    const auto last = verify::SegmentNumber(known.last, inventory_.segment_bytes);
    if (!first || !last || *last < range.first || *first > range.last) continue;
    if (*first > range.first) MissOf({range.timeline, range.first, *first - 1}, kind);
    const std::uint64_t end = std::min(*last, range.last);
    Add({range.timeline, std::max(*first, range.first), end}, WalGap::Kind::kAcknowledged);
    if (end == range.last) return;
    range.first = end + 1;
    MissOf(range, kind);
    return;
  }
  if (kind == WalGap::Kind::kLost) return AddLost(range);
  Add(range, kind);
}

// Numbers that are missing, split where timelines change.
void WalGaps::Miss(std::uint64_t first, std::uint64_t last, WalGap::Kind kind) {
  for (const WalPathPart& part : path_) {
    const std::uint64_t begin = std::max(first, part.first);
    const std::uint64_t end = std::min(last, part.end == kNoWalEnd ? kNoWalEnd : part.end - 1);
    if (part.end > part.first && begin <= end) MissOf({part.timeline, begin, end}, kind);
  }
}

}  // namespace drwatch::catalog
