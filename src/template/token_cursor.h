// Walks over the tokens of a template and remembers the first error.
//
// After an error every token reads as the end, so a recursive descent unwinds by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "template/lexer.h"
#include "template/parser.h"

namespace drwatch::tmpl {

class TokenCursor {
 public:
  explicit TokenCursor(std::string_view text) : tokens_(Tokenize(text)) {}

  // The next token. A token the lexer could not read is an error.
  const Token& Peek();
  const Token& PeekNonSpace();
  // Takes it. The end is never passed.
  Token Next();
  Token NextNonSpace();
  // Takes a token that has to be a `kind`.
  Token Expect(TokenKind kind, const std::string& context);

  // The first of these counts. Fail: at the next token; `context` is what the error calls the
  // surroundings.
  void FailAt(int offset, std::string message);
  void Fail(std::string message);
  void Unexpected(const Token& token, const std::string& context);

  bool failed() const { return failed_; }
  const SyntaxError& error() const { return error_; }
  std::size_t position() const { return at_; }
  // Back to an earlier position.
  void Return(std::size_t position) {
    if (!failed_) at_ = position;
  }
  // What nests calls Deeper, then Shallower.
  void Deeper() {
    if (++depth_ > kMaxNestingDepth) Fail("template is nested too deeply");
  }
  void Shallower() { --depth_; }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;
  SyntaxError error_;
};

}  // namespace drwatch::tmpl
