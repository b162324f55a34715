#include "verify/base_backup.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <set>

#include "verify/backup_label.h"
#include "verify/base_backup_archive.h"
#include "verify/base_backup_tar.h"
#include "verify/content_check.h"
#include "verify/data_folder.h"
#include "verify/file_tree.h"
#include "verify/file_verifier.h"
#include "verify/parallel.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::array<const char*, 6> kArchiveSuffixes = {"", ".gz", ".lz4", ".zst", ".xz", ".bz2"};

// Reads a file of the backup to its end.
Walked<void> CheckContent(const FileSet& files, const ManifestFile& listed, ReadBudget& budget) {
  const std::string name(listed.path());
  // A fault of reading does not say where it is.
  const auto in_file = [&name](Fault fault) {
    fault.place = name + (fault.place.empty() ? "" : ": " + fault.place);
    return tl::unexpected(std::move(fault));
  };
  ContentCheck check(listed, budget.lane());
  auto opened = files.Open(name, budget, nullptr);
  if (!opened) return in_file(std::move(opened.error()));
  opened->source->OnlyHash();
  while (true) {
    auto bytes = opened->source->Next();
    if (!bytes) return in_file(std::move(bytes.error()));
    if (bytes->empty()) return check.Finish();
    check.Update(*bytes);
  }
}

class BaseBackup {
 public:
  BaseBackup(const FileSet& files, const Checksums& checksums, ReadBudget& budget,
             BaseBackupWal wal_place)
      : files_(files), checksums_(checksums), budget_(budget), place_(wal_place), wal_(wal_place) {
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kContent;
  }

  Verdict Run() {
    const bool has_manifest = files_.Has(std::string(kManifestName)) && !WasStarted(files_);
    if (has_manifest && !ReadManifest()) return whole_;
    for (const std::string& name : files_.TopNames()) {
      if (!BackupArchiveOf(name).empty()) archives_.insert(name);
    }
    if (auto alone = CheckAlone()) return *std::move(alone);
    whole_.format = archives_.empty() ? "base backup, plain" : "base backup, tar";
    if (archives_.empty()) {
      CheckPlain();
    } else {
      CheckArchives();
    }
    if (manifest_ && Good() && !archives_.empty()) Require(inventory_->CheckComplete(), "");
    if (Good()) CheckWal();
    Describe();
    return whole_;
  }

 private:
  bool Good() const { return whole_.outcome != Outcome::kBroken && budget_.Check(); }
  void Require(Walked<void> result, const std::string& place) {
    AddFault(whole_, std::move(result), place);
  }
  bool ReadManifest();
  std::optional<Verdict> CheckAlone();
  void CheckArchives();
  void CheckMembers(const BaseMembers& members, const std::string& archive);
  void CheckPlain();
  const ManifestFile* PlainFile(const TreeFile& file);
  void CheckContents(const std::vector<const ManifestFile*>& listed);
  void CheckWalFile(const TreeFile& file);
  void ReadIdentity();
  std::optional<std::string> ReadStart(std::string_view file, std::size_t bytes);
  void CheckWal();
  void Lack(NeededWal needed);
  void Describe();
  void NoteLostFolders();

  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  const BaseBackupWal place_;
  Verdict whole_;
  std::optional<Manifest> manifest_;
  std::optional<ManifestInventory> inventory_;
  CarriedWal wal_;
  std::set<std::string> archives_;
};

bool BaseBackup::ReadManifest() {
  const std::string name(kManifestName);
  auto opened = files_.Open(name, budget_, nullptr);
  if (!opened) {
    Require(tl::unexpected(std::move(opened.error())), name);
    return false;
  }
  Reader reader(*opened->source);
  auto manifest = verify::ReadManifest(reader, ManifestParts::kAll);
  if (!manifest) {
    Require(tl::unexpected(std::move(manifest.error())), name);
    return false;
  }
  manifest_ = std::move(*manifest);
  inventory_.emplace(*manifest_);
  wal_.Expect(*manifest_);
  if (!manifest_->checksums) whole_.level = Level::kFormat;
  return true;
}

