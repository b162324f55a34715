// Metric selectors: name{label="value"}, within expressions and alone.
#include <algorithm>

#include "base/strings.h"
#include "model/labels.h"
#include "promql/parser.h"
#include "promql/parser_literal.h"
#include "promql/parser_tokens.h"

namespace drwatch::promql {
namespace {

// Keywords of extensions that are off (and offset): reserved, so that turning one on later changes
// no expression's meaning. {"step"} selects such a metric.
bool IsReserved(const Token& token) {
  return token.Is(TokenKind::kOffset) || token.Is(TokenKind::kStep) ||
         token.Is(TokenKind::kRange) || token.Is(TokenKind::kAnchored) ||
         token.Is(TokenKind::kSmoothed);
}

std::optional<model::MatchType> MatchTypeOf(const Token& token) {
  if (token.Is(TokenKind::kAssign)) return model::MatchType::kEqual;
  if (token.Is(TokenKind::kRegexMatch)) return model::MatchType::kRegex;
  if (token.Is(TokenKind::kRegexNotMatch)) return model::MatchType::kNotRegex;
  if (token.Is(TokenKind::kBinary) && token.binary == BinaryOp::kNotEqual) {
    return model::MatchType::kNotEqual;
  }
  return std::nullopt;
}

// One of: name op "value", "name" op "value", "metric name".
void ParseMatcher(TokenStream& tokens, std::vector<model::Matcher>& matchers) {
  const bool quoted = tokens.At(TokenKind::kString);
  if (!quoted && !tokens.At(TokenKind::kIdentifier)) {
    return tokens.Unexpected("label matching", "identifier or \"}\"");
  }
  const Token label = tokens.Take();
  std::string name = quoted ? Unquote(label.text) : std::string(label.text);
  const auto type = MatchTypeOf(tokens.current());
  if (!type) {
    if (!quoted) return tokens.Unexpected("label matching", "label matching operator");
    matchers.push_back(model::Matcher::Equal(std::string(model::kMetricName), std::move(name)));
    return;
  }
  tokens.Take();
  if (!tokens.At(TokenKind::kString)) return tokens.Unexpected("label matching", "string");
  const Token value = tokens.Take();
  const bool regex = *type == model::MatchType::kRegex || *type == model::MatchType::kNotRegex;
  if (regex && !tokens.CountRegex()) return;
  auto matcher = model::Matcher::Make(*type, std::move(name), Unquote(value.text));
  if (!matcher) return tokens.Fail(label.begin, matcher.error().message);
  matchers.push_back(std::move(*matcher));
}

}  // namespace

bool IsMetricName(const Token& token) {
  switch (token.kind) {
    case TokenKind::kIdentifier:
    case TokenKind::kMetricIdentifier:
    case TokenKind::kAggregate:
    case TokenKind::kBy:
    case TokenKind::kWithout:
    case TokenKind::kStart:
    case TokenKind::kEndWord:
    case TokenKind::kOffset:
    case TokenKind::kStep:
    case TokenKind::kRange:
    case TokenKind::kAnchored:
    case TokenKind::kSmoothed:
      return true;
    case TokenKind::kBinary:
      return IsSetOperator(token.binary);
    default:
      return false;
  }
}

bool ParseMatchers(TokenStream& tokens, std::vector<model::Matcher>& matchers) {
  tokens.Take();
  while (!tokens.failed() && !tokens.At(TokenKind::kRightBrace)) {
    if (matchers.size() == kMaxMatchers) {
      tokens.Fail(tokens.current().begin,
                  "too many label matchers, the limit is " + std::to_string(kMaxMatchers));
      return false;
    }
    ParseMatcher(tokens, matchers);
    if (tokens.TakeIf(TokenKind::kComma) || tokens.At(TokenKind::kRightBrace)) continue;
    tokens.Unexpected("label matching", "\",\" or \"}\"");
  }
  if (tokens.failed()) return false;
  tokens.Take();
  return !tokens.failed();
}

std::unique_ptr<Expr> ParseVectorSelector(TokenStream& tokens, const Token* name) {
  VectorSelector selector;
  const int begin = name != nullptr ? name->begin : tokens.current().begin;
  if (name != nullptr && IsReserved(*name)) {
    tokens.Fail(begin, "unexpected " + Describe(*name),
                "write {" + base::Quote(name->text) + "} for a metric of that name");
    return nullptr;
  }
  if (tokens.At(TokenKind::kLeftBrace) && !ParseMatchers(tokens, selector.matchers)) return nullptr;
  if (name != nullptr) {
    selector.name = name->text;
    selector.matchers.push_back(
        model::Matcher::Equal(std::string(model::kMetricName), selector.name));
  }
  auto expr = std::make_unique<Expr>();
  expr->node = std::move(selector);
  expr->type = ValueType::kVector;
  expr->range = {begin, tokens.last_end()};
  return expr;
}

std::string SelectorProblem(const VectorSelector& selector) {
  const auto& matchers = selector.matchers;
  if (selector.name.empty()) {
    const bool selective = std::any_of(matchers.begin(), matchers.end(),
                                       [](const auto& m) { return !m.MatchesEmpty(); });
    return selective ? "" : "vector selector must contain at least one non-empty matcher";
  }
  // The last one is the name before the braces.
  const auto second = std::find_if(matchers.begin(), matchers.end() - 1,
                                   [](const auto& m) { return m.name() == model::kMetricName; });
  if (second == matchers.end() - 1) return "";
  return "metric name must not be set twice: " + base::Quote(selector.name) + " or " +
         base::Quote(second->value());
}

base::Result<std::vector<model::Matcher>> ParseSelector(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) return base::Fail("selector too long");
  TokenStream tokens(text);
  std::unique_ptr<Expr> expr;
  if (IsMetricName(tokens.current())) {
    const Token name = tokens.Take();
    expr = ParseVectorSelector(tokens, &name);
  } else if (tokens.At(TokenKind::kLeftBrace)) {
    expr = ParseVectorSelector(tokens, nullptr);
  } else {
    tokens.Unexpected("selector", "metric name or \"{\"");
  }
  if (expr != nullptr && !tokens.At(TokenKind::kEnd)) tokens.Unexpected("", "");
  if (tokens.failed()) return base::Fail(tokens.TakeError());
  auto& selector = std::get<VectorSelector>(expr->node);
  if (const std::string problem = SelectorProblem(selector); !problem.empty()) {
    tokens.Fail(expr->range.begin, problem);
    return base::Fail(tokens.TakeError());
  }
  return std::move(selector.matchers);
}

}  // namespace drwatch::promql
