// Base backups of pg_basebackup, against their backup_manifest: plain folders and tar files
// (base.tar, <oid>.tar and pg_wal.tar, packed or not), whose members are checked as they stream by.
#pragma once

#include <string>

#include "verify/carried_wal.h"
#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// A folder with a backup_manifest, a base.tar in any packing, or a data folder (data_folder.h).
bool LooksLikeBaseBackup(const FileSet& files);
bool LooksLikeBaseBackup(const std::string& folder);

// Every file is there, has its size and checksum, nothing is there that should not be, and the WAL
// that makes the backup consistent is complete; without any it is broken and says what it needs
// (Verdict::needs_wal). Without a manifest (PostgreSQL before 13, or
// --no-manifest): the archives are walked, and the level says so; a data folder is judged by what
// is in it (data_folder.h).
Verdict VerifyBaseBackup(const FileSet& files, const Checksums& checksums, ReadBudget& budget,
                         BaseBackupWal wal = BaseBackupWal::kInside);
Verdict VerifyBaseBackup(const std::string& folder, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
