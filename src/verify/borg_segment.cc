#include "verify/borg_segment.h"

#include <string>
#include <string_view>

#include "verify/crc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kSegmentMagic = "BORG_SEG";
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kEntryHeaderBytes = 9;  // CRC-32, length of the entry, kind
constexpr std::size_t kPieceBytes = 41;       // of an entry about a piece, with its key
constexpr std::int64_t kMaxEntryBytes = 20 << 20;
constexpr std::string_view kEntry = "an entry";

enum Kind : unsigned char { kPut = 0, kDelete = 1, kCommit = 2 };

constexpr std::string_view kIndexMagic = "BORG_IDX";
constexpr std::size_t kIndexHeaderBytes = 18;  // magic, pieces, buckets, bytes of a key, of a value
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kBucketBytes = kKeyBytes + 8;  // key, segment, offset
constexpr std::uint32_t kNoPiece = 0xfffffffe;       // from here on: a bucket that holds none

std::uint32_t Number(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return value;
}

bool IsOfAKind(unsigned char kind, std::int64_t size) {
  switch (kind) {
    case kPut:
      return size >= static_cast<std::int64_t>(kPieceBytes);
    case kDelete:
      return size == static_cast<std::int64_t>(kPieceBytes);
    case kCommit:
      return size == static_cast<std::int64_t>(kEntryHeaderBytes);
    default:
      return false;
  }
}

// Returns its kind.
Walked<unsigned char> WalkEntry(Reader& reader) {
  const std::int64_t at = reader.offset();
  const auto head = reader.Take(kEntryHeaderBytes, kEntry);
  if (!head) return tl::unexpected(head.error());
  const std::uint32_t checksum = Number(*head, 0);
  const std::int64_t size = Number(*head, kChecksumBytes);
  const auto kind = static_cast<unsigned char>(head->back());
  if (size < static_cast<std::int64_t>(kEntryHeaderBytes) || size > kMaxEntryBytes) {
    return Broken(Reason::kCorrupt, at, "an entry of " + std::to_string(size) + " bytes");
  }
  std::uint32_t found = Crc32(0, head->substr(kChecksumBytes));
  for (std::int64_t left = size - static_cast<std::int64_t>(kEntryHeaderBytes); left > 0;) {
    const auto bytes = reader.Some(left);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->empty()) return Broken(Reason::kIncomplete, reader.offset(), "ends in an entry");
    found = Crc32(found, *bytes);
    left -= static_cast<std::int64_t>(bytes->size());
  }
  if (found != checksum) return Broken(Reason::kCorrupt, at, "an entry's CRC-32 differs");
  if (!IsOfAKind(kind, size)) return Broken(Reason::kCorrupt, at, "an entry of no known kind");
  return kind;
}

}  // namespace

Walked<BorgSegment> WalkBorgSegment(Reader& reader) {
  const auto magic = reader.Peek(kSegmentMagic.size());
  if (!magic) return tl::unexpected(magic.error());
  if (magic->empty()) return Broken(Reason::kTooSmall, 0, "the file is empty");
  if (*magic != kSegmentMagic) {
    return Broken(Reason::kCorrupt, 0, "it does not begin as a segment of Borg does");
  }
  reader.Consume(kSegmentMagic.size());
  BorgSegment segment;
  while (true) {
    const auto end = reader.AtEnd();
    if (!end) return tl::unexpected(end.error());
    if (*end) break;
    const auto kind = WalkEntry(reader);
    if (!kind) return tl::unexpected(kind.error());
    segment.committed = *kind == kCommit;
  }
  segment.size = reader.offset();
  return segment;
}

Walked<void> WalkBorgIndex(Reader& reader, const std::function<void(const BorgPlace&)>& take) {
  const auto head = reader.Take(kIndexHeaderBytes, "its header");
  if (!head) return tl::unexpected(head.error());
  const std::uint32_t pieces = Number(*head, 8);
  const std::uint32_t buckets = Number(*head, 12);
  if (!head->starts_with(kIndexMagic) || (*head)[16] != kKeyBytes ||
      (*head)[17] != kBucketBytes - kKeyBytes) {
    return Broken(Reason::kCorrupt, 0, "it does not begin as an index of Borg does");
  }
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < buckets; ++i) {
    const auto bucket = reader.Take(kBucketBytes, "a bucket");
    if (!bucket) return tl::unexpected(bucket.error());
    const BorgPlace place{Number(*bucket, kKeyBytes), Number(*bucket, kKeyBytes + 4)};
    if (place.segment >= kNoPiece) continue;
    ++found;
    take(place);
  }
  const auto end = reader.AtEnd();
  if (!end) return tl::unexpected(end.error());
  if (*end && found == pieces) return {};
  return Broken(Reason::kCorrupt, reader.offset(), "it holds more or less than its header says");
}

}  // namespace drwatch::verify
