#include "catalog/backup_wal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/place_files.h"
#include "catalog/wal_check.h"
#include "verify/file_verifier.h"
#include "verify/wal_segment.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Outcome;
using verify::WalFileName;

// A backup that needs more took months.
constexpr std::uint64_t kMaxSegments = 1'000'000;
// A backup of a standby may see a promotion, not more of them.
constexpr std::uint32_t kMaxTimelines = 8;

std::optional<WalFileName> SegmentOf(const std::string& name) {
  auto parsed = verify::ParseWalFileName(name);
  if (!parsed || parsed->kind != WalFileName::Kind::kSegment) return std::nullopt;
  return parsed;
}

std::string NameOf(std::uint32_t timeline, std::uint64_t high, std::uint64_t low) {
  std::string name;
  for (const std::uint64_t part : {std::uint64_t{timeline}, high, low}) {
    for (int shift = 28; shift >= 0; shift -= 4) name += "0123456789ABCDEF"[part >> shift & 15];
  }
  return name;
}

tl::unexpected<Finding> TooMany() {
  return tl::unexpected(Finding{Reason::kLimit, "it needs more than a million WAL segments"});
}

class Search {
 public:
  Search(Place& place, const RepositoryFacts& facts, const PlaceContext& context)
      : place_(place), facts_(facts), context_(context) {}

  tl::expected<BackupWal, Finding> Run();

 private:
  tl::expected<void, Finding> ListFolders();
  tl::expected<BackupWal, Finding> Join();
  std::int64_t SegmentBytes() const;

  Place& place_;
  const RepositoryFacts& facts_;
  const PlaceContext& context_;
  WalFileName first_, last_;
  std::vector<PlaceObject> listed_;
  std::string not_there_;  // why a folder is missing
};

tl::expected<void, Finding> Search::ListFolders() {
  for (std::uint32_t timeline = first_.timeline; timeline <= last_.timeline; ++timeline) {
    for (std::uint64_t high = first_.high; high <= last_.high; ++high) {
      ListOptions options;
      options.one_level = true;
      options.prefix = facts_.wal_folder + NameOf(timeline, high, 0).substr(0, 16) + "/";
      auto listing = place_.List(options, context_);
      if (!listing && listing.error().reason == Reason::kNotFound) {
        not_there_ = std::move(listing.error().message);
        continue;
      }
      if (!listing) return tl::unexpected(std::move(listing.error()));
      std::move(listing->objects.begin(), listing->objects.end(), std::back_inserter(listed_));
    }
  }
  return {};
}

// As the segment at the start says.
std::int64_t Search::SegmentBytes() const {
  for (const PlaceObject& object : listed_) {
    const auto name = SegmentOf(object.name);
    if (!name || name->high != first_.high || name->low != first_.low) continue;
    verify::VerifyOptions options;
    options.deadline = context_.deadline;
    options.stop = context_.stop;
    verify::ReadBudget budget(options);
    auto source = place_.Open(object.name, budget, nullptr);
    if (!source) break;
    verify::Reader reader(**source);
    const auto head = verify::PeekWalHead(reader, object.name);
    if (head) return head->segment_bytes;
    break;
  }
  return verify::kDefaultSegmentBytes;
}

tl::expected<BackupWal, Finding> Search::Run() {
  const auto first = SegmentOf(facts_.wal_start);
  const auto last = SegmentOf(facts_.wal_stop);
  if (!first || !last || last->timeline < first->timeline ||
      last->timeline - first->timeline >= kMaxTimelines ||
      std::pair(last->high, last->low) < std::pair(first->high, first->low)) {
    return tl::unexpected(
        Finding{Reason::kCorrupt, "the WAL that it needs has no such names: " +
                                      base::Quote(base::Truncate(facts_.wal_start, 100)) + " to " +
                                      base::Quote(base::Truncate(facts_.wal_stop, 100))});
  }
  first_ = *first;
  last_ = *last;
  if (static_cast<std::uint64_t>(last_.high) - first_.high > kMaxSegments / 4) {
    return TooMany();
  }
  if (auto listed = ListFolders(); !listed) return tl::unexpected(std::move(listed.error()));
  return Join();
}

// What was listed, from the first to the last number without a hole.
tl::expected<BackupWal, Finding> Search::Join() {
  // How many segments a folder holds matters only from one folder to the next; without that, their
  // numbers within the folder will do.
  const bool one_folder = first_.high == last_.high;
  const std::int64_t bytes = one_folder ? 1 : SegmentBytes();
  const std::uint64_t each = (std::uint64_t{1} << 32) / static_cast<std::uint64_t>(bytes);
  const auto number = [each](const WalFileName& name) { return name.high * each + name.low; };
  const std::uint64_t begin = number(first_);
  const std::uint64_t end = number(last_);
  if (end - begin >= kMaxSegments) return TooMany();
  std::vector<std::pair<std::uint64_t, std::size_t>> found;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    const auto name = SegmentOf(listed_[i].name);
    if (!name || number(*name) < begin || number(*name) > end) continue;
    found.emplace_back(number(*name), i);
  }
  std::sort(found.begin(), found.end());
  BackupWal wal;
  std::uint64_t next = begin;
  for (const auto& [segment, index] : found) {
    if (segment > next) break;
    next = std::max(next, segment + 1);
    wal.objects.push_back(std::move(listed_[index]));
  }
  if (next <= end) wal.missing = NameOf(first_.timeline, next / each, next % each);
  if (wal.missing && !not_there_.empty()) *wal.missing += " (" + not_there_ + ")";
  return wal;
}

}  // namespace

tl::expected<BackupWal, Finding> FindBackupWal(Place& place, const RepositoryFacts& facts,
                                               const PlaceContext& context) {
  if (facts.wal_folder.empty()) return BackupWal();
  return Search(place, facts, context).Run();
}

std::optional<WalBase> WalBaseOf(const Artefact& artefact) {
  const RepositoryFacts& facts = *artefact.facts;
  const auto first = verify::ParseWalFileName(facts.wal_start);
  if (artefact.defect || !first || facts.stop_lsn == 0) return std::nullopt;
  WalBase base{facts.start_lsn, facts.stop_lsn, first->timeline, artefact.time, artefact.name};
  base.system_identifier = facts.system_identifier;
  if (const auto last = verify::ParseWalFileName(facts.wal_stop)) {
    base.stop_timeline = last->timeline;
  }
  return base;
}

std::uint64_t WalKey(const PlaceObject& object, std::uint64_t system_identifier) {
  return FingerprintOf(object) ^ system_identifier;
}

verify::Verdict VerifyBackupWal(Place& place, const RepositoryFacts& facts, const BackupWal& wal,
                                ProvenFiles& proven, verify::ReadBudget& budget) {
  verify::Verdict whole;
  whole.outcome = Outcome::kIntact;
  whole.level = verify::Level::kContent;
  WalChecker checker(place, facts.system_identifier);
  for (const PlaceObject& object : wal.objects) {
    const std::uint64_t key = WalKey(object, facts.system_identifier);
    if (proven.Holds(key, budget.options().reuse)) {
      checker.Forget();
      continue;
    }
    WalCheck check = checker.Check(object, budget);
    if (check.outcome == Outcome::kIntact) {
      proven.Put(key);
      continue;
    }
    verify::Verdict part;
    part.outcome = check.outcome;
    part.level = verify::Level::kSize;
    part.reason = check.reason;
    part.place = object.name;
    part.message = std::move(check.text);
    verify::AddPart(whole, std::move(part));
    if (whole.outcome == Outcome::kBroken || !budget.Check()) break;
  }
  return whole;
}

}  // namespace drwatch::catalog
