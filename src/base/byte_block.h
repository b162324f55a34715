// 64 bytes at a time: a question about each of them is answered with a word, whose bit i is byte i.
// Readers that must look at every byte of a backup ask so.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace drwatch::base {

inline constexpr std::size_t kByteBlockBytes = 64;

// For processors without SSE2: eight bytes at a time, in words.
class PlainByteBlock {
 public:
  // Reads kByteBlockBytes, aligned or not.
  explicit PlainByteBlock(const char* bytes) {
    std::memcpy(words_.data(), bytes, kByteBlockBytes);
    if constexpr (std::endian::native == std::endian::big) {
      for (std::uint64_t& word : words_) word = __builtin_bswap64(word);
    }
  }

  // Which bytes are `c`.
  std::uint64_t Equal(char c) const {
    return Join([c](std::uint64_t word) { return EqualIn(word, c); });
  }
  // The bit of each byte; 7 is the highest.
  template <int kBit>
  std::uint64_t Bit() const {
    return Join([](std::uint64_t word) { return word >> kBit & kOnes; });
  }
  // Whether any byte is one of these: quicker than to ask which.
  template <char... kBytes>
  bool HasAny() const {
    std::uint64_t any = 0;
    for (const std::uint64_t word : words_) any |= (EqualIn(word, kBytes) | ...);
    return any != 0;
  }
  // Whether any byte is none of ASCII.
  bool HasHigh() const {
    std::uint64_t all = 0;
    for (const std::uint64_t word : words_) all |= word;
    return (all & kOnes << 7) != 0;
  }

 private:
  static constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  // 1 in each byte that is `c`.
  static std::uint64_t EqualIn(std::uint64_t word, char c) {
    constexpr std::uint64_t kLow = kOnes * 0x7f;
    const std::uint64_t differs = word ^ kOnes * static_cast<unsigned char>(c);
    return ~(((differs & kLow) + kLow) | differs | kLow) >> 7;
  }
  // The lowest bit of each byte of what `of` makes of the words, which has no others.
  template <typename Function>
  std::uint64_t Join(Function of) const {
    // Moves the bit of byte i to bit 56 + i.
    constexpr std::uint64_t kGather = 0x0102'0408'1020'4080;
    std::uint64_t which = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) which |= of(words_[i]) * kGather >> 56 << 8 * i;
    return which;
  }

  std::array<std::uint64_t, kByteBlockBytes / sizeof(std::uint64_t)> words_;
};

#ifdef __SSE2__
class Sse2ByteBlock {
 public:
  explicit Sse2ByteBlock(const char* bytes)
      : parts_{Load(bytes), Load(bytes + 16), Load(bytes + 32), Load(bytes + 48)} {}

  std::uint64_t Equal(char c) const {
    const __m128i all = _mm_set1_epi8(c);
    return Join(_mm_cmpeq_epi8(parts_[0], all), _mm_cmpeq_epi8(parts_[1], all),
                _mm_cmpeq_epi8(parts_[2], all), _mm_cmpeq_epi8(parts_[3], all));
  }
  template <int kBit>
  std::uint64_t Bit() const {
    constexpr int kShift = 7 - kBit;
    return Join(_mm_slli_epi16(parts_[0], kShift), _mm_slli_epi16(parts_[1], kShift),
                _mm_slli_epi16(parts_[2], kShift), _mm_slli_epi16(parts_[3], kShift));
  }
  template <char... kBytes>
  bool HasAny() const {
    return _mm_movemask_epi8(AnyOf<kBytes...>(0) | AnyOf<kBytes...>(1) | AnyOf<kBytes...>(2) |
                             AnyOf<kBytes...>(3)) != 0;
  }
  bool HasHigh() const {
    return _mm_movemask_epi8(parts_[0] | parts_[1] | parts_[2] | parts_[3]) != 0;
  }

 private:
  static __m128i Load(const char* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  }
  template <char... kBytes>
  __m128i AnyOf(int part) const {
    return (_mm_cmpeq_epi8(parts_[part], _mm_set1_epi8(kBytes)) | ...);
  }
  // The highest bit of each byte.
  static std::uint64_t Join(__m128i a, __m128i b, __m128i c, __m128i d) {
    const auto word = [](__m128i part) {
      return static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(part)));
    };
    return word(a) | word(b) << 16 | word(c) << 32 | word(d) << 48;
  }

  __m128i parts_[4];
};
using ByteBlock = Sse2ByteBlock;
#else
using ByteBlock = PlainByteBlock;
#endif

}  // namespace drwatch::base
