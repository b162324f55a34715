// Series notation of rule unit tests and engine scripts: metric{a="b"} 1 2+3x4 _ _x3 stale.
#include <charconv>

#include "base/strings.h"
#include "model/sample.h"
#include "promql/parser.h"
#include "promql/parser_literal.h"
#include "promql/parser_tokens.h"

namespace drwatch::promql {
namespace {

constexpr std::size_t kMaxValues = 1'000'000;  // of one series, repetitions counted

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// One value item, "2+3x4": the values of an item, or what is wrong with it.
class ItemReader {
 public:
  explicit ItemReader(std::string_view item) : rest_(item) {}

  // Appends the item's values. An empty message means it worked.
  std::string AppendTo(std::vector<std::optional<double>>& values) {
    if (rest_.starts_with("{{")) return "native histograms are not supported";
    if (TakeIf('_')) return AppendGaps(values);
    const auto first = TakeValue();
    if (!first) return "expected number, \"stale\" or \"_\"";
    std::optional<double> step;
    if (!rest_.empty() && (rest_[0] == '+' || rest_[0] == '-')) {
      step = TakeValue();
      if (!step) return "expected a number after the sign";
    }
    std::uint64_t count = 0;
    if (TakeIf('x')) {
      if (!TakeCount(count)) return "invalid repetition";
    } else if (step) {
      return "expected \"x\" and a number of repetitions";
    }
    if (!rest_.empty()) return "unexpected " + base::Quote(rest_);
    if (count >= kMaxValues - std::min(kMaxValues, values.size())) return TooMany();
    double value = *first;
    for (std::uint64_t i = 0; i <= count; ++i) {
      values.emplace_back(value);
      if (step) value += *step;
    }
    return "";
  }

 private:
  static std::string TooMany() {
    return "more than " + std::to_string(kMaxValues) + " values in one series";
  }

  bool TakeIf(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string AppendGaps(std::vector<std::optional<double>>& values) {
    std::uint64_t count = 1;
    if (TakeIf('x') && !TakeCount(count)) return "invalid repetition";
    if (!rest_.empty()) return "unexpected " + base::Quote(rest_);
    if (count > kMaxValues - std::min(kMaxValues, values.size())) return TooMany();
    values.resize(values.size() + count);
    return "";
  }

  bool TakeCount(std::uint64_t& count) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), count);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }

  // A signed number or stale. No hexadecimal: 0x3 is 0 repeated.
  std::optional<double> TakeValue() {
    const bool negative = TakeIf('-');
    if (!negative && !TakeIf('+') && rest_.starts_with("stale")) {
      rest_.remove_prefix(5);
      return model::StaleNan();
    }
    const auto value = TakeNumber();
    if (!value) return std::nullopt;
    return negative ? -*value : *value;
  }

  std::optional<double> TakeNumber() {
    const std::string word = base::Lower(rest_.substr(0, 3));
    std::size_t length = 3;
    if (word != "inf" && word != "nan") {
      length = 0;
      while (length < rest_.size() && IsNumberPart(length)) ++length;
    }
    if (length == 0) return std::nullopt;
    const std::string_view number = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return ParseNumber(number);
  }

  bool IsNumberPart(std::size_t at) const {
    const char c = rest_[at];
    if (IsDigit(c) || c == '.' || c == 'e' || c == 'E') return true;
    if (at == 0) return false;
    if (c == '_') return IsDigit(rest_[at - 1]);
    return (c == '+' || c == '-') && (rest_[at - 1] == 'e' || rest_[at - 1] == 'E');
  }

  std::string_view rest_;
};

// The labels before the values; the byte after them, or -1 after an error.
int ParseMetric(TokenStream& tokens, model::LabelsBuilder& labels) {
  const Token first = tokens.current();
  if (IsMetricName(first)) {
    labels.Set(model::kMetricName, first.text);
    const std::string_view after = tokens.text().substr(static_cast<std::size_t>(first.end));
    // What follows a blank are values, which are no tokens of an expression.
    if (after.empty() || after[0] != '{') return first.end;
    tokens.Take();
  }
  if (!tokens.At(TokenKind::kLeftBrace)) {
    tokens.Unexpected("series", "metric name or \"{\"");
    return -1;
  }
  while (!tokens.At(TokenKind::kError) && !tokens.At(TokenKind::kRightBrace)) {
    tokens.Take();  // the brace or a comma
    if (tokens.At(TokenKind::kRightBrace)) break;
    const Token name = tokens.current();
    const bool quoted = name.Is(TokenKind::kString);
    if (!quoted && !name.Is(TokenKind::kIdentifier)) {
      tokens.Unexpected("label set", "identifier or \"}\"");
      return -1;
    }
    tokens.Take();
    if (tokens.TakeIf(TokenKind::kAssign)) {
      const Token value = tokens.current();
      if (!value.Is(TokenKind::kString)) {
        tokens.Unexpected("label set", "string");
        return -1;
      }
      labels.Set(quoted ? Unquote(name.text) : std::string(name.text), Unquote(value.text));
      tokens.Take();
    } else if (quoted) {
      labels.Set(model::kMetricName, Unquote(name.text));
    } else {
      tokens.Unexpected("label set", "\"=\"");
    }
    if (!tokens.At(TokenKind::kComma) && !tokens.At(TokenKind::kRightBrace)) {
      tokens.Unexpected("label set", "\",\" or \"}\"");
    }
  }
  return tokens.failed() ? -1 : tokens.current().end;
}

}  // namespace

base::Result<SeriesDescription> ParseSeriesDescription(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) return base::Fail("series notation too long");
  TokenStream tokens(text);
  model::LabelsBuilder labels;
  const int end = ParseMetric(tokens, labels);
  if (end < 0) return base::Fail(tokens.TakeError());
  SeriesDescription series{labels.Build(), {}};
  std::size_t at = static_cast<std::size_t>(end);
  while (at < text.size()) {
    const std::size_t gap = at;
    while (at < text.size() && IsBlank(text[at])) ++at;
    if (at == text.size()) break;
    std::size_t item_end = at;
    while (item_end < text.size() && !IsBlank(text[item_end])) ++item_end;
    const std::string_view item = text.substr(at, item_end - at);
    const std::string problem =
        at == gap ? "expected a blank before the values" : ItemReader(item).AppendTo(series.values);
    if (!problem.empty()) {
      return base::Fail("1:" + std::to_string(at + 1) + ": parse error: invalid series value " +
                        base::Quote(base::Truncate(item, 40)) + ": " + problem);
    }
    at = item_end;
  }
  return series;
}

}  // namespace drwatch::promql
