// Gzip for HTTP answers (ISA-L), at once or put together from pieces that were packed before.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace drwatch::net {

// RFC 1952, at a fast level: answers are made once and read on a local network. Any thread.
std::string Gzip(std::string_view text);

// Part of a text, packed without regard to what stands before it, so that it fits between any
// others. Immutable.
struct PackedPiece {
  std::string deflate;      // whole blocks that end at a byte, none of them the last one (RFC 1951)
  std::uint32_t crc32 = 0;  // of the text
  std::uint64_t bytes = 0;  // of the text
};
PackedPiece PackPiece(std::string_view text);
// One gzip member with the text of all pieces, in their order: every reader takes it, also one that
// knows nothing of several members.
std::string JoinPieces(std::span<const std::shared_ptr<const PackedPiece>> pieces);

// True if an Accept-Encoding header allows gzip with a weight above 0.
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace drwatch::net
