#include "verify/pgbackrest_block_map.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace drwatch::verify {
namespace {

using model::Reason;

// Flags of the map, of a reference that comes for the first time, of one that comes again, of a
// super block, of its unpacked size, of how many of its blocks are meant.
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kLast = 1;
constexpr std::uint64_t kHasBundle = 2;
constexpr std::uint64_t kHasOffset = 4;
constexpr std::uint64_t kContinues = 2;
constexpr std::uint64_t kContinuesLast = 4;
constexpr int kReferenceShift = 3;
constexpr std::uint64_t kNewSize = 2;
constexpr std::uint64_t kSomeBlocks = 4;
constexpr int kSuperBlockShift = 3;
constexpr std::uint64_t kRemainder = 1;
constexpr std::uint64_t kLaterBlock = 1;
// BLOCK_INCR_CHECKSUM_SIZE_MIN of pgBackRest.
constexpr std::int64_t kLeastChecksum = 6;
// No number in a map of a file of 1 PB is larger, and no such file either: sums never overflow.
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 50;

class MapReader {
 public:
  MapReader(std::string_view map, const PgBackRestFile& file, std::size_t references)
      : map_(map), file_(file), references_(references) {}
  Walked<std::vector<BlockExtent>> Run();

 private:
  struct Place {
    std::int64_t bundle = 0;
    std::int64_t offset = 0;  // of the current super block
    std::int64_t size = 0;
    std::int64_t unpacked = 0;  // size of its super blocks
  };
  // Whether the blocks that come first lie in the super block that the reference was left in, and
  // whether another one follows.
  enum class Left { kNothing, kSome, kOnlyThese };

  tl::unexpected<Fault> Strange() const {
    return Broken(Reason::kCorrupt, static_cast<std::int64_t>(at_), "no block map of this file");
  }
  // A number in 7-bit groups, the lowest first.
  std::optional<std::uint64_t> Number();
  Walked<bool> Reference();
  Walked<void> SuperBlocks(int reference, Place& place, std::int64_t offset, Left left);
  Walked<bool> SuperBlock(Place& place);
  Walked<void> Blocks(const Place& place, bool some);
  std::optional<std::int64_t> StoredSize(std::uint64_t value) const;
  // Neighbours become one at once: most maps are one or two extents.
  void Add(const BlockExtent& extent) {
    BlockExtent* const last = extents_.empty() ? nullptr : &extents_.back();
    if (last != nullptr && last->reference == extent.reference && last->bundle == extent.bundle &&
        last->end == extent.begin) {
      last->end = extent.end;
    } else {
      extents_.push_back(extent);
    }
  }

