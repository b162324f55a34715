#include "catalog/walg_verify.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/backup_wal.h"
#include "catalog/parallel.h"
#include "catalog/place_files.h"
#include "catalog/tar_members.h"
#include "catalog/walg_names.h"
#include "verify/decoder.h"
#include "verify/file_verifier.h"
#include "verify/recognise.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Level;
using verify::Outcome;
using verify::Verdict;
using verify::Walked;

constexpr int kMaxFacesTried = 3;
constexpr std::size_t kTarBlockBytes = 512;

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

// One backup of the chain.
class LinkCheck {
 public:
  // `incremental`: there is a parent behind it in the chain.
  LinkCheck(Place& place, const WalGLink& link, bool incremental, ProvenFiles& proven,
            verify::ReadBudget& budget)
      : place_(place),
        link_(link),
        incremental_(incremental),
        folder_(std::string(kWalGBackups) + link.name + "/"),
        proven_(proven),
        budget_(budget) {
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kContent;
  }

  Verdict Run();
  const verify::WalGFiles& files() const { return files_; }
  std::int64_t tars() const { return static_cast<std::int64_t>(tars_.size()); }
  const std::string& packing() const { return packing_; }
  // Bytes read on other threads.
  std::int64_t elsewhere() const { return elsewhere_; }
  // Names it in what files_metadata.json says.
  std::string NameOf(std::uint64_t hash);

 private:
  bool Good() const { return whole_.outcome != Outcome::kBroken; }
  void ListObjects();
  void ReadFiles();
  void CheckTarNames();
  bool AllHidden();
  Walked<bool> IsReadable(const PlaceObject& tar);
  void ReadTars();
  void CheckMembers(const std::vector<std::uint64_t>& seen);
  std::uint64_t Key(Level level) const;
  std::string Relative(const PlaceObject& object) const {
    return object.name.substr(folder_.size());
  }

  Place& place_;
  const WalGLink& link_;
  const bool incremental_;
  const std::string folder_;
  ProvenFiles& proven_;
  verify::ReadBudget& budget_;
  Verdict whole_;
  std::vector<PlaceObject> objects_;
  std::vector<PlaceObject> tars_;
  bool has_files_ = false;
  verify::WalGFiles files_;
  std::string packing_;
  std::int64_t elsewhere_ = 0;
};

void LinkCheck::ListObjects() {
  ListOptions options;
  options.prefix = folder_;
  auto listing = place_.List(options, {budget_.options().deadline, budget_.options().stop});
  if (!listing) {
    return verify::AddPart(
        whole_, PartOf({Outcome::kUnjudged, listing.error().reason, "", listing.error().message},
                       link_.name));
  }
  objects_ = std::move(listing->objects);
  for (const PlaceObject& object : objects_) {
    const std::string name = Relative(object);
    has_files_ = has_files_ || name == "files_metadata.json";
    if (!name.starts_with(kWalGTars)) continue;
    if (TarNumber(name.substr(kWalGTars.size()))) {
      tars_.push_back(object);
    } else {
      verify::AddPart(whole_, BrokenPart(Reason::kWrongFormat, link_.name + "/" + name,
                                         "is no tar file: WAL-G would try to unpack it"));
    }
  }
}

void LinkCheck::ReadFiles() {
  if (!has_files_) return;
  const std::string where = link_.name + "/files_metadata.json";
  auto source = place_.Open(folder_ + "files_metadata.json", budget_, nullptr);
  if (!source) return verify::AddPart(whole_, PartOf(std::move(source.error()), where));
  verify::Reader reader(**source);
  auto files = verify::ReadWalGFiles(reader);
  if (!files) return verify::AddPart(whole_, PartOf(std::move(files.error()), where));
  files_ = std::move(*files);
  if (files_.packed.empty() && files_.skipped.empty()) {
    verify::AddPart(whole_, BrokenPart(Reason::kCorrupt, where, "names no file"));
  }
}

std::string LinkCheck::NameOf(std::uint64_t hash) {
  auto source = place_.Open(folder_ + "files_metadata.json", budget_, nullptr);
  if (!source) return {};
  verify::Reader reader(**source);
  return verify::FindWalGName(reader, hash).value_or("");
}

