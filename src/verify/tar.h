// tar archives: version 7, ustar, pax and GNU extensions, base-256 sizes, sparse members.
#pragma once

#include <string>

#include "verify/walk.h"

namespace drwatch::verify {

struct TarMember {
  std::string name;  // as stored, without "./" before it
  char type = '0';   // '0' file, '5' folder, '1' '2' links ...
  std::string link;  // of a link: where it leads
  std::int64_t size = 0;
  std::int64_t modified = 0;  // seconds since 1970
  // Stored without its zeros: what streams by is not what the file will hold.
  bool sparse = false;
  bool regular() const { return type == '0' || type == '\0' || type == '7' || type == 'S'; }
};

// Told about every member in turn: Begin, Data until it is whole, End. A fault ends the walk.
class TarVisitor {
 public:
  virtual ~TarVisitor() = default;
  virtual Walked<void> Begin(const TarMember& member) = 0;
  virtual Walked<void> Data(std::string_view bytes) = 0;
  virtual Walked<void> End() = 0;
  // What tells Data; for who would rather pull. What is left of `content` is skipped.
  virtual Walked<void> Content(Source& content);
};

bool LooksLikeTar(std::string_view head);
// Whether a path goes up somewhere ("..").
bool LeavesFolder(std::string_view path);

// Walks to the end of the stream. Faults: kIncomplete (cut off, or without the two zero blocks that
// end an archive), kCorrupt (a header's checksum differs, bytes after the end), kWrongFormat (a
// member whose name would leave the folder it is unpacked in).
Walked<void> WalkTarMembers(Reader& reader, TarVisitor& visitor);

}  // namespace drwatch::verify
