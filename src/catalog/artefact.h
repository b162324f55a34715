// One stored backup, and what a look at its place found.
#pragma once

#include <cstdint>
#include <memory>
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

// Worth a person's attention, but no failure of a backup: a dangling link, a time in the future.
struct Finding {
  model::Reason reason = model::Reason::kNone;
  std::string message;
};

// What the program that made a backup wrote down about it in its repository. What it does not say
// is empty, 0 or the epoch.
struct RepositoryFacts {
  std::string kind;  // "full", "differential", "incremental"
  base::Timestamp started{};
  base::Timestamp stopped{};
  std::string parent;                   // the backup it was made upon; its own last part of a name
  std::vector<std::string> references;  // all backups that hold files of it, itself left out
  std::string wal_start, wal_stop;      // segments, both needed to make it consistent
  std::string wal_folder;  // where they lie, relative to the place; empty = it needs none
  std::uint64_t start_lsn = 0, stop_lsn = 0;
  std::uint64_t system_identifier = 0;
  std::string server_version;       // "15"
  std::int64_t original_bytes = 0;  // of the database
  std::int64_t stored_bytes = 0;    // in the repository, with what it takes from its references
  std::int64_t own_bytes = 0;       // of these, in its own folder
  bool damaged_source = false;      // it found damaged pages in the database it copied
  bool permanent = false;           // kept whatever the retention
  std::string remark;               // what the program says is wrong with it
};

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
  // Of a backup in a repository; nullptr: it is no such thing.
  std::shared_ptr<const RepositoryFacts> facts;
  // Why it cannot be restored, where that shows without reading it.
  std::optional<Finding> defect;
};

// A backup that was begun and did not end well: nothing can be restored from it.
struct FailedAttempt {
  std::string name;
  base::Timestamp time{};  // when it was begun or failed, as far as is known
  std::string message;     // "left behind without being finished", or what its program wrote down
};

struct Listing {
  // Set if the place could not be looked at; everything else is empty then.
  std::optional<Finding> blind;
  std::vector<Artefact> complete;        // oldest first, by `time`
  std::vector<std::string> in_progress;  // names
  // Of those in progress the ones that only changed too recently: whole, if reading them proves it.
  std::vector<Artefact> recent;
  // In repositories, oldest first; at most kMaxFindings, the newest ones.
  std::vector<FailedAttempt> failed;
  std::vector<Finding> findings;  // at most kMaxFindings
};

inline constexpr std::size_t kMaxFindings = 20;

}  // namespace drwatch::catalog