// What files_metadata.json names is there and nothing else; without it, the numbers have no gap.
void LinkCheck::CheckTarNames() {
  const std::string where = link_.name + "/" + std::string(kWalGTars);
  std::set<std::string> there;
  std::set<int> numbers;
  bool control = false;
  for (const PlaceObject& tar : tars_) {
    const std::string name = Relative(tar).substr(kWalGTars.size());
    there.insert(name);
    numbers.insert(*TarNumber(name));
    control = control || IsControlTar(name);
  }
  numbers.erase(0);
  if (!control && ParseWalGName(link_.name)->needs_control_tar()) {
    verify::AddPart(whole_,
                    BrokenPart(Reason::kIncomplete, where + "pg_control.tar", "is missing"));
  }
  if (!files_.tars.empty()) {
    for (const std::string& name : files_.tars) {
      if (there.contains(name)) continue;
      verify::AddPart(whole_, BrokenPart(Reason::kIncomplete, where + name,
                                         "files_metadata.json names it, but it is missing"));
    }
    for (const std::string& name : there) {
      const bool named = std::binary_search(files_.tars.begin(), files_.tars.end(), name);
      if (named || IsControlTar(name) || name.starts_with("backup_label.tar")) continue;
      verify::AddPart(whole_, BrokenPart(Reason::kCorrupt, where + name,
                                         "is not named by files_metadata.json, but WAL-G would "
                                         "unpack it"));
    }
    return;
  }
  // Named in a way of old versions, which may have copied some of them from another backup.
  if (files_.other_sets) return;
  int next = 1;
  for (const int number : numbers) {
    if (number != next) {
      verify::AddPart(whole_, BrokenPart(Reason::kIncomplete, where,
                                         "tar file " + std::to_string(next) + " is missing"));
      return;
    }
    ++next;
  }
}

// False if it neither is packed nor looks like a tar file: encrypted, or damaged.
Walked<bool> LinkCheck::IsReadable(const PlaceObject& tar) {
  auto source = place_.Open(tar.name, budget_, nullptr);
  if (!source) return tl::unexpected(std::move(source.error()));
  verify::Reader reader(**source);
  auto head = reader.Peek(verify::kHeadBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  const bool nothing = verify::FirstNonZero(*head) == std::string_view::npos;
  if (nothing || verify::DetectCompression(*head)) return true;
  if (!verify::RecogniseErrorBody(*head, verify::BodySize::kLarge).empty()) return true;
  const auto packing = verify::DetectCompression(*head, tar.name);
  if (!packing) return verify::LooksLikeTar(*head);
  const auto decoder = verify::MakeDecoder(*packing, reader);
  verify::Reader inner(*decoder);
  const auto start = inner.Peek(kTarBlockBytes);
  return start && verify::LooksLikeTar(*start);
}

// One tar file that can be read is enough: then all of them can, or are damaged.
bool LinkCheck::AllHidden() {
  int tried = 0;
  for (auto tar = tars_.rbegin(); tar != tars_.rend() && tried < kMaxFacesTried; ++tar, ++tried) {
    const auto readable = IsReadable(*tar);
    if (!readable || *readable) return false;
  }
  return tried > 0;
}

void LinkCheck::ReadTars() {
  std::vector<TarFound> results(tars_.size());
  std::vector<char> read(tars_.size(), 0);
  elsewhere_ += ForEachPart(tars_.size(), budget_, [&](std::size_t i, verify::ReadBudget& budget) {
    results[i] = ReadTarFile(place_, tars_[i], link_.name + "/" + Relative(tars_[i]), budget);
    read[i] = 1;
    return results[i].verdict.outcome == Outcome::kIntact;
  });
  std::vector<std::uint64_t> seen;
  DataFolderFacts facts;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (read[i] == 0) continue;
    if (packing_.empty()) {
      const std::string& format = results[i].verdict.format;
      packing_ = format.substr(std::min(format.rfind(' ') + 1, format.size()));
    }
    verify::AddPart(whole_, std::move(results[i].verdict));
    seen.insert(seen.end(), results[i].hashes.begin(), results[i].hashes.end());
    AddFacts(facts, results[i].facts);
  }
  if (whole_.outcome != Outcome::kIntact) return;
  if (auto checked =
          CheckFacts(facts, {link_.said.system_identifier, link_.said.start, incremental_});
      !checked) {
    return verify::AddPart(whole_, PartOf(std::move(checked.error()), link_.name));
  }
  CheckMembers(seen);
}

void LinkCheck::CheckMembers(const std::vector<std::uint64_t>& seen_unsorted) {
  // Remote backups name their files otherwise, and no tar files.
  if (files_.tars.empty()) return;
  std::vector<std::uint64_t> seen = seen_unsorted;
  std::sort(seen.begin(), seen.end());
  std::vector<std::uint64_t> missing;
  std::set_difference(files_.packed.begin(), files_.packed.end(), seen.begin(), seen.end(),
                      std::back_inserter(missing));
  if (missing.empty()) return;
  verify::AddPart(whole_,
                  BrokenPart(Reason::kIncomplete, link_.name + "/files_metadata.json",
                             std::to_string(missing.size()) +
                                 " files that it names are in no tar file, one of them " +
                                 base::Quote(base::Truncate(NameOf(missing.front()), 200))));
}

std::uint64_t LinkCheck::Key(Level level) const {
  std::uint64_t key = StampOf(folder_ + std::to_string(static_cast<int>(level)));
  for (const PlaceObject& object : objects_) key += FingerprintOf(object);
  return key;
}

