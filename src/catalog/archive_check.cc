#include "catalog/archive_check.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "catalog/backup_wal.h"
#include "catalog/parallel.h"
#include "catalog/wal_archive.h"
#include "catalog/wal_check.h"
#include "catalog/wal_reader.h"
#include "verify/file_verifier.h"

namespace drwatch::catalog {
namespace {

using verify::Outcome;
using verify::Verdict;
using Kind = verify::WalFileName::Kind;

// Segments of one stretch, which one thread follows.
constexpr std::size_t kStretch = 64;
// Stretches a thread: enough that none waits for the others in the end.
constexpr std::size_t kStretchesEach = 8;
constexpr std::size_t kMaxDetails = 20;

Verdict PartOf(const PlaceObject& object, const WalCheck& check) {
  Verdict part;
  part.outcome = check.outcome;
  part.level = verify::Level::kSize;
  part.reason = check.reason;
  part.place = object.name;
  part.message = check.text;
  return part;
}

// The worst of `damages`, by name, and what else there is.
void AddDamages(Verdict& verdict, std::map<std::string, Verdict> damages) {
  const auto broken = std::find_if(damages.begin(), damages.end(), [](const auto& damage) {
    return damage.second.outcome == Outcome::kBroken;
  });
  const auto headline = broken != damages.end() ? broken : damages.begin();
  for (auto damage = damages.begin(); damage != damages.end(); ++damage) {
    if (damage == headline) continue;
    if (verdict.details.size() < kMaxDetails) verdict.details.push_back(damage->second.ToString());
  }
  if (damages.size() > 1) {
    verdict.details.push_back(std::to_string(damages.size()) + " segments in all");
  }
  if (headline != damages.end()) verify::AddPart(verdict, std::move(headline->second));
}

// One thread follows all; several begin each stretch with the last segment of the one before.
std::size_t StretchOf(std::size_t segments, int jobs) {
  if (jobs <= 1) return std::max<std::size_t>(segments, 1);
  const std::size_t parts = static_cast<std::size_t>(jobs) * kStretchesEach;
  return std::max(kStretch, (segments + parts - 1) / parts);
}

// What is missing between segments that are there.
void AddGaps(Verdict& verdict, const std::vector<PlaceObject>& objects,
             std::int64_t segment_bytes) {
  const WalInventory inventory = TakeWalInventory(objects, segment_bytes);
  for (const WalGap& gap : JudgeWalArchive(inventory, {}).gaps) {
    if (verdict.details.size() >= kMaxDetails) return;
    verdict.details.push_back("not there: " + RangeText(gap.range, segment_bytes));
  }
}

}  // namespace

Verdict VerifyArchive(Place& place, const std::string& folder, std::uint64_t system_identifier,
                      ProvenFiles& proven, const verify::VerifyOptions& options) {
  Verdict verdict;
  verify::ReadBudget budget(options);
  ListOptions list;
  list.prefix = folder;
  auto listing = place.List(list, {options.deadline, options.stop});
  if (!listing) {
    verdict.reason = listing.error().reason;
    verdict.message = std::move(listing.error().message);
    return verdict;
  }
  std::vector<PlaceObject>& objects = listing->objects;
  std::erase_if(objects, [](const PlaceObject& object) {
    const auto name = verify::ParseWalFileName(object.name);
    return !name || (name->kind != Kind::kSegment && name->kind != Kind::kPartial);
  });
  verdict.outcome = Outcome::kIntact;
  verdict.level = verify::Level::kContent;
  verdict.format = "WAL archive, " + std::to_string(objects.size()) + " segments";
  std::mutex mutex;
  std::map<std::string, Verdict> damages;
  std::int64_t segment_bytes = verify::kDefaultSegmentBytes;
  const std::size_t stretch = StretchOf(objects.size(), options.jobs);
  const auto follow = [&](std::size_t index, verify::ReadBudget& own) {
    WalChecker checker(place, system_identifier);
    const std::size_t end = std::min(objects.size(), (index + 1) * stretch);
    // Another stretch judges it; here it tells what goes on behind it.
    if (index > 0) checker.Check(objects[index * stretch - 1], own);
    for (std::size_t i = index * stretch; i < end; ++i) {
      if (!own.Check()) return false;
      const WalCheck check = checker.Check(objects[i], own);
      const std::lock_guard lock(mutex);
      if (check.outcome == Outcome::kIntact) {
        segment_bytes = check.facts.segment_bytes;
        proven.Put(WalKey(objects[i], system_identifier));
        continue;
      }
      damages.emplace(objects[i].name, PartOf(objects[i], check));
    }
    return true;
  };
  const std::int64_t elsewhere =
      ForEachPart((objects.size() + stretch - 1) / stretch, budget, follow);
  AddGaps(verdict, objects, segment_bytes);
  AddDamages(verdict, std::move(damages));
  if (auto in_time = budget.Check(); !in_time && verdict.outcome == Outcome::kIntact) {
    verdict.outcome = Outcome::kUnjudged;
    verdict.reason = in_time.error().reason;
    verdict.message = in_time.error().message;
  }
  verdict.bytes_read = elsewhere + budget.bytes_read();
  return verdict;
}

}  // namespace drwatch::catalog
