#include "template/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
// Go's fmt refuses wider fields and longer precisions.
constexpr int kMaxWidth = 1'000'000;

struct Verb {
  bool minus = false, plus = false, sharp = false, space = false, zero = false;
  bool names = false;  // %+v: with the names of fields
  int width = 0;
  int precision = -1;
  char32_t letter = 'v';
};

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

std::string BadVerb(char32_t letter, const Value& value);

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

std::string FormatValue(const Value& value, const Verb& verb);

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

std::string FormatValue(const Value& value, const Verb& verb) {
  if (verb.letter == 'T') return Pad(value.has_value() ? value.TypeName() : "<nil>", verb);
  return std::visit(Formatter{value, verb}, value.data);
}

std::string BadVerb(char32_t letter, const Value& value) {
  return "%!" + EncodeUtf8(letter) + "(" + value.TypeName() + "=" + FormatValue(value, Verb()) +
         ")";
}

// One run of fmt.Sprintf.
class Printer {
 public:
  Printer(std::string_view format, const Values& values) : format_(format), values_(values) {}

  std::string Run() {
    while (at_ < format_.size() && output_.size() <= kMaxValueBytes) {
      const std::size_t percent = format_.find('%', at_);
      output_ += format_.substr(at_, percent - at_);
      if (percent == std::string_view::npos) break;
      at_ = percent + 1;
      Directive();
    }
    if (!reordered_ && next_ < values_.size()) Extra();
    return std::move(output_);
  }

 private:
  void Directive() {
    Verb verb;
    Flags(verb);
    Index();
    if (!Star(verb.width)) {
      verb.width = Number();
    } else if (verb.width < 0) {
      verb.minus = true;
      verb.zero = false;
      verb.width = -verb.width;
    }
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      Index();
      if (!Star(verb.precision)) verb.precision = Number();
      if (verb.precision < 0) verb.precision = -1;
    }
    Index();
    if (at_ >= format_.size()) {
      output_ += "%!(NOVERB)";
      return;
    }
    verb.letter = DecodeUtf8(format_, at_);
    if (verb.letter == 'v') verb.names = std::exchange(verb.plus, false);
    if (verb.letter == '%') {
      output_ += '%';
    } else if (bad_index_) {
      output_ += "%!" + EncodeUtf8(verb.letter) + "(BADINDEX)";
    } else if (next_ >= values_.size()) {
      output_ += "%!" + EncodeUtf8(verb.letter) + "(MISSING)";
    } else {
      output_ += FormatValue(values_[next_++], verb);
    }
  }

  void Flags(Verb& verb) {
    bad_index_ = false;
    for (; at_ < format_.size(); ++at_) {
      const char c = format_[at_];
      if (c == '-') {
        verb.minus = true;
        verb.zero = false;
      } else if (c == '+') {
        verb.plus = true;
      } else if (c == '#') {
        verb.sharp = true;
      } else if (c == ' ') {
        verb.space = true;
      } else if (c == '0') {
        verb.zero = !verb.minus;
      } else {
        return;
      }
    }
  }

  int Number() {
    int number = 0;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_) {
      number = std::min(number * 10 + (format_[at_] - '0'), kMaxWidth);
    }
    return number;
  }

  // A width or precision taken from an argument.
  bool Star(int& out) {
    if (at_ >= format_.size() || format_[at_] != '*') return false;
    ++at_;
    const auto* const number =
        next_ < values_.size() ? std::get_if<std::int64_t>(&values_[next_].data) : nullptr;
    if (next_ < values_.size()) ++next_;
    if (number == nullptr || std::abs(*number) > kMaxWidth) {
      output_ += "%!(BADWIDTH)";
      out = 0;
    } else {
      out = static_cast<int>(*number);
    }
    return true;
  }

  // [n]: the argument to take next, counted from 1.
  void Index() {
    if (at_ >= format_.size() || format_[at_] != '[') return;
    const std::size_t close = format_.find(']', at_);
    const std::size_t begin = at_ + 1;
    if (close == std::string_view::npos) {
      bad_index_ = true;
      at_ = format_.size() - 1;
      return;
    }
    at_ = begin;
    const int number = Number();
    reordered_ = true;
    bad_index_ = at_ != close || number < 1 || static_cast<std::size_t>(number) > values_.size();
    if (!bad_index_) next_ = static_cast<std::size_t>(number) - 1;
    at_ = close + 1;
  }

  void Extra() {
    output_ += "%!(EXTRA ";
    for (std::size_t i = next_; i < values_.size(); ++i) {
      if (i > next_) output_ += ", ";
      output_ += values_[i].has_value()
                     ? values_[i].TypeName() + "=" + FormatValue(values_[i], Verb())
                     : "<nil>";
    }
    output_ += ")";
  }

  std::string_view format_;
  const Values& values_;
  std::string output_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  bool reordered_ = false;
  bool bad_index_ = false;
};

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
  if (exponent < text.size() && text.size() - exponent < 2) text.insert(exponent, "0");
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

std::string Sprint(const Values& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0 && values[i].AsString() == nullptr && values[i - 1].AsString() == nullptr) {
      text += ' ';
    }
    text += FormatValue(values[i], Verb());
  }
  return text;
}

std::string Sprintln(const Values& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ' ';
    text += FormatValue(values[i], Verb());
  }
  return text + "\n";
}

std::string Sprintf(std::string_view format, const Values& values) {
  return Printer(format, values).Run();
}

std::string Print(const Value& value) {
  if (!value.has_value()) return "<no value>";
  return FormatValue(value, Verb());
}

}  // namespace drwatch::tmpl
