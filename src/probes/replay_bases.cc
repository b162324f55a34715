#include "probes/replay_bases.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace drwatch::probes {
namespace {

using BytesFrom = std::map<std::uint64_t, std::int64_t>;

// Of each segment number in `from`: the bytes from that segment on to `last`.
void AddUp(const catalog::WalArchiveState& state, const catalog::WalInventory& inventory,
           const std::vector<catalog::PlaceObject>& objects, std::uint64_t last, BytesFrom& from) {
  const std::uint64_t first = from.begin()->first;
  std::int64_t sum = 0;
  for (auto run = state.runs.rbegin(); run != state.runs.rend() && run->last >= first; ++run) {
    const auto files = inventory.segments.find(run->timeline);
    if (files == inventory.segments.end() || run->first > last) continue;
    const auto end = std::upper_bound(
        files->second.begin(), files->second.end(), std::min(run->last, last),
        [](std::uint64_t number, const auto& file) { return number < file.number; });
    for (auto file = std::make_reverse_iterator(end);
         file != files->second.rend() && file->number >= std::max(run->first, first); ++file) {
      sum += objects[file->object].size_bytes;
      if (const auto wanted = from.find(file->number); wanted != from.end()) wanted->second = sum;
    }
  }
}

}  // namespace

std::vector<model::ReplayBase> FindReplayBases(const catalog::WalArchiveState& state,
                                               const std::vector<catalog::WalBase>& bases,
                                               const catalog::WalInventory& inventory,
                                               const std::vector<catalog::PlaceObject>& objects) {
  std::vector<const catalog::WalBase*> found;
  for (const catalog::WalChain& chain : state.chains) {
    const bool reaches = chain.consistent && chain.reaches == state.reachable->last;
    const catalog::WalBase& base = bases[chain.base];
    if (reaches && base.state == catalog::WalBase::State::kProven) found.push_back(&base);
  }
  if (found.empty()) return {};
  std::sort(found.begin(), found.end(),
            [](const auto* a, const auto* b) { return a->stopped < b->stopped; });
  const auto first_segment = [&inventory](const catalog::WalBase& base) {
    return base.start / static_cast<std::uint64_t>(inventory.segment_bytes);
  };
  BytesFrom from;
  for (const catalog::WalBase* base : found) from.emplace(first_segment(*base), 0);
  AddUp(state, inventory, objects, state.reachable->last, from);
  std::vector<model::ReplayBase> named;
  for (const catalog::WalBase* base : found) {
    named.push_back({base->probe, base->name, from.at(first_segment(*base)), {}});
  }
  return named;
}

}  // namespace drwatch::probes
