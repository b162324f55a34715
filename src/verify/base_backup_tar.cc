#include "verify/base_backup_tar.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "base/strings.h"
#include "verify/base_backup_archive.h"
#include "verify/checksum_list.h"
#include "verify/format.h"
#include "verify/wal_segment.h"
#include "verify/watched_source.h"

namespace drwatch::verify {
namespace {

using model::Reason;

std::uint64_t HashOf(std::string_view path) { return std::hash<std::string_view>()(path); }

// Where a part of a path begins that is `part` or begins with it ("pg_wal/"); npos: nowhere.
std::size_t FindPart(std::string_view path, std::string_view part) {
  if (path.starts_with(part)) return 0;
  const std::size_t slash = path.find("/" + std::string(part));
  return slash == path.npos ? path.npos : slash + 1;
}

// The folder that `path` lies in at the place `file`. nullopt: it is no such path.
std::optional<std::string> RootOf(std::string_view path, std::string_view file) {
  if (!path.ends_with(file)) return std::nullopt;
  path.remove_suffix(file.size());
  if (!path.empty() && !path.ends_with('/')) return std::nullopt;
  return std::string(path);
}

// What is in `content`, packed or not, as a tar file. Fault: see `outside`.
Walked<void> WalkInnerTar(Source& content, const std::string& name, TarVisitor& visitor) {
  Reader reader(content);
  auto walked = WalkPacked(reader, name, [&](Reader& inner) -> Walked<Walk> {
    if (auto members = WalkTarMembers(inner, visitor); !members) {
      return tl::unexpected(std::move(members.error()));
    }
    return Walk{};
  });
  if (!walked) return tl::unexpected(std::move(walked.error()));
  return {};
}

// What a walk needs that knows the manifest from its start.
struct KnownBackup {
  Manifest manifest;
  std::string root;
  bool packed = false;
  BaseBackupWal wal = BaseBackupWal::kInside;
};

Walk Conclude(const Manifest& manifest, std::optional<std::size_t> wal_segments) {
  Walk walk;
  walk.format = "base backup, tar";
  walk.level = manifest.checksums ? Level::kContent : Level::kFormat;
  walk.details = DescribeBackup(manifest, wal_segments);
  return walk;
}

// Hands the members below the backup's folder to who checks those of its own tar files.
class KnownMembers final : public TarVisitor {
 public:
  KnownMembers(const KnownBackup& backup, ManifestInventory& inventory, CarriedWal& wal)
      : backup_(backup), inventory_(inventory), wal_(wal), plain_(&inventory, wal, "base") {}

  Walked<void> Begin(const TarMember& member) override;
  Walked<void> Content(Source& content) override;
  Walked<void> Data(std::string_view) override { return {}; }
  Walked<void> End() override { return kind_ == Kind::kFile ? plain_.End() : Walked<void>(); }
  const BaseMembers& members() const { return packed_ ? *packed_ : plain_.members(); }
  // Those that the manifest names and that hold something else here: links, and members without
  // their zeros.
  std::int64_t not_compared() const { return not_compared_; }
  // Some of them are WAL.
  bool wal_hidden() const { return wal_hidden_; }
  // Files that are not the backup's.
  std::int64_t beside() const { return beside_; }

 private:
  enum class Kind { kOther, kFile, kArchive };

