#include "catalog/folder_summary.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/folder_catalog.h"
#include "verify/aof_folder.h"
#include "verify/base_backup.h"
#include "verify/checksum_list.h"
#include "verify/data_folder.h"
#include "verify/dump_folder.h"
#include "verify/file_source.h"
#include "verify/manifest.h"
#include "verify/utc.h"

namespace drwatch::catalog {
namespace {

constexpr std::int64_t kMaxLabelBytes = 64 << 10;
// How deep folders are followed.
constexpr int kMaxDepth = 64;

std::uint64_t Mix(std::uint64_t hash, std::uint64_t value) {
  // splitmix64's finaliser.
  hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31);
}

class Walker {
 public:
  Walker(base::Deadline deadline, const base::StopToken& stop) : deadline_(deadline), stop_(stop) {}

  bool Enter(const std::string& path, const std::string& prefix, int depth) {
    DIR* const handle = ::opendir(path.c_str());
    if (handle == nullptr || depth > kMaxDepth) {
      if (handle != nullptr) ::closedir(handle);
      return false;
    }
    struct stat self {};
    std::vector<std::string> folders;
    bool whole = true;
    const bool fresh =
        ::fstat(::dirfd(handle), &self) == 0 && entered_.emplace(self.st_dev, self.st_ino).second;
    while (const dirent* entry = fresh ? ::readdir(handle) : nullptr) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == ".." || name == kLostAndFound) continue;
      struct stat info {};
      if (::fstatat(::dirfd(handle), entry->d_name, &info, 0) != 0) continue;
      if (S_ISDIR(info.st_mode)) folders.emplace_back(name);
      if (S_ISREG(info.st_mode)) AddFile(prefix + std::string(name), info, depth == 0);
      whole = whole && InTime();
      if (!whole) break;
    }
    ::closedir(handle);
    for (const std::string& name : folders) {
      if (!whole) break;
      std::string below = prefix;
      below.append(name).push_back('/');
      std::string inside = path;
      inside.append("/").append(name);
      whole = Enter(inside, below, depth + 1);
    }
    return whole;
  }
  const FolderSummary& summary() const { return summary_; }

 private:
  bool InTime() {
    if (++looked_ % 256 != 0) return true;
    return !deadline_.Expired() && !stop_.stopped() && looked_ < FolderCatalog::kMaxEntries;
  }
  void AddFile(const std::string& name, const struct stat& info, bool top) {
    ++summary_.files;
    summary_.size_bytes += info.st_size;
    summary_.newest = std::max(summary_.newest, ModifiedAt(info));
    summary_.changed = std::max(summary_.changed, ChangedAt(info));
    // Sums do not depend on the order of entries.
    summary_.fingerprint += FingerprintOf(name, info);
    if (!top) return;
    if (name == "backup_manifest" || name == "toc.dat" || verify::ParseChecksumFileName(name)) {
      summary_.mark = std::max(summary_.mark.value_or(base::Timestamp{}), ModifiedAt(info));
    }
    if (IsTemporaryName(name)) summary_.temporary_files = true;
  }

  base::Deadline deadline_;
  const base::StopToken& stop_;
  FolderSummary summary_;
  std::set<std::pair<dev_t, ino_t>> entered_;
  std::int64_t looked_ = 0;
};

// "START TIME: 2026-11-21 11:55:44 UTC" in backup_label. Other zones are names nobody can resolve
// for sure, so they do not count.
std::optional<base::Timestamp> TimeInLabel(const std::string& path) {
  const auto text = base::ReadFile(path + "/backup_label", kMaxLabelBytes);
  if (!text) return std::nullopt;
  constexpr std::string_view kKey = "START TIME: ";
  for (const std::string_view line : base::Split(*text, '\n')) {
    if (line.starts_with(kKey)) return verify::ParseUtc(base::Trim(line.substr(kKey.size())));
  }
  return std::nullopt;
}

}  // namespace

namespace {

base::Timestamp MillisOf(const timespec& time) {
  return base::Timestamp(std::chrono::floor<base::Duration>(
      std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)));
}

}  // namespace

base::Timestamp ModifiedAt(const struct stat& info) { return MillisOf(info.st_mtim); }

base::Timestamp ChangedAt(const struct stat& info) { return MillisOf(info.st_ctim); }

std::uint64_t FingerprintOf(std::string_view name, const struct stat& info) {
  std::uint64_t hash = name.size();
  for (; !name.empty(); name.remove_prefix(std::min(name.size(), sizeof(std::uint64_t)))) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data(), std::min(name.size(), sizeof word));
    hash = Mix(hash, word);
  }
  const std::array<std::uint64_t, 6> parts = {static_cast<std::uint64_t>(info.st_size),
                                              static_cast<std::uint64_t>(info.st_ino),
                                              static_cast<std::uint64_t>(info.st_mtim.tv_sec),
                                              static_cast<std::uint64_t>(info.st_mtim.tv_nsec),
                                              static_cast<std::uint64_t>(info.st_ctim.tv_sec),
                                              static_cast<std::uint64_t>(info.st_ctim.tv_nsec)};
  for (const std::uint64_t part : parts) hash = Mix(hash, part);
  return hash;
}

FolderKind RecogniseFolder(const std::string& path) {
  if (verify::LooksLikeBaseBackup(path)) return FolderKind::kBaseBackup;
  if (verify::LooksLikeDumpFolder(path)) return FolderKind::kDumpFolder;
  if (verify::LooksLikeAofFolder(path)) return FolderKind::kAppendOnlyFolder;
  return FolderKind::kPlain;
}

std::optional<FolderSummary> SummariseFolder(const std::string& path, base::Deadline deadline,
                                             const base::StopToken& stop) {
  Walker walker(deadline, stop);
  if (!walker.Enter(path, "", 0)) return std::nullopt;
  return walker.summary();
}

std::optional<base::Timestamp> TimeInFolder(const std::string& path) {
  if (verify::WasStarted(verify::FolderFiles(path))) return std::nullopt;
  verify::ReadBudget budget({});
  if (auto file = verify::FileSource::Open(path + "/backup_manifest", budget, nullptr)) {
    verify::Reader reader(*file);
    const auto manifest = verify::ReadManifest(reader, verify::ManifestParts::kWithoutFiles);
    if (manifest && manifest->taken) return manifest->taken;
  }
  return TimeInLabel(path);
}

}  // namespace drwatch::catalog
