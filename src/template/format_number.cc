#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "template/format.h"
#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// "1.cp+1" -> "0x1.cp+01".
std::string HexFloat(double value, int precision) {
  std::array<char, 1200> buffer;
  char* const first = buffer.data();
  char* const last = first + buffer.size();
  const double magnitude = std::abs(value);
  char* const end =
      precision < 0
          ? std::to_chars(first, last, magnitude, std::chars_format::hex).ptr
          : std::to_chars(first, last, magnitude, std::chars_format::hex, std::min(precision, 1000))
                .ptr;
  std::string text(buffer.data(), end);
  const std::size_t exponent = text.find('p') + 2;
  if (exponent < text.size() && text.size() - exponent < 2) text.insert(exponent, 1, '0');
  return (std::signbit(value) ? "-0x" : "0x") + text;
}

// The shortest digits; with 'g' the exponent form begins below 1e-4 and at 1e6 (Go's strconv).
std::string ShortestFloat(double value, char format) {
  std::array<char, 400> buffer;
  const auto write = [&](std::chars_format how) {
    return std::string(buffer.data(),
                       std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, how).ptr);
  };
  std::string scientific = write(std::chars_format::scientific);
  if (format == 'e') return scientific;
  if (format == 'f') return write(std::chars_format::fixed);
  constexpr int kShortestThreshold = 6;
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (value != 0 && (exponent < -4 || exponent >= kShortestThreshold)) return scientific;
  return write(std::chars_format::fixed);
}

}  // namespace

std::string FormatFloat(double value, char format, int precision) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (format == 'x') return HexFloat(value, precision);
  if (precision < 0) return ShortestFloat(value, format);
  // Go gives no digits beyond the exact value's, but for zeros; 1100 hold every double.
  std::array<char, 1600> buffer;
  const auto how = format == 'e'   ? std::chars_format::scientific
                   : format == 'f' ? std::chars_format::fixed
                                   : std::chars_format::general;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, how,
                                          std::min(precision, 1100));
  return std::string(buffer.data(), end);
}

std::string GoQuote(std::string_view text) {
  std::string result = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = DecodeUtf8(text, at);
    constexpr std::string_view kEscaped = "\a\b\f\n\r\t\v\\\"";
    constexpr std::string_view kNames = "abfnrtv\\\"";
    const std::size_t known =
        c < 0x80 ? kEscaped.find(static_cast<char>(c)) : std::string_view::npos;
    if (known != std::string_view::npos) {
      result += {'\\', kNames[known]};
    } else if (c < 0x20 || c == 0x7f || (c == kBadUtf8 && at - begin == 1)) {
      const auto byte = static_cast<unsigned char>(text[begin]);
      result += {'\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    } else {
      result += text.substr(begin, at - begin);
    }
  }
  return result + "\"";
}

}  // namespace drwatch::tmpl
