// backup.manifest of pgBackRest: every file of one backup, where it is stored and what it hashes
// to.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/pgbackrest_ini.h"
#include "verify/source.h"

namespace drwatch::verify {

using Sha1 = std::array<char, 20>;

struct PgBackRestFile {
  std::string name;         // "pg_data/base/1/1259"
  std::int64_t number = 0;  // among the files of its manifest, from 0 on
  int reference = -1;       // PgBackRestManifest::references: the backup it lies in; -1 = this one
  std::int64_t size = 0;    // unpacked
  std::int64_t repo_bytes = 0;        // as stored
  std::optional<Sha1> checksum;       // of the unpacked bytes; every file with content has one
  std::optional<Sha1> repo_checksum;  // of the stored bytes; since 2.46
  std::int64_t bundle = 0;            // the bundle it lies in; 0 = a file of its own
  std::int64_t offset = 0;            // there
  // Block incremental: the size of a block and of its checksum, and of the map at the end of what
  // is stored; 0 = stored whole.
  std::int64_t block_bytes = 0;
  std::int64_t block_checksum_bytes = 0;
  std::int64_t map_bytes = 0;
};

struct PgBackRestManifest {
  std::string label;
  std::string compression;  // "none", "gz", "lz4", "zst", "bz2"
  bool bundles = false;
  bool raw = false;  // packed data in bundles and blocks lacks its format's own frame
  bool encrypted = false;
  std::string wal_start, wal_stop;
  std::string server_version;
  // What files and block maps count: all backups that hold files of this one.
  std::vector<std::string> references;
  std::int64_t files = 0;  // how many
  std::string checksum;    // its own
};

// Reads a manifest of any size, holding one file.
class PgBackRestManifestReader {
 public:
  // `reader` outlives this, and stands at the start.
  explicit PgBackRestManifestReader(Reader& reader) : ini_(reader) {}
  // Puts the next one, in the order of names, into `file`; false at the end, when all is checked:
  // what was read counts only then. Faults as PgBackRestIni, and kCorrupt for values of other kinds
  // than they should be, kLimit for more than kMaxFiles.
  Walked<bool> Next(PgBackRestFile& file);
  // What is read of it so far: all that comes before the files, when there is a file.
  const PgBackRestManifest& manifest() const { return manifest_; }

 private:
  Walked<void> TakeFile(const IniLine& line, PgBackRestFile& file);
  Walked<void> TakeBackup(const IniLine& line);
  Walked<void> TakeOther(const IniLine& line);
  Walked<int> ReferenceOf(const std::string& label);
  Walked<void> Finish();

  PgBackRestIni ini_;
  PgBackRestManifest manifest_;
  std::map<std::string, int> known_;  // of references
};

// The whole manifest; `take` gets each file and may move it away.
Walked<PgBackRestManifest> ReadPgBackRestManifest(
    Reader& reader, const std::function<void(PgBackRestFile& file)>& take);

// ".gz" for "gz", empty for "none"; nullopt if it is not known.
std::optional<std::string> PgBackRestEnding(const std::string& compression);
// Where a file is stored, below the folder of its backup: "pg_data/base/1/1259.gz", "bundle/7".
std::string PgBackRestObject(const PgBackRestFile& file, const std::string& ending);

}  // namespace drwatch::verify
