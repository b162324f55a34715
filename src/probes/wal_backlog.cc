#include "probes/wal_backlog.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace drwatch::probes {
namespace {

std::optional<WalWork> WorkOn(const catalog::WalReader& reader, const WalSegmentKey& key,
                              WalWork::Role role) {
  const catalog::WalSegmentFile* file = FindSegment(reader.inventory(), key);
  if (file == nullptr) return std::nullopt;
  return WalWork{reader.objects()[file->object], key, role};
}

// Puts those beside the batch that its ends are compared with: records are linked to the ones
// before them, which is how a segment shows that another server wrote over the one before it.
void AddNeighbours(const catalog::WalRange& run, const catalog::WalReader& reader,
                   const WalVerdicts& verdicts, std::vector<WalWork>& batch) {
  const std::uint64_t first = batch.front().key.second;
  const std::uint64_t last = batch.back().key.second;
  if (last < run.last) {
    auto next = WorkOn(reader, {run.timeline, last + 1}, WalWork::Role::kFollow);
    const auto verdict = next ? verdicts.Find(next->key, next->object.fingerprint) : std::nullopt;
    // A damage that was found may have been that of the one before it.
    if (verdict && verdict->outcome != verify::Outcome::kIntact) next->role = WalWork::Role::kJudge;
    if (verdict) batch.push_back(*std::move(next));
  }
  if (first > run.first) {
    if (auto lead = WorkOn(reader, {run.timeline, first - 1}, WalWork::Role::kLead)) {
      batch.insert(batch.begin(), *std::move(lead));
    }
  }
}

// A packed one has an ending, and any size but none.
bool IsOdd(const catalog::PlaceObject& object, std::int64_t segment_bytes) {
  if (object.size_bytes == segment_bytes) return false;
  const std::size_t name = object.name.rfind('/') + 1;  // 0 without a folder
  return object.size_bytes == 0 || object.name.find('.', name) == std::string::npos;
}

}  // namespace

const catalog::WalSegmentFile* FindSegment(const catalog::WalInventory& inventory,
                                           const WalSegmentKey& key) {
  const auto files = inventory.segments.find(key.first);
  if (files == inventory.segments.end()) return nullptr;
  const auto at = std::lower_bound(files->second.begin(), files->second.end(), key.second,
                                   [](const catalog::WalSegmentFile& file, std::uint64_t number) {
                                     return file.number < number;
                                   });
  return at != files->second.end() && at->number == key.second ? &*at : nullptr;
}

std::uint64_t CountUnread(const catalog::WalArchiveState& state, const catalog::WalReader& reader,
                          const WalVerdicts& verdicts) {
  std::uint64_t count = 0;
  for (const catalog::WalRange& run : state.runs) {
    for (std::uint64_t number = run.first; number <= run.last; ++number) {
      const WalSegmentKey key(run.timeline, number);
      const catalog::WalSegmentFile* file = FindSegment(reader.inventory(), key);
      if (file != nullptr && !verdicts.Find(key, reader.objects()[file->object].fingerprint)) {
        ++count;
      }
    }
  }
  return count;
}

std::vector<WalWork> NextToRead(const catalog::WalArchiveState& state,
                                const catalog::WalReader& reader, const WalVerdicts& verdicts) {
  std::vector<WalWork> batch;
  for (auto run = state.runs.rbegin(); run != state.runs.rend(); ++run) {
    for (std::uint64_t number = run->last + 1; number > run->first; --number) {
      const WalSegmentKey key(run->timeline, number - 1);
      const catalog::WalSegmentFile* file = FindSegment(reader.inventory(), key);
      if (file == nullptr) continue;
      const catalog::PlaceObject& object = reader.objects()[file->object];
      if (verdicts.Find(key, object.fingerprint)) {
        if (batch.empty()) continue;
        break;
      }
      batch.push_back({object, key});
      if (batch.size() == kWalBatch) break;
    }
    if (batch.empty()) continue;
    std::reverse(batch.begin(), batch.end());
    AddNeighbours(*run, reader, verdicts, batch);
    break;
  }
  return batch;
}

std::vector<WalWork> OddSegments(const catalog::WalReader& reader, const WalVerdicts& verdicts) {
  std::vector<WalWork> odd;
  std::size_t count = 0;
  for (const auto& [timeline, files] : reader.inventory().segments) {
    for (const catalog::WalSegmentFile& file : files) {
      const catalog::PlaceObject& object = reader.objects()[file.object];
      if (!IsOdd(object, reader.inventory().segment_bytes)) continue;
      if (object.size_bytes > 0) ++count;
      const WalSegmentKey key(timeline, file.number);
      if (!verdicts.Find(key, object.fingerprint)) odd.push_back({object, key});
    }
  }
  if (count > kWalBatch) {
    std::erase_if(odd, [](const WalWork& work) { return work.object.size_bytes > 0; });
  }
  return odd;
}

}  // namespace drwatch::probes
