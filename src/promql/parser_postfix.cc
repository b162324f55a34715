// What may follow an operand: [range], [range:step], offset and @, with their durations and times.
#include <cmath>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/parser_expr.h"
#include "promql/parser_literal.h"

namespace drwatch::promql {

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
  const auto range = ParseDuration(DurationPlace::kRange);
  if (!range) return;
  if (tokens_.TakeIf(TokenKind::kColon)) return ParseSubquery(operand, *range);
  if (!tokens_.TakeIf(TokenKind::kRightBracket)) {
    return tokens_.Unexpected("subquery or range", "\":\" or \"]\"");
  }
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
}

// After the colon.
void ExprParser::ParseSubquery(Operand& operand, base::Duration range) {
  SubqueryExpr subquery;
  subquery.range = range;
  if (!tokens_.At(TokenKind::kRightBracket)) {
    subquery.step = ParseDuration(DurationPlace::kStep);
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
  const auto offset = ParseDuration(DurationPlace::kOffset);
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
  TimeShift::At at = TimeShift::At::kTime;
  std::optional<base::Timestamp> time;
  if (tokens_.At(TokenKind::kStart) || tokens_.At(TokenKind::kEndWord)) {
    at = tokens_.Take().Is(TokenKind::kStart) ? TimeShift::At::kStart : TimeShift::At::kEnd;
    if (!tokens_.TakeIf(TokenKind::kLeftParen) || !tokens_.TakeIf(TokenKind::kRightParen)) {
      return tokens_.Unexpected("@", "timestamp");
    }
  } else {
    time = ParseTime(operand);
    if (!time) return;
  }
  TimeShift* const shift = ShiftOf(operand, "@");
  if (shift == nullptr) return;
  if (shift->at != TimeShift::At::kNone) {
    return tokens_.Fail(operand.tree.expr->range.begin,
                        "@ <timestamp> may not be set multiple times");
  }
  shift->at = at;
  if (time) shift->at_time = *time;
  operand.end = tokens_.last_end();
  if (!operand.range) operand.tree.expr->range.end = operand.end;
}

// The Unix time after an @, of at most one sign.
std::optional<base::Timestamp> ExprParser::ParseTime(const Operand& operand) {
  const bool sign = tokens_.current().IsSign();
  const bool negative = sign && tokens_.Take().binary == BinaryOp::kSub;
  if (!tokens_.At(TokenKind::kNumber) && !tokens_.At(TokenKind::kDuration)) {
    tokens_.Unexpected("@", "timestamp");
    return std::nullopt;
  }
  const double number = NumberOf(tokens_.Take());
  const double seconds = negative ? -number : number;
  const double millis = std::round(seconds * 1000);
  if (!(std::abs(millis) < 0x1p63)) {
    tokens_.Fail(operand.tree.expr->range.begin,
                 "timestamp out of bounds for @ modifier: " + base::FormatDouble(seconds));
    return std::nullopt;
  }
  return base::FromUnixMillis(static_cast<std::int64_t>(millis));
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

std::optional<base::Duration> ExprParser::ParseDuration(DurationPlace place) {
  const bool is_offset = place == DurationPlace::kOffset;
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
    tokens_.Unexpected(is_offset                        ? "offset"
                       : place == DurationPlace::kRange ? "subquery or range selector"
                                                        : "subquery selector",
                       "number or duration");
  } else if (!FromSeconds(*seconds)) {
    tokens_.Fail(begin, "duration out of range");
  } else if (!is_offset && *seconds <= 0) {
    tokens_.Fail(begin, "duration must be greater than 0");
  } else if (place == DurationPlace::kRange && FromSeconds(*seconds)->count() == 0) {
    // It would print as 0s, which does not parse.
    tokens_.Fail(begin, "duration must be greater than 0", "the shortest range is 1ms");
  }
  if (tokens_.failed()) return std::nullopt;
  return FromSeconds(*seconds);
}

}  // namespace drwatch::promql
