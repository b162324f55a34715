#include "verify/base_backup.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <set>

#include "base/sizes.h"
#include "base/strings.h"
#include "verify/backup_label.h"
#include "verify/content_check.h"
#include "verify/decoder.h"
#include "verify/file_tree.h"
#include "verify/file_verifier.h"
#include "verify/parallel.h"
#include "verify/tar.h"
#include "verify/wal_files.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kManifestName = "backup_manifest";
constexpr std::string_view kWalFolder = "pg_wal/";
constexpr std::string_view kControlFile = "global/pg_control";
constexpr std::size_t kIdentifierBytes = 8;
constexpr std::string_view kLabelFile = "backup_label";
constexpr std::string_view kTablespaceFile = "tablespace_map";
// Of one of these that is kept.
constexpr std::size_t kMaxTextBytes = 256 << 10;

// "base.tar.gz" -> "base", "16385.tar" -> "16385", "pg_wal.tar" -> "pg_wal". Empty: none of them.
std::string ArchiveOf(const std::string& name) {
  const std::size_t dot = name.find(".tar");
  if (dot == std::string::npos) return {};
  const std::string rest = name.substr(dot + 4);
  if (!rest.empty() && !CompressionOfName(rest)) return {};
  const std::string stem = name.substr(0, dot);
  const bool tablespace = !stem.empty() && stem.find_first_not_of("0123456789") == stem.npos;
  return stem == "base" || stem == "pg_wal" || tablespace ? stem : std::string();
}

// Written, or allowed to be written, after the manifest was (pg_verifybackup leaves them out, too).
bool IsExempt(std::string_view path) {
  constexpr std::array<std::string_view, 4> kNames = {kManifestName, "postgresql.auto.conf",
                                                      "recovery.signal", "standby.signal"};
  return path.starts_with(kWalFolder) ||
         std::find(kNames.begin(), kNames.end(), path) != kNames.end();
}

// pg_control.h: it begins with the cluster's system identifier.
std::uint64_t IdentifierOf(std::string_view control) {
  std::uint64_t value = 0;
  for (std::size_t i = std::min(control.size(), kIdentifierBytes); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(control[i]);
  }
  return value;
}

// The manifest's files, and which of them were met.
class Inventory {
 public:
  explicit Inventory(const Manifest& manifest)
      : manifest_(manifest), seen_(manifest.files.size(), false) {
    // Whatever became of these: they may differ or be gone.
    for (std::size_t i = 0; i < seen_.size(); ++i) seen_[i] = IsExempt(manifest.files[i].path());
  }

  // nullptr: not in the manifest.
  const ManifestFile* Meet(const std::string& path) {
    const auto& files = manifest_.files;
    const auto found = std::lower_bound(
        files.begin(), files.end(), path,
        [](const ManifestFile& file, const std::string& value) { return file.path() < value; });
    if (found == files.end() || found->path() != path) return nullptr;
    seen_[static_cast<std::size_t>(found - files.begin())] = true;
    return &*found;
  }
  Walked<void> CheckComplete() const {
    const auto missing = std::count(seen_.begin(), seen_.end(), false);
    if (missing == 0) return {};
    const auto first = std::find(seen_.begin(), seen_.end(), false) - seen_.begin();
    return tl::unexpected(
        Fault{Outcome::kBroken, Reason::kIncomplete,
              std::string(manifest_.files[static_cast<std::size_t>(first)].path()),
              std::to_string(missing) + " files of the manifest are missing, "
                                        "this is the first"});
  }

 private:
  const Manifest& manifest_;
  std::vector<bool> seen_;
};

Fault ExtraFile(const std::string& path) {
  return {Outcome::kBroken, Reason::kCorrupt, path, "is not in the manifest"};
}

// What of base.tar tells about the other archives.
struct BaseMembers {
  std::string control;  // the start of pg_control
  std::string label;
  std::string tablespaces;
  bool version = false;  // PG_VERSION is there
};

// Members of one of the backup's archives, checked while they stream by.
class ManifestVisitor final : public TarVisitor {
 public:
  // `inventory` may be nullptr (no manifest). `prefix` is where the archive's members belong.
  ManifestVisitor(Inventory* inventory, WalFiles& wal, std::string prefix)
      : inventory_(inventory), wal_(wal), prefix_(std::move(prefix)) {}

