// The compression functions of SHA-1 and SHA-256 for up to four messages at a time.
//
// One message keeps the processor's SHA instructions waiting for their own results; four in turn
// are hashed 2.5 times (SHA-1) and 1.8 times (SHA-256) as quickly as one (AMD Zen 5). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace drwatch::verify {

enum class ShaKind { kSha1, kSha256 };

inline constexpr std::size_t kShaStreams = 4;
inline constexpr std::size_t kShaBlockBytes = 64;

// Words of the digest in the order it is written; SHA-1 uses five of them.
using ShaState = std::array<std::uint32_t, 8>;
// FIPS 180-4, 5.3.
ShaState ShaStart(ShaKind kind);

struct ShaStream {
  ShaState* state = nullptr;
  const char* data = nullptr;
};

// Whether this processor can do what follows.
bool HasShaInstructions();

// Takes in `blocks` blocks of each of one to kShaStreams messages, which all have so many.
void HashBlocks(ShaKind kind, std::span<const ShaStream> streams, std::size_t blocks);

}  // namespace drwatch::verify
