#include "catalog/wal_holdings.h"

#include <algorithm>
#include <utility>

namespace drwatch::catalog {
namespace {

bool Holds(const WalHoldings& holdings, std::uint32_t timeline, std::uint64_t number) {
  if (holdings.broken.contains({timeline, number})) return false;
  // The last run that does not begin behind it.
  const auto after =
      std::upper_bound(holdings.runs.begin(), holdings.runs.end(), std::pair(timeline, number),
                       [](const auto& key, const WalRange& run) {
                         return key < std::pair(run.timeline, run.first);
                       });
  if (after == holdings.runs.begin()) return false;
  const WalRange& run = *(after - 1);
  return run.timeline == timeline && number <= run.last;
}

// Whether another range begins in that segment, on a timeline that holds it.
bool HeldByChild(const WalHoldings& holdings, const verify::NeededWal& needed,
                 std::uint32_t timeline, std::uint64_t number) {
  const auto size = static_cast<std::uint64_t>(holdings.segment_bytes);
  return std::any_of(needed.ranges.begin(), needed.ranges.end(), [&](const auto& range) {
    return range.timeline > timeline && range.start / size == number &&
           Holds(holdings, range.timeline, number);
  });
}

}  // namespace

WalHoldings TakeWalHoldings(const WalInventory& inventory,
                            std::set<std::pair<std::uint32_t, std::uint64_t>> broken,
                            std::uint64_t system_identifier) {
  WalHoldings holdings;
  holdings.segment_bytes = inventory.segment_bytes;
  holdings.system_identifier = system_identifier;
  holdings.broken = std::move(broken);
  for (const auto& [timeline, files] : inventory.segments) {
    for (const WalSegmentFile& file : files) {
      const bool goes_on = !holdings.runs.empty() && holdings.runs.back().timeline == timeline &&
                           holdings.runs.back().last + 1 == file.number;
      if (goes_on) {
        holdings.runs.back().last = file.number;
      } else {
        holdings.runs.push_back({timeline, file.number, file.number});
      }
    }
  }
  return holdings;
}

std::optional<WalLack> FindLack(const WalHoldings& holdings, const verify::NeededWal& needed) {
  if (holdings.runs.empty()) return WalLack{"it holds no WAL segment", true};
  if (needed.system_identifier != 0 && holdings.system_identifier != 0 &&
      needed.system_identifier != holdings.system_identifier) {
    return WalLack{"it is that of another cluster: its system identifier is " +
                   std::to_string(holdings.system_identifier) + ", not " +
                   std::to_string(needed.system_identifier)};
  }
  const auto size = static_cast<std::uint64_t>(holdings.segment_bytes);
  for (const verify::WalRange& range : needed.ranges) {
    // Ends at the first one that is not there, however long the range is.
    for (std::uint64_t number = range.start / size; number <= (range.end - 1) / size; ++number) {
      if (Holds(holdings, range.timeline, number) ||
          HeldByChild(holdings, needed, range.timeline, number)) {
        continue;
      }
      const bool broken = holdings.broken.contains({range.timeline, number});
      return WalLack{verify::SegmentName(range.timeline, number, holdings.segment_bytes) +
                         (broken ? " is damaged there" : " is not there"),
                     !broken};
    }
  }
  return std::nullopt;
}

std::optional<std::string> WhyNotHeld(const WalHoldings& holdings,
                                      const verify::NeededWal& needed) {
  auto lack = FindLack(holdings, needed);
  return lack ? std::optional(std::move(lack->why)) : std::nullopt;
}

}  // namespace drwatch::catalog
