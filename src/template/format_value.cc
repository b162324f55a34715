#include "template/format_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "template/format.h"
#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string Pad(std::string text, const Verb& verb) {
  const std::size_t length = CodePoints(text);
  if (verb.width <= static_cast<int>(length)) return text;
  const std::size_t missing = static_cast<std::size_t>(verb.width) - length;
  if (verb.minus) return text + std::string(missing, ' ');
  return std::string(missing, ' ') + text;
}

// Zeros go between the sign and the digits.
std::string PadNumber(std::string text, const Verb& verb) {
  if (!verb.zero || verb.minus || verb.width <= static_cast<int>(text.size())) {
    return Pad(std::move(text), verb);
  }
  const std::size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
  text.insert(sign, static_cast<std::size_t>(verb.width) - text.size(), '0');
  return text;
}

std::string DigitsOf(std::uint64_t magnitude, int base, bool upper) {
  std::array<char, 72> buffer;
  char* const end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base).ptr;
  if (upper) {
    std::transform(buffer.data(), end, buffer.data(),
                   [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c; });
  }
  return std::string(buffer.data(), end);
}

std::string FormatInteger(bool negative, std::uint64_t magnitude, const Verb& verb,
                          const Value& value) {
  int base = 10;
  std::string prefix;
  switch (verb.letter) {
    case 'v':
    case 'd':
      break;
    case 'b':
      base = 2;
      prefix = verb.sharp ? "0b" : "";
      break;
    case 'o':
    case 'O':
      base = 8;
      prefix = verb.letter == 'O' ? "0o" : verb.sharp ? "0" : "";
      break;
    case 'x':
    case 'X':
      base = 16;
      prefix = !verb.sharp ? "" : verb.letter == 'x' ? "0x" : "0X";
      break;
    case 'c':
      return Pad(EncodeUtf8(static_cast<char32_t>(magnitude)), verb);
    case 'q':
      return Pad("'" + EncodeUtf8(static_cast<char32_t>(magnitude)) + "'", verb);
    case 'U': {
      std::string digits = DigitsOf(magnitude, 16, true);
      if (digits.size() < 4) digits.insert(0, 4 - digits.size(), '0');
      const std::string shown =
          verb.sharp ? " '" + EncodeUtf8(static_cast<char32_t>(magnitude)) + "'" : "";
      return Pad("U+" + digits + shown, verb);
    }
    default:
      return BadVerb(verb.letter, value);
  }
  std::string digits = DigitsOf(magnitude, base, verb.letter == 'X');
  if (verb.precision > static_cast<int>(digits.size())) {
    digits.insert(0, static_cast<std::size_t>(verb.precision) - digits.size(), '0');
  }
  const std::string sign = negative ? "-" : verb.plus ? "+" : verb.space ? " " : "";
  return PadNumber(sign + prefix + digits, verb);
}

std::string FormatNumber(double number, const Verb& verb, const Value& value) {
  int precision = verb.precision;
  char format = static_cast<char>(verb.letter);
  switch (verb.letter) {
    case 'v':
      format = 'g';
      break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
      if (precision < 0) precision = 6;
      break;
    case 'g':
    case 'G':
    case 'x':
    case 'X':
      break;
    default:
      return BadVerb(verb.letter, value);
  }
  const bool upper = format == 'E' || format == 'G' || format == 'X';
  if (upper) format = static_cast<char>(format + 32);
  if (format == 'F') format = 'f';
  std::string text = FormatFloat(number, format, precision);
  if (upper && std::isfinite(number)) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  }
  if (text[0] == '+' && !verb.plus) text.erase(0, 1);
  if (text[0] != '-' && text[0] != '+' && (verb.plus || verb.space)) {
    text.insert(0, verb.plus ? "+" : " ");
  }
  // Go writes +Inf in %v, and never pads infinities with zeros.
  if (std::isinf(number) && number > 0 && text[0] != '+') text.insert(0, "+");
  if (!std::isfinite(number)) {
    Verb plain = verb;
    plain.zero = false;
    return Pad(std::move(text), plain);
  }
  return PadNumber(std::move(text), verb);
}