Verdict LinkCheck::Run() {
  ListObjects();
  if (Good()) ReadFiles();
  if (Good()) CheckTarNames();
  if (!Good() || whole_.outcome == Outcome::kUnjudged) return whole_;
  for (const Level level : {Level::kFormat, Level::kContent}) {
    if (!proven_.Holds(Key(level), budget_.options().reuse)) continue;
    whole_.level = level;
    return whole_;
  }
  if (AllHidden()) {
    verify::AddPart(whole_, PartOf({Outcome::kUnjudged, Reason::kUnverified, "",
                                    "its tar files are encrypted, or packed in a way that is not "
                                    "known: only their names and sizes were looked at"},
                                   link_.name));
    return whole_;
  }
  ReadTars();
  if (whole_.outcome == Outcome::kIntact) proven_.Put(Key(whole_.level));
  return whole_;
}

// Files that `child` left out because they did not change are in its parent.
void CheckSkipped(const std::string& name, LinkCheck& child, const LinkCheck& parent,
                  Verdict& whole) {
  if (parent.files().packed.empty()) return;  // it does not say
  std::vector<std::uint64_t> there = parent.files().packed;
  there.insert(there.end(), parent.files().skipped.begin(), parent.files().skipped.end());
  std::sort(there.begin(), there.end());
  const auto& skipped = child.files().skipped;
  std::vector<std::uint64_t> missing;
  std::set_difference(skipped.begin(), skipped.end(), there.begin(), there.end(),
                      std::back_inserter(missing));
  if (missing.empty()) return;
  verify::AddPart(whole,
                  BrokenPart(Reason::kIncomplete, name,
                             std::to_string(missing.size()) +
                                 " files that did not change are not in its parent, one of them " +
                                 base::Quote(base::Truncate(child.NameOf(missing.front()), 200))));
}

void CheckWal(Place& place, const RepositoryFacts& facts, ProvenFiles& proven,
              verify::ReadBudget& budget, Verdict& whole) {
  if (facts.wal_folder.empty()) {
    whole.details.emplace_back("it does not say which WAL it needs");
    return;
  }
  const auto wal = FindFlatWal(place, facts, {budget.options().deadline, budget.options().stop});
  if (!wal) {
    return verify::AddPart(
        whole, PartOf({Outcome::kUnjudged, wal.error().reason, "", wal.error().message}, ""));
  }
  if (wal->missing) {
    return verify::AddPart(
        whole, BrokenPart(Reason::kIncomplete, *wal->missing, "is needed and missing in wal_005/"));
  }
  Verdict part = VerifyBackupWal(place, facts, *wal, proven, budget);
  // WAL-G encrypts both or neither.
  if (whole.outcome == Outcome::kIntact && part.outcome == Outcome::kUnjudged &&
      part.reason == Reason::kUnverified) {
    part.outcome = Outcome::kBroken;
    part.reason = Reason::kCorrupt;
    part.message = "holds no WAL that can be read (" + part.message +
                   "), though the backup itself is not encrypted";
  }
  verify::AddPart(whole, std::move(part));
  whole.details.push_back(std::to_string(wal->objects.size()) + " WAL segments");
}

}  // namespace

Verdict VerifyWalG(Place& place, const std::vector<WalGLink>& chain, const Artefact& artefact,
                   ProvenFiles& proven, const verify::VerifyOptions& options) {
  verify::ReadBudget budget(options);
  Verdict whole;
  whole.outcome = Outcome::kIntact;
  whole.level = Level::kContent;
  std::int64_t tars = 0;
  std::int64_t damaged = 0;
  std::int64_t elsewhere = 0;
  std::string packing;
  std::unique_ptr<LinkCheck> child;
  if (artefact.defect) {
    verify::AddPart(whole, BrokenPart(artefact.defect->reason, "", artefact.defect->message));
  }
  for (const WalGLink& link : chain) {
    if (whole.outcome == Outcome::kBroken) break;
    const bool incremental = &link != &chain.back();
    auto check = std::make_unique<LinkCheck>(place, link, incremental, proven, budget);
    verify::AddPart(whole, check->Run());
    elsewhere += check->elsewhere();
    if (child) CheckSkipped(chain.front().name, *child, *check, whole);
    tars += check->tars();
    damaged += check->files().damaged;
    if (packing.empty()) packing = check->packing();
    child = std::move(check);
  }
  if (whole.outcome != Outcome::kBroken) CheckWal(place, *artefact.facts, proven, budget, whole);
  whole.format = "WAL-G backup, " + artefact.facts->kind;
  if (!artefact.facts->server_version.empty()) {
    whole.format += ", PostgreSQL " + artefact.facts->server_version;
  }
  if (!packing.empty() && packing != "archive") whole.format += ", " + packing;
  whole.details.push_back(std::to_string(tars) + " tar files of " + std::to_string(chain.size()) +
                          " backups");
  if (damaged > 0) {
    whole.details.push_back("WAL-G found damaged pages in " + std::to_string(damaged) +
                            " files of the database");
  }
  whole.bytes_read = budget.bytes_read() + elsewhere;
  return whole;
}

}  // namespace drwatch::catalog
