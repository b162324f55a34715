#include "catalog/chain_proof.h"

#include <algorithm>
#include <utility>

#include "catalog/artefact_names.h"
#include "catalog/place_files.h"
#include "verify/file_verifier.h"
#include "verify/parallel.h"

namespace drwatch::catalog {

using model::Reason;
using verify::Level;
using verify::Outcome;
using verify::Verdict;

Verdict IntactSoFar() {
  Verdict verdict;
  verdict.outcome = Outcome::kIntact;
  verdict.level = Level::kContent;
  return verdict;
}

Verdict PartOf(verify::Fault fault, const std::string& where) {
  Verdict part;
  part.outcome = fault.outcome;
  part.reason = fault.reason;
  part.level = Level::kSize;
  part.place = where;
  if (!fault.place.empty()) part.place += (where.empty() ? "" : ": ") + fault.place;
  part.message = std::move(fault.message);
  return part;
}

Verdict BrokenPart(Reason reason, const std::string& where, std::string message) {
  return PartOf({Outcome::kBroken, reason, "", std::move(message)}, where);
}

Verdict UnjudgedPart(Reason reason, const std::string& where, std::string message) {
  return PartOf({Outcome::kUnjudged, reason, "", std::move(message)}, where);
}

LinkProof::LinkProof(Place& place, std::string folder, std::string name, ProvenFiles& proven,
                     verify::ReadBudget& budget)
    : place_(place),
      folder_(std::move(folder)),
      name_(std::move(name)),
      proven_(proven),
      budget_(budget),
      whole_(IntactSoFar()) {}

bool LinkProof::List() {
  ListOptions options;
  options.prefix = folder_;
  auto listing = place_.List(options, {budget_.options().deadline, budget_.options().stop});
  if (!listing) {
    Add(UnjudgedPart(listing.error().reason, name_, listing.error().message));
    return false;
  }
  objects_ = std::move(listing->objects);
  return true;
}

std::uint64_t LinkProof::Key(Level level) const {
  std::uint64_t key = StampOf(folder_ + std::to_string(static_cast<int>(level)));
  for (const PlaceObject& object : objects_) key += FingerprintOf(object);
  return key;
}

bool LinkProof::ProvenBefore() {
  for (const Level level : {Level::kFormat, Level::kContent}) {
    if (!proven_.Holds(Key(level), budget_.options().reuse)) continue;
    whole_.level = level;
    return true;
  }
  return false;
}

void LinkProof::Remember() {
  if (intact()) proven_.Put(Key(whole_.level));
}

TarsFound LinkProof::ReadTars(const std::vector<PlaceObject>& tars) {
  std::vector<TarFound> results(tars.size());
  std::vector<char> read(tars.size(), 0);
  verify::ForEachPart(tars.size(), budget_, [&](std::size_t i, verify::ReadBudget& budget) {
    results[i] = ReadTarFile(place_, tars[i], name_ + "/" + Relative(tars[i]), budget);
    read[i] = 1;
    return results[i].verdict.outcome == Outcome::kIntact;
  });
  TarsFound found;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (read[i] == 0) continue;
    if (found.packing.empty()) {
      const std::string& format = results[i].verdict.format;
      found.packing = format.substr(std::min(format.rfind(' ') + 1, format.size()));
    }
    Add(std::move(results[i].verdict));
    found.hashes.insert(found.hashes.end(), results[i].hashes.begin(), results[i].hashes.end());
    AddFacts(found.facts, results[i].facts);
  }
  return found;
}

void LinkProof::Check(const DataFolderFacts& facts, const ExpectedData& expected) {
  if (auto checked = CheckFacts(facts, expected); !checked) {
    Add(PartOf(std::move(checked.error()), name_));
  }
}

void LinkProof::Add(Verdict part) { verify::AddPart(whole_, std::move(part)); }

Verdict ProveWal(Place& place, const RepositoryFacts& facts,
                 const tl::expected<BackupWal, Finding>& wal, std::string_view folder,
                 ProvenFiles& proven, verify::ReadBudget& budget) {
  if (!wal) return UnjudgedPart(wal.error().reason, "", wal.error().message);
  if (wal->missing) {
    return BrokenPart(Reason::kIncomplete, *wal->missing,
                      "is needed and missing in " + std::string(folder));
  }
  return VerifyBackupWal(place, facts, *wal, proven, budget);
}

std::string DescribeBackup(std::string_view program, const RepositoryFacts& facts) {
  std::string text = std::string(program) + " backup, " + facts.kind;
  if (!facts.server_version.empty()) text += ", PostgreSQL " + facts.server_version;
  return text;
}

}  // namespace drwatch::catalog
