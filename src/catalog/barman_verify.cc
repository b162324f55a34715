#include "catalog/barman_verify.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/backup_wal.h"
#include "catalog/barman_names.h"
#include "catalog/parallel.h"
#include "catalog/place_files.h"
#include "catalog/repository_trees.h"
#include "catalog/tar_members.h"
#include "verify/base_backup.h"
#include "verify/file_verifier.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Level;
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
  Walked<std::vector<verify::TreeFile>> List() const override {
    std::vector<verify::TreeFile> files;
    for (const auto& [name, object] : files_) files.push_back({name, object->size_bytes});
    return files;
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

// One backup of the chain.
class LinkCheck {
 public:
  LinkCheck(Place& place, const BarmanLink& link, ProvenFiles& proven, verify::ReadBudget& budget)
      : place_(place), link_(link), proven_(proven), budget_(budget) {
    const std::string& folder = link.folder;
    id_ = folder.substr(0, folder.size() - 1);
    id_ = id_.substr(id_.rfind('/') + 1);
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kContent;
  }

  Verdict Run();
  const std::string& layout() const { return layout_; }
  // Bytes read on other threads.
  std::int64_t elsewhere() const { return elsewhere_; }

 private:
  bool ListObjects();
  bool Encrypted() const;
  void CheckManifest(const DataFolder& data);
  void CheckOwnManifest(DataFolder& data);
  void CheckPlain(const DataFolder& data);
  void CheckSize();
  void CheckWatched(const DataFolder& data);
  void CheckCloud();
  void CheckCloudNames(const std::map<std::string, std::set<int>>& parts);
  std::uint64_t Key(Level level) const;
  ExpectedData Expected() const { return {link_.info.system_identifier, link_.info.begin_lsn}; }
  void Add(Verdict part) { verify::AddPart(whole_, std::move(part)); }

  Place& place_;
  const BarmanLink& link_;
  ProvenFiles& proven_;
  verify::ReadBudget& budget_;
  std::string id_;
  Verdict whole_;
  std::vector<PlaceObject> objects_;
  std::string layout_;
  std::int64_t elsewhere_ = 0;
};

bool LinkCheck::ListObjects() {
  ListOptions options;
  options.prefix = link_.folder;
  options.max_objects = BackupTrees::kMaxFiles;
  auto listing = place_.List(options, {budget_.options().deadline, budget_.options().stop});
  if (!listing) {
    Add(UnjudgedPart(listing.error().reason, id_, listing.error().message));
    return false;
  }
  objects_ = std::move(listing->objects);
  std::erase_if(objects_, [&](const PlaceObject& object) {
    const auto name = std::string_view(object.name).substr(link_.folder.size());
    return (LookAtBarman(name) & kLeftOut) != 0;
  });
  return true;
}

bool LinkCheck::Encrypted() const {
  return !link_.info.encryption.empty() ||
         std::any_of(objects_.begin(), objects_.end(), [](const PlaceObject& object) {
           return object.name.ends_with(".tar.gpg") ||
                  (object.name.find(".tar.") != object.name.npos && object.name.ends_with(".gpg"));
         });
}

void LinkCheck::CheckManifest(const DataFolder& data) {
  Verdict part = verify::VerifyBaseBackup(data, verify::Checksums("", Nothing(), nullptr), budget_,
                                          verify::BaseBackupWal::kElsewhere);
  part.place = id_ + (part.place.empty() ? "" : "/data/" + part.place);
  if (layout_.empty()) layout_ = part.format.substr(part.format.rfind(' ') + 1);
  for (const std::string& detail : part.details) {
    if (part.outcome == Outcome::kIntact) whole_.details.push_back(detail);
  }
  Add(std::move(part));
}

// The files that every data folder has, and what they say of it.
void LinkCheck::CheckWatched(const DataFolder& data) {
  DataFolderFacts facts;
  for (const char* name : {"PG_VERSION", "global/pg_control", "backup_label"}) {
    if (!data.Has(name)) continue;
    auto content = verify::ReadAll(data.Open(name, budget_, nullptr), kMaxWatchedBytes);
    if (!content) return Add(PartOf(std::move(content.error()), id_ + "/data/" + name));
    WatchedFile(name, *content, facts);
  }
  if (auto checked = CheckFacts(facts, Expected()); !checked) {
    Add(PartOf(std::move(checked.error()), id_));
  }
}

// Made by "barman generate-manifest" of a backup without one: it leaves out the tablespaces.
void LinkCheck::CheckOwnManifest(DataFolder& data) {
  const bool tablespaces = data.DropTablespaces();
  CheckManifest(data);
  if (whole_.outcome == Outcome::kIntact) CheckWatched(data);
  if (whole_.outcome == Outcome::kIntact) CheckSize();
  if (whole_.outcome == Outcome::kIntact && tablespaces) {
    Add(UnjudgedPart(Reason::kUnverified, id_,
                     "the manifest that Barman made leaves out the files of tablespaces"));
  }
}

// Barman adds up the sizes of all files, with backup.info as it was then, which has only grown.
void LinkCheck::CheckSize() {
  std::int64_t total = 0;
  std::int64_t info_bytes = 0;
  for (const PlaceObject& object : objects_) {
    // What was added later.
    if (object.name == link_.folder + "data/backup_manifest") continue;
    const bool info = object.name == link_.folder + "backup.info";
    (info ? info_bytes : total) += object.size_bytes;
  }
  const std::int64_t expected = link_.info.size_bytes;
  if (expected == 0 || (total <= expected && total >= expected - info_bytes)) return;
  Add(BrokenPart(total < expected ? Reason::kIncomplete : Reason::kCorrupt, id_,
                 "its files have " + std::to_string(total) + " bytes, backup.info says " +
                     std::to_string(expected)));
}

// Copied by rsync: only backup.info and its own parts speak for it.
void LinkCheck::CheckPlain(const DataFolder& data) {
  layout_ = "rsync";
  for (const char* name : {"base", "pg_xact"}) {
    const bool old = std::string_view(name) == "pg_xact" && data.Has("pg_clog");
    if (data.Has(name) || old) continue;
    Add(BrokenPart(Reason::kIncomplete, id_ + "/data/" + name, "a data folder needs it"));
  }
  CheckWatched(data);
  CheckSize();
  if (whole_.outcome == Outcome::kBroken) return;
  Add(UnjudgedPart(Reason::kUnverified, id_,
                   "no backup_manifest to check its files against: \"barman generate-manifest\" "
                   "makes one"));
}

// Parts follow each other, and each tablespace has one.
void LinkCheck::CheckCloudNames(const std::map<std::string, std::set<int>>& parts) {
  std::vector<std::string> needed = {"data"};
  for (const std::uint32_t oid : link_.info.tablespaces) needed.push_back(std::to_string(oid));
  for (const std::string& stem : needed) {
    if (!parts.contains(stem)) {
      Add(BrokenPart(Reason::kIncomplete, id_ + "/" + stem + ".tar", "is missing"));
    }
  }
  for (const auto& [stem, numbers] : parts) {
    int next = 0;
    for (const int number : numbers) {
      if (number == next) {
        ++next;
        continue;
      }
      Add(BrokenPart(Reason::kIncomplete, id_ + "/" + stem + ".tar",
                     "part " + std::to_string(next) + " of it is missing"));
      break;
    }
    const bool known = std::find(needed.begin(), needed.end(), stem) != needed.end();
    if (!known) {
      Add(BrokenPart(Reason::kCorrupt, id_ + "/" + stem + ".tar",
                     "is of a tablespace that backup.info does not name"));
    }
  }
}

void LinkCheck::CheckCloud() {
  layout_ = "barman-cloud";
  std::vector<PlaceObject> tars;
  std::map<std::string, std::set<int>> parts;
  for (const PlaceObject& object : objects_) {
    const std::string name = object.name.substr(link_.folder.size());
    if (name == "backup.info") continue;
    const auto parsed = ParseCloudTar(name);
    if (!parsed) {
      Add(BrokenPart(Reason::kWrongFormat, id_ + "/" + name, "is no part of a backup"));
      continue;
    }
    parts[parsed->stem].insert(parsed->number);
    tars.push_back(object);
  }
  CheckCloudNames(parts);
  if (whole_.outcome == Outcome::kBroken) return;
  std::vector<TarFound> results(tars.size());
  std::vector<char> read(tars.size(), 0);
  elsewhere_ += ForEachPart(tars.size(), budget_, [&](std::size_t i, verify::ReadBudget& budget) {
    results[i] =
        ReadTarFile(place_, tars[i], id_ + "/" + tars[i].name.substr(link_.folder.size()), budget);
    read[i] = 1;
    return results[i].verdict.outcome == Outcome::kIntact;
  });
  DataFolderFacts facts;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (read[i] == 0) continue;
    Add(std::move(results[i].verdict));
    AddFacts(facts, results[i].facts);
  }
  if (whole_.outcome != Outcome::kIntact) return;
  if (auto checked = CheckFacts(facts, Expected()); !checked) {
    Add(PartOf(std::move(checked.error()), id_));
  }
}

