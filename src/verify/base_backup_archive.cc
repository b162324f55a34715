#include "verify/base_backup_archive.h"

#include <algorithm>
#include <string_view>

#include "verify/decoder.h"

namespace drwatch::verify {
namespace {

constexpr std::string_view kLabelFile = "backup_label";
constexpr std::string_view kTablespaceFile = "tablespace_map";
// Of one of these that is kept.
constexpr std::size_t kMaxTextBytes = 256 << 10;

void Keep(std::string_view bytes, std::size_t limit, std::string& kept) {
  kept += bytes.substr(0, limit - std::min(limit, kept.size()));
}

}  // namespace

std::string BackupArchiveOf(const std::string& name) {
  const std::size_t dot = name.find(".tar");
  if (dot == std::string::npos) return {};
  const std::string rest = name.substr(dot + 4);
  if (!rest.empty() && !CompressionOfName(rest)) return {};
  const std::string stem = name.substr(0, dot);
  const bool tablespace = !stem.empty() && stem.find_first_not_of("0123456789") == stem.npos;
  return stem == "base" || stem == "pg_wal" || tablespace ? stem : std::string();
}

std::string BackupArchivePrefix(const std::string& archive) {
  if (archive == "base") return {};
  return archive == "pg_wal" ? std::string(kWalFolder) : "pg_tblspc/" + archive + "/";
}

BaseBackupMembers::BaseBackupMembers(ManifestInventory* inventory, CarriedWal& wal,
                                     const std::string& archive)
    : inventory_(inventory), wal_(wal), prefix_(BackupArchivePrefix(archive)) {}

Walked<void> BaseBackupMembers::Begin(const TarMember& member) {
  check_.reset();
  path_.clear();
  if (!member.regular()) return {};
  path_ = prefix_ + member.name;
  size_ = member.size;
  if (path_ == kVersionFile) members_.version.emplace();
  if (inventory_ == nullptr || IsExemptFromManifest(path_)) return {};
  const ManifestFile* const file = inventory_->Meet(path_);
  if (file == nullptr) return tl::unexpected(ExtraFile(path_));
  check_.emplace(*file, nullptr);
  return {};
}

Walked<void> BaseBackupMembers::Data(std::string_view bytes) {
  if (check_) check_->Update(bytes);
  if (path_ == kVersionFile) Keep(bytes, kVersionBytes, *members_.version);
  if (path_ == kControlFile) Keep(bytes, kControlHeadBytes, members_.control);
  if (path_ == kLabelFile) Keep(bytes, kMaxTextBytes, members_.label);
  if (path_ == kTablespaceFile) Keep(bytes, kMaxTextBytes, members_.tablespaces);
  return {};
}

Walked<void> BaseBackupMembers::End() {
  // Before the WAL that may follow in the same archive.
  if (path_ == kLabelFile && inventory_ == nullptr) wal_.ExpectLabel(members_.label);
  return check_ ? check_->Finish() : Walked<void>();
}

Walked<void> BaseBackupMembers::Content(Source& content) {
  if (!path_.starts_with(kWalFolder)) return TarVisitor::Content(content);
  return wal_.Add(path_.substr(kWalFolder.size()), size_, content);
}

}  // namespace drwatch::verify
