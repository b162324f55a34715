// The packed containers inside Redis' RDB files: small lists, sets, hashes and sorted sets, stored
// as one block of bytes each.
#pragma once

#include "verify/source.h"

namespace drwatch::verify {

enum class RedisPacking {
  kNone,      // any text
  kListpack,  // listpack.c
  kZiplist,   // ziplist.c, before Redis 7
  kIntset,    // intset.c
  kZipmap,    // zipmap.c, before Redis 2.6
};

// Walks one container, which is all that `reader` gives: every length, every element, the counts
// and sizes in its header. The number of elements must be a multiple of `group` (2 for a hash).
// Faults: kCorrupt, kIncomplete.
Walked<void> WalkRedisPacked(RedisPacking packing, std::int64_t group, Reader& reader);

}  // namespace drwatch::verify
