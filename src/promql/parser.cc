#include "promql/parser.h"

#include <cmath>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/functions.h"
#include "promql/parser_literal.h"
#include "promql/parser_tokens.h"

namespace drwatch::promql {
namespace {

constexpr int kUnaryOperand = 6;  // -a^b is -(a^b), -a*b is (-a)*b

int Precedence(BinaryOp op) {
  switch (op) {
    case BinaryOp::kOr:
      return 1;
    case BinaryOp::kAnd:
    case BinaryOp::kUnless:
      return 2;
    case BinaryOp::kEqual:
    case BinaryOp::kNotEqual:
    case BinaryOp::kLess:
    case BinaryOp::kLessEqual:
    case BinaryOp::kGreater:
    case BinaryOp::kGreaterEqual:
      return 3;
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
      return 4;
    case BinaryOp::kMul:
    case BinaryOp::kDiv:
    case BinaryOp::kMod:
    case BinaryOp::kAtan2:
      return 5;
    case BinaryOp::kPow:
      return kUnaryOperand;
  }
  return 0;
}

// A tree under construction. Its height is bounded, because everything that walks a tree, and its
// destruction, recurses.
struct Tree {
  std::unique_ptr<Expr> expr;  // nullptr after an error
  int height = 0;
  explicit operator bool() const { return expr != nullptr; }
};

// What range, offset and @ may follow. A range selector is only made once no offset or @ follows,
// since those belong to the selector inside.
struct Operand {
  Tree tree;
  std::optional<base::Duration> range;
  int end = 0;
};

class ExprParser {
 public:
  explicit ExprParser(std::string_view text) : tokens_(text) {}
  base::Result<ExprPtr> Parse();

 private:
  template <typename Node>
  Tree Make(Node node, ValueType type, TextRange range, int height);
  Tree ParseBinary(int least_precedence);
  Tree ParseSigned();
  Tree ParsePostfix();
  Tree ParsePrimary();
  Tree ParseNumber();
  Tree ParseParen();
  Tree ParseNamed();
  Tree ParseCall(const Token& name);
  Tree ParseAggregate(const Token& name);
  Tree Combine(const Token& op, Tree left, Tree right, BinaryExpr modifiers);
  BinaryExpr ParseModifiers();
  bool ParseArguments(std::vector<ExprPtr>& arguments, int& height);
  std::vector<std::string> ParseLabels();
  void ParseLabel(std::vector<std::string>& labels);
  void ParseBrackets(Operand& operand);
  void ParseOffset(Operand& operand);
  void ParseAt(Operand& operand);
  std::optional<double> ParseSignedNumber();
  std::optional<base::Duration> ParseDurationIn(std::string_view context);
  double NumberOf(const Token& token);
  TimeShift* ShiftOf(Operand& operand, std::string_view modifier);
  Tree Close(Operand operand);