// A tar file that has the manifest in itself, as on the standard output of pg_basebackup. nullopt:
// it has none.
std::optional<Verdict> BaseBackup::CheckAlone() {
  if (manifest_ || archives_.size() != 1 || BackupArchiveOf(*archives_.begin()) != "base") {
    return std::nullopt;
  }
  const std::string& name = *archives_.begin();
  BaseBackupScan scan(place_);
  const auto open = [&](DigestTee* tee) { return files_.Open(name, budget_, tee); };
  Verdict verdict = VerifyStream(open, name, checksums_, budget_, [&](Reader& file) {
    return WalkPacked(file, name, [&](Reader& inner) -> Walked<Walk> {
      if (auto walked = WalkTarMembers(inner, scan); !walked) {
        return tl::unexpected(std::move(walked.error()));
      }
      return scan.found() ? scan.Finish() : Walk();
    });
  });
  return scan.found() ? std::optional(std::move(verdict)) : std::nullopt;
}

void BaseBackup::CheckArchives() {
  const bool base = std::any_of(archives_.begin(), archives_.end(), [](const std::string& name) {
    return BackupArchiveOf(name) == "base";
  });
  if (!base && !manifest_) {
    return Require(
        tl::unexpected(Fault{Outcome::kBroken, Reason::kIncomplete, "",
                             "the other tar files of the backup are there, it is missing"}),
        "base.tar");
  }
  for (const std::string& name : archives_) {
    if (!Good()) return;
    const std::string archive = BackupArchiveOf(name);
    BaseBackupMembers visitor(inventory_ ? &*inventory_ : nullptr, wal_, archive);
    const auto open = [&](DigestTee* tee) { return files_.Open(name, budget_, tee); };
    Verdict part = VerifyStream(open, name, checksums_, budget_, [&](Reader& file) {
      return WalkPacked(file, name, [&](Reader& inner) -> Walked<Walk> {
        if (auto walked = WalkTarMembers(inner, visitor); !walked) {
          return tl::unexpected(std::move(walked.error()));
        }
        Walk walk;
        walk.format = "tar archive";
        walk.level = Level::kFormat;
        return walk;
      });
    });
    if (archive == "base" && part.outcome == Outcome::kIntact)
      CheckMembers(visitor.members(), name);
    // The members' checksums are those of the manifest.
    if (manifest_ && part.outcome == Outcome::kIntact) part.level = Level::kContent;
    AddPart(whole_, std::move(part));
  }
  if (!manifest_ && wal_.count() == 0) {
    whole_.details.emplace_back(kNoWalText);
  }
  if (!manifest_) {
    whole_.level = std::min(whole_.level, Level::kFormat);
    whole_.details.push_back("no backup_manifest: a missing file would not show");
  }
}

// What base.tar must hold and what it says must lie beside it.
void BaseBackup::CheckMembers(const BaseMembers& members, const std::string& archive) {
  wal_.BelongTo(members.control);
  if (members.version) wal_.OfRelease(*members.version);
  const auto missing = [](const std::string& place, std::string message) {
    return tl::unexpected(Fault{Outcome::kBroken, Reason::kIncomplete, place, std::move(message)});
  };
  const bool any = members.version || !members.control.empty() || !members.label.empty();
  const bool beside = archives_.size() > 1;
  // Anybody may call a tar file so.
  if (!manifest_ && (any || beside) &&
      (!members.version || members.control.empty() || members.label.empty())) {
    Require(missing(archive,
                    "a base backup's PG_VERSION, global/pg_control and backup_label are "
                    "not all in it"),
            "");
  }
  for (const std::string& oid : ParseTablespaceMap(members.tablespaces)) {
    const bool there = std::any_of(archives_.begin(), archives_.end(), [&oid](const auto& name) {
      return BackupArchiveOf(name) == oid;
    });
    if (!there) Require(missing(oid + ".tar", "tablespace_map names it, it is missing"), "");
  }
}