std::uint64_t LinkCheck::Key(Level level) const {
  std::uint64_t key = StampOf(link_.folder + std::to_string(static_cast<int>(level)));
  for (const PlaceObject& object : objects_) key += FingerprintOf(object);
  return key;
}

Verdict LinkCheck::Run() {
  if (!ListObjects()) return whole_;
  if (link_.info.snapshots) {
    layout_ = "disk snapshots";
    Add(UnjudgedPart(Reason::kUnverified, id_, "its data is in disk snapshots"));
    return whole_;
  }
  if (Encrypted()) {
    layout_ = "encrypted";
    Add(UnjudgedPart(Reason::kUnverified, id_, "its tar files are encrypted"));
    return whole_;
  }
  for (const Level level : {Level::kFormat, Level::kContent}) {
    if (!proven_.Holds(Key(level), budget_.options().reuse)) continue;
    whole_.level = level;
    return whole_;
  }
  DataFolder data(place_, link_.folder, objects_);
  bool tar = false;
  for (const std::string& name : data.TopNames()) tar = tar || name.starts_with("base.tar");
  // pg_basebackup writes a manifest since PostgreSQL 13, and Barman keeps it.
  constexpr std::int64_t kFirstWithManifest = 130'000;
  if (link_.info.mode == "postgres" && link_.info.server_version >= kFirstWithManifest &&
      !data.Has("backup_manifest")) {
    Add(BrokenPart(Reason::kIncomplete, id_ + "/data/backup_manifest", "is missing"));
  } else if (!tar && link_.info.mode.starts_with("rsync") && data.Has("backup_manifest")) {
    CheckOwnManifest(data);
  } else if (tar || data.Has("backup_manifest")) {
    CheckManifest(data);
    if (!tar && whole_.outcome == Outcome::kIntact) CheckWatched(data);
  } else if (!data.empty()) {
    CheckPlain(data);
  } else {
    CheckCloud();
  }
  if (whole_.outcome == Outcome::kIntact) proven_.Put(Key(whole_.level));
  return whole_;
}

