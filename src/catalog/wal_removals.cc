#include "catalog/wal_removals.h"

#include <algorithm>
#include <iterator>

namespace drwatch::catalog {
namespace {

using Files = std::vector<WalSegmentFile>;

// What is in `a` and not in `b`; both are in the order of numbers.
Files Without(const Files& a, const Files& b) {
  Files left;
  std::set_difference(
      a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(left),
      [](const WalSegmentFile& x, const WalSegmentFile& y) { return x.number < y.number; });
  return left;
}

const Files& Of(const WalRemovals::Segments& segments, std::uint32_t timeline) {
  static const Files kNone;
  const auto found = segments.find(timeline);
  return found == segments.end() ? kNone : found->second;
}

}  // namespace

void WalRemovals::Compare(const Segments& before, const Segments& after, base::Timestamp now) {
  for (const auto& [timeline, files] : after) {
    for (const WalSegmentFile& file : Without(files, Of(before, timeline))) {
      gone_.erase({timeline, file.number});
    }
  }
  for (const auto& [timeline, files] : before) {
    for (const WalSegmentFile& file : Without(files, Of(after, timeline))) {
      gone_[{timeline, file.number}] = last_ = now;
    }
  }
}

void WalRemovals::EndListing(base::Timestamp now) {
  goes_on_ = last_ == now;
  if (now < last_ || now - last_ >= kQuiet) return gone_.clear();
  std::erase_if(gone_, [now](const auto& gone) { return now - gone.second >= kLongest; });
}

WalSegmentSet WalRemovals::recent() const {
  WalSegmentSet recent;
  for (const auto& [segment, since] : gone_) recent.insert(recent.end(), segment);
  return recent;
}

WalSegmentSet WalRemovals::Leaving(base::Timestamp now) const {
  WalSegmentSet leaving;
  if (!goes_on_) return leaving;
  for (const auto& [segment, since] : gone_) {
    if (now - since < kQuiet) leaving.insert(leaving.end(), segment);
  }
  return leaving;
}

std::vector<SeenWal> WalRemovals::Seen(const Segments& there) const {
  std::vector<SeenWal> seen;
  const auto add = [&seen](std::uint32_t timeline, std::uint64_t number, base::Timestamp gone) {
    SeenWal* const last = seen.empty() ? nullptr : &seen.back();
    const bool follows = last != nullptr && last->gone == gone &&
                         last->range.timeline == timeline && last->range.last + 1 == number;
    if (follows) {
      last->range.last = number;
    } else {
      seen.push_back({{timeline, number, number}, gone});
    }
  };
  for (const auto& [timeline, files] : there) {
    for (const WalSegmentFile& file : files) add(timeline, file.number, {});
  }
  for (const auto& [segment, since] : gone_) add(segment.first, segment.second, since);
  return seen;
}

WalRemovals::Segments WalRemovals::Restore(const std::vector<SeenWal>& seen) {
  Segments there;
  for (const auto& [range, gone] : seen) {
    for (std::uint64_t number = range.first; number <= range.last; ++number) {
      if (gone == base::Timestamp{}) {
        there[range.timeline].push_back({number});
      } else {
        gone_[{range.timeline, number}] = gone;
        last_ = std::max(last_, gone);
      }
    }
  }
  return there;
}

}  // namespace drwatch::catalog
