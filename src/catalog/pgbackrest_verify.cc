#include "catalog/pgbackrest_verify.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "catalog/backup_wal.h"
#include "catalog/pgbackrest_bundles.h"
#include "catalog/pgbackrest_damages.h"
#include "catalog/pgbackrest_pieces.h"
#include "catalog/pgbackrest_texts.h"
#include "catalog/stored_objects.h"
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

// Runs of blocks that lie in other backups: 40 bytes each.
constexpr std::int64_t kMaxForeignExtents = 5'000'000;

// The backup that a file is stored in.
const std::string& HomeOf(const PgBackRestManifest& manifest, int reference) {
  return reference >= 0 ? manifest.references[static_cast<std::size_t>(reference)] : manifest.label;
}

// An empty file is not put into a bundle.
bool IsStored(const PgBackRestFile& file, const PgBackRestManifest& manifest) {
  return file.size > 0 || !manifest.bundles;
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
        budget_(options),
        texts_(place, stanza, budget_),
        objects_(place, {options.deadline, options.stop}),
        damages_(stanza) {}

  Verdict Run();

 private:
  // Blocks of files of this backup that other backups hold: by backup and file.
  using Foreign = std::map<std::string, std::map<std::string, std::vector<verify::BlockExtent>>>;
  // Files of another backup that hold such blocks.
  struct ForeignFiles {
    PgBackRestManifest manifest;
    std::vector<PgBackRestFile> files;  // by bundle and offset
  };
  // Takes the files of this backup.
  PgBackRestTexts::TakeFile Begin();
  bool PrepareObjects();
  void CheckBundles();
  void CheckSingles();
  void CheckForeign();
  std::unique_ptr<ForeignFiles> ReadForeign(
      const std::string& label,
      const std::map<std::string, std::vector<verify::BlockExtent>>& files);
  void CheckObject(const PgBackRestManifest& manifest, std::span<const PgBackRestFile> files,
                   verify::ReadBudget& budget);
  void TakeMaps(const StoredPieces& pieces, const PgBackRestManifest& manifest,
                const PieceFindings& found);
  void CheckWal();
  void AddDamage(const std::string& object, Fault fault) {
    damages_.Add(object, nullptr, std::move(fault));
  }
  Verdict Finish();

  Place& place_;
  const std::string& stanza_;
  const std::string& label_;
  const RepositoryFacts& facts_;
  ProvenFiles& proven_;
  const verify::VerifyOptions& options_;
  verify::ReadBudget budget_;
  PgBackRestTexts texts_;
  StoredObjects objects_;
  // Of this backup.
  PgBackRestTexts::Text text_;
  BundledFiles bundled_;
  std::int64_t singles_ = 0;  // files that are objects of their own
  std::set<int> homes_;       // references of the backups that hold files
  std::vector<std::string> details_;
  PgBackRestDamages damages_;
  std::mutex mutex_;  // what follows
  Foreign foreign_;
  std::int64_t foreign_extents_ = 0;
  std::vector<std::uint64_t> map_keys_;  // of files with blocks elsewhere
  std::int64_t unproven_ = 0;
  std::optional<Verdict> wal_;
};

PgBackRestTexts::TakeFile BackupCheck::Begin() {
  bundled_ = {};
  singles_ = 0;
  homes_ = {-1};
  return [this](PgBackRestFile& file) {
    homes_.insert(file.reference);
    if (file.bundle > 0) {
      bundled_.Add(file);
    } else {
      ++singles_;
    }
  };
}

bool BackupCheck::PrepareObjects() {
  for (const int reference : homes_) {
    const std::string& label = HomeOf(text_.manifest, reference);
    if (auto prepared = objects_.Prepare(stanza_ + label + "/"); !prepared) {
      AddDamage(
          stanza_ + label,
          {Outcome::kUnjudged, prepared.error().reason, {}, std::move(prepared.error().message)});
      return false;
    }
  }
  return true;
}

// `files` are all that is wanted of one object.
void BackupCheck::CheckObject(const PgBackRestManifest& manifest,
                              std::span<const PgBackRestFile> files, verify::ReadBudget& budget) {
  const std::string ending = verify::PgBackRestEnding(manifest.compression).value_or("");
  StoredPieces pieces;
  pieces.object = stanza_ + HomeOf(manifest, files[0].reference) + "/" +
                  verify::PgBackRestObject(files[0], ending);
  pieces.files = files;
  auto object = objects_.Find(pieces.object);
  if (!object) {
    return AddDamage(
        pieces.object,
        {Outcome::kUnjudged, object.error().reason, {}, std::move(object.error().message)});
  }
  if (!*object) {
    return AddDamage(pieces.object, {Outcome::kBroken, Reason::kIncomplete, {}, "it is missing"});
  }
  pieces.fingerprint = (*object)->fingerprint;
  pieces.bytes = (*object)->size_bytes;
  PieceFindings found = CheckPieces(place_, pieces, manifest, proven_, budget);
  for (PieceFindings::Damage& damage : found.damages) {
    damages_.Add(pieces.object, damage.file, std::move(damage.fault));
  }
  TakeMaps(pieces, manifest, found);
}

