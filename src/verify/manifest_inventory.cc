#include "verify/manifest_inventory.h"

#include <algorithm>
#include <array>

#include "verify/carried_wal.h"

namespace drwatch::verify {

using model::Reason;

bool IsExemptFromManifest(std::string_view path) {
  constexpr std::array<std::string_view, 4> kNames = {kManifestName, "postgresql.auto.conf",
                                                      "recovery.signal", "standby.signal"};
  return path.starts_with(kWalFolder) ||
         std::find(kNames.begin(), kNames.end(), path) != kNames.end();
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

Fault ExtraFile(const std::string& path) {
  return {Outcome::kBroken, Reason::kCorrupt, path, "is not in the manifest"};
}

}  // namespace drwatch::verify
