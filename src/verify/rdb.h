// Redis and Valkey RDB files: every key's value walked through, in all encodings of RDB versions 1
// to 12 (Redis 7.4 and 8.0) and 80 (Valkey 9), LZF unpacked, and the CRC-64 at the end compared.
// Layout: rdb.c.
#pragma once

#include <optional>

#include "base/clock.h"
#include "verify/walk.h"

namespace drwatch::verify {

bool LooksLikeRdb(std::string_view head);

// What begins with an RDB file: the file alone, or one at the start of an append-only file
// (aof.h), which follows it. Of a version it does not know only the checksum is compared; the level
// is kChecksum then.
Walked<Walk> WalkRdb(Reader& reader);

// When the snapshot was taken, as the file itself says near its start. nullopt: it does not, or
// `head` (kRdbHeadBytes do) is too short.
std::optional<base::Timestamp> RdbTime(std::string_view head);
inline constexpr std::size_t kRdbHeadBytes = 1024;

}  // namespace drwatch::verify