void CheckWal(Place& place, const RepositoryFacts& facts, ProvenFiles& proven,
              verify::ReadBudget& budget, Verdict& whole) {
  const auto wal = FindBackupWal(place, facts, {budget.options().deadline, budget.options().stop});
  if (!wal) {
    return verify::AddPart(whole, UnjudgedPart(wal.error().reason, "", wal.error().message));
  }
  if (wal->missing) {
    return verify::AddPart(
        whole, BrokenPart(Reason::kIncomplete, *wal->missing, "is needed and missing in wals/"));
  }
  verify::AddPart(whole, VerifyBackupWal(place, facts, *wal, proven, budget));
  whole.details.push_back(std::to_string(wal->objects.size()) + " WAL segments");
}

}  // namespace

Verdict VerifyBarman(Place& place, const std::vector<BarmanLink>& chain, const Artefact& artefact,
                     ProvenFiles& proven, const verify::VerifyOptions& options) {
  verify::ReadBudget budget(options);
  Verdict whole;
  whole.outcome = Outcome::kIntact;
  whole.level = Level::kContent;
  std::int64_t elsewhere = 0;
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
    elsewhere += check.elsewhere();
    if (layout.empty()) layout = check.layout();
  }
  if (whole.outcome != Outcome::kBroken) CheckWal(place, *artefact.facts, proven, budget, whole);
  whole.format = "Barman backup, " + artefact.facts->kind;
  if (!artefact.facts->server_version.empty()) {
    whole.format += ", PostgreSQL " + artefact.facts->server_version;
  }
  if (!layout.empty()) whole.format += ", " + layout;
  if (chain.size() > 1) {
    whole.details.push_back(std::to_string(chain.size()) + " backups are needed");
  }
  whole.bytes_read = budget.bytes_read() + elsewhere;
  return whole;
}

}  // namespace drwatch::catalog
