#include "verify/checksum_folders.h"

#include <sys/stat.h>

#include <algorithm>

namespace drwatch::verify {

std::shared_ptr<const ChecksumFolder> ChecksumFolders::Of(const std::string& folder) {
  // Who else needs it waits for it.
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&folder](const auto& kept) { return kept.first == folder; });
  if (found != kept_.end()) {
    std::rotate(found, found + 1, kept_.end());
    return kept_.back().second;
  }
  if (kept_.size() == kKept) kept_.erase(kept_.begin());
  kept_.emplace_back(folder, std::make_shared<ChecksumFolder>(folder, NamesIn(folder)));
  return kept_.back().second;
}

Checksums ChecksumFolders::About(const std::string& path) {
  const auto [folder, name] = SplitPath(path);
  struct stat info {};
  const bool is_folder = ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  auto beside = Of(folder);
  return {name, std::move(beside), is_folder ? Of(path) : nullptr};
}

}  // namespace drwatch::verify
