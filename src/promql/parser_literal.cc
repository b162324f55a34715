#include "promql/parser_literal.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/strings.h"
#include "model/sample.h"

namespace drwatch::promql {
namespace {

constexpr double kMaxDurationSeconds = 9223372036.854775807;  // 2^63 nanoseconds

void AppendUtf8(std::string& text, std::uint32_t code) {
  const auto tail = [](std::uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += {static_cast<char>(0xc0 | (code >> 6)), tail(code)};
  } else if (code < 0x10000) {
    text += {static_cast<char>(0xe0 | (code >> 12)), tail(code >> 6), tail(code)};
  } else {
    text += {static_cast<char>(0xf0 | (code >> 18)), tail(code >> 12), tail(code >> 6), tail(code)};
  }
}

// What a one-letter escape stands for; 0 for x, u, U and digits.
char SimpleEscape(char c) {
  switch (c) {
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
      return c;
    default:
      return 0;
  }
}

// Out of the range of double: too small is 0, too large is an error. from_chars does not say which.
std::optional<double> Unrepresentable(std::string_view text) {
  const std::size_t exponent = text.find_first_of("eE");
  const bool small = exponent != std::string_view::npos ? text.substr(exponent + 1, 1) == "-"
                                                        : text[0] == '.' || text[0] == '0';
  return small ? std::optional<double>(0) : std::nullopt;
}

std::optional<double> ParseDecimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return Unrepresentable(text);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> ParseInteger(std::string_view digits, int base) {
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<double>(value);
}

}  // namespace

std::string Unquote(std::string_view token) {
  const std::string_view body = token.substr(1, token.size() - 2);
  if (token[0] == '`') return std::string(body);
  std::string text;
  text.reserve(body.size());
  for (std::size_t at = 0; at < body.size(); ++at) {
    if (body[at] != '\\') {
      text += body[at];
      continue;
    }
    const char c = body[++at];
    if (const char simple = SimpleEscape(c); simple != 0) {
      text += simple;
      continue;
    }
    const bool octal = c >= '0' && c <= '7';
    const std::size_t count = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : 8;
    const std::size_t begin = octal ? at : at + 1;
    std::uint32_t code = 0;
    std::from_chars(body.data() + begin, body.data() + begin + count, code, octal ? 8 : 16);
    if (octal || c == 'x') {
      text += static_cast<char>(code);
    } else {
      AppendUtf8(text, code);
    }
    at = begin + count - 1;
  }
  return text;
}

std::optional<double> ParseNumber(std::string_view token) {
  const std::string lower = base::Lower(token);
  if (lower == "inf") return std::numeric_limits<double>::infinity();
  if (lower == "nan") return std::bit_cast<double>(model::kNormalNanBits);
  std::string digits;  // without the underscores, which the lexer allows between digits only
  for (const char c : lower) {
    if (c != '_') digits += c;
  }
  if (lower.back() == '_') return std::nullopt;
  if (digits.starts_with("0x")) return ParseInteger(std::string_view(digits).substr(2), 16);
  const bool octal =
      digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of("01234567") == digits.npos;
  if (octal) {
    if (const auto value = ParseInteger(std::string_view(digits).substr(1), 8)) return value;
  }
  return ParseDecimal(digits);
}

std::optional<base::Duration> FromSeconds(double seconds) {
  if (!(std::abs(seconds) <= kMaxDurationSeconds)) return std::nullopt;
  // Through nanoseconds, as Prometheus does: 4.18 must not become 4179 ms.
  const double nanos = std::round(seconds * 1e9);
  return base::Duration(static_cast<std::int64_t>(nanos / 1e6));
}

}  // namespace drwatch::promql
