#include "catalog/piece_catalog.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "verify/file_verifier.h"
#include "verify/split_pieces.h"

namespace drwatch::catalog {
namespace {

using verify::ParsePieceName;

// Pieces that may be missing between two: what goes on later is something else, "shop.sql.gz" no
// piece of "shop.sql.aa".
constexpr int kMaxGap = 26;

// Pieces have it in common: "shop.dump.", and how long their numbers are.
using Set = std::pair<std::string, std::size_t>;

std::optional<Set> SetOf(const std::string& name) {
  const auto piece = ParsePieceName(name);
  if (!piece) return std::nullopt;
  return Set(piece->stem, piece->number.size());
}

bool IsFirst(const Artefact& artefact) {
  if (artefact.folder || artefact.facts) return false;
  const auto piece = ParsePieceName(artefact.name);
  return piece && piece->first();
}

bool ByName(const Artefact& a, const Artefact& b) { return a.name < b.name; }

// Whether `piece` belongs to the one before it and to the first.
bool Follows(const Artefact& first, const Artefact& before, const Artefact& piece) {
  const auto name = ParsePieceName(piece.name);
  const auto name_before = ParsePieceName(before.name);
  if (name->digits() != name_before->digits()) return false;
  if (name->Number() - name_before->Number() > kMaxGap) return false;
  if (!name->digits()) return true;
  const base::Duration between = piece.modified - before.modified;
  return std::chrono::abs(between) <= PieceCatalog::kWrittenWithin &&
         before.size_bytes == first.size_bytes && piece.size_bytes <= first.size_bytes;
}

// What follows the first one of `set` and belongs to it; `set` is in the order of names.
void DropOthers(std::vector<Artefact>& set) {
  const auto first = std::find_if(set.begin(), set.end(), IsFirst);
  set.erase(set.begin(), first);
  if (set.empty()) return;
  std::size_t keep = 1;
  while (keep < set.size() && Follows(set.front(), set[keep - 1], set[keep])) ++keep;
  // Numbers that go on with something else are no pieces, but days or hours.
  if (keep < set.size() && ParsePieceName(set.front().name)->digits()) keep = 1;
  set.resize(keep);
}

Artefact Join(const std::vector<Artefact>& pieces) {
  Artefact whole = pieces.front();
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const Artefact& piece = pieces[i];
    whole.size_bytes += piece.size_bytes;
    whole.files += piece.files;
    whole.modified = std::max(whole.modified, piece.modified);
    if (whole.time_source >= TimeSource::kModified) whole.time = std::max(whole.time, piece.time);
    whole.fingerprint += piece.fingerprint;
    whole.checksum_stamp += piece.checksum_stamp;
  }
  return whole;
}

// Every set of more than one piece, by its first one's path.
std::map<std::string, std::vector<Artefact>> FindSets(const Listing& listing) {
  std::map<Set, std::vector<Artefact>> sets;
  for (const auto* all : {&listing.complete.all(), &listing.recent}) {
    for (const Artefact& artefact : *all) {
      if (IsFirst(artefact)) sets.try_emplace(*SetOf(artefact.name));
    }
  }
  if (sets.empty()) return {};
  for (const auto* all : {&listing.complete.all(), &listing.recent}) {
    for (const Artefact& artefact : *all) {
      if (artefact.folder || artefact.facts) continue;
      const auto set = SetOf(artefact.name);
      const auto found = set ? sets.find(*set) : sets.end();
      if (found != sets.end()) found->second.push_back(artefact);
    }
  }
  std::map<std::string, std::vector<Artefact>> joined;
  for (auto& [set, pieces] : sets) {
    std::sort(pieces.begin(), pieces.end(), ByName);
    DropOthers(pieces);
    if (pieces.size() > 1) joined[pieces.front().path] = std::move(pieces);
  }
  return joined;
}

bool Contains(const std::vector<Artefact>& artefacts, const Artefact& one) {
  return std::any_of(artefacts.begin(), artefacts.end(),
                     [&](const Artefact& artefact) { return artefact.path == one.path; });
}

// Puts one artefact in the place of each set: among the recent ones if one of its pieces is there.
void Replace(const std::map<std::string, std::vector<Artefact>>& sets, Listing& listing) {
  std::vector<Artefact> recent;
  std::vector<Artefact> complete;
  std::set<std::string> pieces;
  for (const auto& [first, set] : sets) {
    const bool any_recent = std::any_of(set.begin(), set.end(), [&](const Artefact& piece) {
      return Contains(listing.recent, piece);
    });
    for (const Artefact& piece : set) pieces.insert(piece.name);
    (any_recent ? recent : complete).push_back(Join(set));
  }
  const auto is_piece = [&](const Artefact& one) { return pieces.contains(one.name); };
  std::erase_if(listing.in_progress,
                [&](const std::string& name) { return pieces.contains(name); });
  for (const Artefact& artefact : recent) listing.in_progress.push_back(artefact.name);
  std::erase_if(listing.recent, is_piece);
  std::move(recent.begin(), recent.end(), std::back_inserter(listing.recent));
  std::vector<Artefact>& all = listing.complete.Edit();
  std::erase_if(all, is_piece);
  std::move(complete.begin(), complete.end(), std::back_inserter(all));
  std::stable_sort(all.begin(), all.end(),
                   [](const Artefact& a, const Artefact& b) { return a.time < b.time; });
}

}  // namespace

