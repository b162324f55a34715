// Which artefacts exist in a folder, which of them are complete, and how old each is.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "catalog/artefact_catalog.h"
#include "catalog/proven_files.h"
#include "config/local_clock.h"

namespace drwatch::catalog {

struct CatalogCache;

struct FolderOptions {
  std::string path;
  // fnmatch(3), on the name; on the path below `path` if it holds a '/'. With "*" only files and
  // recognised folders (base backups, pg_dump -Fd, Redis' append-only files) count, with another
  // pattern every folder it matches does.
  std::string pattern = "*";
  bool recursive = false;
  // As if `recursive` where all there is are folders named by a date (Listing). Only with "*".
  bool into_dated_folders = false;
  // A file changed more recently, and without a completeness mark, is still being written. Marks: a
  // checksum file that names it, or the backup_manifest of its folder, not older than the file.
  base::Duration quiet_time{60'000};
  config::LocalClock clock = nullptr;  // of the zone of times in names; may be empty
  // Folders in which nothing says when they were made may hold nothing but files that are older
  // than they are (hard links to the backup before, copies with their times): the newest of a
  // folder's files, its folders and its own making dates it then, not its files alone.
  bool dated_by_folder = false;
  // What jobs leave beside their backups (LiesBeside: logs, notes, scripts) counts, too.
  bool every_file = false;
};

// One folder, looked at again and again; what did not change is not read again.
class FolderCatalog final : public ArtefactCatalog {
 public:
  // Most entries of a place; more is blind with kLimit.
  static constexpr std::int64_t kMaxEntries = 5'000'000;
  // A temporary file (.tmp, .part ...) that has not changed for so long was left behind.
  static constexpr base::Duration kAbandonedAfter{24 * 3600 * 1000};
  // How far clocks of machines may be apart before a time in the future is a finding.
  static constexpr base::Duration kClockSkew{5 * 60 * 1000};

  // A folder artefact of more files is walked again only when its own entries changed, or after
  // kLargeFolderEvery.
  static constexpr std::int64_t kLargeFolder = 1000;
  static constexpr base::Duration kLargeFolderEvery{10 * 60 * 1000};

  explicit FolderCatalog(FolderOptions options);
  ~FolderCatalog() override;

  // A path that is a file, or itself a base backup, is one artefact.
  Listing List(base::Timestamp now, base::Deadline deadline, const base::StopToken& stop) override;
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline deadline,
                                                  const base::StopToken& stop) override;
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions& options) override;
  // Of a file: rsync -a and cp -p give it an old time, but not that of its last change.
  ArtefactTimes Times(const Artefact& artefact) override;

 private:
  FolderOptions options_;
  std::unique_ptr<CatalogCache> cache_;
  ProvenFiles proven_;
};

// True for names of files that are not finished: dotfiles, .tmp, .part, .partial, .filepart,
// .in_progress and their like, and what Redis writes to
// (verify::IsRedisTemporaryName).
bool IsTemporaryName(std::string_view name);

}  // namespace drwatch::catalog
