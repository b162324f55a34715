#include "base/duration.h"

#include <array>
#include <limits>

#include "base/strings.h"

namespace drwatch::base {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t millis;
  bool exact_only;  // FormatDuration uses it only when nothing is left over (as Prometheus does).
};
constexpr std::array<Unit, 7> kUnits = {{{"y", 31'536'000'000, true},
                                         {"w", 604'800'000, true},
                                         {"d", 86'400'000, true},
                                         {"h", 3'600'000, false},
                                         {"m", 60'000, false},
                                         {"s", 1'000, false},
                                         {"ms", 1, false}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

tl::unexpected<Error> BadDuration(std::string_view text) {
  return Fail("not a valid duration: " + Quote(text), "write it like 30s, 5m, 1h30m or 2d");
}

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  if (text == "0") return Duration(0);
  if (text.empty()) return BadDuration(text);
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t digits_begin = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    const auto number = ParseInt(text.substr(digits_begin, at - digits_begin));
    const std::size_t unit_begin = at;
    while (at < text.size() && !IsDigit(text[at])) ++at;
    const std::string_view unit = text.substr(unit_begin, at - unit_begin);
    while (next_unit < kUnits.size() && kUnits[next_unit].name != unit) ++next_unit;
    if (!number || next_unit == kUnits.size()) return BadDuration(text);
    std::int64_t part = 0;
    if (__builtin_mul_overflow(*number, kUnits[next_unit].millis, &part) ||
        __builtin_add_overflow(total, part, &total) ||
        total > std::numeric_limits<std::int64_t>::max() / 1'000'000) {
      return Fail("duration out of range: " + Quote(text));
    }
    ++next_unit;
  }
  return Duration(total);
}

std::string FormatDuration(Duration duration) {
  std::int64_t left = duration.count();
  if (left == 0) return "0s";
  std::string text = left < 0 ? "-" : "";
  if (left < 0) left = -left;
  for (const Unit& unit : kUnits) {
    if (left < unit.millis || (unit.exact_only && left % unit.millis != 0)) continue;
    text += std::to_string(left / unit.millis);
    text += unit.name;
    left %= unit.millis;
  }
  return text;
}

}  // namespace drwatch::base
