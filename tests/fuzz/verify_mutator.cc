// Mends the checksums of tar headers now and then: hardly any mutated one would get past them.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

constexpr std::size_t kBlockBytes = 512;
constexpr std::size_t kChecksumAt = 148;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kMagicAt = 257;

void MendHeader(std::uint8_t* block) {
  std::memset(block + kChecksumAt, ' ', kChecksumBytes);
  unsigned sum = 0;
  for (std::size_t i = 0; i < kBlockBytes; ++i) sum += block[i];
  char text[kChecksumBytes];
  std::snprintf(text, sizeof text, "%06o", sum);
  std::memcpy(block + kChecksumAt, text, sizeof text);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  const auto* newline = static_cast<const std::uint8_t*>(std::memchr(data, '\n', size));
  if (seed % 4 == 0 || newline == nullptr) return size;
  auto at = static_cast<std::size_t>(newline - data) + 1;
  for (; at + kBlockBytes <= size; at += kBlockBytes) {
    if (std::memcmp(data + at + kMagicAt, "ustar", 5) == 0) MendHeader(data + at);
  }
  return size;
}
