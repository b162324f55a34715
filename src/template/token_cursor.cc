#include "template/token_cursor.h"

#include <algorithm>

#include "template/format.h"

namespace drwatch::tmpl {

const Token& TokenCursor::Peek() {
  static const Token kNothing;
  if (failed_) return kNothing;
  if (tokens_[at_].kind == TokenKind::kError) {
    Fail(tokens_[at_].text);
    return kNothing;
  }
  return tokens_[at_];
}

const Token& TokenCursor::PeekNonSpace() {
  while (Peek().kind == TokenKind::kSpace) ++at_;
  return Peek();
}

Token TokenCursor::Next() {
  const Token token = Peek();
  if (token.kind != TokenKind::kEnd) ++at_;
  return token;
}

Token TokenCursor::NextNonSpace() {
  PeekNonSpace();
  return Next();
}

void TokenCursor::FailAt(int offset, std::string message) {
  if (failed_) return;
  failed_ = true;
  error_ = {offset, std::move(message)};
}

void TokenCursor::Fail(std::string message) {
  FailAt(tokens_[std::min(at_, tokens_.size() - 1)].offset, std::move(message));
}

void TokenCursor::Unexpected(const Token& token, const std::string& context) {
  if (failed_) return;
  std::string shown = token.kind == TokenKind::kEnd       ? "EOF"
                      : token.kind == TokenKind::kKeyword ? "<" + token.text + ">"
                                                          : GoQuote(token.text);
  FailAt(token.offset, "unexpected " + shown + " in " + context);
}

Token TokenCursor::Expect(TokenKind kind, const std::string& context) {
  const Token token = NextNonSpace();
  if (token.kind != kind) Unexpected(token, context);
  return token;
}

}  // namespace drwatch::tmpl
