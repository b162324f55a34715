#include "catalog/pgbackrest_verify.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/strings.h"
#include "catalog/backup_wal.h"
#include "catalog/pgbackrest_pieces.h"
#include "verify/file_verifier.h"
#include "verify/parallel.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Fault;
using verify::Outcome;
using verify::PgBackRestFile;
using verify::PgBackRestManifest;
using verify::Verdict;
using verify::Walked;

constexpr std::string_view kManifest = "backup.manifest";
constexpr std::size_t kMaxDetails = 20;
// Runs of blocks that lie in other backups: 40 bytes each.
constexpr std::int64_t kMaxForeignExtents = 5'000'000;

// The backup that a file is stored in.
const std::string& HomeOf(const PgBackRestManifest& manifest, const PgBackRestFile& file) {
  return file.reference >= 0 ? manifest.references[file.reference] : manifest.label;
}

class BackupCheck {
 public:
  BackupCheck(Place& place, const std::string& stanza, const std::string& label,
              const RepositoryFacts& facts, ProvenFiles& proven,
              const verify::VerifyOptions& options)
      : place_(place),
        stanza_(stanza),
        label_(label),
        facts_(facts),
        proven_(proven),
        options_(options),
        budget_(options) {}

  Verdict Run();

 private:
  struct Task {
    StoredPieces pieces;
    const PgBackRestManifest* manifest = nullptr;
  };
  // Blocks of files of this backup that other backups hold: by backup and file.
  using Foreign = std::map<std::string, std::map<std::string, std::vector<verify::BlockExtent>>>;

  Walked<PgBackRestManifest> ReadManifest(const std::string& label, const verify::KeepFile& keep);
  Walked<PgBackRestManifest> ReadManifestFile(const std::string& name, const verify::KeepFile& keep,
                                              std::string& sha1);
  void CompareCopy(const std::string& name, const std::string& sha1);
  tl::expected<void, Finding> ListBackup(const std::string& label);
  const PlaceObject* FindObject(const std::string& name) const;
  bool ListAll(const PgBackRestManifest& manifest);
  std::vector<Task> TasksOf(const PgBackRestManifest& manifest);
  void CheckForeign();
  void AddForeign(const std::string& label,
                  const std::map<std::string, std::vector<verify::BlockExtent>>& files,
                  std::vector<Task>& tasks);
  void RunTasks(const std::vector<Task>& tasks);
  void RunOne(const Task& task, verify::ReadBudget& budget);
  void CheckWal();
  void Damage(const std::string& object, const std::string& file, Fault fault);
  Verdict Finish(const PgBackRestManifest& manifest);
  static Verdict Fail(Fault fault, const std::string& name);

  Place& place_;
  const std::string& stanza_;
  const std::string& label_;
  const RepositoryFacts& facts_;
  ProvenFiles& proven_;
  const verify::VerifyOptions& options_;
  verify::ReadBudget budget_;
  std::vector<PlaceObject> objects_;                            // sorted by name
  std::set<std::string> listed_;                                // labels
  std::vector<std::unique_ptr<PgBackRestManifest>> manifests_;  // of other backups
  std::vector<std::string> details_;
  std::mutex mutex_;  // what follows
  std::map<std::string, Fault> damages_;
  Foreign foreign_;
  std::int64_t foreign_extents_ = 0;
  std::vector<std::uint64_t> map_keys_;  // of files with blocks elsewhere
  std::int64_t unproven_ = 0;
  std::optional<Verdict> wal_;
};

Verdict BackupCheck::Fail(Fault fault, const std::string& name) {
  Verdict verdict;
  verdict.outcome = fault.outcome;
  verdict.reason = fault.reason;
  verdict.place = name + (fault.place.empty() ? "" : ": " + fault.place);
  verdict.message = std::move(fault.message);
  if (verdict.outcome == Outcome::kUnjudged && verdict.reason == Reason::kUnverified) {
    verdict.level = verify::Level::kSize;
  }
  return verdict;
}

