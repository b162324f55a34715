#include "probes/backup_unfinished.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "catalog/folder_catalog.h"
#include "catalog/make_place.h"
#include "probes/backup_contents.h"
#include "probes/backup_worth.h"
#include "verify/split_pieces.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using verify::ChecksumState;

// Read to its end and whole, or something else altogether.
bool NeedsNoWaiting(const BackupVerdict& verdict) {
  if (verdict.outcome == verify::Outcome::kIntact) return verdict.level >= verify::Level::kFormat;
  return verdict.outcome == verify::Outcome::kBroken && verdict.reason == Reason::kWrongFormat;
}

// "shop.dump.aa", with the pieces behind it that are there or without any yet.
bool IsInPieces(const catalog::Artefact& artefact) {
  const auto piece = verify::ParsePieceName(artefact.name);
  return piece && piece->first() && !artefact.folder && !artefact.facts;
}

}  // namespace

// The checksum files say of it what they said of the bytes before, and are older than it.
bool UnfinishedBackups::IsOverwritten(const catalog::Artefact& artefact,
                                      base::Timestamp now) const {
  if (artefact.checksum_stamp == 0 || artefact.facts) return false;
  if (!MayBeWrittenOn(spec_, artefact.modified, now)) return false;
  const auto last = verdicts_.FindPath(artefact.path);
  if (!last) return false;
  const BackupVerdict& before = last->before ? *last->before : *last;
  return before.checksum == ChecksumState::kMatched && before.fingerprint != artefact.fingerprint &&
         before.checksum_stamp == artefact.checksum_stamp && HasOlderList(artefact);
}

bool UnfinishedBackups::HasOlderList(const catalog::Artefact& artefact) const {
  const auto listed = catalog_.Times(artefact).listed;
  return listed && *listed < artefact.modified;
}

// What was overwritten counts as being written until its checksum file is, too.
void UnfinishedBackups::AwaitLists(catalog::Listing& listing, base::Timestamp now) const {
  const std::vector<catalog::Artefact>& all = listing.complete.all();
  const std::size_t looked = std::min(all.size(), kContentsLookBack);
  std::set<std::string> awaited;
  for (auto at = all.end() - static_cast<std::ptrdiff_t>(looked); at != all.end(); ++at) {
    if (!IsOverwritten(*at, now)) continue;
    awaited.insert(at->path);
    listing.in_progress.push_back(at->name);
    listing.recent.push_back(*at);
  }
  if (awaited.empty()) return;
  std::erase_if(listing.complete.Edit(),
                [&](const auto& one) { return awaited.contains(one.path); });
}

bool UnfinishedBackups::IsListedAnew(const catalog::Artefact& artefact, base::Timestamp now) {
  const auto verdict = verdicts_.Find(artefact);
  const bool was_listed = verdict && verdict->outcome == verify::Outcome::kIntact &&
                          verdict->checksum == ChecksumState::kMatched &&
                          verdict->checksum_stamp != 0;
  if (!was_listed || verdict->checksum_stamp == artefact.checksum_stamp) return false;
  const auto last = listed_anew_.find(artefact.path);
  const base::Timestamp first = last != listed_anew_.end() ? last->second : now;
  const auto since = next_listed_anew_.try_emplace(artefact.path, first).first->second;
  return MayBeWrittenOn(spec_, since, now) || IsArriving(artefact, now);
}

// True while something that the checksum files name is being copied there: one file comes after the
// other, and the checksum files before them all.
bool UnfinishedBackups::IsArriving(const catalog::Artefact& artefact, base::Timestamp now) const {
  const auto arriving = catalog_.Times(artefact).arriving;
  return arriving && MayBeWrittenOn(spec_, *arriving, now);
}

void UnfinishedBackups::ConfirmRecent(catalog::Listing& listing, const RunContext& context) {
  if (!spec_.verify.enabled) return;
  listed_anew_ = std::exchange(next_listed_anew_, {});
  AwaitLists(listing, context.now);
  std::map<std::string, RecentLook> looks;
  int read = 0;
  for (const catalog::Artefact& artefact : listing.recent) {
    std::optional<BackupVerdict> verdict = verdicts_.Find(artefact);
    const bool known = verdict.has_value();
    RecentLook& look = looks[artefact.path];
    look.fingerprint = artefact.fingerprint;
    const auto last = looks_.find(artefact.path);
    const bool stable = last != looks_.end() && last->second.fingerprint == artefact.fingerprint;
    // While it grows from run to run there is no use in reading it, nor in reading it twice.
    const bool rejected = stable && last->second.read;
    const bool worth_reading = !rejected && (stable || last == looks_.end());
    look.read = rejected;
    const base::Duration budget = context.deadline.Remaining() / 4;
    if (!known && worth_reading && read < kMaxInline && FitsInRun(spec_, artefact, budget)) {
      ++read;
      look.read = true;
      verdict = verifier_.Read(artefact, base::Deadline::After(budget), context.stop);
    }
    if (!verdict || !NeedsNoWaiting(*verdict)) continue;
    if (!known) verdicts_.Put(artefact.path, *verdict);
    std::erase(listing.in_progress, artefact.name);
    std::vector<catalog::Artefact>& complete = listing.complete.Edit();
    const auto at = std::upper_bound(
        complete.begin(), complete.end(), artefact,
        [](const catalog::Artefact& a, const catalog::Artefact& b) { return a.time < b.time; });
    complete.insert(at, artefact);
  }
  looks_ = std::move(looks);
}

