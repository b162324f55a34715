#include "catalog/barman_verify.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "catalog/backup_wal.h"
#include "catalog/barman_names.h"
#include "catalog/chain_proof.h"
#include "catalog/repository_trees.h"
#include "catalog/tar_members.h"
#include "verify/base_backup.h"
#include "verify/file_verifier.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Outcome;
using verify::Verdict;
using verify::Walked;

const std::shared_ptr<const verify::ChecksumFolder>& Nothing() {
  static const auto kNothing = std::make_shared<const verify::ChecksumFolder>();
  return kNothing;
}

// A backup's folders as the one data folder that a restore makes of them.
class DataFolder final : public verify::FileSet {
 public:
  DataFolder(Place& place, std::string_view folder, const std::vector<PlaceObject>& objects)
      : place_(place) {
    for (const PlaceObject& object : objects) {
      std::string name = NameInDataFolder(std::string_view(object.name).substr(folder.size()));
      if (!name.empty()) files_.emplace(std::move(name), &object);
    }
  }
  // True if there were files of tablespaces.
  bool DropTablespaces() {
    return std::erase_if(files_,
                         [](const auto& file) { return file.first.starts_with("pg_tblspc/"); }) > 0;
  }
  bool Has(const std::string& name) const override {
    const auto found = files_.lower_bound(name);
    if (found != files_.end() && found->first == name) return true;
    const auto below = files_.lower_bound(name + "/");
    return below != files_.end() && below->first.starts_with(name + "/");
  }
  std::vector<std::string> TopNames() const override {
    std::vector<std::string> names;
    for (const auto& [name, object] : files_) {
      if (name.find('/') == name.npos) names.push_back(name);
    }
    return names;
  }
  Walked<void> Each(const verify::TakeTreeFile& take) const override {
    for (const auto& [name, object] : files_) {
      if (!take({name, object->size_bytes})) break;
    }
    return {};
  }
  Walked<verify::OpenedFile> Open(const std::string& name, verify::ReadBudget& budget,
                                  verify::DigestTee* tee) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) return verify::Unjudged(Reason::kNotFound, "it is not there");
    auto source = place_.Open(found->second->name, budget, tee);
    if (!source) return tl::unexpected(std::move(source.error()));
    return verify::OpenedFile{*std::move(source), found->second->size_bytes};
  }
  bool empty() const { return files_.empty(); }

 private:
  Place& place_;
  std::map<std::string, const PlaceObject*> files_;
};

// One backup of the chain.
class LinkCheck {
 public:
  LinkCheck(Place& place, const BarmanLink& link, ProvenFiles& proven, verify::ReadBudget& budget)
      : link_(link), proof_(place, link.folder, LastFolderOf(link.folder), proven, budget) {}

  Verdict Run();
  const std::string& layout() const { return layout_; }

 private:
  bool ListObjects();
  bool Encrypted();
  void CheckData();
  void CheckManifest(const DataFolder& data);
  void CheckOwnManifest(DataFolder& data);
  void CheckPlain(const DataFolder& data);
  void CheckSize();
  void CheckWatched(const DataFolder& data);
  void CheckCloud();
  void CheckCloudNames(const std::map<std::string, std::set<int>>& parts);
  ExpectedData Expected() const { return {link_.info.system_identifier, link_.info.begin_lsn}; }
  std::string At(const std::string& name) const { return proof_.name() + "/" + name; }
  void Broken(Reason reason, const std::string& where, std::string message) {
    proof_.Add(BrokenPart(reason, where, std::move(message)));
  }
  void Unjudged(std::string message) {
    proof_.Add(UnjudgedPart(Reason::kUnverified, proof_.name(), std::move(message)));
  }

  const BarmanLink& link_;
  LinkProof proof_;
  std::string layout_;
};

bool LinkCheck::ListObjects() {
  if (!proof_.List()) return false;
  std::erase_if(proof_.objects(), [&](const PlaceObject& object) {
    return (LookAtBarman(proof_.Relative(object)) & kLeftOut) != 0;
  });
  return true;
}

bool LinkCheck::Encrypted() {
  const std::vector<PlaceObject>& objects = proof_.objects();
  return !link_.info.encryption.empty() ||
         std::any_of(objects.begin(), objects.end(), [](const PlaceObject& object) {
           return object.name.ends_with(".tar.gpg") ||
                  (object.name.find(".tar.") != object.name.npos && object.name.ends_with(".gpg"));
         });
}

