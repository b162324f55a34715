#include "promql/parser_tokens.h"

#include <algorithm>

#include "promql/parser.h"

namespace drwatch::promql {

Token TokenStream::Take() {
  const Token taken = current_;
  last_end_ = taken.end;
  if (failed()) return taken;
  current_ = lexer_.Next();
  if (At(TokenKind::kError)) Fail(current_.begin, lexer_.error());
  return taken;
}

bool TokenStream::TakeIf(TokenKind kind) {
  if (!At(kind)) return false;
  Take();
  return true;
}

void TokenStream::Fail(int at, const std::string& message, std::string hint) {
  if (failed()) return;
  const std::string_view before = text().substr(0, static_cast<std::size_t>(at));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  error_ = base::Error{std::to_string(line) + ":" + std::to_string(before.size() - line_start + 1) +
                           ": parse error: " + message,
                       std::move(hint)};
  current_.kind = TokenKind::kError;
}

void TokenStream::Unexpected(std::string_view context, std::string_view expected) {
  std::string message = "unexpected " + Describe(current_);
  if (!context.empty()) message.append(" in ").append(context);
  if (!expected.empty()) message.append(", expected ").append(expected);
  Fail(current_.begin, message);
}

bool TokenStream::CountRegex() {
  if (++regexes_ <= kMaxRegexMatchers) return true;
  Fail(current_.begin,
       "too many regular expressions, the limit is " + std::to_string(kMaxRegexMatchers));
  return false;
}

}  // namespace drwatch::promql