void BaseBackup::CheckPlain() {
  if (!manifest_) {
    whole_ = VerifyDataFolder(files_, checksums_, budget_);
    return;
  }
  std::vector<const ManifestFile*> listed;
  listed.reserve(manifest_->files.size());
  auto walked = files_.Each([&](const TreeFile& file) {
    if (file.name.starts_with(kWalFolder)) {
      CheckWalFile(file);
    } else if (!IsExemptFromManifest(file.name)) {
      const ManifestFile* const found = PlainFile(file);
      if (found != nullptr) listed.push_back(found);
    }
    return Good();
  });
  if (!walked) return Require(tl::unexpected(std::move(walked.error())), "");
  // Before the contents: reading them may take hours.
  if (Good()) Require(inventory_->CheckComplete(), "");
  if (Good()) CheckContents(listed);
  if (Good()) ReadIdentity();
  if (whole_.outcome != Outcome::kBroken) Require(budget_.Check(), "");
}

// What the manifest says of it; nullptr: there is nothing to read it for.
const ManifestFile* BaseBackup::PlainFile(const TreeFile& file) {
  const ManifestFile* const listed = inventory_->Meet(file.name);
  if (listed == nullptr) {
    // Checksum files were laid beside the backup's own.
    const bool top = file.name.find('/') == std::string::npos;
    if (!top || !ParseChecksumFileName(file.name)) {
      Require(tl::unexpected(ExtraFile(file.name)), "");
    }
    return nullptr;
  }
  if (file.size == listed->size) return listed;
  const Reason reason = file.size < listed->size ? Reason::kIncomplete : Reason::kCorrupt;
  Require(tl::unexpected(Fault{Outcome::kBroken, reason, file.name,
                               "has " + std::to_string(file.size) + " bytes, the manifest says " +
                                   std::to_string(listed->size)}),
          "");
  return nullptr;
}

void BaseBackup::CheckContents(const std::vector<const ManifestFile*>& listed) {
  struct Found {
    bool broken = false;
    std::size_t index = 0;
    Fault fault;
  };
  std::mutex mutex;
  std::optional<Found> worst;
  ForEachPart(listed.size(), budget_, [&](std::size_t index, ReadBudget& budget) {
    auto checked = CheckContent(files_, *listed[index], budget);
    if (checked) return true;
    const bool broken = checked.error().outcome == Outcome::kBroken;
    const std::lock_guard lock(mutex);
    // The first broken one is named, whichever was found first.
    if (!worst || std::pair(!broken, index) < std::pair(!worst->broken, worst->index)) {
      worst = Found{broken, index, std::move(checked.error())};
    }
    return !broken && budget.Check();
  });
  if (worst) Require(tl::unexpected(std::move(worst->fault)), "");
}

void BaseBackup::CheckWalFile(const TreeFile& file) {
  auto opened = files_.Open(file.name, budget_, nullptr);
  if (!opened) return Require(tl::unexpected(std::move(opened.error())), file.name);
  const std::string name = file.name.substr(kWalFolder.size());
  auto added = wal_.Add(name, file.size, *opened->source);
  if (added) return;
  // A fault of reading does not say where it is.
  const bool readable = added.error().outcome == Outcome::kBroken;
  Require(std::move(added), readable ? "" : file.name);
}

// Whose WAL has to be in a plain one.
void BaseBackup::ReadIdentity() {
  if (const auto version = ReadStart(kVersionFile, kVersionBytes)) wal_.OfRelease(*version);
  if (wal_.cluster_known()) return;
  if (const auto control = ReadStart(kControlFile, kControlHeadBytes)) wal_.BelongTo(*control);
}

