// zip archives, also larger than 4 GiB, read from their front to their end: each member against its
// CRC-32, and the directory behind them, which programs open an archive by, against the members.
#pragma once

#include "verify/archived_dumps.h"
#include "verify/walk.h"

namespace drwatch::verify {

// Members of one archive; more is kLimit. Each takes 32 bytes.
inline constexpr std::size_t kMaxZipMembers = 1'000'000;

bool LooksLikeZip(std::string_view head);

// Walks to the end of the stream, which is `file` or what came out of it. What an archive of a
// single member holds is walked by `content`, and what that finds counts; of one of several
// members its dumps are (archived_dumps.h). Members that are
// encrypted or packed by anything but deflate are passed over: kFormat. Faults: kIncomplete (cut
// off, no directory), kCorrupt, kTooSmall (no member); unjudged: an archive in volumes, a member of
// unknown length that cannot be unpacked, one that unpacks to more than kMaxExpansionRatio times
// the file.
Walked<Walk> WalkZip(Reader& reader, const Reader& file, const WalkContent& content);

}  // namespace drwatch::verify
