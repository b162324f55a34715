#include "model/exposition_scanner.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/strings.h"
#include "model/sample.h"

namespace drwatch::model {
namespace {

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

// Inf and NaN in any case, and "infinity"; nullopt for anything else.
std::optional<double> ParseSpecial(std::string_view text) {
  const bool negative = text.starts_with('-');
  const bool sign = negative || text.starts_with('+');
  const std::string word = base::Lower(text.substr(sign ? 1 : 0));
  if (word == "inf" || word == "infinity") return negative ? -INFINITY : INFINITY;
  if (word == "nan" && !sign) return std::bit_cast<double>(kNormalNanBits);
  return std::nullopt;
}

// As OpenMetrics writes the bounds of buckets: shortest, with a fraction or an exponent.
std::string FormatBound(double value) {
  if (std::isnan(value) || std::isinf(value)) return base::FormatDouble(value);
  std::array<char, 64> text;
  const auto print = [&](std::chars_format format) {
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format).ptr;
    return std::string(text.data(), end);
  };
  std::string bound = print(std::chars_format::scientific);
  int exponent = 0;
  const char* digits = bound.data() + bound.find('e') + 1;
  if (*digits == '+') ++digits;
  std::from_chars(digits, bound.data() + bound.size(), exponent);
  // The limits of Go's %g.
  if (exponent < -4 || exponent >= 6) return bound;
  bound = print(std::chars_format::fixed);
  return bound.find('.') == std::string::npos ? bound + ".0" : bound;
}

}  // namespace

std::optional<double> ParseSampleValue(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::string_view digits = text;
  if (digits[0] == '+') digits.remove_prefix(1);
  const std::size_t sign = digits.starts_with('-') ? 1 : 0;
  if (digits.size() <= sign || (text[0] == '+' && sign == 1)) return std::nullopt;
  const char first = digits[sign];
  if (first != '.' && (first < '0' || first > '9')) return ParseSpecial(text);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (error == std::errc()) return value;
  if (error != std::errc::result_out_of_range) return std::nullopt;
  // Too small reads as 0; too large is no value.
  const std::size_t exponent = digits.find_first_of("eE");
  const bool small = exponent != std::string_view::npos ? digits.substr(exponent + 1, 1) == "-"
                                                        : first == '.' || first == '0';
  return small ? std::optional<double>(0) : std::nullopt;
}

std::optional<base::Timestamp> FromSeconds(double seconds) {
  constexpr double kRoundingError = 1e-3;  // of a present time's milliseconds, generously
  const double millis = seconds * 1000;
  if (!(std::abs(millis) < 0x1p63)) return std::nullopt;
  const double nearest = std::round(millis);
  const bool whole = std::abs(millis - nearest) < kRoundingError;
  return base::FromUnixMillis(static_cast<std::int64_t>(whole ? nearest : std::trunc(millis)));
}

std::string NormaliseBound(MetricType type, std::string_view label, std::string_view value) {
  const bool bound = (type == MetricType::kHistogram && label == "le") ||
                     (type == MetricType::kSummary && label == "quantile");
  if (bound) {
    if (const auto number = ParseSampleValue(value)) return FormatBound(*number);
  }
  return std::string(value);
}

std::string Unescape(std::string_view text, EscapedQuotes quotes) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n') {
      result += '\n';
      ++i;
    } else if (next == '\\' || (next == '"' && quotes == EscapedQuotes::kUndo)) {
      result += next;
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

bool Scanner::TakeIf(char c) {
  if (ended() || page_[at_] != c) return false;
  ++at_;
  return true;
}

bool Scanner::TakeIf(std::string_view text) {
  if (!rest().starts_with(text)) return false;
  at_ += text.size();
  return true;
}

void Scanner::SkipBlanks() {
  while (Peek() == ' ' || Peek() == '\t') ++at_;
}

std::string_view Scanner::TakeUntil(std::string_view stops) {
  const std::size_t begin = at_;
  while (!ended() && stops.find(page_[at_]) == std::string_view::npos) ++at_;
  return Since(begin);
}

std::string_view Scanner::TakeMetricName() {
  const std::size_t begin = at_;
  if (IsNameStart(Peek()) || Peek() == ':') {
    while (IsNamePart(Peek()) || Peek() == ':') ++at_;
  }
  return Since(begin);
}

std::string_view Scanner::TakeLabelName() {
  const std::size_t begin = at_;
  if (IsNameStart(Peek())) {
    while (IsNamePart(Peek())) ++at_;
  }
  return Since(begin);
}

std::optional<std::string_view> Scanner::TakeQuoted(Newlines newlines) {
  if (!TakeIf('"')) return std::nullopt;
  const std::size_t begin = at_;
  bool escapes = false;
  while (true) {
    if (ended()) return std::nullopt;
    const char c = page_[at_];
    if (c == '"') break;
    if (c == '\\') {
      escapes = true;
      ++at_;
      if (ended() || page_[at_] == '\n') return std::nullopt;
    } else if (c == '\n' && newlines == Newlines::kForbidden) {
      return std::nullopt;
    }
    ++at_;
  }
  const std::string_view text = Since(begin);
  ++at_;
  if (text.size() > static_cast<std::size_t>(limits_.max_label_bytes)) return std::nullopt;
  if (!base::IsValidUtf8(text)) return std::nullopt;
  return escapes ? Keep(Unescape(text, EscapedQuotes::kUndo)) : text;
}

std::optional<std::string_view> Scanner::TakeFamilyName() {
  if (Peek() == '"') return TakeQuoted(Newlines::kForbidden);
  const std::string_view name = TakeMetricName();
  if (name.empty()) return std::nullopt;
  return name;
}

void Scanner::ClearLabels() {
  labels_.clear();
  kept_.clear();
}

std::string_view Scanner::Keep(std::string text) {
  kept_.push_back(std::make_unique<std::string>(std::move(text)));
  return *kept_.back();
}

Labels Scanner::BuildLabels(MetricType type) {
  const bool bounds = type == MetricType::kHistogram || type == MetricType::kSummary;
  for (auto& [name, value] : labels_) {
    if (bounds && (name == "le" || name == "quantile")) {
      value = Keep(NormaliseBound(type, name, value));
    }
  }
  return Labels::FromViews(labels_);
}

tl::unexpected<base::Error> Scanner::FailAt(std::size_t at, const std::string& expected) const {
  at = std::min(at, page_.size());
  const std::string_view before = page_.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::string_view found = page_.substr(at, page_.substr(at).find('\n'));
  const std::string shown =
      at >= page_.size() ? "end of page" : base::Quote(base::Truncate(found, 40));
  return base::Fail("line " + std::to_string(line) + ": expected " + expected + ", got " + shown);
}

}  // namespace drwatch::model
