// One stored backup, and what a look at its place found.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/probe_result.h"

namespace drwatch::catalog {

// Where an artefact's time comes from, best first.
enum class TimeSource {
  kContent,   // written inside: backup_manifest, backup_label, a Redis RDB file
  kName,      // a timestamp in the name
  kModified,  // the file system's, which copying changes
  kChanged,   // when the file system noted a change of it last; only where kModified is to come yet
};
// "content", "name", "modification time", "time of its last change".
std::string_view TimeSourceName(TimeSource source);

// Worth a person's attention, but no failure of a backup: a dangling link, a time in the future.
struct Finding {
  model::Reason reason = model::Reason::kNone;
  std::string message;
  std::string hint{};  // what to do about it; empty where that depends on who found it

  friend bool operator==(const Finding&, const Finding&) = default;
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
  std::string remark;               // what the program says is wrong with it
};

struct Artefact {
  std::string path;
  std::string name;  // relative to the place
  bool folder = false;
  std::int64_t size_bytes = 0;
  std::int64_t files = 1;
  base::Timestamp modified{};  // the newest of its files
  // When the backup was taken, as far as can be told; never after now. The epoch: nobody knows, and
  // `defect` says so.
  base::Timestamp time{};
  TimeSource time_source = TimeSource::kModified;
  // Changes when any of its files does (name, size, mtime, ctime, inode).
  std::uint64_t fingerprint = 0;
  // What the checksum files beside it say of it, as a hash; 0 = nothing.
  std::uint64_t checksum_stamp = 0;
  // Of a backup in a repository; nullptr: it is no such thing.
  std::shared_ptr<const RepositoryFacts> facts;
  // Why it cannot be restored, where that shows without reading it.
  std::optional<Finding> defect;

  friend bool operator==(const Artefact&, const Artefact&) = default;
};

// Artefacts that several hold at once: looks between which nothing changed give the same list, and
// whoever adds something up over it need not do so again. Copying it copies none of them.
class ArtefactList {
 public:
  using const_iterator = std::vector<Artefact>::const_iterator;

  ArtefactList() : ArtefactList(std::vector<Artefact>()) {}
  explicit ArtefactList(std::vector<Artefact> artefacts)
      : artefacts_(std::make_shared<std::vector<Artefact>>(std::move(artefacts))) {}

  const std::vector<Artefact>& all() const { return *artefacts_; }
  // True if it is the same list, not only an equal one.
  bool SharedWith(const ArtefactList& other) const { return artefacts_ == other.artefacts_; }
  // To change them: copied first if others hold them.
  std::vector<Artefact>& Edit() {
    if (artefacts_.use_count() > 1) artefacts_ = std::make_shared<std::vector<Artefact>>(all());
    return *artefacts_;
  }

  bool empty() const { return all().empty(); }
  std::size_t size() const { return all().size(); }
  const_iterator begin() const { return all().begin(); }
  const_iterator end() const { return all().end(); }
  const Artefact& operator[](std::size_t index) const { return all()[index]; }
  const Artefact& at(std::size_t index) const { return all().at(index); }
  const Artefact& front() const { return all().front(); }
  const Artefact& back() const { return all().back(); }

 private:
  std::shared_ptr<std::vector<Artefact>> artefacts_;
};

// A backup that was begun and did not end well: nothing can be restored from it.
struct FailedAttempt {
  std::string name;
  base::Timestamp time{};  // when it was begun or failed, as far as is known
  std::string message;     // "left behind without being finished", or what its program wrote down
};

// Folders that were not looked into because nobody asked for what lies below the place.
struct FoldersLeftOut {
  std::int64_t count = 0;
  std::int64_t dated = 0;  // of these, named by a date ("2026-11-30", "2026", "latest")
  // `name` is a folder's own, without what is above it; a hidden or temporary one counts for
  // nothing.
  void Add(std::string_view name);

  friend bool operator==(const FoldersLeftOut&, const FoldersLeftOut&) = default;
};

struct Listing {
  // Set if the place could not be looked at; everything else is empty then.
  std::optional<Finding> blind;
  ArtefactList complete;                 // oldest first, by `time`
  std::vector<std::string> in_progress;  // names
  // Of those in progress the ones that only changed too recently: whole, if reading them proves it.
  std::vector<Artefact> recent;
  // In repositories, oldest first; at most kMaxFindings, the newest ones.
  std::vector<FailedAttempt> failed;
  std::vector<Finding> findings;  // at most kMaxFindings
  FoldersLeftOut left_out;

  // True if all there is are folders named by a date: the backups of one job, surely.
  bool IsAllInDatedFolders() const;
};

inline constexpr std::size_t kMaxFindings = 20;

}  // namespace drwatch::catalog
