// Names of the files of a WAL archive, and the arithmetic of segments and positions. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drwatch::verify {

// A position in the WAL: bytes since the start of the cluster's history.
using Lsn = std::uint64_t;

// "16/B374D848". nullopt if it is none.
std::optional<Lsn> ParseLsn(std::string_view text);
std::string FormatLsn(Lsn lsn);

// A power of two from 1 MiB to 1 GiB (initdb --wal-segsize).
bool IsSegmentSize(std::int64_t bytes);
inline constexpr std::int64_t kDefaultSegmentBytes = 16 << 20;

struct WalFileName {
  enum class Kind {
    kSegment,  // a full one
    kPartial,  // <segment>.partial: the last piece of an old timeline, or one being streamed
    kHistory,  // TTTTTTTT.history
    kBackup,   // <segment>.<offset>.backup
  };
  Kind kind = Kind::kSegment;
  std::uint32_t timeline = 0;
  std::uint32_t high = 0;  // the other two parts of a segment's name
  std::uint32_t low = 0;
  std::uint32_t offset = 0;  // of a backup's start in its segment
  std::string sha1;          // 40 hex digits that pgBackRest puts behind a segment's name
  bool packed = false;       // an ending of a compression or of what seals follows
  // One of its endings is that of a program whose files are not read: it encrypts (.gpg .age .enc
  // ...) or packs (.lzo .zip ...).
  bool sealed = false;
};

// `name` may be a path: its last part counts. Endings of compressions (.gz .zst .lz4 .xz .bz2 .br
// .lzma .snappy), of what seals, several of them (.gz.gpg), and pgBackRest's "-<sha1>" are
// understood. nullopt: not a file that archives hold.
std::optional<WalFileName> ParseWalFileName(std::string_view name);

// The number of the segment since position 0. nullopt if its name cannot occur with segments of
// this size.
std::optional<std::uint64_t> SegmentNumber(const WalFileName& name, std::int64_t segment_bytes);
// "000000010000000A000000FE".
std::string SegmentName(std::uint32_t timeline, std::uint64_t number, std::int64_t segment_bytes);

}  // namespace drwatch::verify
