#include "catalog/archive_check.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <vector>

#include "catalog/backup_wal.h"
#include "catalog/wal_archive.h"
#include "catalog/wal_check.h"
#include "catalog/wal_reader.h"
#include "verify/file_verifier.h"
#include "verify/parallel.h"
#include "verify/verify.h"

namespace drwatch::catalog {
namespace {

using verify::Outcome;
using verify::Verdict;
using Kind = verify::WalFileName::Kind;

// The fewest segments of one stretch, which one thread follows.
constexpr std::size_t kStretch = 2;
// Stretches a thread: enough that none waits for the others in the end.
constexpr std::size_t kStretchesEach = 8;
constexpr std::size_t kMaxDetails = 20;
// For so long the last segments may come in any order.
constexpr base::Duration kArrival = std::chrono::minutes(10);

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

// One thread follows all.
std::size_t StretchOf(std::size_t segments, const verify::VerifyOptions& options) {
  const std::size_t threads = verify::PartsAtATime(options);
  if (threads <= 1) return std::max<std::size_t>(segments, 1);
  const std::size_t parts = threads * kStretchesEach;
  return std::max(kStretch, (segments + parts - 1) / parts);
}

// What is missing between segments that are there.
void AddGaps(Place& place, const std::string& folder, WalQuestion question,
             verify::ReadBudget& budget, Verdict& verdict) {
  WalReader reader(place, folder);
  const PlaceContext context{budget.options().deadline, budget.options().stop};
  if (!reader.Refresh(question.now, context)) return;  // listing it a moment ago worked
  question.histories = reader.histories();
  question.unread_histories = reader.unread_histories();
  question.expires = true;
  question.in_flight_time = kArrival;
  const WalArchiveState state = JudgeWalArchive(reader.inventory(), question);
  const std::int64_t bytes = reader.inventory().segment_bytes;
  for (const WalGap& gap : state.gaps) {
    if (verdict.details.size() >= kMaxDetails) break;
    verdict.details.push_back("not there: " + RangeText(gap.range, bytes));
  }
  const auto lost = std::find_if(state.gaps.begin(), state.gaps.end(),
                                 [](const WalGap& gap) { return gap.kind == WalGap::Kind::kLost; });
  if (question.bases.empty() || lost == state.gaps.end()) return;
  Verdict part;
  part.outcome = Outcome::kBroken;
  part.level = verify::Level::kSize;
  part.reason = model::Reason::kIncomplete;
  part.message = std::to_string(state.lost) + " segments are missing, from " +
                 RangeText(lost->range, bytes) +
                 " on: what lies behind cannot be reached from the base backups before";
  verify::AddPart(verdict, std::move(part));
}

class ArchiveCheck {
 public:
  ArchiveCheck(Place& place, std::vector<PlaceObject> objects, std::uint64_t system_identifier,
               ProvenFiles& proven, verify::ReadBudget& budget)
      : objects_(std::move(objects)),
        system_identifier_(system_identifier),
        proven_(proven),
        budget_(budget),
        stretch_(StretchOf(objects_.size(), budget.options())),
        checkers_((objects_.size() + stretch_ - 1) / stretch_,
                  WalChecker(place, system_identifier)),
        begins_(checkers_.size(), 0) {}

  void Run(Verdict& verdict) {
    verify::ForEachPart(checkers_.size(), budget_, [this](std::size_t index, ReadBudget& budget) {
      return Follow(index, budget);
    });
    for (std::size_t i = 1; i < checkers_.size() && budget_.Check(); ++i) {
      if (begins_[i] != 0) Join(i);
    }
    AddDamages(verdict, std::move(damages_));
  }

 private:
  using ReadBudget = verify::ReadBudget;
  // One stretch on its own.
  bool Follow(std::size_t index, ReadBudget& budget);
  // Whether it goes on where the one before it ends.
  void Join(std::size_t index);
  void Prove(const PlaceObject& object) { proven_.Put(WalKey(object, system_identifier_)); }

