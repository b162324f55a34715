// The regular files below a folder.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "verify/source.h"

namespace drwatch::verify {

struct TreeFile {
  std::string name;  // relative to the folder, '/' between its parts
  std::int64_t size = 0;
  // Changes when its bytes may have: of inode and times, or what a bucket says. 0: nobody knows.
  std::uint64_t stamp = 0;
};

// Called for one file after the other; false ends the walk.
using TakeTreeFile = std::function<bool(const TreeFile& file)>;

// In the order of names, holding those of one folder and of the ones it lies in. Links to files and
// folders are followed (a tablespace in pg_tblspc is a link), but no folder is entered twice, so
// that loops end. Faults: a folder that cannot be read (kStorage, kPermission, kNotFound) and is
// no "lost+found", more than kMaxFiles (kLimit).
Walked<void> EachFile(const std::string& folder, const TakeTreeFile& take);

}  // namespace drwatch::verify
