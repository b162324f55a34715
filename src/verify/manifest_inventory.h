// Which files of a backup_manifest were met, in a folder or in tar files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verify/manifest.h"

namespace drwatch::verify {

inline constexpr std::string_view kManifestName = "backup_manifest";

// Written, or allowed to be written, after the manifest was (pg_verifybackup leaves them out, too).
bool IsExemptFromManifest(std::string_view path);

// One thread. Refers to the manifest.
class ManifestInventory {
 public:
  explicit ManifestInventory(const Manifest& manifest);
  // nullptr: not in the manifest.
  const ManifestFile* Meet(const std::string& path);
  // Once all were met. Fault: kIncomplete, naming the first that was not.
  Walked<void> CheckComplete() const;

 private:
  const Manifest& manifest_;
  std::vector<bool> seen_;
};

// kCorrupt: Meet() did not find it.
Fault ExtraFile(const std::string& path);

}  // namespace drwatch::verify