Walked<PgBackRestManifest> BackupCheck::ReadManifestFile(const std::string& name,
                                                         const verify::KeepFile& keep,
                                                         std::string& sha1) {
  verify::DigestTee tee;
  tee.Add(base::DigestAlgorithm::kSha1, nullptr);
  auto source = place_.Open(name, budget_, &tee);
  if (!source) return tl::unexpected(std::move(source.error()));
  verify::Reader reader(**source);
  auto manifest = verify::ReadPgBackRestManifest(reader, keep);
  if (manifest) sha1 = tee.Finish().front();
  return manifest;
}

// Of a copy with other bytes than the manifest it is told what is wrong with them.
void BackupCheck::CompareCopy(const std::string& name, const std::string& sha1) {
  verify::DigestTee tee;
  tee.Add(base::DigestAlgorithm::kSha1, nullptr);
  auto source = place_.Open(name, budget_, &tee);
  const auto read = source ? verify::Drain(**source) : Walked<std::int64_t>(0);
  if (source && read && tee.Finish().front() == sha1) return;
  std::string copy_sha1;
  const auto none = [](std::string_view) { return false; };
  const auto copy = ReadManifestFile(name, none, copy_sha1);
  details_.push_back(copy ? "backup.manifest.copy is not the same as backup.manifest"
                          : "backup.manifest.copy: " + copy.error().message);
}

// The manifest, or its copy where it is damaged. That the other one is not whole is a detail.
Walked<PgBackRestManifest> BackupCheck::ReadManifest(const std::string& label,
                                                     const verify::KeepFile& keep) {
  const std::string name = stanza_ + label + "/" + std::string(kManifest);
  const bool own = label == label_;
  std::string sha1;
  auto manifest = ReadManifestFile(name, keep, sha1);
  if (manifest && own) CompareCopy(name + ".copy", sha1);
  if (!manifest && !budget_.Check()) return manifest;
  if (!manifest) {
    std::string copy_sha1;
    auto copy = ReadManifestFile(name + ".copy", keep, copy_sha1);
    if (!copy) return manifest;
    if (own) {
      details_.push_back("backup.manifest: " + manifest.error().message + "; its copy is whole");
    }
    manifest = std::move(copy);
  }
  if (manifest->label != label) {
    return verify::Broken(Reason::kCorrupt, 0,
                          "it is the manifest of " + base::Quote(manifest->label));
  }
  return manifest;
}

tl::expected<void, Finding> BackupCheck::ListBackup(const std::string& label) {
  if (!listed_.insert(label).second) return {};
  ListOptions list;
  list.prefix = stanza_ + label + "/";
  list.max_objects = verify::kMaxFiles;
  auto listing = place_.List(list, {options_.deadline, options_.stop});
  if (!listing && listing.error().reason == Reason::kNotFound) return {};
  if (!listing) return tl::unexpected(std::move(listing.error()));
  objects_.insert(objects_.end(), std::make_move_iterator(listing->objects.begin()),
                  std::make_move_iterator(listing->objects.end()));
  std::sort(objects_.begin(), objects_.end(),
            [](const PlaceObject& a, const PlaceObject& b) { return a.name < b.name; });
  return {};
}

const PlaceObject* BackupCheck::FindObject(const std::string& name) const {
  const auto found = std::lower_bound(
      objects_.begin(), objects_.end(), name,
      [](const PlaceObject& object, const std::string& value) { return object.name < value; });
  return found != objects_.end() && found->name == name ? &*found : nullptr;
}

// `object` is the name in the place, `file` that in the manifest; both are said where they differ.
void BackupCheck::Damage(const std::string& object, const std::string& file, Fault fault) {
  std::string name = object.substr(stanza_.size());
  if (!file.empty() && name.find(file) == name.npos) name += ": " + file;
  const std::lock_guard lock(mutex_);
  damages_.emplace(std::move(name), std::move(fault));
}

bool BackupCheck::ListAll(const PgBackRestManifest& manifest) {
  std::set<std::string> labels{label_};
  for (const PgBackRestFile& file : manifest.files) {
    if (file.reference >= 0) labels.insert(manifest.references[file.reference]);
  }
  for (const std::string& label : labels) {
    if (auto listed = ListBackup(label); !listed) {
      Damage(stanza_ + label, "",
             {Outcome::kUnjudged, listed.error().reason, {}, std::move(listed.error().message)});
      return false;
    }
  }
  return true;
}