// nullopt: it is not there, or cannot be read.
std::optional<std::string> BaseBackup::ReadStart(std::string_view file, std::size_t bytes) {
  const std::string name(file);
  if (!files_.Has(name)) return std::nullopt;
  auto opened = files_.Open(name, budget_, nullptr);
  if (!opened) {
    Require(tl::unexpected(std::move(opened.error())), name);
    return std::nullopt;
  }
  Reader reader(*opened->source);
  auto start = reader.Peek(bytes);
  if (start) return std::string(*start);
  Require(tl::unexpected(std::move(start.error())), name);
  return std::nullopt;
}

void BaseBackup::CheckWal() {
  NeededWal lacking = wal_.Lacking();
  if (!lacking.empty()) return Lack(std::move(lacking));
  whole_.needs_wal = std::move(lacking);
  Require(wal_.Check(), "");
  if (!wal_.unchained()) return;
  whole_.level = std::min(whole_.level, Level::kFormat);
  whole_.details.emplace_back(kUnchainedText);
}

// Alone it cannot be restored (pg_verifybackup says so, too), and yet nothing is wrong with it.
void BaseBackup::Lack(NeededWal needed) {
  if (whole_.outcome != Outcome::kIntact) return;
  whole_.outcome = Outcome::kBroken;
  whole_.reason = Reason::kIncomplete;
  whole_.place = "pg_wal";
  whole_.message = needed.Complaint();
  whole_.needs_wal = std::move(needed);
}

void BaseBackup::Describe() {
  if (!manifest_) return;
  const auto segments = wal_.inside() ? std::optional(wal_.count()) : std::nullopt;
  for (std::string& detail : DescribeBackup(*manifest_, segments)) {
    whole_.details.push_back(std::move(detail));
  }
  if (archives_.empty()) NoteLostFolders();
}

// A manifest names files only. Copies that know of no folders (buckets, git, some of zip) lose
// these.
void BaseBackup::NoteLostFolders() {
  std::string lost;
  for (const char* name :
       {"pg_logical/snapshots", "pg_notify", "pg_replslot", "pg_tblspc", "pg_twophase"}) {
    if (!files_.Has(name)) lost += (lost.empty() ? "" : ", ") + std::string(name);
  }
  if (lost.empty()) return;
  whole_.details.push_back(
      "empty folders are missing without which a server does not start, create " + lost +
      " when it is restored");
}

// As pg_basebackup -Ft names them, if there are tablespaces.
bool LacksBaseArchive(const FileSet& files) {
  const bool wal = std::any_of(
      kArchiveSuffixes.begin(), kArchiveSuffixes.end(),
      [&files](const char* suffix) { return files.Has(std::string("pg_wal.tar") + suffix); });
  if (!wal) return false;
  const auto names = files.TopNames();
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    const std::string archive = BackupArchiveOf(name);
    return !archive.empty() && archive != "base" && archive != "pg_wal";
  });
}

}  // namespace

bool LooksLikeBaseBackup(const FileSet& files) {
  if (files.Has(std::string(kManifestName))) return true;
  if (LooksLikeDataFolder(files)) return true;
  for (const char* suffix : kArchiveSuffixes) {
    if (files.Has(std::string("base.tar") + suffix)) return true;
  }
  return LacksBaseArchive(files);
}

bool LooksLikeBaseBackup(const std::string& folder) {
  return LooksLikeBaseBackup(FolderFiles(folder));
}

Verdict VerifyBaseBackup(const FileSet& files, const Checksums& checksums, ReadBudget& budget,
                         BaseBackupWal wal) {
  return BaseBackup(files, checksums, budget, wal).Run();
}

Verdict VerifyBaseBackup(const std::string& folder, const Checksums& checksums,
                         ReadBudget& budget) {
  return VerifyBaseBackup(FolderFiles(folder), checksums, budget);
}

}  // namespace drwatch::verify