  const std::string_view map_;
  const PgBackRestFile& file_;
  const std::size_t references_;
  std::size_t at_ = 0;
  bool some_blocks_ = false;  // of the super block that was begun
  std::int64_t last_size_ = 0;
  std::int64_t blocks_ = 0;
  std::map<int, Place> places_;
  std::vector<BlockExtent> extents_;
};

std::optional<std::uint64_t> MapReader::Number() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 63; shift += 7) {
    if (at_ >= map_.size()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(map_[at_++]);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value <= kMostNumber ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

// The first size stands as it is, the others as what they differ from the one before.
std::optional<std::int64_t> MapReader::StoredSize(std::uint64_t value) const {
  std::int64_t size = static_cast<std::int64_t>(value);
  if (last_size_ != 0) {
    const auto half = static_cast<std::int64_t>(value >> 1);
    size = last_size_ + ((value & 1) != 0 ? -half - 1 : half);
  }
  if (size <= 0 || size > static_cast<std::int64_t>(kMostNumber)) return std::nullopt;
  return size;
}

// The head of a super block: its stored size and, where it is another one, its unpacked size. True
// if it is the last one of its reference.
Walked<bool> MapReader::SuperBlock(Place& place) {
  const auto encoded = Number();
  const auto size = encoded ? StoredSize(*encoded >> kSuperBlockShift) : std::nullopt;
  if (!size) return Strange();
  place.size = *size;
  if ((*encoded & kNewSize) != 0) {
    const auto blocks = Number();
    if (!blocks || *blocks >> 1 > kMostNumber / static_cast<std::uint64_t>(file_.block_bytes)) {
      return Strange();
    }
    place.unpacked = static_cast<std::int64_t>(*blocks >> 1) * file_.block_bytes;
    if ((*blocks & kRemainder) != 0) {
      const auto remainder = Number();
      if (!remainder) return Strange();
      place.unpacked += static_cast<std::int64_t>(*remainder);
    }
    if (place.unpacked == 0) return Strange();
  }
  some_blocks_ = (*encoded & kSomeBlocks) != 0;
  return (*encoded & kLast) != 0;
}

// The checksums of its blocks, of all or, as the map says, of `some`.
Walked<void> MapReader::Blocks(const Place& place, bool some) {
  std::int64_t count = (place.unpacked + file_.block_bytes - 1) / file_.block_bytes;
  if (some) {
    const auto total = Number();
    if (!total) return Strange();
    count = static_cast<std::int64_t>(*total >> 1) + 1;
    if ((*total & kLaterBlock) != 0 && !Number()) return Strange();
  }
  const auto left = static_cast<std::int64_t>(map_.size() - at_);
  if (count > left / file_.block_checksum_bytes) return Strange();
  at_ += static_cast<std::size_t>(count * file_.block_checksum_bytes);
  blocks_ += count;
  return {};
}

Walked<void> MapReader::SuperBlocks(int reference, Place& place, std::int64_t offset, Left left) {
  bool last = false;
  for (bool first = true; !last; first = false) {
    bool some = true;
    if (first && left != Left::kNothing) {
      last = left == Left::kOnlyThese;
    } else {
      const std::int64_t behind = place.offset + place.size;
      auto ended = SuperBlock(place);
      if (!ended) return tl::unexpected(std::move(ended.error()));
      last = *ended;
      some = some_blocks_;
      place.offset = first ? offset : behind;
      if (place.offset > static_cast<std::int64_t>(kMostNumber)) return Strange();
      Add({reference, place.bundle, place.offset, place.offset + place.size});
    }
    last_size_ = place.size;
    if (auto blocks = Blocks(place, some); !blocks) return blocks;
  }
  return {};
}

// One turn of a reference. True if it was the last one.
Walked<bool> MapReader::Reference() {
  const auto encoded = Number();
  if (!encoded || *encoded >> kReferenceShift >= references_) return Strange();
  const auto reference = static_cast<int>(*encoded >> kReferenceShift);
  const auto [known, fresh] = places_.try_emplace(reference);
  Place& place = known->second;
  Left left = Left::kNothing;
  std::int64_t offset = 0;
  if (fresh) {
    const auto bundle = (*encoded & kHasBundle) != 0 ? Number() : 0;
    const auto at = (*encoded & kHasOffset) != 0 ? Number() : 0;
    if (!bundle || !at) return Strange();
    place.bundle = static_cast<std::int64_t>(*bundle);
    place.unpacked = file_.block_bytes;
    offset = static_cast<std::int64_t>(*at);
  } else if ((*encoded & kContinues) != 0) {
    left = (*encoded & kContinuesLast) != 0 ? Left::kOnlyThese : Left::kSome;
  } else {
    const auto gap = (*encoded & kHasOffset) != 0 ? Number() : 0;
    if (!gap) return Strange();
    offset = place.offset + place.size + static_cast<std::int64_t>(*gap);
  }
  if (auto walked = SuperBlocks(reference, place, offset, left); !walked) {
    return tl::unexpected(std::move(walked.error()));
  }
  return (*encoded & kLast) != 0;
}

Walked<std::vector<BlockExtent>> MapReader::Run() {
  const auto flags = Number();
  constexpr auto kMostBytes = static_cast<std::int64_t>(kMostNumber);
  if (!flags || (*flags & kVersion) != 0 || file_.size > kMostBytes || file_.block_bytes <= 0 ||
      file_.block_bytes > kMostBytes || file_.block_checksum_bytes < kLeastChecksum ||
      file_.block_checksum_bytes > 64) {
    return Strange();
  }
  while (true) {
    auto last = Reference();
    if (!last) return tl::unexpected(std::move(last.error()));
    if (*last) break;
  }
  const std::int64_t expected = (file_.size + file_.block_bytes - 1) / file_.block_bytes;
  if (at_ != map_.size() || blocks_ != expected) return Strange();
  const auto key = [](const BlockExtent& one) {
    return std::tie(one.reference, one.bundle, one.begin, one.end);
  };
  std::sort(extents_.begin(), extents_.end(),
            [&key](const BlockExtent& a, const BlockExtent& b) { return key(a) < key(b); });
  std::vector<BlockExtent> merged;
  for (const BlockExtent& one : extents_) {
    const bool joins = !merged.empty() && merged.back().reference == one.reference &&
                       merged.back().bundle == one.bundle && merged.back().end >= one.begin;
    if (joins) {
      merged.back().end = std::max(merged.back().end, one.end);
    } else {
      merged.push_back(one);
    }
  }
  return merged;
}

}  // namespace

Walked<std::vector<BlockExtent>> ReadBlockMap(std::string_view map, const PgBackRestFile& file,
                                              std::size_t references) {
  return MapReader(map, file, references).Run();
}

}  // namespace drwatch::verify
