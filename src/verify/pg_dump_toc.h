// The header and the table of contents of a pg_dump archive (custom, directory and tar format), of
// archive versions 1.12 (PostgreSQL 9.0) to 1.16 (PostgreSQL 17). Layout: pg_backup_archiver.c,
// ReadHead and ReadToc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "verify/copy_statement.h"
#include "verify/source.h"

namespace drwatch::verify {

inline constexpr std::string_view kDumpMagic = "PGDMP";

enum class DumpFormat { kCustom = 1, kTar = 3, kDirectory = 5 };
enum class DumpCompression { kNone = 0, kGzip = 1, kLz4 = 2, kZstd = 3 };

struct DumpHeader {
  int minor = 0;  // of version 1.minor
  int int_bytes = 4;
  int offset_bytes = 8;
  DumpFormat format = DumpFormat::kCustom;
  DumpCompression compression = DumpCompression::kNone;
  std::string database;
  std::string server_version;
  std::int64_t entries = 0;
};

enum class DumpContent {
  kRows,          // as COPY reads them, with their end mark
  kStatements,    // INSERT statements (pg_dump --inserts)
  kLargeObjects,  // a list of them or, in a custom archive, all of them
  kOther,
};

// An entry that has data in the archive.
struct DumpEntry {
  std::int64_t id = 0;
  std::int64_t offset = -1;  // of its data block in a custom archive; -1 = not recorded
  std::string file;          // in a directory or tar archive
  DumpContent content = DumpContent::kOther;
  CopyTarget target;  // of kRows; of kStatements its table
};

struct DumpToc {
  DumpHeader header;
  std::vector<DumpEntry> data;      // by id, ids unique
  std::vector<std::string> tables;  // these two as Contents has them
  std::optional<base::Timestamp> begun;
  TextEncoding encoding = TextEncoding::kOther;  // of the data of tables
  bool has_rows = false;                         // data of any table, be it of no rows
};

// A detail of what pg_dump wrote without any.
inline constexpr const char* kNoRowsText = "holds no rows of any table";

// The archive's integers: a sign byte and `int_bytes` little-endian bytes.
Walked<std::int64_t> ReadDumpInt(Reader& reader, const DumpHeader& header, std::string_view what);

// Reads from the magic to the end of the table of contents. Faults: kIncomplete, kCorrupt, and
// unjudged with kLimit or kWrongFormat (a version it does not know).
Walked<DumpToc> ReadDumpToc(Reader& reader);

// The same table of contents once more, which a custom archive may have behind its data: from the
// number of its entries to its end. Of what it finds only `data` is told. Faults: as ReadDumpToc().
Walked<DumpToc> ReadSecondDumpToc(Reader& reader, const DumpHeader& header);

// "pg_dump custom archive 1.14, gzip".
std::string DumpFormatName(const DumpHeader& header);

}  // namespace drwatch::verify