// Dumps of one run that somebody numbered: "x00" and "x01", each of them whole.
void PieceCatalog::DropWholeFiles(Pieces& sets, base::Deadline deadline,
                                  const base::StopToken& stop) {
  std::map<std::string, Beginning> known = std::exchange(beginnings_, {});
  std::erase_if(sets, [&](const auto& one) {
    const auto& [path, set] = one;
    const std::uint64_t fingerprint = set[0].fingerprint + set[1].fingerprint;
    if (const auto found = known.find(path);
        found != known.end() && found->second.fingerprint == fingerprint) {
      return (beginnings_[path] = found->second).anew;
    }
    const auto first = read_head_(set[0], deadline, stop);
    const auto second = first ? read_head_(set[1], deadline, stop) : std::nullopt;
    if (!second) return false;
    const bool anew = verify::BeginsAnew(*first, *second);
    beginnings_[path] = {fingerprint, anew};
    return anew;
  });
}

Listing PieceCatalog::List(base::Timestamp now, base::Deadline deadline,
                           const base::StopToken& stop) {
  Listing listing = files_->List(now, deadline, stop);
  if (listing.blind) return listing;
  Pieces sets = FindSets(listing);
  DropWholeFiles(sets, deadline, stop);
  if (!sets.empty()) Replace(sets, listing);
  const std::lock_guard lock(mutex_);
  pieces_ = std::move(sets);
  return listing;
}

// One that was not cut is its own only one.
std::vector<Artefact> PieceCatalog::PiecesOf(const Artefact& artefact) {
  const std::lock_guard lock(mutex_);
  const auto found = pieces_.find(artefact.path);
  return found != pieces_.end() ? found->second : std::vector<Artefact>{artefact};
}

std::optional<std::uint64_t> PieceCatalog::CurrentFingerprint(const Artefact& artefact,
                                                              base::Deadline deadline,
                                                              const base::StopToken& stop) {
  const std::vector<Artefact> pieces = PiecesOf(artefact);
  std::uint64_t fingerprint = 0;
  for (const Artefact& piece : pieces) {
    const auto now = files_->CurrentFingerprint(piece, deadline, stop);
    if (!now) return std::nullopt;
    fingerprint += *now;
  }
  return fingerprint;
}

// What the pieces behind the first are by a checksum file, whatever they are together.
void PieceCatalog::AddMismatches(verify::Verdict& whole, const std::vector<Artefact>& pieces,
                                 const verify::VerifyOptions& options) {
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (pieces[i].checksum_stamp == 0) continue;
    verify::Verdict part = files_->Verify(pieces[i], options);
    if (part.checksum != verify::ChecksumState::kMismatched) continue;
    part.place = pieces[i].name;
    verify::AddPart(whole, std::move(part));
  }
}

verify::Verdict PieceCatalog::Verify(const Artefact& artefact,
                                     const verify::VerifyOptions& options) {
  const std::vector<Artefact> pieces = PiecesOf(artefact);
  verify::Verdict whole = files_->Verify(pieces.front(), options);
  if (whole.outcome != verify::Outcome::kIntact || pieces.size() == 1) return whole;
  const bool told = std::find(whole.details.begin(), whole.details.end(),
                              verify::TellPieces(pieces.size())) != whole.details.end();
  if (told) {
    AddMismatches(whole, pieces, options);
    return whole;
  }
  // Whole without the others: each is one of its own.
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    verify::Verdict part = files_->Verify(pieces[i], options);
    if (part.outcome != verify::Outcome::kIntact) part.place = pieces[i].name;
    verify::AddPart(whole, std::move(part));
  }
  return whole;
}

ArtefactTimes PieceCatalog::Times(const Artefact& artefact) {
  ArtefactTimes whole;
  for (const Artefact& piece : PiecesOf(artefact)) {
    const ArtefactTimes times = files_->Times(piece);
    whole.arrived = std::max(whole.arrived, times.arrived);
    whole.listed = std::max(whole.listed, times.listed);
    whole.arriving = std::max(whole.arriving, times.arriving);
  }
  return whole;
}

}  // namespace drwatch::catalog
