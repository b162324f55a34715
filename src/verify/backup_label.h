// What a base backup says of itself in small texts beside its manifest. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/wal_name.h"

namespace drwatch::verify {

// backup_label: where recovery begins to read WAL.
struct BackupStart {
  std::uint32_t timeline = 0;
  Lsn start = 0;

  friend bool operator==(const BackupStart&, const BackupStart&) = default;
};
// nullopt: does not say so.
std::optional<BackupStart> ParseBackupLabel(std::string_view text);

// Of an incremental one (PostgreSQL 17): where the backup begins that it was made upon, without
// which pg_combinebackup cannot restore it. nullopt: it is none.
std::optional<BackupStart> ParseBackupParent(std::string_view text);

// tablespace_map: the OIDs of the tablespaces, each of which is a tar file of its own.
std::vector<std::string> ParseTablespaceMap(std::string_view text);

}  // namespace drwatch::verify
