// The files of WAL archives, for the list of formats (format.cc).
#pragma once

#include <optional>
#include <string>

#include "verify/wal_segment.h"
#include "verify/walk.h"

namespace drwatch::verify {

// A segment. `name` is the file's and says which one it should be, if it is a segment's name.
Walked<Walk> WalkWal(Reader& reader, const std::string& name);
// A segment that is being written and holds nothing yet.
Walk UnwrittenWal();
// What keeps its content to itself, as its name (.gpg .lzo ...) or its first bytes say; nullopt:
// neither does, or it is no file of a WAL archive.
std::optional<Walk> SealedWal(std::string_view head, const std::string& name);
// A timeline history or backup history, known by its name alone; nullopt if `name` is neither's, or
// says that it is sealed.
std::optional<Walked<Walk>> WalkWalText(Reader& reader, const std::string& name);
// The rest of the stream. Fault kWrongFormat: more than kMaxWalTextBytes.
Walked<std::string> ReadWalText(Reader& reader);

}  // namespace drwatch::verify