std::vector<BackupCheck::Task> BackupCheck::TasksOf(const PgBackRestManifest& manifest) {
  const std::string ending = verify::PgBackRestEnding(manifest.compression).value_or("");
  std::map<std::string, std::vector<const PgBackRestFile*>> by_object;
  for (const PgBackRestFile& file : manifest.files) {
    // An empty file is not put into a bundle.
    if (file.size == 0 && manifest.bundles) continue;
    by_object[stanza_ + HomeOf(manifest, file) + "/" + verify::PgBackRestObject(file, ending)]
        .push_back(&file);
  }
  std::vector<Task> tasks;
  for (auto& [name, files] : by_object) {
    const PlaceObject* const object = FindObject(name);
    if (object == nullptr) {
      Damage(name, "", {Outcome::kBroken, Reason::kIncomplete, {}, "it is missing"});
      continue;
    }
    std::sort(files.begin(), files.end(), [](const PgBackRestFile* a, const PgBackRestFile* b) {
      return a->offset < b->offset;
    });
    tasks.push_back({{name, object->fingerprint, object->size_bytes, std::move(files)}, &manifest});
  }
  return tasks;
}

void BackupCheck::RunOne(const Task& task, verify::ReadBudget& budget) {
  PieceFindings found = CheckPieces(place_, task.pieces, *task.manifest, proven_, budget);
  for (PieceFindings::Damage& damage : found.damages) {
    Damage(task.pieces.object, damage.file != nullptr ? damage.file->name : "",
           std::move(damage.fault));
  }
  const std::lock_guard lock(mutex_);
  unproven_ += found.unproven;
  for (const PieceFindings::Map& map : found.maps) {
    const std::uint64_t key = PieceKey(task.pieces, *map.file);
    const std::string& home = HomeOf(*task.manifest, *map.file);
    bool foreign = false;
    for (const verify::BlockExtent& extent : map.extents) {
      const std::string& label = task.manifest->references[extent.reference];
      // What lies in the same stored bytes is proven with them.
      if (label == home) continue;
      foreign = true;
      // Of other backups' files only what is stored there counts.
      if (task.manifest->label != label_) break;
      if (++foreign_extents_ > kMaxForeignExtents) return;
      foreign_[label][map.file->name].push_back(extent);
    }
    if (!foreign) {
      proven_.Put(key);
    } else if (task.manifest->label == label_) {
      map_keys_.push_back(key);
    }
  }
}

void BackupCheck::RunTasks(const std::vector<Task>& tasks) {
  verify::ForEachPart(tasks.size(), budget_, [&](std::size_t index, verify::ReadBudget& budget) {
    if (!budget.Check()) return false;
    RunOne(tasks[index], budget);
    return true;
  });
}

void BackupCheck::AddForeign(const std::string& label,
                             const std::map<std::string, std::vector<verify::BlockExtent>>& files,
                             std::vector<Task>& tasks) {
  auto read = ReadManifest(
      label, [&files](std::string_view name) { return files.contains(std::string(name)); });
  if (!read) {
    return Damage(stanza_ + label + "/" + std::string(kManifest), "", std::move(read.error()));
  }
  if (auto listed = ListBackup(label); !listed) {
    return Damage(stanza_ + label, "",
                  {Outcome::kUnjudged, listed.error().reason, {}, listed.error().message});
  }
  auto manifest = std::make_unique<PgBackRestManifest>(std::move(*read));
  std::erase_if(manifest->files, [](const PgBackRestFile& file) { return file.reference >= 0; });
  for (const auto& [name, extents] : files) {
    const auto at = std::find_if(manifest->files.begin(), manifest->files.end(),
                                 [&](const PgBackRestFile& file) { return file.name == name; });
    const bool there =
        at != manifest->files.end() &&
        std::all_of(extents.begin(), extents.end(), [&at](const verify::BlockExtent& extent) {
          return extent.bundle == at->bundle && extent.begin >= at->offset &&
                 extent.end <= at->offset + at->repo_bytes - at->map_bytes;
        });
    if (!there) {
      Damage(stanza_ + label + "/" + name, "",
             {Outcome::kBroken, Reason::kIncomplete, {}, "blocks that are needed are not there"});
    }
  }
  auto more = TasksOf(*manifest);
  std::move(more.begin(), more.end(), std::back_inserter(tasks));
  manifests_.push_back(std::move(manifest));
}