  const std::vector<PlaceObject> objects_;
  const std::uint64_t system_identifier_;
  ProvenFiles& proven_;
  ReadBudget& budget_;
  const std::size_t stretch_;
  // Of each stretch: what it ends with, and whether its first segment is whole so far.
  std::vector<WalChecker> checkers_;
  std::vector<char> begins_;
  std::mutex mutex_;  // what follows
  std::map<std::string, Verdict> damages_;
};

bool ArchiveCheck::Follow(std::size_t index, ReadBudget& budget) {
  const std::size_t begin = index * stretch_;
  const std::size_t end = std::min(objects_.size(), begin + stretch_);
  for (std::size_t i = begin; i < end; ++i) {
    if (!budget.Check()) return false;
    const WalCheck check = checkers_[index].Check(objects_[i], budget);
    const std::lock_guard lock(mutex_);
    if (check.outcome != Outcome::kIntact) {
      damages_.emplace(objects_[i].name, PartOf(objects_[i], check));
      continue;
    }
    if (i == begin && index > 0) {
      begins_[index] = 1;
    } else {
      Prove(objects_[i]);
    }
  }
  return true;
}

void ArchiveCheck::Join(std::size_t index) {
  const std::size_t begin = index * stretch_;
  WalChecker checker = checkers_[index - 1];
  // A long record may take more than one segment.
  for (std::size_t i = begin; i < objects_.size(); ++i) {
    WalChecker whole = checker;
    const WalCheck start = checker.CheckStart(objects_[i], budget_);
    if (start.outcome == Outcome::kIntact && start.facts.records == 0) continue;
    if (start.outcome == Outcome::kIntact) break;
    const WalCheck check = whole.Check(objects_[i], budget_);
    if (check.outcome == Outcome::kIntact) break;
    damages_.emplace(objects_[i].name, PartOf(objects_[i], check));
    return;
  }
  Prove(objects_[begin]);
}

// Without them nobody can follow the timelines from one base backup to the newest segment.
void CheckHistories(Place& place, const std::vector<PlaceObject>& histories,
                    verify::ReadBudget& budget, Verdict& verdict) {
  const verify::Checksums none("", std::make_shared<const verify::ChecksumFolder>(), nullptr);
  for (const PlaceObject& object : histories) {
    if (!budget.Check()) return;
    const auto open = [&](verify::DigestTee* tee) -> verify::Walked<verify::OpenedFile> {
      auto source = place.Open(object.name, budget, tee);
      if (!source) return tl::unexpected(std::move(source.error()));
      return verify::OpenedFile{*std::move(source), object.size_bytes};
    };
    const std::string file = object.name.substr(object.name.rfind('/') + 1);
    Verdict part = verify::VerifyOpened(open, file, none, budget);
    if (part.outcome != Outcome::kBroken) continue;  // an encrypted one says nothing
    part.place = object.name + (part.place.empty() ? "" : ": " + part.place);
    verify::AddPart(verdict, std::move(part));
  }
}

}  // namespace

Verdict VerifyArchive(Place& place, const std::string& folder, std::uint64_t system_identifier,
                      ProvenFiles& proven, const verify::VerifyOptions& options,
                      const std::vector<WalBase>& bases, base::Timestamp now) {
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
  std::vector<PlaceObject> histories;
  std::erase_if(objects, [&histories](const PlaceObject& object) {
    const auto name = verify::ParseWalFileName(object.name);
    if (name && name->kind == Kind::kHistory) histories.push_back(object);
    return !name || (name->kind != Kind::kSegment && name->kind != Kind::kPartial);
  });
  verdict.outcome = Outcome::kIntact;
  verdict.level = verify::Level::kContent;
  verdict.format = "WAL archive, " + std::to_string(objects.size()) + " segments";
  ArchiveCheck(place, std::move(objects), system_identifier, proven, budget).Run(verdict);
  WalQuestion question;
  question.bases = bases;
  question.now = now;
  AddGaps(place, folder, std::move(question), budget, verdict);
  CheckHistories(place, histories, budget, verdict);
  if (auto in_time = budget.Check(); !in_time && verdict.outcome == Outcome::kIntact) {
    verdict.outcome = Outcome::kUnjudged;
    verdict.reason = in_time.error().reason;
    verdict.message = in_time.error().message;
  }
  verdict.bytes_read = budget.bytes_read();
  return verdict;
}

}  // namespace drwatch::catalog
