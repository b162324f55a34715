// Splits the text of an expression into tokens, one at a time. Internal to the parser.
#pragma once

#include <string>
#include <string_view>

#include "promql/ast.h"

namespace drwatch::promql {

enum class TokenKind {
  kEnd,
  kError,  // Lexer::error() says what is wrong
  kNumber,
  kDuration,
  kString,            // the text includes its quotes
  kIdentifier,        // without a colon
  kMetricIdentifier,  // with a colon
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAssign,         // =
  kRegexMatch,     // =~
  kRegexNotMatch,  // !~
  kAt,
  kBinary,     // Token::binary; + and - are signs too, and != is a matcher's too
  kAggregate,  // Token::aggregate
  kBool,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kFill,  // fill, fill_left, fill_right before a parenthesis
  kOffset,
  kAnchored,
  kSmoothed,
  kStart,
  kEndWord,
  kStep,
  kRange
};

// Views into the text.
struct Token {
  TokenKind kind = TokenKind::kEnd;
  BinaryOp binary = BinaryOp::kAdd;
  AggregateOp aggregate = AggregateOp::kSum;
  int begin = 0;
  int end = 0;
  std::string_view text;

  bool Is(TokenKind wanted) const { return kind == wanted; }
  bool IsSign() const {
    return kind == TokenKind::kBinary && (binary == BinaryOp::kAdd || binary == BinaryOp::kSub);
  }
};

// How messages name a token: identifier "foo", <op:*>, <by>, end of input.
std::string Describe(const Token& token);

// One pass over one text, which must outlive it. One thread.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  // The next token that is no comment; after kEnd or kError the same again.
  Token Next();
  // Of the last kError token.
  const std::string& error() const { return error_; }
  std::string_view text() const { return text_; }

 private:
  Token Make(TokenKind kind);
  Token MakeBinary(BinaryOp op);
  Token Fail(std::string message);
  Token AtEnd();
  Token Punctuation(char c);
  Token Comparison(char c);
  Token InsideBraces(char c);
  Token Word();
  Token NumberOrDuration();
  Token Quoted(char quote);
  bool ScanEscape(char quote);
  bool ScanNumber();
  bool ScanDurationRest();
  void SkipBlanksAndComments();
  bool FollowedByParen() const;
  char Peek(int ahead = 0) const {
    const std::size_t at = static_cast<std::size_t>(at_ + ahead);
    return at < text_.size() ? text_[at] : '\0';
  }
  bool Accept(std::string_view set);
  bool Ended() const { return at_ >= static_cast<int>(text_.size()); }
  // The character at `at_`, all of its bytes, between quotes as messages show it.
  std::string Shown(int at) const;

  std::string_view text_;
  std::string error_;
  int begin_ = 0;  // of the token being read
  int at_ = 0;
  int parens_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool failed_ = false;
};

}  // namespace drwatch::promql