void BackupCheck::CheckForeign() {
  if (foreign_extents_ > kMaxForeignExtents) {
    return Damage(stanza_ + label_, "",
                  {Outcome::kUnjudged, Reason::kLimit, {}, "more than 5000000 block extents"});
  }
  std::vector<Task> tasks;
  for (const auto& [label, files] : foreign_) {
    if (!budget_.Check()) return;
    AddForeign(label, files, tasks);
  }
  RunTasks(tasks);
}

void BackupCheck::CheckWal() {
  const auto wal = FindBackupWal(place_, facts_, {options_.deadline, options_.stop});
  if (!wal) {
    const bool corrupt = wal.error().reason == Reason::kCorrupt;
    wal_ = Fail({corrupt ? Outcome::kBroken : Outcome::kUnjudged,
                 wal.error().reason,
                 {},
                 wal.error().message},
                facts_.wal_folder);
    return;
  }
  wal_ = VerifyBackupWal(place_, facts_, *wal, proven_, budget_);
  if (!wal->missing) return;
  wal_ = Fail({Outcome::kBroken,
               Reason::kIncomplete,
               {},
               "the WAL that makes it consistent is missing from " + *wal->missing + " on"},
              facts_.wal_folder);
}

Verdict BackupCheck::Finish(const PgBackRestManifest& manifest) {
  Verdict verdict;
  verdict.outcome = Outcome::kIntact;
  verdict.level = unproven_ > 0 ? verify::Level::kFormat : verify::Level::kContent;
  verdict.details = std::move(details_);
  if (unproven_ > 0) {
    verdict.details.push_back(std::to_string(unproven_) +
                              " files have no checksum of what is stored");
  }
  const auto worst = std::find_if(damages_.begin(), damages_.end(), [](const auto& damage) {
    return damage.second.outcome == Outcome::kBroken;
  });
  const auto headline = worst != damages_.end() ? worst : damages_.begin();
  for (auto damage = damages_.begin(); damage != damages_.end(); ++damage) {
    if (damage == headline) {
      verify::AddPart(verdict, Fail(damage->second, damage->first));
    } else if (verdict.details.size() < kMaxDetails) {
      verdict.details.push_back(Fail(damage->second, damage->first).ToString());
    }
  }
  if (damages_.size() > 1) {
    verdict.details.push_back(std::to_string(damages_.size()) + " files are damaged in all");
  }
  if (wal_) verify::AddPart(verdict, *std::move(wal_));
  if (auto in_time = budget_.Check(); !in_time && verdict.outcome == Outcome::kIntact) {
    verdict.outcome = Outcome::kUnjudged;
    verdict.reason = in_time.error().reason;
    verdict.message = in_time.error().message;
  }
  verdict.format = "pgBackRest " + facts_.kind + " backup, " +
                   std::to_string(manifest.files.size()) + " files" +
                   (manifest.compression == "none" ? "" : ", " + manifest.compression);
  verdict.bytes_read = budget_.bytes_read();
  if (verdict.outcome == Outcome::kIntact) {
    for (const std::uint64_t key : map_keys_) proven_.Put(key);
  }
  return verdict;
}

Verdict BackupCheck::Run() {
  auto manifest = ReadManifest(label_, {});
  if (!manifest) {
    Verdict verdict = Fail(std::move(manifest.error()), label_ + "/" + std::string(kManifest));
    verdict.bytes_read = budget_.bytes_read();
    return verdict;
  }
  if (ListAll(*manifest)) {
    RunTasks(TasksOf(*manifest));
    CheckForeign();
    CheckWal();
  }
  return Finish(*manifest);
}

}  // namespace

Verdict VerifyPgBackRest(Place& place, const std::string& stanza, const std::string& label,
                         const RepositoryFacts& facts, ProvenFiles& proven,
                         const verify::VerifyOptions& options) {
  return BackupCheck(place, stanza, label, facts, proven, options).Run();
}

}  // namespace drwatch::catalog
