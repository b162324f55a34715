#include "base/utf8.h"

#include <algorithm>
#include <cstdint>

#include "base/byte_block.h"

namespace drwatch::base {
namespace {

constexpr unsigned char kLowest = 0x80;
constexpr unsigned char kHighest = 0xbf;

// How many bytes of the block, which begins with a character, are whole characters. 0: something is
// wrong in it.
std::size_t WholeCharacters(const ByteBlock& block) {
  const std::uint64_t bit7 = block.Bit<7>();
  const std::uint64_t bit6 = block.Bit<6>();
  const std::uint64_t bit5 = block.Bit<5>();
  // First bytes of characters of at least two and of at least three bytes; the others follow them.
  const std::uint64_t two = bit7 & bit6;
  const std::uint64_t three = two & bit5;
  const std::uint64_t others = bit7 & ~bit6;
  if (block.HasAny<'\xc0', '\xc1'>()) return 0;
  if (three == 0) return two << 1 == others ? kByteBlockBytes - (two >> 63) : 0;
  const std::uint64_t bit4 = block.Bit<4>();
  const std::uint64_t bit3 = block.Bit<3>();
  const std::uint64_t bit2 = block.Bit<2>();
  const std::uint64_t bit1 = block.Bit<1>();
  const std::uint64_t bit0 = block.Bit<0>();
  const std::uint64_t four = three & bit4;
  const std::uint64_t f5_and_more = four & (bit3 | (bit2 & (bit1 | bit0)));
  // What may not follow these is told by the next byte's bits 5 and 4.
  const std::uint64_t e0 = three & ~(bit4 | bit3 | bit2 | bit1 | bit0);
  const std::uint64_t ed = three & ~bit4 & bit3 & bit2 & ~bit1 & bit0;
  const std::uint64_t f0 = four & ~(bit3 | bit2 | bit1 | bit0);
  const std::uint64_t f4 = four & bit2;
  const std::uint64_t wrong = ((two << 1 | three << 2 | four << 3) ^ others) | f5_and_more |
                              (e0 << 1 & ~bit5) | (ed << 1 & bit5) | (f0 << 1 & ~(bit5 | bit4)) |
                              (f4 << 1 & (bit5 | bit4));
  if (wrong != 0) return 0;
  if (two >> 63 != 0) return kByteBlockBytes - 1;
  if (three >> 62 != 0) return kByteBlockBytes - 2;
  if (four >> 61 != 0) return kByteBlockBytes - 3;
  return kByteBlockBytes;
}

// The bytes from `at` on, if they are less than a block.
bool EndsInAscii(std::string_view bytes, std::size_t at) {
  if (bytes.size() - at >= kByteBlockBytes) return false;
  if (bytes.size() >= kByteBlockBytes) {
    return !ByteBlock(bytes.data() + bytes.size() - kByteBlockBytes).HasHigh();
  }
  return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

// Says whether `byte` may come next.
bool Utf8Stream::Step(unsigned char byte) {
  if (missing_ > 0) {
    const bool fits = byte >= lowest_ && byte <= highest_;
    --missing_;
    lowest_ = kLowest;
    highest_ = kHighest;
    return fits;
  }
  if (byte < 0x80) return true;
  if (byte < 0xc2 || byte > 0xf4) return false;
  missing_ = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
  lowest_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : kLowest;
  highest_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : kHighest;
  return true;
}

std::size_t Utf8Stream::Take(std::string_view bytes) {
  std::size_t at = 0;
  const auto step = [&] { return Step(static_cast<unsigned char>(bytes[at++])); };
  while (!whole() && at < bytes.size()) {
    if (!step()) return at - 1;
  }
  while (bytes.size() - at >= kByteBlockBytes) {
    const ByteBlock block(bytes.data() + at);
    const std::size_t good = block.HasHigh() ? WholeCharacters(block) : kByteBlockBytes;
    if (good == 0) break;
    at += good;
  }
  if (whole() && EndsInAscii(bytes, at)) return kNone;
  while (at < bytes.size()) {
    if (!step()) return at - 1;
  }
  return kNone;
}

}  // namespace drwatch::base
