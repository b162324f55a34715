#include "catalog/walg_verify.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "catalog/backup_wal.h"
#include "catalog/chain_proof.h"
#include "catalog/walg_names.h"
#include "verify/decoder.h"
#include "verify/file_verifier.h"
#include "verify/recognise.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Outcome;
using verify::Verdict;
using verify::Walked;

constexpr int kMaxFacesTried = 3;
constexpr std::size_t kTarBlockBytes = 512;

// One backup of the chain.
class LinkCheck {
 public:
  // `incremental`: there is a parent behind it in the chain.
  LinkCheck(Place& place, const WalGLink& link, bool incremental, ProvenFiles& proven,
            verify::ReadBudget& budget)
      : link_(link),
        incremental_(incremental),
        proof_(place, std::string(kWalGBackups) + link.name + "/", link.name, proven, budget) {}

  Verdict Run();
  const verify::WalGFiles& files() const { return files_; }
  std::int64_t tars() const { return static_cast<std::int64_t>(tars_.size()); }
  const std::string& packing() const { return packing_; }
  // Names it in what files_metadata.json says.
  std::string NameOf(std::uint64_t hash);

 private:
  void ListObjects();
  void ReadFiles();
  void CheckTarNames();
  bool AllHidden();
  Walked<bool> IsReadable(const PlaceObject& tar);
  void ReadTars();
  void CheckMembers(std::vector<std::uint64_t> seen);
  std::string At(const std::string& name) const { return link_.name + "/" + name; }
  void Broken(Reason reason, const std::string& where, std::string message) {
    proof_.Add(BrokenPart(reason, where, std::move(message)));
  }

  const WalGLink& link_;
  const bool incremental_;
  LinkProof proof_;
  std::vector<PlaceObject> tars_;
  bool has_files_ = false;
  verify::WalGFiles files_;
  std::string packing_;
};

void LinkCheck::ListObjects() {
  if (!proof_.List()) return;
  for (const PlaceObject& object : proof_.objects()) {
    const std::string name = proof_.Relative(object);
    has_files_ = has_files_ || name == "files_metadata.json";
    if (!name.starts_with(kWalGTars)) continue;
    if (TarNumber(name.substr(kWalGTars.size()))) {
      tars_.push_back(object);
    } else {
      Broken(Reason::kWrongFormat, At(name), "is no tar file: WAL-G would try to unpack it");
    }
  }
}

void LinkCheck::ReadFiles() {
  if (!has_files_) return;
  const std::string where = At("files_metadata.json");
  auto source =
      proof_.place().Open(proof_.folder() + "files_metadata.json", proof_.budget(), nullptr);
  if (!source) return proof_.Add(PartOf(std::move(source.error()), where));
  verify::Reader reader(**source);
  auto files = verify::ReadWalGFiles(reader);
  if (!files) return proof_.Add(PartOf(std::move(files.error()), where));
  files_ = std::move(*files);
  if (files_.packed.empty() && files_.skipped.empty()) {
    Broken(Reason::kCorrupt, where, "names no file");
  }
}

std::string LinkCheck::NameOf(std::uint64_t hash) {
  auto source =
      proof_.place().Open(proof_.folder() + "files_metadata.json", proof_.budget(), nullptr);
  if (!source) return {};
  verify::Reader reader(**source);
  return verify::FindWalGName(reader, hash).value_or("");
}

// What files_metadata.json names is there and nothing else; without it, the numbers have no gap.
void LinkCheck::CheckTarNames() {
  const std::string where = At(std::string(kWalGTars));
  std::set<std::string> there;
  std::set<int> numbers;
  bool control = false;
  for (const PlaceObject& tar : tars_) {
    const std::string name = proof_.Relative(tar).substr(kWalGTars.size());
    there.insert(name);
    numbers.insert(*TarNumber(name));
    control = control || IsControlTar(name);
  }
  numbers.erase(0);
  if (!control && ParseWalGName(link_.name)->needs_control_tar()) {
    Broken(Reason::kIncomplete, where + "pg_control.tar", "is missing");
  }
  if (!files_.tars.empty()) {
    for (const std::string& name : files_.tars) {
      if (there.contains(name)) continue;
      Broken(Reason::kIncomplete, where + name, "files_metadata.json names it, but it is missing");
    }
    for (const std::string& name : there) {
      const bool named = std::binary_search(files_.tars.begin(), files_.tars.end(), name);
      if (named || IsControlTar(name) || name.starts_with("backup_label.tar")) continue;
      Broken(Reason::kCorrupt, where + name,
             "is not named by files_metadata.json, but WAL-G would unpack it");
    }
    return;
  }
  // Named in a way of old versions, which may have copied some of them from another backup.
  if (files_.other_sets) return;
  int next = 1;
  for (const int number : numbers) {
    if (number != next) {
      return Broken(Reason::kIncomplete, where, "tar file " + std::to_string(next) + " is missing");
    }
    ++next;
  }
}

