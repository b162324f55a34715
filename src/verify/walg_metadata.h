// What WAL-G writes about a backup of PostgreSQL: the stop sentinel, metadata.json and
// files_metadata.json (backup_sentinel_dto.go of wal-g). Pure; bounded memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "verify/source.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

// The sentinel and metadata.json say the same in other words; versions before 2 say less.
struct WalGBackup {
  std::optional<Lsn> start, finish;
  std::uint32_t timeline = 0;       // 0 = not said
  std::string delta_from;           // the backup that it was made upon; empty = a full one
  std::optional<Lsn> delta_start;   // where that one began
  std::int64_t server_version = 0;  // 150004
  std::uint64_t system_identifier = 0;
  std::int64_t data_bytes = 0;  // of the data folder
  std::int64_t uncompressed_bytes = 0;
  std::int64_t compressed_bytes = 0;
  std::optional<base::Timestamp> started, finished;
  bool without_files_metadata = false;
  int version = 1;
};

// Adds what `text` says. Faults: kIncomplete or kCorrupt (not one JSON object), kCorrupt (a value
// that cannot be); unjudged kLimit.
Walked<void> ParseWalGJson(std::string_view text, WalGBackup& backup);

// files_metadata.json, which exceeds 1 GB for large clusters: only hashes of the names are kept.
struct WalGFiles {
  std::vector<std::uint64_t> packed;   // files that lie in one of the tar files; sorted
  std::vector<std::uint64_t> skipped;  // unchanged ones that lie in the parent; sorted
  std::vector<std::string> tars;       // names of the tar files; sorted, empty if it does not say
  bool other_sets = false;             // it names sets of files that are no tar files
  std::int64_t damaged = 0;            // files in which WAL-G found damaged pages
};
// The hash of a name; a '/' before or behind it does not count.
std::uint64_t WalGNameHash(std::string_view name);
// Faults as ParseWalGJson.
Walked<WalGFiles> ReadWalGFiles(Reader& file);
// The first name in it that has this hash; empty if there is none.
Walked<std::string> FindWalGName(Reader& file, std::uint64_t hash);

}  // namespace drwatch::verify