  TokenStream tokens_;
  int depth_ = 0;
};

template <typename Node>
Tree ExprParser::Make(Node node, ValueType type, TextRange range, int height) {
  if (height > kMaxNestingDepth) {
    tokens_.Fail(range.begin, "expression is nested too deeply, the limit is " +
                                  std::to_string(kMaxNestingDepth) + " levels");
    return {};
  }
  Tree tree{std::make_unique<Expr>(), height};
  tree.expr->node = std::move(node);
  tree.expr->type = type;
  tree.expr->range = range;
  return tree;
}

base::Result<ExprPtr> ExprParser::Parse() {
  if (tokens_.At(TokenKind::kEnd)) tokens_.Fail(0, "no expression found in input");
  Tree tree = ParseBinary(1);
  if (!tokens_.failed() && !tokens_.At(TokenKind::kEnd)) tokens_.Unexpected("", "");
  if (tokens_.failed()) return base::Fail(tokens_.TakeError());
  if (const auto problem = CheckTypes(*tree.expr, tokens_.text())) {
    tokens_.Fail(problem->at, problem->message);
    return base::Fail(tokens_.TakeError());
  }
  return ExprPtr(std::move(tree.expr));
}

Tree ExprParser::ParseBinary(int least_precedence) {
  if (depth_ >= kMaxNestingDepth) {
    tokens_.Fail(tokens_.current().begin, "expression is nested too deeply, the limit is " +
                                              std::to_string(kMaxNestingDepth) + " levels");
    return {};
  }
  ++depth_;
  Tree left = ParseSigned();
  while (left && tokens_.At(TokenKind::kBinary)) {
    const int precedence = Precedence(tokens_.current().binary);
    if (precedence < least_precedence) break;
    const Token op = tokens_.Take();
    BinaryExpr modifiers = ParseModifiers();
    Tree right = ParseBinary(op.binary == BinaryOp::kPow ? precedence : precedence + 1);
    left = Combine(op, std::move(left), std::move(right), std::move(modifiers));
  }
  --depth_;
  return tokens_.failed() ? Tree{} : std::move(left);
}

Tree ExprParser::Combine(const Token& op, Tree left, Tree right, BinaryExpr modifiers) {
  if (!left || !right) return {};
  BinaryExpr node = std::move(modifiers);
  node.op = op.binary;
  const bool vectors =
      left.expr->type == ValueType::kVector && right.expr->type == ValueType::kVector;
  const bool scalars =
      left.expr->type == ValueType::kScalar && right.expr->type == ValueType::kScalar;
  // Without labels on() between scalars says nothing; with labels the type check complains.
  if (!vectors && node.matching->labels.empty()) node.matching.reset();
  if (vectors && IsSetOperator(node.op) &&
      node.matching->cardinality == MatchCardinality::kOneToOne) {
    node.matching->cardinality = MatchCardinality::kManyToMany;
  }
  const TextRange range{left.expr->range.begin, right.expr->range.end};
  node.left = std::move(left.expr);
  node.right = std::move(right.expr);
  return Make(std::move(node), scalars ? ValueType::kScalar : ValueType::kVector, range,
              1 + std::max(left.height, right.height));
}

// bool, on/ignoring (labels), group_left/group_right (labels).
BinaryExpr ExprParser::ParseModifiers() {
  BinaryExpr node;
  node.matching.emplace();
  node.return_bool = tokens_.TakeIf(TokenKind::kBool);
  if (tokens_.At(TokenKind::kOn) || tokens_.At(TokenKind::kIgnoring)) {
    node.matching->on = tokens_.Take().Is(TokenKind::kOn);
    node.matching->labels = ParseLabels();
    if (tokens_.At(TokenKind::kGroupLeft) || tokens_.At(TokenKind::kGroupRight)) {
      const bool left = tokens_.Take().Is(TokenKind::kGroupLeft);
      node.matching->cardinality =
          left ? MatchCardinality::kManyToOne : MatchCardinality::kOneToMany;
      if (tokens_.At(TokenKind::kLeftParen)) node.matching->include = ParseLabels();
    }
  }
  if (tokens_.At(TokenKind::kFill)) {
    tokens_.Fail(tokens_.current().begin, "binop fill modifiers are experimental and not enabled");
  }
  return node;
}

Tree ExprParser::ParseSigned() {
  if (!tokens_.current().IsSign()) return ParsePostfix();
  const Token sign = tokens_.Take();
  const bool negative = sign.binary == BinaryOp::kSub;
  Tree operand = ParseBinary(kUnaryOperand);
  if (!operand) return {};
  if (auto* const number = std::get_if<NumberLiteral>(&operand.expr->node)) {
    if (negative) number->value = -number->value;
    operand.expr->range.begin = sign.begin;
    return operand;
  }
  const ValueType type = operand.expr->type;
  const TextRange range{sign.begin, operand.expr->range.end};
  return Make(UnaryExpr{negative, std::move(operand.expr)}, type, range, operand.height + 1);
}

Tree ExprParser::ParsePostfix() {
  Operand operand{ParsePrimary(), std::nullopt, tokens_.last_end()};
  while (operand.tree && !tokens_.failed()) {
    if (tokens_.At(TokenKind::kLeftBracket)) {
      ParseBrackets(operand);
    } else if (tokens_.At(TokenKind::kOffset)) {
      ParseOffset(operand);
    } else if (tokens_.At(TokenKind::kAt)) {
      ParseAt(operand);
    } else if (tokens_.At(TokenKind::kAnchored) || tokens_.At(TokenKind::kSmoothed)) {
      const std::string word = base::Lower(tokens_.current().text);
      tokens_.Fail(operand.tree.expr->range.begin,
                   word + " modifier is experimental and not enabled");
    } else {
      return Close(std::move(operand));
    }
  }
  return {};
}

Tree ExprParser::Close(Operand operand) {
  if (!operand.tree) return {};
  if (!operand.range) return std::move(operand.tree);
  const TextRange range{operand.tree.expr->range.begin, operand.end};
  return Make(MatrixSelector{std::move(operand.tree.expr), *operand.range}, ValueType::kMatrix,
              range, operand.tree.height + 1);
}

// [range] or [range:step], the bracket being the current token.
void ExprParser::ParseBrackets(Operand& operand) {
  const int bracket = tokens_.Take().begin;
  const auto range = ParseDurationIn("subquery or range selector");
  if (!range) return;
  if (tokens_.TakeIf(TokenKind::kRightBracket)) {
    const auto* const selector = std::get_if<VectorSelector>(&operand.tree.expr->node);
    if (selector == nullptr || operand.range) {
      tokens_.Fail(bracket, "ranges only allowed for vector selectors");
    } else if (selector->shift.offset.count() != 0) {
      tokens_.Fail(bracket, "no offset modifiers allowed before range");
    } else if (selector->shift.at == TimeShift::At::kTime) {
      tokens_.Fail(bracket, "no @ modifiers allowed before range");
    }
    operand.range = range;
    operand.end = tokens_.last_end();
    return;
  }
  if (!tokens_.TakeIf(TokenKind::kColon)) {
    return tokens_.Unexpected("subquery or range", "\":\" or \"]\"");
  }
  SubqueryExpr subquery;
  subquery.range = *range;
  if (!tokens_.At(TokenKind::kRightBracket)) {
    subquery.step = ParseDurationIn("subquery selector");
    if (!subquery.step) return;
    // Below a millisecond it is none.
    if (subquery.step->count() == 0) subquery.step.reset();
  }
  if (!tokens_.TakeIf(TokenKind::kRightBracket)) {
    return tokens_.Unexpected("subquery selector", "\"]\"");
  }
  Tree inner = Close(std::move(operand));
  operand = Operand{};
  if (!inner) return;
  const int begin = inner.expr->range.begin;
  subquery.inner = std::move(inner.expr);
  operand.end = tokens_.last_end();
  operand.tree = Make(std::move(subquery), ValueType::kMatrix, TextRange{begin, operand.end},
                      inner.height + 1);
}

// Where an offset or @ of this operand is kept; nullptr after an error if it takes none.
TimeShift* ExprParser::ShiftOf(Operand& operand, std::string_view modifier) {
  auto& node = operand.tree.expr->node;
  if (auto* const selector = std::get_if<VectorSelector>(&node)) return &selector->shift;
  if (auto* const subquery = std::get_if<SubqueryExpr>(&node)) return &subquery->shift;
  tokens_.Fail(operand.tree.expr->range.begin,
               std::string(modifier) +
                   " modifier must be preceded by an instant vector selector or range vector "
                   "selector or a subquery");
  return nullptr;
}

void ExprParser::ParseOffset(Operand& operand) {
  tokens_.Take();
  const auto offset = ParseDurationIn("offset");
  if (!offset) return;
  TimeShift* const shift = ShiftOf(operand, "offset");
  if (shift == nullptr) return;
  if (shift->offset.count() != 0) {
    return tokens_.Fail(operand.tree.expr->range.begin, "offset may not be set multiple times");
  }
  shift->offset = *offset;
  operand.end = tokens_.last_end();
  if (!operand.range) operand.tree.expr->range.end = operand.end;
}

void ExprParser::ParseAt(Operand& operand) {
  tokens_.Take();
  TimeShift wanted;
  if (tokens_.At(TokenKind::kStart) || tokens_.At(TokenKind::kEndWord)) {
    wanted.at = tokens_.Take().Is(TokenKind::kStart) ? TimeShift::At::kStart : TimeShift::At::kEnd;
    if (!tokens_.TakeIf(TokenKind::kLeftParen) || !tokens_.TakeIf(TokenKind::kRightParen)) {
      return tokens_.Unexpected("@", "timestamp");
    }
  } else {
    const bool sign = tokens_.current().IsSign();
    const bool negative = sign && tokens_.Take().binary == BinaryOp::kSub;
    if (!tokens_.At(TokenKind::kNumber) && !tokens_.At(TokenKind::kDuration)) {
      return tokens_.Unexpected("@", "timestamp");
    }
    const double number = NumberOf(tokens_.Take());
    const double millis = std::round((negative ? -number : number) * 1000);
    if (!(std::abs(millis) < 0x1p63)) {
      return tokens_.Fail(operand.tree.expr->range.begin,
                          "timestamp out of bounds for @ modifier: " +
                              base::FormatDouble(negative ? -number : number));
    }
    wanted.at = TimeShift::At::kTime;
    wanted.at_time = base::FromUnixMillis(static_cast<std::int64_t>(millis));
  }
  TimeShift* const shift = ShiftOf(operand, "@");
  if (shift == nullptr) return;
  if (shift->at != TimeShift::At::kNone) {
    return tokens_.Fail(operand.tree.expr->range.begin,
                        "@ <timestamp> may not be set multiple times");
  }
  shift->at = wanted.at;
  shift->at_time = wanted.at_time;
  operand.end = tokens_.last_end();
  if (!operand.range) operand.tree.expr->range.end = operand.end;
}

double ExprParser::NumberOf(const Token& token) {
  if (token.Is(TokenKind::kDuration)) {
    const auto duration = base::ParseDuration(token.text);
    if (!duration) {
      tokens_.Fail(token.begin, duration.error().message, duration.error().hint);
      return 0;
    }
    const std::int64_t millis = duration->count();
    // Summed as Go's Duration.Seconds does, to the last bit.
    return static_cast<double>(millis / 1000) + static_cast<double>(millis % 1000) / 1000;
  }
  const auto value = promql::ParseNumber(token.text);
  if (value) return *value;
  tokens_.Fail(token.begin, "error parsing number: " + base::Quote(base::Truncate(token.text, 40)) +
                                " is no number or out of range");
  return 0;
}

// A literal with signs, or nullopt if something else stands here.
std::optional<double> ExprParser::ParseSignedNumber() {
  bool negative = false;
  while (tokens_.current().IsSign()) negative ^= tokens_.Take().binary == BinaryOp::kSub;
  if (!tokens_.At(TokenKind::kNumber) && !tokens_.At(TokenKind::kDuration)) return std::nullopt;
  const double value = NumberOf(tokens_.Take());
  return negative ? -value : value;
}

std::optional<base::Duration> ExprParser::ParseDurationIn(std::string_view context) {
  const bool is_offset = context == "offset";
  const int begin = tokens_.current().begin;
  const auto seconds = ParseSignedNumber();
  const Token& next = tokens_.current();
  // step(), range(), min_of(a, b), (a), and arithmetic within brackets.
  const bool computed = seconds ? !is_offset && next.Is(TokenKind::kBinary)
                                : next.Is(TokenKind::kLeftParen) || next.Is(TokenKind::kStep) ||
                                      next.Is(TokenKind::kRange) || next.text == "min_of" ||
                                      next.text == "max_of";
  if (computed) {
    tokens_.Fail(begin, "experimental duration expression is not enabled",
                 "write the duration as a number of seconds or like 5m");
  } else if (!seconds) {
    tokens_.Unexpected(context, "number or duration");
  } else if (!FromSeconds(*seconds)) {
    tokens_.Fail(begin, "duration out of range");
  } else if (!is_offset && *seconds <= 0) {
    tokens_.Fail(begin, "duration must be greater than 0");
  }
  if (tokens_.failed()) return std::nullopt;
  return FromSeconds(*seconds);
}

Tree ExprParser::ParsePrimary() {
  const Token& next = tokens_.current();
  if (next.Is(TokenKind::kNumber) || next.Is(TokenKind::kDuration)) return ParseNumber();
  if (next.Is(TokenKind::kLeftParen)) return ParseParen();
  if (next.Is(TokenKind::kString)) {
    const Token token = tokens_.Take();
    return Make(StringLiteral{Unquote(token.text)}, ValueType::kString,
                TextRange{token.begin, token.end}, 1);
  }
  if (next.Is(TokenKind::kLeftBrace)) return Tree{ParseVectorSelector(tokens_, nullptr), 1};
  if (IsMetricName(next)) return ParseNamed();
  tokens_.Unexpected("", "");
  return {};
}

Tree ExprParser::ParseNumber() {
  const Token token = tokens_.Take();
  const NumberLiteral literal{NumberOf(token), token.Is(TokenKind::kDuration)};
  return Make(literal, ValueType::kScalar, TextRange{token.begin, token.end}, 1);
}

Tree ExprParser::ParseParen() {
  const int begin = tokens_.Take().begin;
  Tree inner = ParseBinary(1);
  if (!inner) return {};
  if (!tokens_.TakeIf(TokenKind::kRightParen)) {
    tokens_.Unexpected("", "");
    return {};
  }
  const ValueType type = inner.expr->type;
  return Make(ParenExpr{std::move(inner.expr)}, type, TextRange{begin, tokens_.last_end()},
              inner.height + 1);
}

// A call, an aggregation or a selector: what follows the name tells.
Tree ExprParser::ParseNamed() {
  const Token name = tokens_.Take();
  const bool paren = tokens_.At(TokenKind::kLeftParen);
  if (name.Is(TokenKind::kAggregate) &&
      (paren || tokens_.At(TokenKind::kBy) || tokens_.At(TokenKind::kWithout))) {
    return ParseAggregate(name);
  }
  const bool callable = name.Is(TokenKind::kIdentifier) || name.Is(TokenKind::kStart) ||
                        name.Is(TokenKind::kEndWord) || name.Is(TokenKind::kStep) ||
                        name.Is(TokenKind::kRange);
  if (paren && callable) return ParseCall(name);
  return Tree{ParseVectorSelector(tokens_, &name), 1};
}

// (a, b), the parenthesis being the current token. False after an error.
bool ExprParser::ParseArguments(std::vector<ExprPtr>& arguments, int& height) {
  tokens_.Take();
  if (tokens_.TakeIf(TokenKind::kRightParen)) return true;
  while (true) {
    Tree argument = ParseBinary(1);
    if (!argument) return false;
    height = std::max(height, argument.height);
    arguments.push_back(std::move(argument.expr));
    if (tokens_.TakeIf(TokenKind::kRightParen)) return true;
    const int comma = tokens_.current().begin;
    if (!tokens_.TakeIf(TokenKind::kComma)) return tokens_.Unexpected("", ""), false;
    if (tokens_.At(TokenKind::kRightParen)) {
      tokens_.Fail(comma, "trailing commas not allowed in function call args");
    }
  }
}

Tree ExprParser::ParseCall(const Token& name) {
  CallExpr call;
  int height = 0;
  if (!ParseArguments(call.arguments, height)) return {};
  call.function = FindFunction(name.text);
  if (call.function == nullptr) {
    tokens_.Fail(name.begin, "unknown function with name " + base::Quote(name.text));
    return {};
  }
  if (call.function->experimental) {
    tokens_.Fail(name.begin, "function " + base::Quote(name.text) + " is not enabled");
    return {};
  }
  const ValueType type = call.function->returns;
  return Make(std::move(call), type, TextRange{name.begin, tokens_.last_end()}, height + 1);
}

// op by (a) (x), op (x) by (a), op (parameter, x).
Tree ExprParser::ParseAggregate(const Token& name) {
  AggregateExpr aggregate;
  aggregate.op = name.aggregate;
  const auto parse_grouping = [&] {
    if (!tokens_.At(TokenKind::kBy) && !tokens_.At(TokenKind::kWithout)) return false;
    aggregate.without = tokens_.Take().Is(TokenKind::kWithout);
    aggregate.grouping = ParseLabels();
    return true;
  };
  const bool grouped = parse_grouping();
  if (!tokens_.At(TokenKind::kLeftParen)) {
    tokens_.Unexpected("aggregation", "\"(\"");
    return {};
  }
  std::vector<ExprPtr> arguments;
  int height = 0;
  if (!ParseArguments(arguments, height)) return {};
  if (!grouped) parse_grouping();
  const std::size_t wanted = TakesParameter(aggregate.op) ? 2 : 1;
  const std::string op(AggregateOpName(aggregate.op));
  if (arguments.empty()) {
    tokens_.Fail(name.begin, "no arguments for aggregate expression provided");
  } else if (aggregate.op == AggregateOp::kLimitk || aggregate.op == AggregateOp::kLimitRatio) {
    tokens_.Fail(name.begin, op + "() is experimental and not enabled");
  } else if (arguments.size() != wanted) {
    tokens_.Fail(name.begin,
                 "wrong number of arguments for aggregate expression provided, expected " +
                     std::to_string(wanted) + ", got " + std::to_string(arguments.size()));
  }
  if (tokens_.failed()) return {};
  aggregate.operand = std::move(arguments.back());
  if (wanted == 2) aggregate.parameter = std::move(arguments.front());
  return Make(std::move(aggregate), ValueType::kVector, TextRange{name.begin, tokens_.last_end()},
              height + 1);
}

// (a, "b c",): the labels of by, without, on, ignoring, group_left and group_right.
std::vector<std::string> ExprParser::ParseLabels() {
  std::vector<std::string> labels;
  if (!tokens_.TakeIf(TokenKind::kLeftParen)) {
    tokens_.Unexpected("grouping opts", "\"(\"");
    return labels;
  }
  while (!tokens_.failed() && !tokens_.At(TokenKind::kRightParen)) {
    ParseLabel(labels);
    if (tokens_.TakeIf(TokenKind::kComma) || tokens_.At(TokenKind::kRightParen)) continue;
    tokens_.Unexpected("grouping opts", "\",\" or \")\"");
  }
  tokens_.Take();
  return labels;
}

void ExprParser::ParseLabel(std::vector<std::string>& labels) {
  const Token& next = tokens_.current();
  const bool quoted = next.Is(TokenKind::kString);
  const bool word =
      (IsMetricName(next) && !next.Is(TokenKind::kAnchored) && !next.Is(TokenKind::kSmoothed)) ||
      next.Is(TokenKind::kBool) || next.Is(TokenKind::kOn) || next.Is(TokenKind::kIgnoring) ||
      next.Is(TokenKind::kGroupLeft) || next.Is(TokenKind::kGroupRight) ||
      (next.Is(TokenKind::kBinary) && next.binary == BinaryOp::kAtan2);
  if (!quoted && !word) return tokens_.Unexpected("grouping opts", "label");
  const Token token = tokens_.Take();
  std::string label = quoted ? Unquote(token.text) : std::string(token.text);
  if (label.empty() || !base::IsValidUtf8(label)) {
    return tokens_.Fail(token.begin, "invalid label name for grouping: " + base::Quote(label));
  }
  labels.push_back(std::move(label));
}

}  // namespace

base::Result<ExprPtr> ParseExpr(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return base::Fail("1:1: parse error: expression is longer than " +
                      std::to_string(kMaxExpressionBytes) + " bytes");
  }
  return ExprParser(text).Parse();
}

}  // namespace drwatch::promql