void BackupCheck::TakeMaps(const StoredPieces& pieces, const PgBackRestManifest& manifest,
                           const PieceFindings& found) {
  const std::lock_guard lock(mutex_);
  unproven_ += found.unproven;
  for (const PieceFindings::Map& map : found.maps) {
    const std::uint64_t key = PieceKey(pieces, *map.file);
    const std::string& home = HomeOf(manifest, map.file->reference);
    bool foreign = false;
    for (const verify::BlockExtent& extent : map.extents) {
      const std::string& label = HomeOf(manifest, extent.reference);
      // What lies in the same stored bytes is proven with them.
      if (label == home) continue;
      foreign = true;
      // Of other backups' files only what is stored there counts.
      if (manifest.label != label_) break;
      if (++foreign_extents_ > kMaxForeignExtents) return;
      foreign_[label][map.file->name].push_back(extent);
    }
    if (!foreign) {
      proven_.Put(key);
    } else if (manifest.label == label_) {
      map_keys_.push_back(key);
    }
  }
}

void BackupCheck::CheckBundles() {
  bundled_.Sort();
  verify::ForEachPart(bundled_.size(), budget_, [&](std::size_t index, verify::ReadBudget& budget) {
    if (!budget.Check()) return false;
    std::vector<PgBackRestFile> files = bundled_.Get(index);
    std::erase_if(files, [this](const auto& file) { return !IsStored(file, text_.manifest); });
    if (!files.empty()) CheckObject(text_.manifest, files, budget);
    return true;
  });
}

// Reads the manifest once more: the files of large backups are too many to be held.
void BackupCheck::CheckSingles() {
  if (singles_ == 0) return;
  auto stream = ManifestStream::Open(place_, text_.object, budget_);
  std::mutex mutex;  // what follows, and the stream
  Walked<bool> more(true);
  std::int64_t left = singles_;
  const auto next = [&](PgBackRestFile& file) {
    const std::lock_guard lock(mutex);
    while (more && *more && left > 0) {
      more = (*stream)->files().Next(file);
      if (!more || !*more || file.bundle > 0) continue;
      --left;
      return true;
    }
    return false;
  };
  if (stream) {
    verify::ForEachPart(static_cast<std::size_t>(singles_), budget_,
                        [&](std::size_t /*index*/, verify::ReadBudget& budget) {
                          PgBackRestFile file;
                          if (!budget.Check() || !next(file)) return false;
                          if (IsStored(file, text_.manifest)) {
                            CheckObject(text_.manifest, {&file, 1}, budget);
                          }
                          return true;
                        });
    if (!budget_.Check()) return;
    PgBackRestFile rest;
    while (more && *more) more = (*stream)->files().Next(rest);
  }
  const bool same = stream && more && left == 0 &&
                    (*stream)->files().manifest().checksum == text_.manifest.checksum;
  if (same) return;
  AddDamage(text_.object,
            {Outcome::kUnjudged, Reason::kUnverified, {}, "it was changed while it was read"});
}

std::unique_ptr<BackupCheck::ForeignFiles> BackupCheck::ReadForeign(
    const std::string& label,
    const std::map<std::string, std::vector<verify::BlockExtent>>& files) {
  auto foreign = std::make_unique<ForeignFiles>();
  std::vector<PgBackRestFile>& kept = foreign->files;
  const auto begin = [&] {
    kept.clear();
    return [&](PgBackRestFile& file) {
      if (file.reference < 0 && files.contains(file.name)) kept.push_back(std::move(file));
    };
  };
  auto text = texts_.Read(label, begin, nullptr);
  if (!text) {
    AddDamage(stanza_ + label + "/backup.manifest", std::move(text.error()));
    return nullptr;
  }
  if (auto prepared = objects_.Prepare(stanza_ + label + "/"); !prepared) {
    AddDamage(stanza_ + label,
              {Outcome::kUnjudged, prepared.error().reason, {}, prepared.error().message});
    return nullptr;
  }
  auto at = kept.begin();
  for (const auto& [name, extents] : files) {
    // Both are in the order of names.
    while (at != kept.end() && at->name < name) ++at;
    const bool there =
        at != kept.end() && at->name == name &&
        std::all_of(extents.begin(), extents.end(), [&at](const verify::BlockExtent& extent) {
          return extent.bundle == at->bundle && extent.begin >= at->offset &&
                 extent.end <= at->offset + at->repo_bytes - at->map_bytes;
        });
    if (!there) {
      AddDamage(
          stanza_ + label + "/" + name,
          {Outcome::kBroken, Reason::kIncomplete, {}, "blocks that are needed are not there"});
    }
  }
  foreign->manifest = std::move(text->manifest);
  std::sort(kept.begin(), kept.end(), [](const PgBackRestFile& a, const PgBackRestFile& b) {
    return std::tie(a.bundle, a.offset) < std::tie(b.bundle, b.offset);
  });
  return foreign;
}

