// The regular files below a folder.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "verify/source.h"

namespace drwatch::verify {

struct TreeFile {
  std::string name;  // relative to the folder, '/' between its parts
  std::int64_t size = 0;
};

// Sorted by name. Links to files and folders are followed (a tablespace in pg_tblspc is a link),
// but no folder is entered twice, so that loops end. Faults: a folder that cannot be read
// (kStorage, kPermission, kNotFound), more than kMaxFiles (kLimit).
Walked<std::vector<TreeFile>> ListFiles(const std::string& folder);

}  // namespace drwatch::verify
