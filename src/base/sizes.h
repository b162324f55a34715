// Byte counts as people write them: "1MiB", "64KiB", "10GB", "512".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drwatch::base {

// A whole or decimal number and an optional unit: B, KiB/MiB/GiB/TiB (powers of 1024),
// kB/KB/MB/GB/TB (powers of 1000). Errors: another form, negative, or above 2^63 - 1 bytes.
Result<std::int64_t> ParseSize(std::string_view text);

// For people: "1.5 GiB", "512 B".
std::string FormatSize(std::int64_t bytes);

}  // namespace drwatch::base
