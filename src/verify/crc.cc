#include "verify/crc.h"

#include <isa-l/crc.h>
#include <isa-l/crc64.h>

#include <array>
#include <climits>

#include "verify/wide_registers.h"

namespace drwatch::verify {
namespace {

// The reflected polynomial of CRC-64/NVME.
constexpr std::uint64_t kNvme = 0x9a6c9329ac4bc9b5ULL;
constexpr int kSlices = 8;

// Row k holds the check of a byte that k zero bytes follow: eight rows take eight bytes at a time.
using Tables = std::array<std::array<std::uint64_t, 256>, kSlices>;
constexpr Tables MakeTables() {
  Tables tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kNvme : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
constexpr Tables kTables = MakeTables();

std::uint64_t Byte(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

}  // namespace

std::uint32_t Crc32(std::uint32_t crc, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, INT_MAX);
    crc = crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(part.data()), part.size());
    bytes.remove_prefix(part.size());
  }
  ForgetUpperHalves();
  return crc;
}

std::uint64_t Crc64Xz(std::uint64_t crc, std::string_view bytes) {
  crc = crc64_ecma_refl(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  ForgetUpperHalves();
  return crc;
}

std::uint64_t Crc64Nvme(std::uint64_t crc, std::string_view bytes) {
  crc = ~crc;
  while (bytes.size() >= kSlices) {
    std::uint64_t mixed = crc;
    for (int i = 0; i < kSlices; ++i) mixed ^= Byte(bytes, static_cast<std::size_t>(i)) << (8 * i);
    crc = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      crc ^= kTables[kSlices - 1 - i][(mixed >> (8 * i)) & 0xff];
    }
    bytes.remove_prefix(kSlices);
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ Byte(bytes, i)) & 0xff];
  }
  return ~crc;
}

}  // namespace drwatch::verify
