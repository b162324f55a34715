// The text files of a pgBackRest repository (backup.info, archive.info, backup.manifest): sections
// of key=value lines whose values are JSON, with a SHA-1 of their own ("backrest-checksum") over
// the same content written as one JSON object. Streaming: one line in memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "verify/source.h"

namespace drwatch::verify {

// The longest line. A manifest's lines are short but for lists of damaged pages.
inline constexpr std::size_t kMaxIniLineBytes = 16 << 20;

struct IniLine {
  std::string_view section;  // "target:file"
  std::string_view key;      // "pg_data/base/1/1259"
  std::string_view value;    // "{\"checksum\":...}"
};

class PgBackRestIni {
 public:
  // `reader` outlives this, and stands at the start.
  explicit PgBackRestIni(Reader& reader);
  ~PgBackRestIni();
  // The next line but that of the checksum; its views are valid until the next call. nullopt at the
  // end, once the checksum is proven: what was read counts only then. Faults: kIncomplete (cut off:
  // no checksum), kCorrupt (not such a file, or the checksum differs), unjudged kUnverified
  // (encrypted), kLimit (a line is too long).
  Walked<std::optional<IniLine>> Next();
  // The checksum, once it is proven.
  const std::string& checksum() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

using IniSink = std::function<Walked<void>(const IniLine& line)>;
// Gives the sink every line. A fault of the sink ends the reading.
Walked<void> ReadPgBackRestIni(Reader& reader, const IniSink& sink);

// True for the first bytes of a file of an encrypted repository.
bool IsPgBackRestEncrypted(std::string_view head);

}  // namespace drwatch::verify
