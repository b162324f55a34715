// One value at one time, and the marker that ends a series.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "base/clock.h"

namespace drwatch::model {

struct Sample {
  base::Timestamp time;
  double value = 0;
};

// Prometheus' stale NaN: the bit pattern says "this series ended here" (prometheus/model/value).
inline constexpr std::uint64_t kStaleNanBits = 0x7ff0000000000002ULL;
// The NaN that calculations yield.
inline constexpr std::uint64_t kNormalNanBits = 0x7ff8000000000001ULL;

inline double StaleNan() { return std::bit_cast<double>(kStaleNanBits); }
inline bool IsStaleNan(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}

}  // namespace drwatch::model
