#include "promql/parser.h"

#include <algorithm>

#include "base/strings.h"
#include "promql/functions.h"
#include "promql/parser_expr.h"
#include "promql/parser_literal.h"

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

}  // namespace

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
    if (labels.size() == kMaxLabelList) {
      tokens_.Fail(tokens_.current().begin,
                   "too many labels, the limit is " + std::to_string(kMaxLabelList));
    }
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

base::Result<ExprPtr> ParseExpr(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return base::Fail("1:1: parse error: expression is longer than " +
                      std::to_string(kMaxExpressionBytes) + " bytes");
  }
  return ExprParser(text).Parse();
}

}  // namespace drwatch::promql
