// What the parsers of expressions, selectors and series share: one token of lookahead and the first
// error. Internal to the parser.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/matcher.h"
#include "promql/lexer.h"

namespace drwatch::promql {

// The text outlives it. After the first error every token is kError, so callers need not check at
// each step. One thread.
class TokenStream {
 public:
  explicit TokenStream(std::string_view text) : lexer_(text) { Take(); }

  const Token& current() const { return current_; }
  bool At(TokenKind kind) const { return current_.kind == kind; }
  // Moves on and returns the token that was current.
  Token Take();
  bool TakeIf(TokenKind kind);
  // The end of the last token taken.
  int last_end() const { return last_end_; }

  bool failed() const { return error_.has_value(); }
  // "line:column: parse error: message" for the byte at `at`. Only the first error is kept.
  void Fail(int at, const std::string& message, std::string hint = {});
  // unexpected <current> in <context>, expected <expected>; both may be empty.
  void Unexpected(std::string_view context, std::string_view expected);
  base::Error TakeError() { return std::move(*error_); }
  std::string_view text() const { return lexer_.text(); }
  // False (and an error) if the expression has more regular expressions than it may.
  bool CountRegex();

 private:
  Lexer lexer_;
  Token current_;
  int last_end_ = 0;
  int regexes_ = 0;
  std::optional<base::Error> error_;
};

// Whether a token may be a metric's name: identifiers and most keywords.
bool IsMetricName(const Token& token);

// {a="b", "quoted name"=~"c", "metric name"}, the brace being the current token. False after an
// error.
bool ParseMatchers(TokenStream& tokens, std::vector<model::Matcher>& matchers);

// name, name{...} or {...}. `name` was taken already; nullptr if there is none. nullptr after an
// error.
std::unique_ptr<Expr> ParseVectorSelector(TokenStream& tokens, const Token* name);

// The message for a selector that may not stand: without a matcher that excludes the empty string,
// or with two names. "" if it may.
std::string SelectorProblem(const VectorSelector& selector);

// Types of parts where one is wrong: the first problem in the tree, at a byte offset.
struct TypeProblem {
  int at = 0;
  std::string message;
};
std::optional<TypeProblem> CheckTypes(const Expr& expr, std::string_view text);

}  // namespace drwatch::promql