void LinkCheck::CheckManifest(const DataFolder& data) {
  Verdict part = verify::VerifyBaseBackup(data, verify::Checksums("", Nothing(), nullptr),
                                          proof_.budget(), verify::BaseBackupWal::kElsewhere);
  part.place = proof_.name() + (part.place.empty() ? "" : "/data/" + part.place);
  if (layout_.empty()) layout_ = part.format.substr(part.format.rfind(' ') + 1);
  for (const std::string& detail : part.details) {
    if (part.outcome == Outcome::kIntact) proof_.whole().details.push_back(detail);
  }
  proof_.Add(std::move(part));
}

// The files that every data folder has, and what they say of it.
void LinkCheck::CheckWatched(const DataFolder& data) {
  DataFolderFacts facts;
  for (const char* name : {"PG_VERSION", "global/pg_control", "backup_label"}) {
    if (!data.Has(name)) continue;
    auto content = verify::ReadAll(data.Open(name, proof_.budget(), nullptr), kMaxWatchedBytes);
    if (!content) return proof_.Add(PartOf(std::move(content.error()), At("data/") + name));
    WatchedFile(name, *content, facts);
  }
  proof_.Check(facts, Expected());
}

// Made by "barman generate-manifest" of a backup without one: it leaves out the tablespaces.
void LinkCheck::CheckOwnManifest(DataFolder& data) {
  const bool tablespaces = data.DropTablespaces();
  CheckManifest(data);
  if (proof_.intact()) CheckWatched(data);
  if (proof_.intact()) CheckSize();
  if (proof_.intact() && tablespaces) {
    Unjudged("the manifest that Barman made leaves out the files of tablespaces");
  }
}

// Barman adds up the sizes of all files: before 3.13.2 with backup.info as it was then, which has
// only grown. A copy that a newer one made of such a backup has it elsewhere, but the same sum.
void LinkCheck::CheckSize() {
  std::int64_t total = 0;
  for (const PlaceObject& object : proof_.objects()) {
    // What was added later.
    if (object.name == link_.folder + "data/backup_manifest") continue;
    if (object.name != link_.folder + "backup.info") total += object.size_bytes;
  }
  const std::int64_t expected = link_.info.size_bytes;
  if (expected == 0 || (total <= expected && total >= expected - link_.info_bytes)) return;
  Broken(total < expected ? Reason::kIncomplete : Reason::kCorrupt, proof_.name(),
         "its files have " + std::to_string(total) + " bytes, backup.info says " +
             std::to_string(expected));
}

// Copied by rsync: only backup.info and its own parts speak for it.
void LinkCheck::CheckPlain(const DataFolder& data) {
  layout_ = "rsync";
  for (const char* name : {"base", "pg_xact"}) {
    const bool old = std::string_view(name) == "pg_xact" && data.Has("pg_clog");
    if (data.Has(name) || old) continue;
    Broken(Reason::kIncomplete, At("data/") + name, "a data folder needs it");
  }
  CheckWatched(data);
  CheckSize();
  if (proof_.broken()) return;
  Unjudged("no backup_manifest to check its files against: \"barman generate-manifest\" makes one");
}

// Parts follow each other, and each tablespace has one.
void LinkCheck::CheckCloudNames(const std::map<std::string, std::set<int>>& parts) {
  std::vector<std::string> needed = {"data"};
  for (const std::uint32_t oid : link_.info.tablespaces) needed.push_back(std::to_string(oid));
  for (const std::string& stem : needed) {
    if (!parts.contains(stem)) {
      Broken(Reason::kIncomplete, At(stem) + ".tar", "is missing");
    }
  }
  for (const auto& [stem, numbers] : parts) {
    int next = 0;
    for (const int number : numbers) {
      if (number == next) {
        ++next;
        continue;
      }
      Broken(Reason::kIncomplete, At(stem) + ".tar",
             "part " + std::to_string(next) + " of it is missing");
      break;
    }
    const bool known = std::find(needed.begin(), needed.end(), stem) != needed.end();
    if (!known) {
      Broken(Reason::kCorrupt, At(stem) + ".tar",
             "is of a tablespace that backup.info does not name");
    }
  }
}