void BackupCheck::CheckForeign() {
  if (foreign_extents_ > kMaxForeignExtents) {
    return AddDamage(stanza_ + label_,
                     {Outcome::kUnjudged, Reason::kLimit, {}, "more than 5000000 block extents"});
  }
  struct Object {
    const PgBackRestManifest* manifest = nullptr;
    std::span<const PgBackRestFile> files;
  };
  std::vector<std::unique_ptr<ForeignFiles>> backups;
  std::vector<Object> objects;
  for (const auto& [label, files] : foreign_) {
    if (!budget_.Check()) return;
    auto foreign = ReadForeign(label, files);
    if (!foreign) continue;
    const std::span<const PgBackRestFile> all = foreign->files;
    for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
      end = begin + 1;
      const std::int64_t bundle = all[begin].bundle;
      while (bundle > 0 && end < all.size() && all[end].bundle == bundle) ++end;
      objects.push_back({&foreign->manifest, all.subspan(begin, end - begin)});
    }
    backups.push_back(std::move(foreign));
  }
  verify::ForEachPart(objects.size(), budget_, [&](std::size_t index, verify::ReadBudget& budget) {
    if (!budget.Check()) return false;
    CheckObject(*objects[index].manifest, objects[index].files, budget);
    return true;
  });
}

void BackupCheck::CheckWal() {
  const auto wal = FindBackupWal(place_, facts_, {options_.deadline, options_.stop});
  if (!wal) {
    const bool corrupt = wal.error().reason == Reason::kCorrupt;
    wal_ = VerdictOf({corrupt ? Outcome::kBroken : Outcome::kUnjudged,
                      wal.error().reason,
                      {},
                      wal.error().message},
                     facts_.wal_folder);
    return;
  }
  wal_ = VerifyBackupWal(place_, facts_, *wal, proven_, budget_);
  if (!wal->missing) return;
  wal_ = VerdictOf({Outcome::kBroken,
                    Reason::kIncomplete,
                    {},
                    "the WAL that makes it consistent is missing from " + *wal->missing + " on"},
                   facts_.wal_folder);
}

Verdict BackupCheck::Finish() {
  Verdict verdict;
  verdict.outcome = Outcome::kIntact;
  verdict.level = unproven_ > 0 ? verify::Level::kFormat : verify::Level::kContent;
  verdict.details = std::move(details_);
  if (unproven_ > 0) {
    verdict.details.push_back(std::to_string(unproven_) +
                              " files have no checksum of what is stored");
  }
  damages_.MoveTo(verdict);
  if (wal_) verify::AddPart(verdict, *std::move(wal_));
  if (auto in_time = budget_.Check(); !in_time && verdict.outcome == Outcome::kIntact) {
    verdict.outcome = Outcome::kUnjudged;
    verdict.reason = in_time.error().reason;
    verdict.message = in_time.error().message;
  }
  const PgBackRestManifest& manifest = text_.manifest;
  verdict.format = "pgBackRest " + facts_.kind + " backup, " + std::to_string(manifest.files) +
                   " files" + (manifest.compression == "none" ? "" : ", " + manifest.compression);
  verdict.bytes_read = budget_.bytes_read();
  if (verdict.outcome == Outcome::kIntact) {
    for (const std::uint64_t key : map_keys_) proven_.Put(key);
  }
  return verdict;
}

Verdict BackupCheck::Run() {
  auto text = texts_.Read(
      label_, [this] { return Begin(); }, &details_);
  if (!text) {
    Verdict verdict = VerdictOf(std::move(text.error()), label_ + "/backup.manifest");
    verdict.bytes_read = budget_.bytes_read();
    return verdict;
  }
  text_ = std::move(*text);
  if (PrepareObjects()) {
    CheckBundles();
    CheckSingles();
    CheckForeign();
    CheckWal();
  }
  damages_.FindNames(place_, text_.object, budget_);
  return Finish();
}

}  // namespace

Verdict VerifyPgBackRest(Place& place, const std::string& stanza, const std::string& label,
                         const RepositoryFacts& facts, ProvenFiles& proven,
                         const verify::VerifyOptions& options) {
  return BackupCheck(place, stanza, label, facts, proven, options).Run();
}

}  // namespace drwatch::catalog
