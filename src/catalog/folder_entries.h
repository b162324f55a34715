// The entries of one folder, and what stat(2) says of each: quick for hundreds of thousands. Used
// within this folder.
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <deque>
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
  // Entries are looked at in batches of so many. From the second batch on other threads look at
  // them while names are still read: a stat waits for memory, not for a core.
  static constexpr std::size_t kBatch = 4096;
  static constexpr unsigned kMaxThreads = 4;
  using Batches = std::deque<std::vector<FolderEntry>>;
  struct Outcome {
    int error = 0;        // an errno: the folder's names could not all be read
    bool in_time = true;  // false: the deadline, a stop or `go_on` came first
  };

  FolderEntries() = default;
  FolderEntries(const FolderEntries&) = delete;
  FolderEntries& operator=(const FolderEntries&) = delete;

  // Reads the names that `folder` still gives, without "." and "..", and looks at each, following
  // links. Ends early when `go_on`, asked for each name by the calling thread, says no.
  Outcome Read(DIR* folder, const std::function<bool()>& go_on, base::Deadline deadline,
               const base::StopToken& stop);
  // The names are valid as long as this is.
  const Batches& batches() const { return batches_; }
  std::size_t size() const;
  // For a folder of which only names are needed.
  void Add(std::string_view name);

 private:
  Batches batches_;                 // all but the last hold kBatch
  std::vector<std::string> names_;  // blocks that hold the names, one behind the other
};

}  // namespace drwatch::catalog
