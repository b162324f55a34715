// The compression functions of SHA-1 and SHA-256 for eight messages at a time, a word of each in
// one vector of 256 bits. Where a processor's SHA instructions gain nothing from several messages
// (Intel), this takes 2.5 times (SHA-1) and 1.3 times (SHA-256) as much in the same time. Pure.
#pragma once

#include <cstddef>
#include <span>

#include "verify/sha_blocks.h"

namespace drwatch::verify {

inline constexpr std::size_t kWideStreams = 8;

// Whether this processor can do what follows: AVX-512 on vectors of 256 bits, which rotates and
// takes any function of three words at once. Without either it would be slower than the SHA
// instructions.
bool HasWideSha();

// As HashBlocks(), for one to kWideStreams messages; it takes as long for one as for all.
void HashBlocksWide(ShaKind kind, std::span<const ShaStream> streams, std::size_t blocks);

}  // namespace drwatch::verify