  Walked<void> Begin(const TarMember& member) override {
    check_.reset();
    path_.clear();
    if (!member.regular()) return {};
    path_ = prefix_ + member.name;
    size_ = member.size;
    if (path_ == "PG_VERSION") members_.version = true;
    if (path_.starts_with(kWalFolder) || inventory_ == nullptr) return {};
    if (IsExempt(path_)) return {};
    const ManifestFile* const file = inventory_->Meet(path_);
    if (file == nullptr) return tl::unexpected(ExtraFile(path_));
    check_.emplace(*file, nullptr);
    return {};
  }
  Walked<void> Data(std::string_view bytes) override {
    if (check_) check_->Update(bytes);
    if (path_ == kControlFile) Keep(bytes, kIdentifierBytes, members_.control);
    if (path_ == kLabelFile) Keep(bytes, kMaxTextBytes, members_.label);
    if (path_ == kTablespaceFile) Keep(bytes, kMaxTextBytes, members_.tablespaces);
    return {};
  }
  Walked<void> End() override {
    // Before the WAL that may follow in the same archive.
    if (path_ == kLabelFile && inventory_ == nullptr) NeedStart();
    return check_ ? check_->Finish() : Walked<void>();
  }
  Walked<void> Content(Source& content) override {
    if (!path_.starts_with(kWalFolder)) return TarVisitor::Content(content);
    return wal_.Add(path_.substr(kWalFolder.size()), size_, content);
  }
  const BaseMembers& members() const { return members_; }

 private:
  static void Keep(std::string_view bytes, std::size_t limit, std::string& kept) {
    kept += bytes.substr(0, limit - std::min(limit, kept.size()));
  }
  // No manifest says how far the WAL is needed: at least to where recovery begins.
  void NeedStart() {
    const auto label = ParseBackupLabel(members_.label);
    if (label) wal_.Need({{label->timeline, label->start, label->start + 1}});
  }

  Inventory* inventory_;
  WalFiles& wal_;
  std::string prefix_;
  std::string path_;
  std::optional<ContentCheck> check_;
  BaseMembers members_;
  std::int64_t size_ = 0;
};

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
      : files_(files), checksums_(checksums), budget_(budget), wal_place_(wal_place) {
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kContent;
  }

  Verdict Run() {
    if (files_.Has(std::string(kManifestName)) && !ReadManifest()) return whole_;
    for (const std::string& name : files_.TopNames()) {
      if (!ArchiveOf(name).empty()) archives_.insert(name);
    }
    whole_.format = archives_.empty() ? "base backup, plain" : "base backup, tar";
    if (archives_.empty()) {
      CheckPlain();
    } else {
      CheckArchives();
    }
    if (manifest_ && Good()) Require(inventory_->CheckComplete(), "");
    if (Good()) CheckWal();
    Describe();
    return whole_;
  }

 private:
  bool Good() const { return whole_.outcome != Outcome::kBroken && budget_.Check(); }
  void Require(Walked<void> result, const std::string& place);
  bool ReadManifest();
  void CheckArchives();
  void CheckMembers(const BaseMembers& members, const std::string& archive);
  void CheckPlain();
  const ManifestFile* PlainFile(const TreeFile& file);
  void CheckContents(const std::vector<const ManifestFile*>& listed);
  void CheckWalFile(const TreeFile& file);
  void ReadControlFile();
  void CheckWal();
  void CheckWithoutManifest();
  void Describe();

  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  const BaseBackupWal wal_place_;
  Verdict whole_;
  std::optional<Manifest> manifest_;
  std::optional<Inventory> inventory_;
  WalFiles wal_;
  std::uint64_t system_identifier_ = 0;  // of pg_control or the manifest; 0: not known
  std::set<std::string> archives_;
};

// A fault becomes part of the verdict.
void BaseBackup::Require(Walked<void> result, const std::string& place) {
  if (result) return;
  Verdict part;
  part.outcome = result.error().outcome;
  part.reason = result.error().reason;
  part.message = std::move(result.error().message);
  part.place = place;
  if (!result.error().place.empty()) {
    part.place += (place.empty() ? "" : ": ") + result.error().place;
  }
  part.level = Level::kSize;
  AddPart(whole_, std::move(part));
}

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
  if (wal_place_ == BaseBackupWal::kInside) wal_.Need(manifest_->wal);
  system_identifier_ = manifest_->system_identifier.value_or(0);
  if (!manifest_->checksums) {
    whole_.level = Level::kFormat;
    whole_.details.push_back("the manifest was made without checksums");
  }
  return true;
}

