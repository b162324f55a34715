#include "verify/sha_wide.h"

#include <array>
#include <cstdlib>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace drwatch::verify {

#ifdef __x86_64__
namespace {

// Built for processors that have the instructions, whatever the rest of the program is built for.
#define DRWATCH_WIDE_TARGET target("avx2,avx512f,avx512vl")
#define DRWATCH_WIDE __attribute__((DRWATCH_WIDE_TARGET, always_inline)) inline

// A word of each message; an array of them as a type of its own, which keeps their alignment.
using Word = __m256i;
template <std::size_t N>
struct Words {
  Word of[N];
};

// Truth tables of three bits for vpternlogd.
constexpr int kChoose = 0xCA;
constexpr int kMajority = 0xE8;
constexpr int kXor = 0x96;

DRWATCH_WIDE Word Add(Word a, Word b) { return _mm256_add_epi32(a, b); }

// Rows of eight words become columns.
DRWATCH_WIDE void Transpose(Word* rows) {
  Words<8> twos;
  for (int i = 0; i < 8; i += 2) {
    twos.of[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    twos.of[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  Words<8> fours;
  for (int i = 0; i < 8; i += 4) {
    for (int half = 0; half < 2; ++half) {
      const Word low = twos.of[i + half];
      const Word high = twos.of[i + 2 + half];
      fours.of[i + 2 * half] = _mm256_unpacklo_epi64(low, high);
      fours.of[i + 2 * half + 1] = _mm256_unpackhi_epi64(low, high);
    }
  }
  constexpr int kLowHalves = 0x20;
  constexpr int kHighHalves = 0x31;
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm256_permute2x128_si256(fours.of[i], fours.of[i + 4], kLowHalves);
    rows[i + 4] = _mm256_permute2x128_si256(fours.of[i], fours.of[i + 4], kHighHalves);
  }
}

// One block of each message: sixteen words, which are big-endian there.
DRWATCH_WIDE Words<16> LoadBlock(const std::array<const char*, kWideStreams>& data,
                                 std::size_t offset) {
  const Word order =
      _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
  Words<16> words;
  for (std::size_t half = 0; half < 2; ++half) {
    Word* const rows = words.of + half * 8;
    for (std::size_t i = 0; i < kWideStreams; ++i) {
      const char* const at = data[i] + offset + half * sizeof(Word);
      rows[i] = _mm256_shuffle_epi8(_mm256_loadu_si256(reinterpret_cast<const Word*>(at)), order);
    }
    Transpose(rows);
  }
  return words;
}

// FIPS 180-4, 6.1.2.
DRWATCH_WIDE void Sha1Rounds(Words<8>& state, Words<16>& w) {
  Word a = state.of[0];
  Word b = state.of[1];
  Word c = state.of[2];
  Word d = state.of[3];
  Word e = state.of[4];
  constexpr std::array<std::uint32_t, 4> kConstants = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc,
                                                       0xca62c1d6};
#pragma GCC unroll 80
  for (int t = 0; t < 80; ++t) {
    Word& word = w.of[t % 16];
    if (t >= 16) {
      const Word three = _mm256_ternarylogic_epi32(w.of[(t + 13) % 16], w.of[(t + 8) % 16],
                                                   w.of[(t + 2) % 16], kXor);
      word = _mm256_rol_epi32(_mm256_xor_si256(three, word), 1);
    }
    Word mixed;
    if (t < 20) {
      mixed = _mm256_ternarylogic_epi32(b, c, d, kChoose);
    } else if (t >= 40 && t < 60) {
      mixed = _mm256_ternarylogic_epi32(b, c, d, kMajority);
    } else {
      mixed = _mm256_ternarylogic_epi32(b, c, d, kXor);
    }
    const Word constant = _mm256_set1_epi32(static_cast<int>(kConstants[t / 20]));
    const Word next = Add(Add(e, Add(word, constant)), Add(mixed, _mm256_rol_epi32(a, 5)));
    e = d;
    d = c;
    c = _mm256_rol_epi32(b, 30);
    b = a;
    a = next;
  }
  const Words<5> done{{a, b, c, d, e}};
  for (int i = 0; i < 5; ++i) state.of[i] = Add(state.of[i], done.of[i]);
}

// FIPS 180-4, 6.2.2; the sums of three rotations, and of two and a shift.
template <int x, int y, int z>
DRWATCH_WIDE Word Rotations(Word word) {
  return _mm256_ternarylogic_epi32(_mm256_ror_epi32(word, x), _mm256_ror_epi32(word, y),
                                   _mm256_ror_epi32(word, z), kXor);
}
template <int x, int y, int shift>
DRWATCH_WIDE Word RotationsAndShift(Word word) {
  return _mm256_ternarylogic_epi32(_mm256_ror_epi32(word, x), _mm256_ror_epi32(word, y),
                                   _mm256_srli_epi32(word, shift), kXor);
}

DRWATCH_WIDE void Sha256Rounds(Words<8>& state, Words<16>& w) {
  Words<8> s = state;  // a to h
#pragma GCC unroll 64
  for (int t = 0; t < 64; ++t) {
    Word& word = w.of[t % 16];
    if (t >= 16) {
      const Word early = RotationsAndShift<7, 18, 3>(w.of[(t + 1) % 16]);
      const Word late = RotationsAndShift<17, 19, 10>(w.of[(t + 14) % 16]);
      word = Add(Add(word, early), Add(w.of[(t + 9) % 16], late));
    }
    const Word constant = _mm256_set1_epi32(static_cast<int>(kSha256Constants[t]));
    const Word choice = _mm256_ternarylogic_epi32(s.of[4], s.of[5], s.of[6], kChoose);
    const Word first =
        Add(Add(Add(s.of[7], constant), word), Add(Rotations<6, 11, 25>(s.of[4]), choice));
    const Word majority = _mm256_ternarylogic_epi32(s.of[0], s.of[1], s.of[2], kMajority);
    const Word second = Add(Rotations<2, 13, 22>(s.of[0]), majority);
    s = {{Add(first, second), s.of[0], s.of[1], s.of[2], Add(s.of[3], first), s.of[4], s.of[5],
          s.of[6]}};
  }
  for (int i = 0; i < 8; ++i) state.of[i] = Add(state.of[i], s.of[i]);
}

template <ShaKind kind>
__attribute__((DRWATCH_WIDE_TARGET)) void HashAll(const std::array<ShaState*, kWideStreams>& states,
                                                  const std::array<const char*, kWideStreams>& data,
                                                  std::size_t blocks) {
  Words<8> state;
  for (std::size_t i = 0; i < kWideStreams; ++i) {
    state.of[i] = _mm256_loadu_si256(reinterpret_cast<const Word*>(states[i]->data()));
  }
  Transpose(state.of);
  for (std::size_t block = 0; block < blocks; ++block) {
    Words<16> words = LoadBlock(data, block * kShaBlockBytes);
    if constexpr (kind == ShaKind::kSha1) {
      Sha1Rounds(state, words);
    } else {
      Sha256Rounds(state, words);
    }
  }
  Transpose(state.of);
  for (std::size_t i = 0; i < kWideStreams; ++i) {
    _mm256_storeu_si256(reinterpret_cast<Word*>(states[i]->data()), state.of[i]);
  }
}

#undef DRWATCH_WIDE
#undef DRWATCH_WIDE_TARGET

}  // namespace

bool HasWideSha() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512f") &&
                          __builtin_cpu_supports("avx512vl");
  return has;
}

void HashBlocksWide(ShaKind kind, std::span<const ShaStream> streams, std::size_t blocks) {
  // Places without a message hash the first one's bytes into nothing.
  std::array<ShaState, kWideStreams> nothing{};
  std::array<ShaState*, kWideStreams> states;
  std::array<const char*, kWideStreams> data;
  for (std::size_t i = 0; i < kWideStreams; ++i) {
    states[i] = i < streams.size() ? streams[i].state : &nothing[i];
    data[i] = streams[i < streams.size() ? i : 0].data;
  }
  if (kind == ShaKind::kSha1) {
    HashAll<ShaKind::kSha1>(states, data, blocks);
  } else {
    HashAll<ShaKind::kSha256>(states, data, blocks);
  }
}
#else
bool HasWideSha() { return false; }
void HashBlocksWide(ShaKind, std::span<const ShaStream>, std::size_t) { std::abort(); }
#endif

}  // namespace drwatch::verify
