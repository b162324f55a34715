// Mends checksums now and then, of tar headers, WAL records and entries of Borg's segments: hardly
// any mutated one would get past them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

void MendTar(std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kBlockBytes = 512;
  constexpr std::size_t kChecksumAt = 148;
  constexpr std::size_t kChecksumBytes = 8;
  constexpr std::size_t kMagicAt = 257;
  constexpr char kMagic[] = {'u', 's', 't', 'a', 'r'};
  for (std::uint8_t* at = data;; ++at) {
    at = std::search(at, data + size, std::begin(kMagic), std::end(kMagic));
    if (at == data + size) return;
    if (static_cast<std::size_t>(at - data) < kMagicAt) continue;
    std::uint8_t* const block = at - kMagicAt;
    if (static_cast<std::size_t>(data + size - block) < kBlockBytes) return;
    std::memset(block + kChecksumAt, ' ', kChecksumBytes);
    unsigned sum = 0;
    for (std::size_t i = 0; i < kBlockBytes; ++i) sum += block[i];
    char text[kChecksumBytes];
    std::snprintf(text, sizeof text, "%06o", sum);
    std::memcpy(block + kChecksumAt, text, sizeof text);
  }
}

std::uint32_t Crc32c(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size) {
  crc = ~crc;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

// Records that lie in one page, from the end of the long page header on (xlogrecord.h).
void MendWal(std::uint8_t* page, std::size_t size) {
  constexpr std::size_t kLongHeaderBytes = 40;
  constexpr std::size_t kRecordHeaderBytes = 24;
  constexpr std::size_t kCrcAt = 20;
  if (size < kLongHeaderBytes || page[1] < 0xd0 || page[1] > 0xd1) return;
  for (std::size_t at = kLongHeaderBytes; at + kRecordHeaderBytes <= size;) {
    std::uint32_t length = 0;
    std::memcpy(&length, page + at, sizeof length);
    if (length < kRecordHeaderBytes || length > size - at) return;
    std::uint8_t* const record = page + at;
    std::uint32_t crc = Crc32c(0, record + kRecordHeaderBytes, length - kRecordHeaderBytes);
    crc = Crc32c(crc, record, kCrcAt);
    std::memcpy(record + kCrcAt, &crc, sizeof crc);
    at += (length + 7) / 8 * 8;
  }
}

std::uint32_t Crc32(const std::uint8_t* bytes, std::size_t size) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

// Entries of one segment, from behind its magic on: CRC-32, length of all of it, the rest.
void MendBorg(std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeaderBytes = 9;
  constexpr std::size_t kCrcBytes = 4;
  constexpr char kMagic[] = {'B', 'O', 'R', 'G', '_', 'S', 'E', 'G'};
  std::uint8_t* const end = data + size;
  for (std::uint8_t* at = data;;) {
    at = std::search(at, end, std::begin(kMagic), std::end(kMagic));
    if (at == end) return;
    at += sizeof kMagic;
    while (static_cast<std::size_t>(end - at) >= kHeaderBytes) {
      std::uint32_t length = 0;
      std::memcpy(&length, at + kCrcBytes, sizeof length);
      if (length < kHeaderBytes || length > static_cast<std::size_t>(end - at)) break;
      const std::uint32_t crc = Crc32(at + kCrcBytes, length - kCrcBytes);
      std::memcpy(at, &crc, sizeof crc);
      at += length;
    }
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 == 0) return size;
  MendTar(data, size);
  MendBorg(data, size);
  std::uint8_t* const content = std::find(data, data + size, std::uint8_t{'\n'});
  const auto left = static_cast<std::size_t>(data + size - content);
  if (left > 1) MendWal(content + 1, left - 1);
  return size;
}
