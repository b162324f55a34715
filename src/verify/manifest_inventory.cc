#include "verify/manifest_inventory.h"

#include <algorithm>

#include "base/sizes.h"
#include "verify/carried_wal.h"

namespace drwatch::verify {

using model::Reason;

bool IsExemptFromManifest(std::string_view path) {
  return path.starts_with(kWalFolder) ||
         std::find(kManifestExemptions.begin(), kManifestExemptions.end(), path) !=
             kManifestExemptions.end();
}

ManifestInventory::ManifestInventory(const Manifest& manifest)
    : manifest_(manifest), seen_(manifest.files.size(), false) {
  // Whatever became of these: they may differ or be gone.
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    seen_[i] = IsExemptFromManifest(manifest.files[i].path());
  }
}

const ManifestFile* ManifestInventory::Meet(const std::string& path) {
  const auto& files = manifest_.files;
  const auto found = std::lower_bound(
      files.begin(), files.end(), path,
      [](const ManifestFile& file, const std::string& value) { return file.path() < value; });
  if (found == files.end() || found->path() != path) return nullptr;
  seen_[static_cast<std::size_t>(found - files.begin())] = true;
  return &*found;
}

Walked<void> ManifestInventory::CheckComplete() const {
  const auto missing = std::count(seen_.begin(), seen_.end(), false);
  if (missing == 0) return {};
  const auto first = std::find(seen_.begin(), seen_.end(), false) - seen_.begin();
  return tl::unexpected(
      Fault{Outcome::kBroken, Reason::kIncomplete,
            std::string(manifest_.files[static_cast<std::size_t>(first)].path()),
            std::to_string(missing) + " files of the manifest are missing, this is the first"});
}

std::vector<std::string> DescribeBackup(const Manifest& manifest,
                                        std::optional<std::size_t> wal_segments) {
  std::vector<std::string> details;
  if (!manifest.checksums) details.emplace_back("the manifest was made without checksums");
  std::int64_t bytes = 0;
  bool incremental = false;
  for (const ManifestFile& file : manifest.files) {
    bytes += file.size;
    const std::string_view path = file.path();
    if (path.substr(path.rfind('/') + 1).starts_with("INCREMENTAL.")) incremental = true;
  }
  std::string summary =
      std::to_string(manifest.files.size()) + " files, " + base::FormatSize(bytes);
  if (wal_segments) summary += ", " + std::to_string(*wal_segments) + " WAL segments";
  details.push_back(std::move(summary));
  if (incremental) details.emplace_back("incremental: restoring it needs its parents");
  return details;
}

Fault ExtraFile(const std::string& path) {
  return {Outcome::kBroken, Reason::kCorrupt, path, "is not in the manifest"};
}

}  // namespace drwatch::verify
