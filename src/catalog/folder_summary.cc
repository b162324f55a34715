#include "catalog/folder_summary.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/folder_catalog.h"
#include "verify/checksum_list.h"
#include "verify/checksums.h"
#include "verify/data_folder.h"
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

// Files that have several names: each of them counts once, as du(1) counts them.
class SharedFiles {
 public:
  void Add(const struct stat& info) {
    files_.emplace_back(Mix(Mix(0, info.st_dev), info.st_ino), info.st_size);
  }
  std::int64_t Bytes() {
    std::sort(files_.begin(), files_.end());
    files_.erase(std::unique(files_.begin(), files_.end()), files_.end());
    std::int64_t bytes = 0;
    for (const auto& [file, size] : files_) bytes += size;
    return bytes;
  }

 private:
  std::vector<std::pair<std::uint64_t, std::int64_t>> files_;
};

// With all links followed. Empty if it leads nowhere.
std::string RealPath(const std::string& path) {
  char* const real = ::realpath(path.c_str(), nullptr);
  std::string result = real == nullptr ? "" : real;
  std::free(real);
  return result;
}

class Walker {
 public:
  Walker(const std::string& root, base::Deadline deadline, const base::StopToken& stop)
      : real_root_(RealPath(root) + "/"), deadline_(deadline), stop_(stop) {}

  bool Enter(const std::string& path, const std::string& prefix, int depth) {
    DIR* const handle = ::opendir(path.c_str());
    if (handle == nullptr || depth > kMaxDepth) {
      if (handle != nullptr) ::closedir(handle);
      return false;
    }
    struct stat self {};
    std::vector<std::string> folders;
    bool whole = true;
    NoteFolder(::dirfd(handle), depth == 0);
    const bool fresh =
        ::fstat(::dirfd(handle), &self) == 0 && entered_.emplace(self.st_dev, self.st_ino).second;
    while (const dirent* entry = fresh ? ::readdir(handle) : nullptr) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == ".." || name == kLostAndFound) continue;
      struct stat info {};
      if (::fstatat(::dirfd(handle), entry->d_name, &info, 0) != 0) continue;
      if (S_ISDIR(info.st_mode)) folders.emplace_back(name);
      if (S_ISREG(info.st_mode)) {
        AddFile(prefix + std::string(name), info, depth == 0);
        AddSize(info, entry->d_type, path, name);
      }
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
  FolderSummary Finish() {
    summary_.size_bytes += shared_.Bytes();
    return summary_;
  }

 private:
  bool InTime() {
    if (++looked_ % 256 != 0) return true;
    return !deadline_.Expired() && !stop_.stopped() && looked_ < FolderCatalog::kMaxEntries;
  }
  // A copy that keeps the times of all it copies still makes a folder.
  void NoteFolder(int folder, bool top) {
    struct statx info {};
    if (::statx(folder, "", AT_EMPTY_PATH, STATX_MTIME | STATX_BTIME, &info) != 0) return;
    summary_.newest_folder = std::max(summary_.newest_folder, TimeOf(info.stx_mtime));
    if (top && (info.stx_mask & STATX_BTIME) != 0) {
      summary_.newest_folder = std::max(summary_.newest_folder, TimeOf(info.stx_btime));
    }
  }
  static base::Timestamp TimeOf(const struct statx_timestamp& time) {
    return base::Timestamp(std::chrono::floor<base::Duration>(
        std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)));
  }
  void AddFile(const std::string& name, const struct stat& info, bool top) {
    ++summary_.files;
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

  // A link to a file of the folder adds nothing to what it takes.
  void AddSize(const struct stat& info, unsigned char type, const std::string& folder,
               std::string_view name) {
    const bool link = type == DT_LNK;
    if (link && RealPath(folder + "/" + std::string(name)).starts_with(real_root_)) return;
    if (link || info.st_nlink > 1) {
      shared_.Add(info);
    } else {
      summary_.size_bytes += info.st_size;
    }
  }

  const std::string real_root_;
  base::Deadline deadline_;
  const base::StopToken& stop_;
  FolderSummary summary_;
  SharedFiles shared_;
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

std::optional<FolderSummary> SummariseFolder(const std::string& path, base::Deadline deadline,
                                             const base::StopToken& stop) {
  Walker walker(path, deadline, stop);
  if (!walker.Enter(path, "", 0)) return std::nullopt;
  return walker.Finish();
}

// The newest change of a file in the folder or in one of its folders.
static std::optional<base::Timestamp> NewestIn(const std::string& path, int depth = 2) {
  std::optional<base::Timestamp> newest;
  for (const std::string& name : verify::NamesIn(path)) {
    const std::string below = path + "/" + name;
    struct stat info {};
    if (::stat(below.c_str(), &info) != 0) continue;
    std::optional<base::Timestamp> one;
    if (S_ISREG(info.st_mode)) one = ModifiedAt(info);
    if (S_ISDIR(info.st_mode) && depth > 1) one = NewestIn(below, depth - 1);
    newest = std::max(newest, one);
  }
  return newest;
}

std::optional<base::Timestamp> TimeInFolder(const std::string& path, verify::ChunkStore store) {
  if (store != verify::ChunkStore::kNone) {
    return NewestIn(path + "/" + std::string(verify::WrittenByABackup(store)));
  }
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
