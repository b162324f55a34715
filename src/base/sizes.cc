#include "base/sizes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/strings.h"

namespace drwatch::base {
namespace {

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr std::array<Unit, 11> kUnits = {{{"", 1},
                                          {"B", 1},
                                          {"kB", 1e3},
                                          {"KB", 1e3},
                                          {"KiB", 1024.0},
                                          {"MB", 1e6},
                                          {"MiB", 1048576.0},
                                          {"GB", 1e9},
                                          {"GiB", 1073741824.0},
                                          {"TB", 1e12},
                                          {"TiB", 1099511627776.0}}};

}  // namespace

Result<std::int64_t> ParseSize(std::string_view text) {
  const std::size_t unit_begin = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = ParseDouble(Trim(text.substr(0, unit_begin)));
  const std::string_view unit = Trim(text.substr(unit_begin));
  for (const Unit& candidate : kUnits) {
    if (!number || candidate.name != unit) continue;
    const double bytes = *number * candidate.bytes;
    if (bytes >= 9.2e18) return Fail("size out of range: " + Quote(text));
    return static_cast<std::int64_t>(std::llround(bytes));
  }
  return Fail("not a valid size: " + Quote(text), "write it like 512, 64KiB, 1MiB or 10GB");
}

std::string FormatSize(std::int64_t bytes) {
  constexpr std::array<const char*, 6> kNames = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(value) >= 1024.0 && unit + 1 < kNames.size()) {
    value /= 1024.0;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kNames[unit]);
  return text;
}

}  // namespace drwatch::base