void BaseBackup::CheckArchives() {
  for (const std::string& name : archives_) {
    if (!Good()) return;
    const std::string archive = ArchiveOf(name);
    std::string prefix;
    if (archive == "pg_wal") prefix = kWalFolder;
    if (archive != "pg_wal" && archive != "base") prefix = "pg_tblspc/" + archive + "/";
    ManifestVisitor visitor(inventory_ ? &*inventory_ : nullptr, wal_, prefix);
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
    whole_.details.emplace_back("it carries no WAL: recovery needs that of an archive");
  }
  if (!manifest_) {
    whole_.level = std::min(whole_.level, Level::kFormat);
    whole_.details.push_back("no backup_manifest: a missing file would not show");
  }
}

// What base.tar must hold and what it says must lie beside it.
void BaseBackup::CheckMembers(const BaseMembers& members, const std::string& archive) {
  if (system_identifier_ == 0) system_identifier_ = IdentifierOf(members.control);
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
    const bool there = std::any_of(archives_.begin(), archives_.end(),
                                   [&oid](const auto& name) { return ArchiveOf(name) == oid; });
    if (!there) Require(missing(oid + ".tar", "tablespace_map names it, it is missing"), "");
  }
}

void BaseBackup::CheckPlain() {
  if (!manifest_) return CheckWithoutManifest();
  std::vector<const ManifestFile*> listed;
  listed.reserve(manifest_->files.size());
  auto walked = files_.Each([&](const TreeFile& file) {
    if (file.name.starts_with(kWalFolder)) {
      CheckWalFile(file);
    } else if (!IsExempt(file.name)) {
      const ManifestFile* const found = PlainFile(file);
      if (found != nullptr) listed.push_back(found);
    }
    return Good();
  });
  if (!walked) return Require(tl::unexpected(std::move(walked.error())), "");
  if (Good()) CheckContents(listed);
  if (Good() && system_identifier_ == 0 && files_.Has(std::string(kControlFile))) ReadControlFile();
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

void BaseBackup::ReadControlFile() {
  const std::string name(kControlFile);
  auto opened = files_.Open(name, budget_, nullptr);
  if (!opened) return Require(tl::unexpected(std::move(opened.error())), name);
  Reader reader(*opened->source);
  auto head = reader.Peek(kIdentifierBytes);
  if (!head) return Require(tl::unexpected(std::move(head.error())), name);
  system_identifier_ = IdentifierOf(*head);
}

void BaseBackup::CheckWal() {
  if (wal_place_ != BaseBackupWal::kInside || (!manifest_ && wal_.count() == 0)) return;
  Require(wal_.Check(), "");
  const std::uint64_t found = wal_.system_identifier();
  if (Good() && found != 0 && system_identifier_ != 0 && found != system_identifier_) {
    Require(tl::unexpected(Fault{Outcome::kBroken, Reason::kWrongFormat, "pg_wal",
                                 "belongs to another cluster: its system identifier is " +
                                     std::to_string(found) + ", not " +
                                     std::to_string(system_identifier_)}),
            "");
  }
  if (!wal_.unchained()) return;
  whole_.level = std::min(whole_.level, Level::kFormat);
  whole_.details.emplace_back(
      "its WAL segments are not in order: records that go on in the next one were not checked");
}

// A data folder that only its own parts speak for.
void BaseBackup::CheckWithoutManifest() {
  for (const char* name : {"PG_VERSION", "global/pg_control", "base", "pg_xact"}) {
    if (files_.Has(name)) continue;
    return Require(tl::unexpected(Fault{Outcome::kBroken, Reason::kIncomplete, name,
                                        "a data folder needs it, it is missing"}),
                   "");
  }
  Require(Unjudged(Reason::kUnverified, "no backup_manifest: nothing to check its files against"),
          "");
}

void BaseBackup::Describe() {
  if (!manifest_) return;
  std::int64_t bytes = 0;
  bool incremental = false;
  for (const ManifestFile& file : manifest_->files) {
    bytes += file.size;
    const std::string_view path = file.path();
    if (path.substr(path.rfind('/') + 1).starts_with("INCREMENTAL.")) incremental = true;
  }
  std::string summary =
      std::to_string(manifest_->files.size()) + " files, " + base::FormatSize(bytes);
  if (wal_place_ == BaseBackupWal::kInside) {
    summary += ", " + std::to_string(wal_.count()) + " WAL segments";
  }
  whole_.details.push_back(std::move(summary));
  if (incremental) whole_.details.push_back("incremental: restoring it needs its parents");
}

}  // namespace

bool LooksLikeBaseBackup(const FileSet& files) {
  if (files.Has(std::string(kManifestName))) return true;
  if (files.Has("PG_VERSION") && files.Has("backup_label")) return true;
  for (const char* suffix : {"", ".gz", ".lz4", ".zst", ".xz", ".bz2"}) {
    if (files.Has(std::string("base.tar") + suffix)) return true;
  }
  return false;
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
