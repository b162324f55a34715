#include "verify/sha_blocks.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "verify/sha_wide.h"
#include "verify/wide_registers.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace drwatch::verify {

ShaState ShaStart(ShaKind kind) {
  if (kind == ShaKind::kSha1) {
    return {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0, 0, 0, 0};
  }
  return {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
}

#ifdef __x86_64__
namespace {

// Every function here is built for processors that have the instructions, whatever the rest of the
// program is built for. N is the number of messages; g counts groups of four rounds. Loops over the
// messages are unrolled, so that what they work on stays in registers.
#define DRWATCH_SHA __attribute__((target("sha,sse4.1,ssse3"), always_inline)) inline

// gcc would drop the alignment of __m128i as an argument of std::array.
template <std::size_t N>
struct Words {
  __m128i of[N];
};

template <std::size_t N>
struct Sha1Work {
  Words<N> abcd, e, before;  // `before`: abcd four rounds ago, which holds the next e
  Words<N> message[4];       // the last sixteen words of the schedule
  const char* data[N];
};

DRWATCH_SHA __m128i Load(const char* data, __m128i order) {
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), order);
}

template <std::size_t N, int g>
DRWATCH_SHA void Sha1Group(Sha1Work<N>& work, __m128i order) {
  Words<N>& now = work.message[g % 4];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    if constexpr (g < 4) {
      now.of[i] = Load(work.data[i] + 16 * g, order);
    } else {
      const __m128i begun = _mm_sha1msg1_epu32(now.of[i], work.message[(g + 1) % 4].of[i]);
      now.of[i] = _mm_sha1msg2_epu32(_mm_xor_si128(begun, work.message[(g + 2) % 4].of[i]),
                                     work.message[(g + 3) % 4].of[i]);
    }
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    const __m128i e = g == 0 ? _mm_add_epi32(work.e.of[i], now.of[i])
                             : _mm_sha1nexte_epu32(work.before.of[i], now.of[i]);
    work.before.of[i] = work.abcd.of[i];
    work.abcd.of[i] = _mm_sha1rnds4_epu32(work.abcd.of[i], e, g / 5);
  }
}

template <std::size_t N, int... g>
DRWATCH_SHA void Sha1Groups(Sha1Work<N>& work, __m128i order,
                            std::integer_sequence<int, g...> /*groups*/) {
  (Sha1Group<N, g>(work, order), ...);
}

template <std::size_t N>
__attribute__((target("sha,sse4.1,ssse3"))) void Sha1Blocks(std::span<const ShaStream> streams,
                                                            std::size_t blocks) {
  const __m128i order = _mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL);
  constexpr int kReverse = 0x1B;
  Sha1Work<N> work;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    const ShaState& state = *streams[i].state;
    work.abcd.of[i] = _mm_shuffle_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data())), kReverse);
    work.e.of[i] = _mm_set_epi32(static_cast<int>(state[4]), 0, 0, 0);
    work.data[i] = streams[i].data;
  }
  for (; blocks > 0; --blocks) {
    const Words<N> abcd = work.abcd;
    const Words<N> e = work.e;
    Sha1Groups(work, order, std::make_integer_sequence<int, 20>());
#pragma GCC unroll 4
    for (std::size_t i = 0; i < N; ++i) {
      work.e.of[i] = _mm_sha1nexte_epu32(work.before.of[i], e.of[i]);
      work.abcd.of[i] = _mm_add_epi32(work.abcd.of[i], abcd.of[i]);
      work.data[i] += kShaBlockBytes;
    }
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    ShaState& state = *streams[i].state;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data()),
                     _mm_shuffle_epi32(work.abcd.of[i], kReverse));
    state[4] = static_cast<std::uint32_t>(_mm_extract_epi32(work.e.of[i], 3));
  }
}

template <std::size_t N>
struct Sha256Work {
  Words<N> abef, cdgh;
  Words<N> message[4];
  const char* data[N];
};

template <std::size_t N, int g>
DRWATCH_SHA void Sha256Group(Sha256Work<N>& work, __m128i order) {
  Words<N>& now = work.message[g % 4];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    if constexpr (g < 4) {
      now.of[i] = Load(work.data[i] + 16 * g, order);
    } else {
      const __m128i last = work.message[(g + 3) % 4].of[i];
      const __m128i begun = _mm_sha256msg1_epu32(now.of[i], work.message[(g + 1) % 4].of[i]);
      const __m128i shifted = _mm_alignr_epi8(last, work.message[(g + 2) % 4].of[i], 4);
      now.of[i] = _mm_sha256msg2_epu32(_mm_add_epi32(begun, shifted), last);
    }
  }
  const __m128i constants =
      _mm_load_si128(reinterpret_cast<const __m128i*>(kSha256Constants.data() + 4 * g));
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    const __m128i words = _mm_add_epi32(now.of[i], constants);
    work.cdgh.of[i] = _mm_sha256rnds2_epu32(work.cdgh.of[i], work.abef.of[i], words);
    work.abef.of[i] =
        _mm_sha256rnds2_epu32(work.abef.of[i], work.cdgh.of[i], _mm_shuffle_epi32(words, 0x0E));
  }
}

template <std::size_t N, int... g>
DRWATCH_SHA void Sha256Groups(Sha256Work<N>& work, __m128i order,
                              std::integer_sequence<int, g...> /*groups*/) {
  (Sha256Group<N, g>(work, order), ...);
}

