// global/pg_control: what a PostgreSQL cluster says of itself. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "verify/source.h"
#include "verify/wal_files.h"

namespace drwatch::verify {

// The file is never longer.
inline constexpr std::size_t kControlBytes = 8192;

struct ControlFile {
  // The server was stopped, so that nothing was written any more.
  bool stopped = false;
  // What its last checkpoint needs, up to the checkpoint's own record: the server reads it when it
  // starts. nullopt: of a release or a machine whose files are not known.
  std::optional<WalRange> checkpoint;
};

// Of PostgreSQL 9.5 and later, whose checksum is CRC-32C. Fault: kCorrupt, its checksum differs or
// it is no control file.
Walked<ControlFile> ParseControlFile(std::string_view bytes);

}  // namespace drwatch::verify
