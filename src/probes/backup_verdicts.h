// What verification found about each artefact, remembered over restarts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "catalog/artefact.h"
#include "db/database.h"
#include "probes/archive_notes.h"
#include "verify/verdict.h"

namespace drwatch::probes {

// The tables of the backup probes, and the readings that WAL archives have as well.
std::vector<db::Migration> BackupMigrations();

struct BackupVerdict {
  // Of which bytes, and of what the checksum files said about them.
  std::uint64_t fingerprint = 0;
  std::uint64_t checksum_stamp = 0;
  verify::Outcome outcome = verify::Outcome::kUnjudged;
  verify::Level level = verify::Level::kExists;
  verify::ChecksumState checksum = verify::ChecksumState::kNone;
  model::Reason reason = model::Reason::kNone;
  std::string text;            // "byte 4711: gzip checksum differs", or the format of an intact one
  base::Timestamp verified{};  // end of the verification
  base::Duration duration{};
  std::string digest;  // as verify::Verdict
  // As verify::Contents; nullptr: no tables are known, or it is too long ago (kMaxTableLists).
  std::shared_ptr<const std::vector<std::string>> tables;
  // None are known to be none where `text`, which is set before, says that the dump holds no rows.
  void SetTables(std::vector<std::string> names);
  std::int64_t packed_bytes = 0;
  std::int64_t unpacked_bytes = 0;
  std::optional<base::Timestamp> begun;  // of a dump, as verify::Contents
  // As in verify::Verdict: an archive decides.
  verify::NeededWal needs_wal;
  // The probes of the archives that hold it; not kept.
  std::vector<std::string> wal_archives;
  // Of one whose WAL none holds, as WalSupply; not kept.
  base::Duration wal_patience{};
  // End of the last verification at this path that was not prevented; the epoch = none was. Put()
  // sets it.
  base::Timestamp judged{};
  // As the artefact has them: the epoch = not known.
  base::Timestamp taken{};
  catalog::TimeSource time_source = catalog::TimeSource::kModified;
  std::string format = "?";  // as verify::Verdict; "?": not known any more
  // What was judged at this path before was of a known format (IsOfKnownFormat). Put() sets it.
  bool replaced_known = false;
  // The same backup, by path and time, was of a known format before. Put() sets it.
  bool was_good = false;
  // Of one that was prevented: the last one at this path that was not. Put() sets it; not kept.
  std::shared_ptr<const BackupVerdict> before;
};

// Read to its end, and a backup by its format.
bool IsOfKnownFormat(const BackupVerdict& verdict);
// Read to its end, and like nothing that is known; no checksum file names it either.
bool IsOfNoKnownFormat(const BackupVerdict& verdict);
// Whole, but the state of a job or a list of what it made as well as a backup: JSON or YAML.
bool MayBeNote(const BackupVerdict& verdict);
// Makes broken what is of no known format: `why` it should be of one, as "what lay there was".
void Condemn(BackupVerdict& verdict, const std::string& why);

// Of one that needs WAL of an archive: its files are proven, whatever an archive has.
bool FilesAreIntact(const BackupVerdict& verdict);

// Whether something around the backup kept it from being judged, so that another try is worth it.
bool WasPrevented(const BackupVerdict& verdict);

// Whether the WAL that a verdict says is needed lies in an archive now.
using FindWal = std::function<WalSupply(const verify::NeededWal&)>;

// Of so many latest verifications the tables are kept: nothing looks further back.
inline constexpr std::size_t kMaxTableLists = 32;

// The verdicts of one probe, by path. Thread-safe. Without a database they live in memory only; a
// database that cannot be written is logged and costs nothing but a second reading after a restart.
class BackupVerdicts {
 public:
  // Without `find_wal` nobody has WAL.
  BackupVerdicts(db::Database* database, std::string probe, FindWal find_wal = nullptr);

  // Of exactly these bytes; what checksum files say may have changed since. Of a backup that needs
  // WAL of an archive: intact if one has it now (unjudged where nothing proves its files), broken
  // if none has, else unjudged (kTimeout).
  std::optional<BackupVerdict> Find(const catalog::Artefact& artefact) const;
  // Of whatever was at that path.
  std::optional<BackupVerdict> FindPath(const std::string& path) const;
  // Those that are proven broken: their paths, and the fingerprints of the bytes that are.
  std::unordered_map<std::string, std::uint64_t> Broken() const;
  // Whether any IsOfNoKnownFormat() or MayBeNote().
  bool AnyDoubtful() const;
  // Those of these that were good once (`was_good`), by path.
  std::unordered_map<std::string, BackupVerdict> Spoilt() const;
  // End of the latest verification of any of them that was not prevented. One after `latest` was
  // dated by a wrong clock and does not count.
  std::optional<base::Timestamp> LastVerified(base::Timestamp latest) const;
  // What is of no known format where the same backup was of one counts as broken.
  void Put(const std::string& path, const BackupVerdict& verdict);
  // Forgets the paths that are not listed any more, neither there nor among the recent ones.
  void Keep(const catalog::ArtefactList& listed, const std::vector<catalog::Artefact>& recent);

 private:
  void Load() const;
  void Store(const std::string& path, const BackupVerdict& verdict) const;
  void DropOldTables();

  db::Database* const database_;
  const std::string probe_;
  const FindWal find_wal_;
  // Fingerprints, by path, of those whose WAL an archive held since the start.
  mutable std::unordered_map<std::string, std::uint64_t> held_;
  mutable std::mutex mutex_;
  mutable bool loaded_ = false;
  mutable std::unordered_map<std::string, BackupVerdict> verdicts_;
  std::optional<catalog::ArtefactList> kept_;             // the list that all of them are on
  mutable std::optional<base::Timestamp> last_verified_;  // of verdicts_; nullopt: not known
};

}  // namespace drwatch::probes