template <std::size_t N>
__attribute__((target("sha,sse4.1,ssse3"))) void Sha256Blocks(std::span<const ShaStream> streams,
                                                              std::size_t blocks) {
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  constexpr int kReverse = 0x1B;
  constexpr int kSwapPairs = 0xB1;
  constexpr int kUpperHalf = 0xF0;
  Sha256Work<N> work;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    const auto* state = reinterpret_cast<const __m128i*>(streams[i].state->data());
    const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(state), kSwapPairs);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(state + 1), kReverse);
    work.abef.of[i] = _mm_alignr_epi8(cdab, efgh, 8);
    work.cdgh.of[i] = _mm_blend_epi16(efgh, cdab, kUpperHalf);
    work.data[i] = streams[i].data;
  }
  for (; blocks > 0; --blocks) {
    const Words<N> abef = work.abef;
    const Words<N> cdgh = work.cdgh;
    Sha256Groups(work, order, std::make_integer_sequence<int, 16>());
#pragma GCC unroll 4
    for (std::size_t i = 0; i < N; ++i) {
      work.abef.of[i] = _mm_add_epi32(work.abef.of[i], abef.of[i]);
      work.cdgh.of[i] = _mm_add_epi32(work.cdgh.of[i], cdgh.of[i]);
      work.data[i] += kShaBlockBytes;
    }
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < N; ++i) {
    auto* state = reinterpret_cast<__m128i*>(streams[i].state->data());
    const __m128i feba = _mm_shuffle_epi32(work.abef.of[i], kReverse);
    const __m128i dchg = _mm_shuffle_epi32(work.cdgh.of[i], kSwapPairs);
    _mm_storeu_si128(state, _mm_blend_epi16(feba, dchg, kUpperHalf));
    _mm_storeu_si128(state + 1, _mm_alignr_epi8(dchg, feba, 8));
  }
}

#undef DRWATCH_SHA

// Most messages that the SHA instructions take in turn: more do not fit the registers.
constexpr std::size_t kInterleaved = 4;
template <std::size_t N>
void HashThem(ShaKind kind, std::span<const ShaStream> streams, std::size_t blocks) {
  if (kind == ShaKind::kSha1) {
    Sha1Blocks<N>(streams, blocks);
  } else {
    Sha256Blocks<N>(streams, blocks);
  }
}

void HashInterleaved(ShaKind kind, std::span<const ShaStream> streams, std::size_t blocks) {
  ForgetUpperHalves();
  while (!streams.empty()) {
    const auto some = streams.first(std::min(streams.size(), kInterleaved));
    switch (some.size()) {
      case 1:
        HashThem<1>(kind, some, blocks);
        break;
      case 2:
        HashThem<2>(kind, some, blocks);
        break;
      case 3:
        HashThem<3>(kind, some, blocks);
        break;
      default:
        HashThem<kInterleaved>(kind, some, blocks);
    }
    streams = streams.subspan(some.size());
  }
}

using HashFunction = void (*)(ShaKind, std::span<const ShaStream>, std::size_t);

// How long it takes for that many messages of 4 KiB: the shortest of some attempts.
std::chrono::steady_clock::duration TimeOf(HashFunction hash, ShaKind kind, std::size_t count) {
  constexpr int kAttempts = 5;
  constexpr std::size_t kBlocks = 64;
  static constexpr std::array<char, kBlocks * kShaBlockBytes> kMessage{};
  std::array<ShaState, kShaStreams> states{};
  std::array<ShaStream, kShaStreams> streams;
  auto shortest = std::chrono::steady_clock::duration::max();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    for (std::size_t i = 0; i < count; ++i) streams[i] = {&states[i], kMessage.data()};
    const auto begin = std::chrono::steady_clock::now();
    hash(kind, {streams.data(), count}, kBlocks);
    shortest = std::min(shortest, std::chrono::steady_clock::now() - begin);
  }
  return shortest;
}

// From how many messages on all of them are done sooner in wide vectors, which take as long for one
// as for all. Which that is differs: processors of one maker and year have SHA instructions that
// gain 1.0 or 2.5 times by being interleaved.
std::size_t MeasureWideFrom(ShaKind kind) {
  if (!HasWideSha()) return kShaStreams + 1;
  const auto wide = TimeOf(HashBlocksWide, kind, kShaStreams);
  std::size_t from = kShaStreams + 1;
  while (from > 2 && wide < TimeOf(HashInterleaved, kind, from - 1)) --from;
  return from;
}

std::size_t WideFrom(ShaKind kind) {
  static const std::array from = {MeasureWideFrom(ShaKind::kSha1),
                                  MeasureWideFrom(ShaKind::kSha256)};
  return from[kind == ShaKind::kSha1 ? 0 : 1];
}

// CPUID, leaf 7: __builtin_cpu_supports of gcc 12 does not know "sha".
bool AskProcessor() {
  unsigned eax = 7;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  constexpr unsigned kSha = 1U << 29;
  return (ebx & kSha) != 0 && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("ssse3");
}

}  // namespace

bool HasShaInstructions() {
  static const bool has = AskProcessor();
  return has;
}

std::size_t UsefulShaStreams() {
  const bool wide = std::min(WideFrom(ShaKind::kSha1), WideFrom(ShaKind::kSha256)) <= kShaStreams;
  return wide ? kShaStreams : kInterleaved;
}

void HashBlocks(ShaKind kind, std::span<const ShaStream> streams, std::size_t blocks) {
  if (streams.size() >= 2 && streams.size() >= WideFrom(kind)) {
    return HashBlocksWide(kind, streams, blocks);
  }
  HashInterleaved(kind, streams, blocks);
}
#else
bool HasShaInstructions() { return false; }
std::size_t UsefulShaStreams() { return 1; }
void HashBlocks(ShaKind, std::span<const ShaStream>, std::size_t) { std::abort(); }
#endif

}  // namespace drwatch::verify
