#include "web/escaped_name.h"

#include <cstdint>
#include <optional>

namespace drwatch::web {
namespace {

constexpr std::string_view kPrefix = "U__";
// Of a code point: 10ffff.
constexpr std::size_t kMaxDigits = 6;

std::optional<std::uint32_t> HexNumber(std::string_view digits) {
  if (digits.empty() || digits.size() > kMaxDigits) return std::nullopt;
  std::uint32_t number = 0;
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f')) return std::nullopt;
    number = number * 16 + static_cast<std::uint32_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  const bool surrogate = number >= 0xd800 && number <= 0xdfff;
  if (number > 0x10ffff || surrogate) return std::nullopt;
  return number;
}

void AppendUtf8(std::string& out, std::uint32_t point) {
  const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xc0 | point >> 6);
    byte(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    byte(0xe0 | point >> 12);
    byte(0x80 | (point >> 6 & 0x3f));
    byte(0x80 | (point & 0x3f));
  } else {
    byte(0xf0 | point >> 18);
    byte(0x80 | (point >> 12 & 0x3f));
    byte(0x80 | (point >> 6 & 0x3f));
    byte(0x80 | (point & 0x3f));
  }
}

}  // namespace

std::string UnescapeName(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::string(name);
  std::string result;
  for (std::size_t at = kPrefix.size(); at < name.size();) {
    if (name[at] != '_') {
      result += name[at++];
      continue;
    }
    const std::size_t end = name.find('_', at + 1);
    if (end == std::string_view::npos) return std::string(name);
    if (end == at + 1) {
      result += '_';
    } else {
      const auto point = HexNumber(name.substr(at + 1, end - at - 1));
      if (!point) return std::string(name);
      AppendUtf8(result, *point);
    }
    at = end + 1;
  }
  return result;
}

}  // namespace drwatch::web
