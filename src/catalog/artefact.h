// One stored backup, and what a look at its place found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/probe_result.h"

namespace drwatch::catalog {

// Where an artefact's time comes from, best first.
enum class TimeSource {
  kContent,   // written inside: backup_manifest, backup_label, a Redis RDB file
  kName,      // a timestamp in the name
  kModified,  // the file system's, which copying changes
};
// "content", "name", "modification time".
std::string_view TimeSourceName(TimeSource source);

struct Artefact {
  std::string path;
  std::string name;  // relative to the place
  bool folder = false;
  std::int64_t size_bytes = 0;
  std::int64_t files = 1;
  base::Timestamp modified{};  // the newest of its files
  base::Timestamp time{};      // when the backup was taken, as far as can be told; never after now
  TimeSource time_source = TimeSource::kModified;
  // Changes when any of its files does (name, size, mtime, ctime, inode).
  std::uint64_t fingerprint = 0;
  // What the checksum files beside it say of it, as a hash; 0 = nothing.
  std::uint64_t checksum_stamp = 0;
};

// Worth a person's attention, but no failure of a backup: a dangling link, a time in the future.
struct Finding {
  model::Reason reason = model::Reason::kNone;
  std::string message;
};

struct Listing {
  // Set if the place could not be looked at; everything else is empty then.
  std::optional<Finding> blind;
  std::vector<Artefact> complete;        // oldest first, by `time`
  std::vector<std::string> in_progress;  // names
  // Of those in progress the ones that only changed too recently: whole, if reading them proves it.
  std::vector<Artefact> recent;
  std::vector<Finding> findings;  // at most kMaxFindings
};

inline constexpr std::size_t kMaxFindings = 20;

}  // namespace drwatch::catalog
