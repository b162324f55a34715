// The data folder of a PostgreSQL server that no backup_manifest speaks for: copied while the
// server was stopped, as a snapshot, or by hand between pg_backup_start() and pg_backup_stop().
#pragma once

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// What is said of the folder of a server that was stopped; of one that was not, and has no
// backup_label; of one that has a label and no WAL.
inline constexpr const char* kStoppedText = "its server was stopped before it was copied";
inline constexpr const char* kRunningText =
    "its server was not stopped and no backup_label says from where to recover: it can be restored "
    "only if all of it was copied at one moment, by a snapshot";
inline constexpr const char* kNoWalText = "it carries no WAL: recovery needs that of an archive";

// PG_VERSION with a backup_label, or beside the folders base and global.
bool LooksLikeDataFolder(const FileSet& files);

// True once a server was started in it (which renames backup_label to backup_label.old): a
// backup_manifest in it speaks of the backup that it was made from.
bool WasStarted(const FileSet& files);

// What must be in it is, its control file is whole, and so is the WAL of its last checkpoint; every
// file that a checksum file names fits. Its other files may hold anything, pages of zeros too: as
// long as there are such, or the server ran without a backup_label, it is unjudged. With a
// backup_label and no WAL it is broken and says what it needs (Verdict::needs_wal).
Verdict VerifyDataFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
