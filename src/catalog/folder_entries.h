// The entries of one folder, and what stat(2) says of each: quick for hundreds of thousands. Used
// within this folder.
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"

namespace drwatch::catalog {

struct FolderEntry {
  std::string_view name;
  bool link = false;
  int error = 0;  // the errno of stat
  struct stat info {};
};

class FolderEntries {
 public:
  // From so many on they are looked at by several threads: a stat waits for memory, not for a core.
  static constexpr std::size_t kParallelFrom = 5000;
  static constexpr unsigned kMaxThreads = 4;

  FolderEntries() = default;
  FolderEntries(const FolderEntries&) = delete;
  FolderEntries& operator=(const FolderEntries&) = delete;

  // Reads the names that `folder` still gives, without "." and ".."; ends early when `go_on`, asked
  // for each, says no. Returns 0 or an errno.
  int Read(DIR* folder, std::size_t expected, const std::function<bool()>& go_on);
  // Follows links. False: the deadline or a stop came first.
  bool Stat(int folder, base::Deadline deadline, const base::StopToken& stop);
  // The names are valid as long as this is.
  const std::vector<FolderEntry>& list() const { return list_; }
  // For a folder of which only names are needed.
  void Add(std::string_view name);

 private:
  std::vector<FolderEntry> list_;
  std::vector<std::string> names_;  // blocks that hold the names, one behind the other
};

}  // namespace drwatch::catalog
