#include "verify/xxh32.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace drwatch::verify {
namespace {

constexpr std::uint32_t kPrime3 = 0xC2B2AE3D;
constexpr std::uint32_t kPrime4 = 0x27D4EB2F;
constexpr std::uint32_t kPrime5 = 0x165667B1;

std::uint32_t LittleEndian(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap32(value);
  return value;
}

// The empty instruction keeps four of these from being made one of vectors, which have no such
// multiplication.
std::uint32_t Round(std::uint32_t lane, std::uint32_t input, std::uint32_t prime1,
                    std::uint32_t prime2) {
  lane += input * prime2;
  asm("" : "+r"(lane));
  return std::rotl(lane, 13) * prime1;
}

}  // namespace

void Xxh32::Stripes(const char* at, std::size_t count) {
  auto [a, b, c, d] = lanes_;
  for (const char* const end = at + count * kStripeBytes; at != end; at += kStripeBytes) {
    a = Round(a, LittleEndian(at), kPrime1, kPrime2);
    b = Round(b, LittleEndian(at + 4), kPrime1, kPrime2);
    c = Round(c, LittleEndian(at + 8), kPrime1, kPrime2);
    d = Round(d, LittleEndian(at + 12), kPrime1, kPrime2);
  }
  lanes_ = {a, b, c, d};
}

void Xxh32::Update(std::string_view bytes) {
  total_ += bytes.size();
  if (rest_bytes_ > 0) {
    const std::string_view part = bytes.substr(0, kStripeBytes - rest_bytes_);
    std::copy(part.begin(), part.end(), rest_.begin() + rest_bytes_);
    rest_bytes_ += part.size();
    bytes.remove_prefix(part.size());
    if (rest_bytes_ < kStripeBytes) return;
    Stripes(rest_.data(), 1);
  }
  const std::size_t stripes = bytes.size() / kStripeBytes;
  Stripes(bytes.data(), stripes);
  bytes.remove_prefix(stripes * kStripeBytes);
  std::copy(bytes.begin(), bytes.end(), rest_.begin());
  rest_bytes_ = bytes.size();
}

std::uint32_t Xxh32::Finish() const {
  std::uint32_t hash = kPrime5;
  if (total_ >= kStripeBytes) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
  }
  hash += static_cast<std::uint32_t>(total_);
  std::size_t at = 0;
  for (; at + 4 <= rest_bytes_; at += 4) {
    hash = std::rotl(hash + LittleEndian(rest_.data() + at) * kPrime3, 17) * kPrime4;
  }
  for (; at < rest_bytes_; ++at) {
    hash = std::rotl(hash + static_cast<unsigned char>(rest_[at]) * kPrime5, 11) * kPrime1;
  }
  hash = (hash ^ hash >> 15) * kPrime2;
  hash = (hash ^ hash >> 13) * kPrime3;
  return hash ^ hash >> 16;
}

}  // namespace drwatch::verify
