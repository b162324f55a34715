// The text files of a pgBackRest repository (backup.info, archive.info, backup.manifest): sections
// of key=value lines whose values are JSON, with a SHA-1 of their own ("backrest-checksum") over
// the same content written as one JSON object. Streaming: one line in memory.
#pragma once

#include <functional>
#include <string_view>

#include "verify/source.h"

namespace drwatch::verify {

// The longest line. A manifest's lines are short but for lists of damaged pages.
inline constexpr std::size_t kMaxIniLineBytes = 16 << 20;

// The views are valid during the call.
struct IniLine {
  std::string_view section;  // "target:file"
  std::string_view key;      // "pg_data/base/1/1259"
  std::string_view value;    // "{\"checksum\":...}"
};
using IniSink = std::function<Walked<void>(const IniLine& line)>;

// Reads to the end. The sink sees every line but that of the checksum, before the checksum is
// proven: what it collected counts only if all went well. A fault of the sink ends the reading.
// Faults: kIncomplete (cut off: no checksum), kCorrupt (not such a file, or the checksum differs),
// unjudged kUnverified (encrypted), kLimit (a line is too long).
Walked<void> ReadPgBackRestIni(Reader& reader, const IniSink& sink);

// True for the first bytes of a file of an encrypted repository.
bool IsPgBackRestEncrypted(std::string_view head);

}  // namespace drwatch::verify
