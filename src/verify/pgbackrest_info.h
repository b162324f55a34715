// What pgBackRest writes down about a stanza: its backups (backup.info) and its databases
// (backup.info and archive.info).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "verify/source.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

// The most that is read of such a file: tens of thousands of backups.
inline constexpr std::int64_t kMaxInfoBytes = 64 << 20;

struct PgBackRestBackup {
  std::string label;  // "20260101-020000F_20260102-020000I": the time is the host's local one
  std::string kind;   // "full", "diff", "incr"
  std::string prior;
  std::vector<std::string> references;
  base::Timestamp started{};
  base::Timestamp stopped{};
  // Empty of a backup of a stopped server, which needs no WAL.
  std::string wal_start, wal_stop;
  Lsn lsn_start = 0, lsn_stop = 0;
  bool error = false;      // damaged pages were found while it was made
  bool holds_wal = false;  // the WAL it needs was copied into it, too
  std::int64_t original_bytes = 0;
  std::int64_t stored_bytes = 0;  // with what it takes from its references
  std::int64_t own_bytes = 0;
  std::int64_t database = 0;  // PgBackRestDatabase::id
};

struct PgBackRestDatabase {
  std::int64_t id = 0;
  std::uint64_t system_identifier = 0;
  std::string version;  // "15", "9.6"
  // Where its WAL lies: "15-1".
  std::string ArchiveName() const { return version + "-" + std::to_string(id); }
};

struct PgBackRestInfo {
  std::vector<PgBackRestDatabase> databases;  // the history; of archive.info, too
  std::vector<PgBackRestBackup> backups;      // in the order of labels
};

// Either of the two files. Faults as ReadPgBackRestIni(), and kCorrupt for values of other kinds
// than they should be.
Walked<PgBackRestInfo> ReadPgBackRestInfo(Reader& reader);

}  // namespace drwatch::verify
