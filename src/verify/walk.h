// What walking a format to its end found. One function a format fills it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "verify/source.h"
#include "verify/verdict.h"

namespace drwatch::verify {

struct Walk {
  std::string format;  // "tar archive", "pg_dump custom archive 1.14"
  // kSize: nothing is known of it; kChecksum: nothing but a checksum it carries, which is right;
  // kContent if every byte of content was checked against a checksum the format carries.
  Level level = Level::kFormat;
  // Why it may be no backup, whatever its bytes are: "an HTML page ...", a copy of what was in use.
  std::string doubt;
  std::vector<std::string> details;
  // Ends in the middle, as its writer leaves it: an append-only file in half a command, which its
  // server drops; a WAL segment that is being written.
  bool cut_off = false;
  // packed_bytes may stay 0 where it is the file's size.
  Contents contents;
  // As Verdict::needs_wal.
  NeededWal needs_wal;
  // Set if one look was not enough: walks the same file, opened anew, from its start. What it finds
  // counts in place of this.
  std::function<Walked<Walk>(Reader& file)> again;
};

}  // namespace drwatch::verify