// False if it neither is packed nor looks like a tar file: encrypted, or damaged.
Walked<bool> LinkCheck::IsReadable(const PlaceObject& tar) {
  auto source = proof_.place().Open(tar.name, proof_.budget(), nullptr);
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
  TarsFound found = proof_.ReadTars(tars_);
  packing_ = std::move(found.packing);
  if (!proof_.intact()) return;
  proof_.Check(found.facts, {link_.said.system_identifier, link_.said.start, incremental_});
  if (proof_.intact()) CheckMembers(std::move(found.hashes));
}

void LinkCheck::CheckMembers(std::vector<std::uint64_t> seen) {
  // Remote backups name their files otherwise, and no tar files.
  if (files_.tars.empty()) return;
  std::sort(seen.begin(), seen.end());
  std::vector<std::uint64_t> missing;
  std::set_difference(files_.packed.begin(), files_.packed.end(), seen.begin(), seen.end(),
                      std::back_inserter(missing));
  if (missing.empty()) return;
  Broken(Reason::kIncomplete, At("files_metadata.json"),
         std::to_string(missing.size()) + " files that it names are in no tar file, one of them " +
             base::Quote(base::Truncate(NameOf(missing.front()), 200)));
}

Verdict LinkCheck::Run() {
  ListObjects();
  if (!proof_.broken()) ReadFiles();
  if (!proof_.broken()) CheckTarNames();
  if (!proof_.intact() || proof_.ProvenBefore()) return proof_.whole();
  if (AllHidden()) {
    proof_.Add(UnjudgedPart(Reason::kUnverified, link_.name,
                            "its tar files are encrypted, or packed in a way that is not known: "
                            "only their names and sizes were looked at"));
    return proof_.whole();
  }
  ReadTars();
  proof_.Remember();
  return proof_.whole();
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
  Verdict part = ProveWal(place, facts, wal, "wal_005/", proven, budget);
  // WAL-G encrypts both or neither.
  if (whole.outcome == Outcome::kIntact && part.outcome == Outcome::kUnjudged &&
      part.reason == Reason::kUnverified) {
    part.outcome = Outcome::kBroken;
    part.reason = Reason::kCorrupt;
    part.message = "holds no WAL that can be read (" + part.message +
                   "), though the backup itself is not encrypted";
  }
  verify::AddPart(whole, std::move(part));
  if (!wal || wal->missing) return;
  whole.details.push_back(std::to_string(wal->objects.size()) + " WAL segments");
}

}  // namespace

Verdict VerifyWalG(Place& place, const std::vector<WalGLink>& chain, const Artefact& artefact,
                   ProvenFiles& proven, const verify::VerifyOptions& options) {
  verify::ReadBudget budget(options);
  Verdict whole = IntactSoFar();
  std::int64_t tars = 0;
  std::int64_t damaged = 0;
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
    if (child) CheckSkipped(chain.front().name, *child, *check, whole);
    tars += check->tars();
    damaged += check->files().damaged;
    if (packing.empty()) packing = check->packing();
    child = std::move(check);
  }
  if (whole.outcome != Outcome::kBroken) CheckWal(place, *artefact.facts, proven, budget, whole);
  whole.format = DescribeBackup("WAL-G", *artefact.facts);
  if (!packing.empty() && packing != "archive") whole.format += ", " + packing;
  whole.details.push_back(std::to_string(tars) + " tar files of " + std::to_string(chain.size()) +
                          " backups");
  if (damaged > 0) {
    whole.details.push_back("WAL-G found damaged pages in " + std::to_string(damaged) +
                            " files of the database");
  }
  whole.bytes_read = budget.bytes_read();
  return whole;
}

}  // namespace drwatch::catalog
