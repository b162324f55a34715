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
  if (now < last_ || now - last_ >= kQuiet) return gone_.clear();
  std::erase_if(gone_, [now](const auto& gone) { return now - gone.second >= kLongest; });
}

WalSegmentSet WalRemovals::recent() const {
  WalSegmentSet recent;
  for (const auto& [segment, since] : gone_) recent.insert(recent.end(), segment);
  return recent;
}

}  // namespace drwatch::catalog
