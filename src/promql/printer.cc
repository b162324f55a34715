// Expressions as text: on one line, or indented.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/duration.h"
#include "base/strings.h"
#include "model/labels.h"
#include "promql/functions.h"
#include "promql/parser.h"
#include "promql/printer_quote.h"

namespace drwatch::promql {
namespace {

constexpr std::size_t kMaxLine = 100;   // bytes; longer nodes are split by PrettyPrint
constexpr std::size_t kMaxIndent = 40;  // levels; keeps the text of a deep tree short

// All digits, never an exponent, as Prometheus prints numbers.
std::string FormatNumber(double value) {
  if (std::isnan(value) || std::isinf(value)) return base::FormatDouble(value);
  std::array<char, 1100> text;  // the smallest denormal has 1074 decimals
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  return std::string(text.data(), end);
}

std::string FormatSeconds(double seconds) {
  const base::Duration millis(std::llround(std::abs(seconds) * 1000));
  return (seconds < 0 ? "-" : "") + base::FormatDuration(millis);
}

// 12.345, exact for every millisecond.
std::string FormatAtTime(base::Timestamp time) {
  const std::int64_t millis = base::ToUnixMillis(time);
  // Unsigned, so that the smallest number has a magnitude too.
  const std::uint64_t bits = static_cast<std::uint64_t>(millis);
  const std::uint64_t magnitude = millis < 0 ? 0 - bits : bits;
  std::string fraction = std::to_string(magnitude % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return (millis < 0 ? "-" : "") + std::to_string(magnitude / 1000) + "." + fraction;
}

std::string FormatShift(const TimeShift& shift) {
  std::string text;
  switch (shift.at) {
    case TimeShift::At::kNone:
      break;
    case TimeShift::At::kTime:
      text = " @ " + FormatAtTime(shift.at_time);
      break;
    case TimeShift::At::kStart:
      text = " @ start()";
      break;
    case TimeShift::At::kEnd:
      text = " @ end()";
      break;
  }
  if (shift.offset.count() != 0) text += " offset " + base::FormatDuration(shift.offset);
  return text;
}

// inf and nan are numbers wherever a word stands.
bool NeedsQuotes(const std::string& label) {
  const std::string lower = base::Lower(label);
  return !model::IsValidLabelName(label) || lower == "inf" || lower == "nan";
}

std::string FormatLabels(const std::vector<std::string>& labels) {
  std::string text = " (";
  for (const std::string& label : labels) {
    if (text.size() > 2) text += ", ";
    text += NeedsQuotes(label) ? QuoteString(label) : label;
  }
  return text + ")";
}

std::string FormatMatcher(const model::Matcher& matcher) {
  const std::string& name = matcher.name();
  return (model::IsValidLabelName(name) ? name : QuoteString(name)) +
         std::string(model::MatchOperator(matcher.type())) + QuoteString(matcher.value());
}

// Without its offset and @, which stand behind the range of a range selector.
std::string FormatSelector(const VectorSelector& selector) {
  std::vector<std::string> matchers;
  for (const model::Matcher& matcher : selector.matchers) {
    const bool is_name = !selector.name.empty() && matcher.name() == model::kMetricName &&
                         matcher.type() == model::MatchType::kEqual &&
                         matcher.value() == selector.name;
    if (!is_name) matchers.push_back(FormatMatcher(matcher));
  }
  if (matchers.empty()) return selector.name;
  std::sort(matchers.begin(), matchers.end());
  return selector.name + "{" + base::Join(matchers, ",") + "}";
}

std::string FormatSubqueryEnd(const SubqueryExpr& node) {
  return "[" + base::FormatDuration(node.range) + ":" +
         (node.step ? base::FormatDuration(*node.step) : "") + "]" + FormatShift(node.shift);
}

std::string FormatAggregateStart(const AggregateExpr& node) {
  std::string text(AggregateOpName(node.op));
  if (node.without) return text + " without" + FormatLabels(node.grouping) + " ";
  if (!node.grouping.empty()) return text + " by" + FormatLabels(node.grouping) + " ";
  return text;
}

// The operator with its modifiers: "+ on (a) group_left (b)".
std::string FormatOperator(const BinaryExpr& node) {
  std::string text(BinaryOpName(node.op));
  if (node.return_bool) text += " bool";
  if (!node.matching) return text;
  const VectorMatching& matching = *node.matching;
  const bool many_to_one = matching.cardinality == MatchCardinality::kManyToOne;
  const bool grouped = many_to_one || matching.cardinality == MatchCardinality::kOneToMany;
  if (!matching.labels.empty() || matching.on || grouped) {
    text += (matching.on ? " on" : " ignoring") + FormatLabels(matching.labels);
  }
  if (grouped) {
    text += (many_to_one ? " group_left" : " group_right") + FormatLabels(matching.include);
  }
  return text;
}

// The sign in "+Inf ^ 2" would be that of the power.
bool IsPowerOfInfinity(const BinaryExpr& node) {
  const auto* const number = std::get_if<NumberLiteral>(&node.left->node);
  return node.op == BinaryOp::kPow && number != nullptr && std::isinf(number->value);
}

// Appends to one string, so that a deep tree costs no copies. Stops early once the text is longer
// than `limit`.
class LinePrinter {
 public:
  explicit LinePrinter(std::size_t limit = std::string::npos) : limit_(limit) {}
  std::string Print(const Expr& expr) {
    Visit(expr);
    return std::move(text_);
  }

 private:
  void Visit(const Expr& expr) {
    if (text_.size() > limit_) return;
    std::visit([this](const auto& node) { Append(node); }, expr.node);
  }
  void Append(const NumberLiteral& node) {
    text_ += node.duration ? FormatSeconds(node.value) : FormatNumber(node.value);
  }
  void Append(const StringLiteral& node) { text_ += QuoteString(node.value); }
  void Append(const ParenExpr& node) {
    text_ += '(';
    Visit(*node.inner);
    text_ += ')';
  }
  void Append(const UnaryExpr& node) {
    text_ += node.negative ? '-' : '+';
    Visit(*node.operand);
  }
  void Append(const VectorSelector& node) {
    text_ += FormatSelector(node) + FormatShift(node.shift);
  }
  void Append(const MatrixSelector& node) {
    const auto& selector = std::get<VectorSelector>(node.selector->node);
    text_ += FormatSelector(selector) + "[" + base::FormatDuration(node.range) + "]" +
             FormatShift(selector.shift);
  }
  void Append(const SubqueryExpr& node) {
    Visit(*node.inner);
    text_ += FormatSubqueryEnd(node);
  }
  void Append(const CallExpr& node) {
    text_ += node.function->name;
    text_ += '(';
    for (std::size_t i = 0; i < node.arguments.size(); ++i) {
      if (i > 0) text_ += ", ";
      Visit(*node.arguments[i]);
    }
    text_ += ')';
  }
  void Append(const AggregateExpr& node) {
    text_ += FormatAggregateStart(node) + "(";
    if (node.parameter != nullptr) {
      Visit(*node.parameter);
      text_ += ", ";
    }
    Visit(*node.operand);
    text_ += ')';
  }
  void Append(const BinaryExpr& node) {
    if (IsPowerOfInfinity(node)) {
      text_ += "Inf";
    } else {
      Visit(*node.left);
    }
    text_ += " " + FormatOperator(node) + " ";
    Visit(*node.right);
  }

  std::size_t limit_;
  std::string text_;
};

// Splits nodes whose line would be too long. `level` is the depth of indentation, two blanks each.
class Formatter {
 public:
  std::string Format(const Expr& expr, std::size_t level) const {
    const std::string line = LinePrinter(kMaxLine).Print(expr);
    if (line.size() <= kMaxLine) return Indent(level) + line;
    return std::visit([&](const auto& node) { return Split(node, level, expr); }, expr.node);
  }

 private:
  static std::string Indent(std::size_t level) {
    return std::string(2 * std::min(level, kMaxIndent), ' ');
  }

  std::string Enclose(const std::string& start, const std::vector<const Expr*>& parts,
                      std::size_t level) const {
    std::string text = Indent(level) + start + "(\n";
    for (std::size_t i = 0; i < parts.size(); ++i) {
      text += Format(*parts[i], level + 1) + (i + 1 < parts.size() ? ",\n" : "\n");
    }
    return text + Indent(level) + ")";
  }
  // Literals and selectors stay on one line.
  template <typename Leaf>
  std::string Split(const Leaf&, std::size_t level, const Expr& expr) const {
    return Indent(level) + Print(expr);
  }
  std::string Split(const ParenExpr& node, std::size_t level, const Expr&) const {
    return Enclose("", {node.inner.get()}, level);
  }
  std::string Split(const UnaryExpr& node, std::size_t level, const Expr&) const {
    return Indent(level) + (node.negative ? "-" : "+") +
           std::string(base::Trim(Format(*node.operand, level)));
  }
  std::string Split(const SubqueryExpr& node, std::size_t level, const Expr&) const {
    return Format(*node.inner, level) + FormatSubqueryEnd(node);
  }
  std::string Split(const CallExpr& node, std::size_t level, const Expr&) const {
    std::vector<const Expr*> parts;
    for (const ExprPtr& argument : node.arguments) parts.push_back(argument.get());
    return Enclose(std::string(node.function->name), parts, level);
  }
  std::string Split(const AggregateExpr& node, std::size_t level, const Expr&) const {
    std::vector<const Expr*> parts;
    if (node.parameter != nullptr) parts.push_back(node.parameter.get());
    parts.push_back(node.operand.get());
    return Enclose(FormatAggregateStart(node), parts, level);
  }
  std::string Split(const BinaryExpr& node, std::size_t level, const Expr&) const {
    const std::string left =
        IsPowerOfInfinity(node) ? Indent(level + 1) + "Inf" : Format(*node.left, level + 1);
    return left + "\n" + Indent(level) + FormatOperator(node) + "\n" +
           Format(*node.right, level + 1);
  }
};

}  // namespace

std::string Print(const Expr& expr) { return LinePrinter().Print(expr); }

std::string PrettyPrint(const Expr& expr) { return Formatter().Format(expr, 0); }

}  // namespace drwatch::promql
