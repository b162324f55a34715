#include "probes/wal_end.h"

#include <algorithm>

namespace drwatch::probes {
namespace {

// How many segments before the end are looked at for the last commit, whatever base backups say.
constexpr std::uint64_t kSearch = 256;

// The number before which no commit is of interest: the base backup brings those back itself.
std::uint64_t FirstOfInterest(const catalog::WalArchiveState& state,
                              const std::vector<catalog::WalBase>& bases,
                              std::int64_t segment_bytes) {
  const std::uint64_t last = state.reachable->last;
  if (!state.window_base) return last - std::min(last, kSearch);
  return bases[*state.window_base].stop / static_cast<std::uint64_t>(segment_bytes);
}

// Calls visit(key, file) for each segment from the end of what can be reached back to number
// `first`, across timelines, until it returns false.
template <typename Visit>
void VisitFromEnd(const catalog::WalArchiveState& state, const catalog::WalInventory& inventory,
                  std::uint64_t first, Visit visit) {
  std::uint64_t next = state.reachable->last + 1;  // the number before which the visit goes on
  for (auto run = state.runs.rbegin(); run != state.runs.rend() && next > first; ++run) {
    if (run->last + 1 != next) continue;
    const auto files = inventory.segments.find(run->timeline);
    if (files == inventory.segments.end()) return;
    auto file = std::upper_bound(
        files->second.begin(), files->second.end(), run->last,
        [](std::uint64_t number, const auto& each) { return number < each.number; });
    const std::uint64_t stop = std::max(first, run->first);
    while (file != files->second.begin() && (--file)->number >= stop) {
      if (!visit(WalSegmentKey(run->timeline, file->number), *file)) return;
    }
    next = run->first;
  }
}

// Whether what it holds is still open. What is encrypted stays closed.
bool IsOpen(const std::optional<WalVerdict>& verdict) {
  if (!verdict) return true;
  return verdict->outcome == verify::Outcome::kUnjudged &&
         verdict->reason != model::Reason::kUnverified;
}

}  // namespace

WalEnd FindWalEnd(const catalog::WalArchiveState& state, const std::vector<catalog::WalBase>& bases,
                  const catalog::WalReader& reader, const WalVerdicts& verdicts) {
  WalEnd end;
  if (!state.reachable) return end;
  const catalog::WalInventory& inventory = reader.inventory();
  const std::uint64_t needed = FirstOfInterest(state, bases, inventory.segment_bytes);
  const std::uint64_t last = state.reachable->last;
  const std::uint64_t first = std::min(needed, last - std::min(last, kSearch));
  VisitFromEnd(state, inventory, first, [&](const auto& key, const auto& file) {
    const auto verdict = verdicts.Find(key, reader.objects()[file.object].fingerprint);
    if (IsOpen(verdict) && key.second >= needed) ++end.unread;
    if (verdict) end.last_commit = verdict->last_commit;
    return !end.last_commit;
  });
  return end;
}

std::optional<WalWork> NextAtEnd(const catalog::WalArchiveState& state,
                                 const std::vector<catalog::WalBase>& bases,
                                 const catalog::WalReader& reader, const WalVerdicts& verdicts,
                                 const std::set<WalSegmentKey>& tried) {
  std::optional<WalWork> next;
  if (!state.reachable) return next;
  const catalog::WalInventory& inventory = reader.inventory();
  const std::uint64_t first = FirstOfInterest(state, bases, inventory.segment_bytes);
  VisitFromEnd(state, inventory, first, [&](const auto& key, const auto& file) {
    const catalog::PlaceObject& object = reader.objects()[file.object];
    const auto verdict = verdicts.Find(key, object.fingerprint);
    if (IsOpen(verdict) && !tried.contains(key)) next = WalWork{object, key};
    return !next && !(verdict && verdict->last_commit);
  });
  return next;
}

}  // namespace drwatch::probes
