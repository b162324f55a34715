#include "template/literal.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "template/format.h"
#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

struct BasePrefix {
  std::string_view text;
  int base;
};
constexpr BasePrefix kBasePrefixes[] = {{"0x", 16}, {"0X", 16}, {"0b", 2},
                                        {"0B", 2},  {"0o", 8},  {"0O", 8}};

// Resolves the escape behind a backslash at `at`; appends to `out`.
bool Unescape(std::string_view text, std::size_t& at, std::string& out) {
  const char c = text[at++];
  constexpr std::string_view kNames = "abfnrtv\\\"'";
  constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\\"'";
  if (const std::size_t known = kNames.find(c); known != std::string_view::npos) {
    out += kValues[known];
    return true;
  }
  const bool octal = c >= '0' && c <= '7';
  const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
  if (octal) --at;
  if (digits == 0 || at + digits > text.size()) return false;
  std::uint32_t value = 0;
  const char* const first = text.data() + at;
  const auto [end, error] = std::from_chars(first, first + digits, value, octal ? 8 : 16);
  if (error != std::errc() || end != first + digits) return false;
  at += digits;
  if (c == 'u' || c == 'U') {
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return false;
    out += EncodeUtf8(value);
  } else {
    if (value > 0xff) return false;
    out += static_cast<char>(value);
  }
  return true;
}

base::Result<Value> ParseInteger(const std::string& text, std::string_view digits, bool negative) {
  int base = 10;
  for (const BasePrefix& prefix : kBasePrefixes) {
    if (digits.starts_with(prefix.text)) {
      base = prefix.base;
      digits.remove_prefix(2);
      break;
    }
  }
  // A leading zero alone means octal.
  if (base == 10 && digits.size() > 1 && digits[0] == '0') base = 8;
  std::uint64_t magnitude = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, magnitude, base);
  if (digits.empty() || end != last || error == std::errc::invalid_argument) {
    return base::Fail("bad number syntax: " + GoQuote(text));
  }
  const std::uint64_t limit = (1ULL << 63) - (negative ? 0 : 1);
  if (error == std::errc::result_out_of_range || magnitude > limit) {
    return base::Fail("integer overflow: " + GoQuote(text));
  }
  return Value::Int(static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude));
}

}  // namespace

base::Result<Value> ParseNumber(const std::string& text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != '_'; });
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.erase(0, 1);
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  const bool is_float =
      digits.find_first_of(hex ? ".pP" : ".eEpP") != std::string::npos && !digits.empty();
  if (!is_float) return ParseInteger(text, digits, negative);
  const char* const first = digits.data() + (hex ? 2 : 0);
  const char* const last = digits.data() + digits.size();
  double value = 0;
  const auto [end, error] = std::from_chars(
      first, last, value, hex ? std::chars_format::hex : std::chars_format::general);
  if (end != last || error != std::errc() || !std::isfinite(value)) {
    return base::Fail("bad number syntax: " + GoQuote(text));
  }
  return Value::Float(negative ? -value : value);
}

base::Result<Value> ParseCharacter(std::string_view text) {
  const std::string_view inner = text.substr(1, text.size() - 2);
  if (!inner.empty() && inner[0] != '\\') {
    std::size_t at = 0;
    const char32_t c = DecodeUtf8(inner, at);
    if (at == inner.size()) return Value::Int(c);
  } else if (!inner.empty()) {
    std::string decoded;
    std::size_t at = 1;
    if (at < inner.size() && Unescape(inner, at, decoded) && at == inner.size()) {
      std::size_t begin = 0;
      return Value::Int(DecodeUtf8(decoded, begin));
    }
  }
  return base::Fail("malformed character constant: " + std::string(text));
}

base::Result<std::string> Unquote(std::string_view text) {
  const std::string_view inner = text.substr(1, text.size() - 2);
  if (text[0] == '`') {
    std::string raw;  // Go drops carriage returns in raw strings.
    std::copy_if(inner.begin(), inner.end(), std::back_inserter(raw),
                 [](char c) { return c != '\r'; });
    return raw;
  }
  std::string result;
  for (std::size_t at = 0; at < inner.size();) {
    if (inner[at] != '\\') {
      result += inner[at++];
      continue;
    }
    ++at;
    if (at >= inner.size() || inner[at] == '\'' || !Unescape(inner, at, result)) {
      return base::Fail("invalid syntax");
    }
  }
  return result;
}

}  // namespace drwatch::tmpl
