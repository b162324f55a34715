// The map at the end of a file that pgBackRest stores block by block: which part of which backup
// holds each of its blocks. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "verify/pgbackrest_manifest.h"
#include "verify/source.h"

namespace drwatch::verify {

// Of a map; PostgreSQL's files of 1 GiB have maps of 3 MiB at most.
inline constexpr std::int64_t kMaxBlockMapBytes = 16 << 20;

// Stored bytes that blocks of a file lie in.
struct BlockExtent {
  int reference = 0;        // PgBackRestManifest::references
  std::int64_t bundle = 0;  // 0 = a file of its own
  std::int64_t begin = 0;
  std::int64_t end = 0;  // behind the last byte
};

// Of all its blocks, sorted, neighbours made one. Faults: kCorrupt (no such map, or not one of this
// file), kIncomplete.
Walked<std::vector<BlockExtent>> ReadBlockMap(std::string_view map, const PgBackRestFile& file,
                                              std::size_t references);

}  // namespace drwatch::verify
