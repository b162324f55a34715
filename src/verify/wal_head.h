// How a page of WAL and a segment begin, and what that tells: the release, the cluster, the size of
// segments. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "verify/source.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

// A little-endian number at a place of `bytes`, which reach so far.
template <typename T>
T WalNumber(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return static_cast<T>(value);
}

// xlog_internal.h: XLogPageHeaderData, XLogLongPageHeaderData.
struct WalPageHeader {
  static constexpr std::size_t kShortBytes = 24;
  static constexpr std::size_t kLongBytes = 40;     // of a segment's first page
  static constexpr std::uint16_t kContinued = 1;    // XLP_FIRST_IS_CONTRECORD
  static constexpr std::uint16_t kLong = 2;         // XLP_LONG_HEADER
  static constexpr std::uint16_t kOverwritten = 8;  // XLP_FIRST_IS_OVERWRITE_CONTRECORD
  static constexpr std::uint16_t kAllFlags = 15;

  // `page` has at least kShortBytes.
  explicit WalPageHeader(std::string_view page)
      : magic(WalNumber<std::uint16_t>(page, 0)),
        flags(WalNumber<std::uint16_t>(page, 2)),
        timeline(WalNumber<std::uint32_t>(page, 4)),
        address(WalNumber<std::uint64_t>(page, 8)),
        remaining(WalNumber<std::uint32_t>(page, 16)) {}

  std::uint16_t magic;
  std::uint16_t flags;
  std::uint32_t timeline;
  Lsn address;
  std::uint32_t remaining;  // of a record that began before the page
};

// "15" for the magic of PostgreSQL 15; empty if it is not known.
std::string_view WalServerVersion(std::uint16_t magic);
// Whether a server of that version ("15", as PG_VERSION says it) may have written it. One that is
// not known may have written what is not known.
bool IsWalOfServer(std::uint16_t magic, std::string_view version);

// By the first bytes.
bool LooksLikeWal(std::string_view head);

// What the first bytes of a segment tell about its archive.
struct WalHead {
  std::int64_t segment_bytes = 0;
  std::uint64_t system_identifier = 0;
};
// Of a segment, packed or not; `name` is the file's, which tells packings without a magic number.
// Fault kWrongFormat: it is none, or encrypted.
Walked<WalHead> PeekWalHead(Reader& file, std::string_view name);

}  // namespace drwatch::verify
