// A folder that is one artefact: its size, its newest change, whether it is complete, when it was
// taken.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/stop.h"
#include "verify/chunk_store.h"

namespace drwatch::catalog {

// Modification time in milliseconds, rounded down.
base::Timestamp ModifiedAt(const struct stat& info);
// The same of the time of the last change of anything about it, ctime, which nobody can set.
base::Timestamp ChangedAt(const struct stat& info);
// Of one file's name and state: changes whenever its bytes may have changed.
std::uint64_t FingerprintOf(std::string_view name, const struct stat& info);

struct FolderSummary {
  std::int64_t size_bytes = 0;  // of all files; one with several names or links to it counts once
  std::int64_t files = 0;
  base::Timestamp newest{};   // change of any file
  base::Timestamp changed{};  // the newest that the file system noted of any, ctime
  // Change of any folder in it, or when it was made itself, as far as its file system tells.
  base::Timestamp newest_folder{};
  std::uint64_t fingerprint = 0;
  // Change of what is written last: backup_manifest, toc.dat or a checksum file in the folder.
  std::optional<base::Timestamp> mark;
  bool temporary_files = false;  // backup_manifest.tmp and the like
};

// Walks the whole folder. nullopt: it cannot be read, or the deadline or a stop came first.
std::optional<FolderSummary> SummariseFolder(const std::string& path, base::Deadline deadline,
                                             const base::StopToken& stop);

// The time that backup_manifest or backup_label gives; of a repository, a `store`, when the last
// backup was written to it. nullopt if nothing does, or a server was started in it since.
std::optional<base::Timestamp> TimeInFolder(const std::string& path, verify::ChunkStore store);

}  // namespace drwatch::catalog