void LinkCheck::CheckCloud() {
  layout_ = "barman-cloud";
  std::vector<PlaceObject> tars;
  std::map<std::string, std::set<int>> parts;
  for (const PlaceObject& object : proof_.objects()) {
    const std::string name = proof_.Relative(object);
    if (name == "backup.info") continue;
    const auto parsed = ParseCloudTar(name);
    if (!parsed) {
      Broken(Reason::kWrongFormat, At(name), "is no part of a backup");
      continue;
    }
    parts[parsed->stem].insert(parsed->number);
    tars.push_back(object);
  }
  CheckCloudNames(parts);
  if (proof_.broken()) return;
  const TarsFound found = proof_.ReadTars(tars);
  if (proof_.intact()) proof_.Check(found.facts, Expected());
}

Verdict LinkCheck::Run() {
  if (!ListObjects()) return proof_.whole();
  if (link_.info.snapshots) {
    layout_ = "disk snapshots";
    Unjudged("its data is in disk snapshots");
  } else if (Encrypted()) {
    layout_ = "encrypted";
    Unjudged("its tar files are encrypted");
  } else if (!proof_.ProvenBefore()) {
    CheckData();
    proof_.Remember();
  }
  return proof_.whole();
}

void LinkCheck::CheckData() {
  DataFolder data(proof_.place(), link_.folder, proof_.objects());
  bool tar = false;
  for (const std::string& name : data.TopNames()) tar = tar || name.starts_with("base.tar");
  // pg_basebackup writes a manifest since PostgreSQL 13, and Barman keeps it.
  constexpr std::int64_t kFirstWithManifest = 130'000;
  if (data.empty()) {
    CheckCloud();
  } else if (link_.info.mode == "postgres" && link_.info.server_version >= kFirstWithManifest &&
             !data.Has("backup_manifest")) {
    Broken(Reason::kIncomplete, At("data/backup_manifest"), "is missing");
  } else if (!tar && link_.info.mode.starts_with("rsync") && data.Has("backup_manifest")) {
    CheckOwnManifest(data);
  } else if (tar || data.Has("backup_manifest")) {
    CheckManifest(data);
    if (!tar && proof_.intact()) CheckWatched(data);
  } else {
    CheckPlain(data);
  }
}

void CheckWal(Place& place, const RepositoryFacts& facts, ProvenFiles& proven,
              verify::ReadBudget& budget, Verdict& whole) {
  const auto wal = FindBackupWal(place, facts, {budget.options().deadline, budget.options().stop});
  verify::AddPart(whole, ProveWal(place, facts, wal, "wals/", proven, budget));
  if (!wal || wal->missing) return;
  whole.details.push_back(std::to_string(wal->objects.size()) + " WAL segments");
}

}  // namespace

Verdict VerifyBarman(Place& place, const std::vector<BarmanLink>& chain, const Artefact& artefact,
                     ProvenFiles& proven, const verify::VerifyOptions& options) {
  verify::ReadBudget budget(options);
  Verdict whole = IntactSoFar();
  std::string layout;
  if (artefact.defect) {
    // Without its backup.info nobody knows what it should be.
    verify::AddPart(whole, BrokenPart(artefact.defect->reason, "", artefact.defect->message));
  }
  for (const BarmanLink& link : chain) {
    if (whole.outcome == Outcome::kBroken) break;
    LinkCheck check(place, link, proven, budget);
    Verdict part = check.Run();
    const std::vector<std::string> details = part.details;
    const bool told = part.outcome <= whole.outcome;
    verify::AddPart(whole, std::move(part));
    if (told) whole.details.insert(whole.details.end(), details.begin(), details.end());
    if (layout.empty()) layout = check.layout();
  }
  if (whole.outcome != Outcome::kBroken) CheckWal(place, *artefact.facts, proven, budget, whole);
  whole.format = DescribeBackup("Barman", *artefact.facts);
  if (!layout.empty()) whole.format += ", " + layout;
  if (chain.size() > 1) {
    whole.details.push_back(std::to_string(chain.size()) + " backups are needed");
  }
  whole.bytes_read = budget.bytes_read();
  return whole;
}

}  // namespace drwatch::catalog