  const KnownBackup& backup_;
  ManifestInventory& inventory_;
  CarriedWal& wal_;
  BaseBackupMembers plain_;
  std::optional<BaseMembers> packed_;  // of base.tar
  Kind kind_ = Kind::kOther;
  std::string name_;  // of the member, below the folder
  std::int64_t not_compared_ = 0;
  bool wal_hidden_ = false;
  std::int64_t beside_ = 0;
};

Walked<void> KnownMembers::Begin(const TarMember& member) {
  kind_ = Kind::kOther;
  if (!member.name.starts_with(backup_.root)) {
    if (member.regular()) ++beside_;
    return {};
  }
  name_ = member.name.substr(backup_.root.size());
  const bool top = name_.find('/') == std::string::npos;
  if (name_ == kManifestName || (top && ParseChecksumFileName(name_))) return {};
  const bool archive = !BackupArchiveOf(name_).empty();
  if (backup_.packed && !archive) return {};
  if (member.sparse && backup_.packed) {
    return Unjudged(Reason::kUnverified, base::Quote(name_) + " is stored without its zeros");
  }
  if (member.sparse || member.type == '1') {
    const bool wal = name_.starts_with(kWalFolder);
    wal_hidden_ = wal_hidden_ || wal;
    if (wal || inventory_.Meet(name_) != nullptr) ++not_compared_;
    return {};
  }
  if (!member.regular()) return {};
  kind_ = backup_.packed ? Kind::kArchive : Kind::kFile;
  if (backup_.packed) return {};
  TarMember below = member;
  below.name = name_;
  return plain_.Begin(below);
}

Walked<void> KnownMembers::Content(Source& content) {
  if (kind_ == Kind::kOther) return {};
  if (kind_ == Kind::kFile) return plain_.Content(content);
  const std::string archive = BackupArchiveOf(name_);
  BaseBackupMembers members(&inventory_, wal_, archive);
  WatchedSource watched(content);
  auto walked = WalkInnerTar(watched, name_, members);
  if (archive == "base") packed_ = members.members();
  if (walked || watched.failed()) return walked;
  Fault fault = std::move(walked.error());
  fault.place = name_ + (fault.place.empty() ? "" : ": " + fault.place);
  return tl::unexpected(std::move(fault));
}

Walked<Walk> WalkKnown(Reader& reader, const KnownBackup& backup) {
  ManifestInventory inventory(backup.manifest);
  CarriedWal wal(backup.wal);
  wal.Expect(backup.manifest);
  KnownMembers members(backup, inventory, wal);
  const auto check = [&]() -> Walked<void> {
    if (auto walked = WalkTarMembers(reader, members); !walked) return walked;
    if (auto complete = inventory.CheckComplete(); !complete) return complete;
    wal.BelongTo(members.members().control);
    if (members.members().version) wal.OfRelease(*members.members().version);
    return members.wal_hidden() || !wal.Lacking().empty() ? Walked<void>() : wal.Check();
  };
  if (auto checked = check(); !checked) return tl::unexpected(std::move(checked.error()));
  Walk walk = Conclude(backup.manifest, wal.inside() ? std::optional(wal.count()) : std::nullopt);
  if (!members.wal_hidden()) walk.needs_wal = wal.Lacking();
  if (members.not_compared() > 0) {
    walk.level = Level::kFormat;
    walk.details.push_back(std::to_string(members.not_compared()) +
                           " members are links or sparse: not compared with the manifest");
  }
  if (members.beside() > 0) {
    walk.level = Level::kFormat;
    walk.details.push_back(std::to_string(members.beside()) + " members beside it");
  }
  if (wal.unchained()) {
    walk.level = Level::kFormat;
    walk.details.emplace_back(kUnchainedText);
  }
  return walk;
}

}  // namespace

Walked<void> BaseBackupScan::Begin(const TarMember& member) {
  member_ = member;
  return {};
}

Walked<void> BaseBackupScan::Content(Source& content) {
  if (member_.type == '1' || member_.sparse) doubtful_ = true;
  if (!member_.regular()) return {};
  NoteRoots(member_.name);
  if (member_.sparse) return {};
  return Take(member_.name, member_.size, content);
}

Walked<void> BaseBackupScan::Take(const std::string& path, std::int64_t size, Source& content) {
  if (const std::size_t wal = FindPart(path, kWalFolder); wal != path.npos) {
    const std::string root = path.substr(0, wal);
    if (wal_root_.value_or(root) != root) doubtful_ = true;
    wal_root_ = root;
    return TakeWal(path.substr(wal + kWalFolder.size()), size, content);
  }
  const std::size_t name_at = path.rfind('/') + 1;  // npos + 1 = 0
  const std::string folder = path.substr(0, name_at);
  const std::string name = path.substr(name_at);
  if (name == kManifestName) return TakeManifest(folder, content);
  if (!in_archive_ && !BackupArchiveOf(name).empty()) return TakeArchive(folder, name, content);
  return TakeFile(path, content);
}

// What tells where in the tar file a data folder is.
void BaseBackupScan::NoteRoots(const std::string& path) {
  if (const auto root = RootOf(path, kControlFile)) {
    doubtful_ = doubtful_ || control_root_;
    control_root_ = root;
    packed_ = in_archive_;
  }
  for (const char* file : {"postmaster.opts", "postmaster.pid"}) {
    if (const auto root = RootOf(path, file)) server_root_ = root;
  }
  if (const auto root = RootOf(path, "backup_label")) label_root_ = root;
  if (const auto root = RootOf(path, "backup_label.old")) used_label_root_ = root;
}

Walked<void> BaseBackupScan::TakeManifest(const std::string& folder, Source& content) {
  several_ = manifest_.has_value();
  if (several_) return {};
  root_ = folder;
  WatchedSource watched(content);
  Reader reader(watched);
  manifest_ = ReadManifest(reader, ManifestParts::kAll);
  return watched.failed() ? tl::unexpected(manifest_->error()) : Walked<void>();
}

// A tar file in the tar file. Whether it is one, and what is wrong with it, does not matter unless
// there is a manifest.
Walked<void> BaseBackupScan::TakeArchive(const std::string& folder, const std::string& name,
                                         Source& content) {
  class Inner final : public TarVisitor {
   public:
    Inner(BaseBackupScan& scan, std::string prefix) : scan_(scan), prefix_(std::move(prefix)) {}
    Walked<void> Begin(const TarMember& member) override {
      scan_.member_ = member;
      scan_.member_.name = prefix_ + member.name;
      return {};
    }
    Walked<void> Content(Source& inner) override { return scan_.Content(inner); }
    Walked<void> Data(std::string_view) override { return {}; }
    Walked<void> End() override { return {}; }

   private:
    BaseBackupScan& scan_;
    const std::string prefix_;
  };
  archive_root_ = folder;
  in_archive_ = true;
  Inner inner(*this, folder + BackupArchivePrefix(BackupArchiveOf(name)));
  WatchedSource watched(content);
  auto walked = WalkInnerTar(watched, name, inner);
  in_archive_ = false;
  if (watched.failed() && !walked) return walked;
  if (!walked) doubtful_ = true;
  return {};
}

// How far its WAL is needed only the manifest says: all of it is walked, to where it ends.
Walked<void> BaseBackupScan::TakeWal(const std::string& name, std::int64_t size, Source& content) {
  auto parsed = ParseWalFileName(name);
  if (!parsed || parsed->kind != WalFileName::Kind::kSegment || parsed->packed) return {};
  WalSegmentOptions options;
  parsed->kind = WalFileName::Kind::kPartial;  // may end early
  options.name = parsed;
  options.before = carry_ ? &*carry_ : nullptr;
  WatchedSource watched(content);
  Reader reader(watched);
  auto facts = WalkWalSegment(reader, options);
  if (!facts && watched.failed()) return tl::unexpected(std::move(facts.error()));
  const bool walked = facts && !facts->cut_off && facts->segment_bytes == size;
  if (!walked) {
    doubtful_ = true;
    carry_.reset();
    return {};
  }
  Segment segment{parsed->timeline, facts->magic, facts->begin,
                  facts->end,       size,         facts->system_identifier};
  segment.whole = facts->carry.next != 0;
  segment.chained = carry_ && carry_->next == facts->begin;
  if (facts->switched) segment.end = facts->begin + static_cast<std::uint64_t>(size);
  segments_.push_back(segment);
  carry_ = std::move(facts->carry);
  return {};
}

Walked<void> BaseBackupScan::TakeFile(const std::string& path, Source& content) {
  const bool control = RootOf(path, kControlFile).has_value();
  if (control) control_.clear();
  const bool version = RootOf(path, kVersionFile).has_value() && version_.empty();
  Sum sum{HashOf(path), 0, 0};
  while (true) {
    auto bytes = content.Next();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    sum.size += static_cast<std::int64_t>(bytes->size());
    sum.crc = Crc32c(sum.crc, *bytes);
    const auto keep = [&](std::size_t limit, std::string& kept) {
      kept += bytes->substr(0, limit - std::min(limit, kept.size()));
    };
    if (control) keep(kControlHeadBytes, control_);
    if (version) keep(kVersionBytes, version_);
  }
  if (sums_.size() < kMaxSums) {
    sums_.push_back(sum);
  } else {
    doubtful_ = true;
  }
  return {};
}

// A data folder keeps the manifest of the backup it was made from: once a server was started there,
// nothing fits it any more.
bool BaseBackupScan::found() const {
  const bool used = used_label_root_ == root_ && label_root_ != root_;
  if (!manifest_ || several_ || used || server_root_ == root_) return false;
  return control_root_ == root_ || archive_root_ == root_;
}

const BaseBackupScan::Sum* BaseBackupScan::Find(const std::string& path) const {
  const std::uint64_t name = HashOf(path);
  const auto found =
      std::lower_bound(sums_.begin(), sums_.end(), name,
                       [](const Sum& sum, std::uint64_t value) { return sum.name < value; });
  return found != sums_.end() && found->name == name ? &*found : nullptr;
}

// Whether the members are those of the manifest, each as it says, and nothing else.
bool BaseBackupScan::FilesFit() {
  std::sort(sums_.begin(), sums_.end(), [](const Sum& a, const Sum& b) { return a.name < b.name; });
  const auto same = [](const Sum& a, const Sum& b) { return a.name == b.name; };
  if (std::adjacent_find(sums_.begin(), sums_.end(), same) != sums_.end()) return false;
  std::size_t known = 0;
  for (const ManifestFile& file : (*manifest_)->files) {
    const std::string path(file.path());
    if (IsExemptFromManifest(path)) continue;
    const Sum* const sum = Find(root_ + path);
    if (sum == nullptr || sum->size != file.size) return false;
    if (file.kind == ManifestChecksum::kDigest) return false;
    if (file.kind == ManifestChecksum::kCrc32c && !IsCrc32c(sum->crc, file.checksum()))
      return false;
    ++known;
  }
  for (const std::string_view name : kManifestExemptions) {
    if (Find(root_ + std::string(name)) != nullptr) ++known;
  }
  return known == sums_.size();
}

// 0: not known.
std::uint64_t BaseBackupScan::Cluster() const {
  return (*manifest_)->system_identifier.value_or(SystemIdentifierOf(control_));
}

bool BaseBackupScan::Fits(const Segment& segment, const WalRange& range) const {
  const Lsn after = segment.begin + static_cast<std::uint64_t>(segment.bytes);
  const bool reaches = range.end <= after ? segment.end >= range.end : segment.whole;
  const bool follows = segment.begin <= range.start || segment.chained;
  return reaches && follows && segment.bytes == segments_.front().bytes &&
         segment.system_identifier == segments_.front().system_identifier &&
         (Cluster() == 0 || segment.system_identifier == Cluster()) &&
         IsWalOfServer(segment.magic, base::Trim(version_));
}

bool BaseBackupScan::WalFits() const {
  if (wal_place_ == BaseBackupWal::kElsewhere) return true;
  const std::vector<WalRange>& ranges = (*manifest_)->wal;
  if (!WalFiles::CheckRanges(ranges) || (!segments_.empty() && wal_root_ != root_)) return false;
  if (segments_.empty()) return !wal_root_;
  const auto size = static_cast<std::uint64_t>(segments_.front().bytes);
  for (const WalRange& range : ranges) {
    for (Lsn begin = range.start / size * size; begin < range.end; begin += size) {
      const auto found =
          std::find_if(segments_.begin(), segments_.end(), [&](const Segment& segment) {
            return segment.timeline == range.timeline && segment.begin == begin;
          });
      if (found == segments_.end() || !Fits(*found, range)) return false;
    }
  }
  return true;
}

Walked<Walk> BaseBackupScan::Finish() {
  if (!*manifest_) {
    Fault fault = std::move(manifest_->error());
    fault.place = std::string(kManifestName) + (fault.place.empty() ? "" : ": " + fault.place);
    return tl::unexpected(std::move(fault));
  }
  if (!doubtful_ && FilesFit() && WalFits()) {
    const bool inside = wal_place_ == BaseBackupWal::kInside;
    Walk walk = Conclude(**manifest_, inside ? std::optional(segments_.size()) : std::nullopt);
    if (inside && segments_.empty()) walk.needs_wal = {(*manifest_)->wal, Cluster()};
    return walk;
  }
  sums_ = {};
  auto known = std::make_shared<KnownBackup>(
      KnownBackup{*std::move(*manifest_), root_, packed_ || control_root_ != root_, wal_place_});
  Walk walk;
  walk.again = [known](Reader& reader) { return WalkKnown(reader, *known); };
  return walk;
}

}  // namespace drwatch::verify
