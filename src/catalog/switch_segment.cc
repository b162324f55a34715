#include "catalog/switch_segment.h"

#include <algorithm>

namespace drwatch::catalog {
namespace {

bool Holds(const WalInventory& inventory, std::uint32_t timeline, std::uint64_t number) {
  const auto segments = inventory.segments.find(timeline);
  if (segments == inventory.segments.end()) return false;
  return std::binary_search(
      segments->second.begin(), segments->second.end(), WalSegmentFile{number},
      [](const WalSegmentFile& a, const WalSegmentFile& b) { return a.number < b.number; });
}

}  // namespace

std::optional<SwitchSegment> FindMissingSwitchSegment(const WalInventory& inventory,
                                                      const WalQuestion& question,
                                                      const WalArchiveState& state) {
  const auto parents = question.histories.find(state.timeline);
  const auto file = inventory.histories.find(state.timeline);
  if (parents == question.histories.end() || parents->second.empty() || !question.size_known ||
      file == inventory.histories.end() || inventory.segments.contains(state.timeline) ||
      inventory.partials.contains(state.timeline)) {
    return std::nullopt;
  }
  const std::uint64_t number =
      parents->second.back().at / static_cast<std::uint64_t>(inventory.segment_bytes);
  const auto parent =
      std::find_if(parents->second.rbegin(), parents->second.rend(),
                   [&](const auto& change) { return Holds(inventory, change.timeline, number); });
  if (parent == parents->second.rend()) return std::nullopt;
  const base::Timestamp since = file->second.modified;
  // A date in the future says nothing of that.
  const bool on_its_way = std::chrono::abs(question.now - since) <= question.in_flight_time;
  return SwitchSegment{{state.timeline, number, number}, parent->timeline, since, on_its_way};
}

}  // namespace drwatch::catalog
