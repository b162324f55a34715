#include "probes/backup_unfinished.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "catalog/folder_catalog.h"
#include "catalog/make_place.h"
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

void UnfinishedBackups::ConfirmRecent(catalog::Listing& listing, const RunContext& context) {
  if (!spec_.verify.enabled) return;
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

void UnfinishedBackups::HoldBack(catalog::Listing& listing, base::Timestamp now) {
  const std::vector<catalog::Artefact>& complete = listing.complete.all();
  std::size_t left = complete.size();
  while (left > 0 && MayBeUnfinished(complete[left - 1], now)) --left;
  arrivals_ = std::exchange(next_arrivals_, {});
  if (left == 0 || left == complete.size()) return;
  const catalog::Artefact& before = complete[left - 1];
  const auto verdict =
      spec_.verify.enabled ? verdicts_.Find(before) : std::optional<BackupVerdict>();
  const bool broken = verdict && verdict->outcome == verify::Outcome::kBroken;
  if (broken || before.defect || IsTooSmall(spec_, before)) return;
  for (std::size_t i = left; i < complete.size(); ++i) {
    listing.in_progress.push_back(complete[i].name);
  }
  listing.complete.Edit().resize(left);
}

}  // namespace drwatch::probes
