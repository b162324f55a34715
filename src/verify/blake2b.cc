#include "verify/blake2b.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace drwatch::verify {
namespace {

constexpr std::array<std::uint64_t, 8> kStart = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// The order in which each round takes the block's words; the last two rounds are the first two.
constexpr std::array<std::array<std::uint8_t, 16>, 10> kOrder = {
    {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
     {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
     {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
     {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
     {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
     {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
     {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
     {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
     {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
     {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}}};
constexpr std::size_t kRounds = 12;

using Words = std::array<std::uint64_t, 16>;

void Mix(Words& v, std::array<std::size_t, 4> at, std::uint64_t x, std::uint64_t y) {
  const auto [a, b, c, d] = at;
  v[a] += v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 32);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 24);
  v[a] += v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 63);
}

}  // namespace

Blake2b::Blake2b(std::size_t digest_bytes) : digest_bytes_(digest_bytes), state_(kStart) {
  state_[0] ^= 0x01010000 ^ digest_bytes;
}

void Blake2b::Compress(Block block) {
  count_ += filled_;
  Words words;
  std::memcpy(words.data(), block_.data(), kBlockBytes);
  Words v;
  std::copy(state_.begin(), state_.end(), v.begin());
  std::copy(kStart.begin(), kStart.end(), v.begin() + kStart.size());
  v[12] ^= count_;
  if (block == Block::kLast) v[14] = ~v[14];
  for (std::size_t round = 0; round < kRounds; ++round) {
    const auto& order = kOrder[round % kOrder.size()];
    for (std::size_t i = 0; i < 4; ++i) {
      Mix(v, {i, 4 + i, 8 + i, 12 + i}, words[order[2 * i]], words[order[2 * i + 1]]);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      Mix(v, {i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4}, words[order[8 + 2 * i]],
          words[order[9 + 2 * i]]);
    }
  }
  for (std::size_t i = 0; i < state_.size(); ++i) state_[i] ^= v[i] ^ v[i + 8];
  filled_ = 0;
}

void Blake2b::Update(std::string_view bytes) {
  while (!bytes.empty()) {
    // The last block is compressed as such: it waits until more follows.
    if (filled_ == kBlockBytes) Compress(Block::kMore);
    const std::size_t part = std::min(bytes.size(), kBlockBytes - filled_);
    std::memcpy(block_.data() + filled_, bytes.data(), part);
    filled_ += part;
    bytes.remove_prefix(part);
  }
}

std::string Blake2b::Finish() {
  std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), '\0');
  Compress(Block::kLast);
  std::string digest(kMaxDigestBytes, '\0');
  std::memcpy(digest.data(), state_.data(), kMaxDigestBytes);
  digest.resize(digest_bytes_);
  return digest;
}

}  // namespace drwatch::verify
