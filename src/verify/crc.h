// Cyclic redundancy checks: begin with 0 and pass on what came back.
#pragma once

#include <cstdint>
#include <string_view>

#include "verify/content_check.h"  // Crc32c

namespace drwatch::verify {

// CRC-32 of gzip, zip and Ethernet. Of "123456789": cbf43926.
std::uint32_t Crc32(std::uint32_t crc, std::string_view bytes);
// CRC-64/XZ, ECMA-182 reflected. Of "123456789": 995dc9bbdf1939fa.
std::uint64_t Crc64Xz(std::uint64_t crc, std::string_view bytes);
// CRC-64/NVME, S3's own. Of "123456789": ae8b14860a799888.
std::uint64_t Crc64Nvme(std::uint64_t crc, std::string_view bytes);

}  // namespace drwatch::verify
