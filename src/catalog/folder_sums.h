// What the checksum files of one folder say of its files; of a folder of this machine read again
// when one of them changed. Used within this folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/folder_entries.h"
#include "verify/checksum_list.h"

namespace drwatch::catalog {

struct ChecksumFile {
  std::string name;
  std::uint64_t fingerprint = 0;
};
// Of the entries of a folder that were looked at.
std::vector<ChecksumFile> ChecksumFilesIn(const FolderEntries& entries);
// Of a folder of which nothing else is asked.
std::vector<ChecksumFile> ChecksumFilesIn(const std::string& folder);

struct FolderSums {
  std::uint64_t fingerprint = 0;  // of all of the files
  std::unique_ptr<verify::ChecksumFolder> said;
  bool changed = false;  // since the last look
};
using SumsByFolder = std::map<std::string, FolderSums>;

// Moves those of `folder` from `last` to `next`, or reads them. `files` are the ones that are
// there.
const FolderSums& TakeSums(const std::string& folder, const std::vector<ChecksumFile>& files,
                           SumsByFolder& last, SumsByFolder& next);

// What they say of a file, for its stamp; of the first piece that split(1) left also what they say
// of the file that was cut. Not so of a numbered one: the file may be the next of a rotation.
std::string DigestsOf(const verify::ChecksumFolder& said, const std::string& name);
// When the newest of those that say it was written.
std::optional<base::Timestamp> ListedAt(const verify::ChecksumFolder& said,
                                        const std::string& name);

}  // namespace drwatch::catalog