// Whoever touches them, or links to them, brings no bytes: that does not make them arrive again.
base::Timestamp UnfinishedBackups::ArrivalOf(const catalog::Artefact& pieces, base::Timestamp now) {
  const auto last = arrivals_.find(pieces.path);
  const bool same = last != arrivals_.end() && last->second.size_bytes == pieces.size_bytes &&
                    last->second.modified == pieces.modified;
  base::Timestamp at = pieces.modified;
  if (same) {
    at = last->second.at;
  } else if (const base::Timestamp arrived = catalog_.Times(pieces).arrived;
             arrived <= now + catalog::FolderCatalog::kClockSkew) {
    at = arrived;
  }
  next_arrivals_[pieces.path] = {pieces.size_bytes, pieces.modified, at};
  return at;
}

// True for one that ends half-way and may yet be written to its end, or whose next piece is on its
// way.
bool UnfinishedBackups::MayBeUnfinished(const catalog::Artefact& artefact, base::Timestamp now) {
  const bool in_pieces = IsInPieces(artefact);
  const bool named_by_checksums = artefact.checksum_stamp != 0;
  // Objects of a bucket appear whole, one after the other.
  const bool one_object = catalog::IsS3(spec_.place) && !artefact.folder;
  if (artefact.facts || (!in_pieces && (one_object || named_by_checksums))) return false;
  const auto verdict =
      spec_.verify.enabled ? verdicts_.Find(artefact) : std::optional<BackupVerdict>();
  const bool whole = verdict && verdict->outcome == verify::Outcome::kIntact;
  const bool half =
      verdict && verdict->outcome == verify::Outcome::kBroken &&
      (verdict->reason == Reason::kIncomplete || verdict->reason == Reason::kTooSmall ||
       (in_pieces && verdict->checksum == ChecksumState::kMismatched));
  if (!half && (whole || !IsTooSmall(spec_, artefact))) return false;
  return MayBeWrittenOn(spec_, in_pieces ? ArrivalOf(artefact, now) : artefact.modified, now);
}

// True for one that nothing speaks against but that its checksum file, or the one that this is of,
// is not there yet.
bool UnfinishedBackups::AwaitsChecksum(const catalog::Artefact& artefact,
                                       base::Timestamp now) const {
  if (artefact.facts || artefact.defect || IsTooSmall(spec_, artefact)) return false;
  const auto verdict =
      spec_.verify.enabled ? verdicts_.Find(artefact) : std::optional<BackupVerdict>();
  if (verdict && verdict->checksum == ChecksumState::kMismatched) {
    if (HasOlderList(artefact)) return MayBeWrittenOn(spec_, artefact.modified, now);
    return IsArriving(artefact, now);
  }
  if (verdict && verdict->outcome == verify::Outcome::kBroken) return false;
  const bool none = !verdict || verdict->checksum == ChecksumState::kNone;
  return spec_.require_checksum && artefact.checksum_stamp == 0 && none &&
         MayBeWrittenOn(spec_, artefact.modified, now);
}

// True for one that nothing speaks against.
bool UnfinishedBackups::StandsFor(const catalog::Artefact& before) const {
  const auto verdict =
      spec_.verify.enabled ? verdicts_.Find(before) : std::optional<BackupVerdict>();
  const bool broken = verdict && verdict->outcome == verify::Outcome::kBroken;
  return !broken && !before.defect && !IsTooSmall(spec_, before);
}

void UnfinishedBackups::HoldBack(catalog::Listing& listing, base::Timestamp now) {
  const std::vector<catalog::Artefact>& complete = listing.complete.all();
  std::size_t left = complete.size();
  bool any_ends = false;  // half-way
  for (; left > 0; --left) {
    const catalog::Artefact& artefact = complete[left - 1];
    if (AwaitsChecksum(artefact, now)) continue;
    if (!MayBeUnfinished(artefact, now)) break;
    any_ends = true;
  }
  arrivals_ = std::exchange(next_arrivals_, {});
  if (left == complete.size() || (left == 0 && any_ends)) return;
  if (left > 0 && !StandsFor(complete[left - 1])) return;
  for (std::size_t i = left; i < complete.size(); ++i) {
    listing.in_progress.push_back(complete[i].name);
  }
  listing.complete.Edit().resize(left);
}

}  // namespace drwatch::probes
