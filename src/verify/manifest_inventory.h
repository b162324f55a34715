// Which files of a backup_manifest were met, in a folder or in tar files.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/manifest.h"

namespace drwatch::verify {

inline constexpr std::string_view kManifestName = "backup_manifest";

// Written, or allowed to be written, after the manifest was (pg_verifybackup leaves them out, too).
inline constexpr std::array<std::string_view, 4> kManifestExemptions = {
    kManifestName, "postgresql.auto.conf", "recovery.signal", "standby.signal"};
// One of those, or in pg_wal.
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

// "977 files, 24.6 MiB, 1 WAL segments", and what else there is to know of it. nullopt: its WAL is
// not looked at.
std::vector<std::string> DescribeBackup(const Manifest& manifest,
                                        std::optional<std::size_t> wal_segments);

// kCorrupt: Meet() did not find it.
Fault ExtraFile(const std::string& path);

}  // namespace drwatch::verify
