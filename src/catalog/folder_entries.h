// The entries of one folder, what stat(2) says of each, and which are as they were: quick for
// hundreds of thousands. Used within this folder.
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "catalog/last_look.h"

namespace drwatch::catalog {

struct FolderEntry {
  std::string_view path;      // relative to the place
  std::uint32_t name_at = 0;  // where its last part begins
  bool link = false;
  int error = 0;  // the errno of stat; without one what follows is known
  mode_t mode = 0;
  std::int64_t size_bytes = 0;
  base::Timestamp modified{};
  Inode inode{};
  std::uint64_t fingerprint = 0;           // of `path` and what stat says
  const LastLook::Known* known = nullptr;  // the artefact of that fingerprint

  std::string_view name() const { return path.substr(name_at); }
  // Takes over what stat says, following links.
  void Take(const struct stat& info);
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

  // `prefix` is that of the entries' paths: empty, or ends with '/'.
  explicit FolderEntries(std::string prefix) : prefix_(std::move(prefix)) {}
  FolderEntries(const FolderEntries&) = delete;
  FolderEntries& operator=(const FolderEntries&) = delete;

  // Reads the names that `folder` still gives, without "." and "..", looks at each, following
  // links, and for files into `last`. Ends early when `go_on`, asked for each name by the calling
  // thread, says no.
  Outcome Read(DIR* folder, const LastLook& last, const std::function<bool()>& go_on,
               base::Deadline deadline, const base::StopToken& stop);
  // The paths are valid as long as this is.
  const Batches& batches() const { return batches_; }
  std::size_t size() const;

 private:
  FolderEntry& Add(std::string_view name);

  const std::string prefix_;
  Batches batches_;                 // all but the last hold kBatch
  std::vector<std::string> names_;  // blocks that hold the paths, one behind the other
};

}  // namespace drwatch::catalog
