// One look at a folder, and what it remembers for the next one.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "catalog/folder_catalog.h"
#include "catalog/folder_summary.h"
#include "catalog/folder_sums.h"
#include "catalog/last_look.h"

namespace drwatch::catalog {

struct CatalogCache {
  // A folder that is an artefact.
  struct Folder {
    std::uint64_t own_fingerprint = 0;  // of the folder's own entry
    base::Timestamp walked{};
    std::optional<FolderSummary> summary;
    std::uint64_t timed_fingerprint = 0;  // of the content that `time` was read from
    std::optional<base::Timestamp> time;
  };
  // What a file says of its own time (file_time.h).
  struct FileTime {
    std::uint64_t fingerprint = 0;
    std::optional<base::Timestamp> time;
  };
  SumsByFolder sums;
  std::map<std::string, Folder> folders;  // by path
  // By path; only files that may tell, and were judged anew at the last look.
  std::map<std::string, FileTime> files;
  LastLook last;
  base::Timestamp looked{};  // when that was
};

// As FolderCatalog::List. `options.path` has no '/' at its end.
Listing ScanFolder(const FolderOptions& options, CatalogCache& cache, base::Timestamp now,
                   base::Deadline deadline, const base::StopToken& stop);

}  // namespace drwatch::catalog
