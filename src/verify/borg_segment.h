// A segment of a repository of Borg 1: a journal of entries, each with a CRC-32 of its own. And its
// index, which says where the newest entry of each piece of the backups lies. As "Data structures
// and file formats" of Borg's documentation lays them out.
#pragma once

#include <cstdint>
#include <functional>

#include "verify/source.h"

namespace drwatch::verify {

struct BorgSegment {
  std::int64_t size = 0;
  bool committed = false;  // it ends with the mark that ends a transaction
};

// Reads every entry. Faults: kTooSmall (no byte), kIncomplete (ends inside of an entry), kCorrupt.
Walked<BorgSegment> WalkBorgSegment(Reader& reader);

struct BorgPlace {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
};

// Hands over the place of each piece, in no order. Faults: kIncomplete, kCorrupt.
Walked<void> WalkBorgIndex(Reader& reader, const std::function<void(const BorgPlace&)>& take);

}  // namespace drwatch::verify
