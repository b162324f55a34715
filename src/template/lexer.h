// Splits a template into tokens, as Go's text/template does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drwatch::tmpl {

enum class TokenKind {
  kError,  // text is the message; the last token then
  kEnd,
  kText,
  kLeftDelimiter,
  kRightDelimiter,
  kSpace,
  kIdentifier,
  kKeyword,  // define, if, range ...
  kBool,
  kNil,
  kNumber,
  kCharacter,
  kString,     // with its quotes
  kRawString,  // with its backquotes
  kField,      // .Name
  kVariable,   // $ or $name
  kDot,
  kDeclare,  // :=
  kAssign,   // =
  kPipe,
  kLeftParen,
  kRightParen,
  kOther  // any other printable ASCII character
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int offset = 0;  // in bytes
  std::string text;
};

// Always ends with kEnd or kError.
std::vector<Token> Tokenize(std::string_view text);

}  // namespace drwatch::tmpl
