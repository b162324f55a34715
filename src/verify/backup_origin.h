// Where a base backup begins, and the backup that an incremental one (PostgreSQL 17) was made upon:
// what its backup_label says, without reading the rest.
#pragma once

#include <optional>
#include <string>

#include "verify/backup_label.h"
#include "verify/file_set.h"

namespace drwatch::verify {

struct BackupOrigin {
  BackupStart own;
  std::optional<BackupStart> parent;  // of an incremental one

  // "starts at 0/2000028 of timeline 1".
  static std::string Describe(const BackupStart& start);
};

// Of a plain one, or of base.tar in any packing, where pg_basebackup writes the label first.
// nullopt: no label that says so is found. Fault: it could not be read now.
Walked<std::optional<BackupOrigin>> ReadBackupOrigin(const FileSet& files, ReadBudget& budget);

}  // namespace drwatch::verify