// With # each run begins with 0x; a space stands between bytes.
std::string HexBytes(std::string_view text, const Verb& verb) {
  const std::string prefix = !verb.sharp ? "" : verb.letter == 'x' ? "0x" : "0X";
  std::string hex = text.empty() ? "" : prefix;
  for (const char c : text) {
    if (verb.space && hex.size() > prefix.size()) hex += " " + prefix;
    const std::string digits = DigitsOf(static_cast<unsigned char>(c), 16, verb.letter == 'X');
    hex += digits.size() < 2 ? "0" + digits : digits;
  }
  return hex;
}

std::string FormatText(std::string_view text, const Verb& verb, const Value& value) {
  if (verb.precision >= 0 && (verb.letter == 's' || verb.letter == 'v' || verb.letter == 'q')) {
    text = FirstCodePoints(text, static_cast<std::size_t>(verb.precision));
  }
  switch (verb.letter) {
    case 's':
    case 'v':
      return Pad(std::string(text), verb);
    case 'q': {
      const bool raw = verb.sharp && text.find_first_of("`\n\r") == std::string_view::npos;
      return Pad(raw ? "`" + std::string(text) + "`" : GoQuote(text), verb);
    }
    case 'x':
    case 'X':
      return Pad(HexBytes(text, verb), verb);
    default:
      return BadVerb(verb.letter, value);
  }
}

struct Formatter {
  const Value& value;
  const Verb& verb;

  std::string operator()(std::monostate) const {
    if (verb.letter == 'v') return Pad("<nil>", verb);
    return "%!" + EncodeUtf8(verb.letter) + "(<nil>)";
  }
  std::string operator()(bool truth) const {
    if (verb.letter != 'v' && verb.letter != 't') return BadVerb(verb.letter, value);
    return Pad(truth ? "true" : "false", verb);
  }
  std::string operator()(std::int64_t number) const {
    const bool negative = number < 0;
    const auto bits = static_cast<std::uint64_t>(number);
    return FormatInteger(negative, negative ? 0 - bits : bits, verb, value);
  }
  std::string operator()(std::uint64_t number) const {
    return FormatInteger(false, number, verb, value);
  }
  std::string operator()(double number) const { return FormatNumber(number, verb, value); }
  std::string operator()(const std::string& text) const { return FormatText(text, verb, value); }
  std::string operator()(const std::shared_ptr<const List>& list) const {
    std::string text = "[";
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      if (i > 0) text += ' ';
      text += FormatValue(list->items[i], verb);
    }
    return text + "]";
  }
  std::string operator()(const std::shared_ptr<const Map>& map) const {
    std::string text = "map[";
    for (const auto& [name, entry] : map->entries) {
      if (text.size() > 4) text += ' ';
      text += FormatValue(Value::String(name), verb) + ":" + FormatValue(entry, verb);
    }
    return text + "]";
  }
  std::string operator()(const std::shared_ptr<const Struct>& fields) const {
    std::string text = "{";
    for (const auto& [name, field] : fields->fields) {
      if (text.size() > 1) text += ' ';
      if (verb.names || verb.sharp) text += name + ":";
      text += FormatValue(field, verb);
    }
    return text + "}";
  }
  std::string operator()(Time time) const { return FormatText(PrintTime(time), verb, value); }
  std::string operator()(Duration duration) const {
    if (verb.letter == 'd') return (*this)(duration.nanos);
    return FormatText(PrintDuration(duration), verb, value);
  }
};

}  // namespace

std::string FormatValue(const Value& value, const Verb& verb) {
  if (verb.letter == 'T') return Pad(value.has_value() ? value.TypeName() : "<nil>", verb);
  return std::visit(Formatter{value, verb}, value.data);
}

std::string BadVerb(char32_t letter, const Value& value) {
  return "%!" + EncodeUtf8(letter) + "(" + value.TypeName() + "=" + FormatValue(value, Verb()) +
         ")";
}

}  // namespace drwatch::tmpl
