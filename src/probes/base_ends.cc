#include "probes/base_ends.h"

#include <algorithm>
#include <optional>

#include "probes/wal_backlog.h"

namespace drwatch::probes {
namespace {

// .backup files tell whole seconds.
constexpr base::Duration kSecond{1000};
// How many segments behind a base backup are looked at for a commit.
constexpr std::uint64_t kSearch = 256;

// A commit that stands in a segment behind the one in which the backup ended. nullopt: none is
// known, or it is not known what lies before it.
std::optional<base::Timestamp> CommitBehind(const catalog::WalBase& base,
                                            const catalog::WalReader& reader,
                                            const WalVerdicts& verdicts) {
  const catalog::WalInventory& inventory = reader.inventory();
  const std::uint32_t timeline = base.stop_timeline == 0 ? base.timeline : base.stop_timeline;
  const auto size = static_cast<std::uint64_t>(inventory.segment_bytes);
  const std::uint64_t first = (base.stop + size - 1) / size;
  for (std::uint64_t number = first; number < first + kSearch; ++number) {
    const WalSegmentKey key(timeline, number);
    const catalog::WalSegmentFile* const file = FindSegment(inventory, key);
    if (file == nullptr) return std::nullopt;
    const auto verdict = verdicts.Find(key, reader.objects()[file->object].fingerprint);
    if (!verdict || verdict->outcome != verify::Outcome::kIntact) return std::nullopt;
    if (verdict->last_commit) return verdict->last_commit;
  }
  return std::nullopt;
}

}  // namespace

void DateBases(std::vector<catalog::WalBase>& bases, const catalog::WalReader& reader,
               const WalVerdicts& verdicts) {
  for (catalog::WalBase& base : bases) {
    if (base.begun == base::Timestamp{}) continue;
    base::Timestamp end = base.stopped;
    for (const catalog::WalBase& told : reader.bases()) {
      const bool same = told.start == base.start && told.timeline == base.timeline;
      if (same) end = std::min(end, told.stopped + kSecond);
    }
    if (const auto commit = CommitBehind(base, reader, verdicts)) end = std::min(end, *commit);
    base.stopped = std::max(end, base.begun);
  }
}

}  // namespace drwatch::probes
