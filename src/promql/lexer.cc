#include "promql/lexer.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace drwatch::promql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsWordPart(char c) { return IsAlpha(c) || IsDigit(c); }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct Keyword {
  std::string_view word;
  TokenKind kind;
  AggregateOp aggregate = AggregateOp::kSum;
  BinaryOp binary = BinaryOp::kAdd;
};
constexpr AggregateOp kNoAggregate = AggregateOp::kSum;
// Prometheus reads keywords in any case.
constexpr std::array kKeywords = {
    Keyword{"and", TokenKind::kBinary, kNoAggregate, BinaryOp::kAnd},
    Keyword{"or", TokenKind::kBinary, kNoAggregate, BinaryOp::kOr},
    Keyword{"unless", TokenKind::kBinary, kNoAggregate, BinaryOp::kUnless},
    Keyword{"atan2", TokenKind::kBinary, kNoAggregate, BinaryOp::kAtan2},
    Keyword{"sum", TokenKind::kAggregate, AggregateOp::kSum},
    Keyword{"avg", TokenKind::kAggregate, AggregateOp::kAvg},
    Keyword{"count", TokenKind::kAggregate, AggregateOp::kCount},
    Keyword{"min", TokenKind::kAggregate, AggregateOp::kMin},
    Keyword{"max", TokenKind::kAggregate, AggregateOp::kMax},
    Keyword{"group", TokenKind::kAggregate, AggregateOp::kGroup},
    Keyword{"stddev", TokenKind::kAggregate, AggregateOp::kStddev},
    Keyword{"stdvar", TokenKind::kAggregate, AggregateOp::kStdvar},
    Keyword{"topk", TokenKind::kAggregate, AggregateOp::kTopk},
    Keyword{"bottomk", TokenKind::kAggregate, AggregateOp::kBottomk},
    Keyword{"count_values", TokenKind::kAggregate, AggregateOp::kCountValues},
    Keyword{"quantile", TokenKind::kAggregate, AggregateOp::kQuantile},
    Keyword{"limitk", TokenKind::kAggregate, AggregateOp::kLimitk},
    Keyword{"limit_ratio", TokenKind::kAggregate, AggregateOp::kLimitRatio},
    Keyword{"offset", TokenKind::kOffset},
    Keyword{"smoothed", TokenKind::kSmoothed},
    Keyword{"anchored", TokenKind::kAnchored},
    Keyword{"by", TokenKind::kBy},
    Keyword{"without", TokenKind::kWithout},
    Keyword{"on", TokenKind::kOn},
    Keyword{"ignoring", TokenKind::kIgnoring},
    Keyword{"group_left", TokenKind::kGroupLeft},
    Keyword{"group_right", TokenKind::kGroupRight},
    Keyword{"fill", TokenKind::kFill},
    Keyword{"fill_left", TokenKind::kFill},
    Keyword{"fill_right", TokenKind::kFill},
    Keyword{"bool", TokenKind::kBool},
    Keyword{"start", TokenKind::kStart},
    Keyword{"end", TokenKind::kEndWord},
    Keyword{"step", TokenKind::kStep},
    Keyword{"range", TokenKind::kRange},
    Keyword{"inf", TokenKind::kNumber},
    Keyword{"nan", TokenKind::kNumber},
};

const Keyword* FindKeyword(std::string_view word) {
  if (word.size() > 12) return nullptr;
  const std::string lower = base::Lower(word);
  const auto* const found = std::find_if(kKeywords.begin(), kKeywords.end(),
                                         [&](const Keyword& k) { return k.word == lower; });
  return found == kKeywords.end() ? nullptr : found;
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

int Utf8Bytes(char first) {
  const auto c = static_cast<unsigned char>(first);
  return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

}  // namespace

Token Lexer::Make(TokenKind kind) {
  Token token;
  token.kind = kind;
  token.begin = begin_;
  token.end = at_;
  token.text =
      text_.substr(static_cast<std::size_t>(begin_), static_cast<std::size_t>(at_ - begin_));
  return token;
}

Token Lexer::MakeBinary(BinaryOp op) {
  Token token = Make(TokenKind::kBinary);
  token.binary = op;
  return token;
}

Token Lexer::Fail(std::string message) {
  failed_ = true;
  error_ = std::move(message);
  return Make(TokenKind::kError);
}

std::string Lexer::Shown(int at) const {
  if (at >= static_cast<int>(text_.size())) return "end of input";
  const auto where = static_cast<std::size_t>(at);
  const std::string quoted =
      base::Quote(text_.substr(where, static_cast<std::size_t>(Utf8Bytes(text_[where]))));
  if (quoted == "\"\\\"\"") return "'\"'";
  return "'" + quoted.substr(1, quoted.size() - 2) + "'";
}

bool Lexer::Accept(std::string_view set) {
  if (Ended() || set.find(text_[static_cast<std::size_t>(at_)]) == std::string_view::npos) {
    return false;
  }
  ++at_;
  return true;
}

void Lexer::SkipBlanksAndComments() {
  while (!Ended()) {
    if (IsBlank(Peek())) {
      ++at_;
    } else if (Peek() == '#') {
      while (!Ended() && Peek() != '\n' && Peek() != '\r') ++at_;
    } else {
      return;
    }
  }
}

Token Lexer::AtEnd() {
  if (in_braces_) return Fail("unexpected end of input inside braces");
  if (parens_ != 0) return Fail("unclosed left parenthesis");
  if (in_brackets_) return Fail("unclosed left bracket");
  return Make(TokenKind::kEnd);
}

Token Lexer::Next() {
  if (failed_) return Make(TokenKind::kError);
  SkipBlanksAndComments();
  begin_ = at_;
  if (Ended()) return AtEnd();
  const char c = Peek();
  if (c == '"' || c == '\'' || c == '`') return Quoted(c);
  if (in_braces_) return InsideBraces(c);
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return NumberOrDuration();
  if (IsAlpha(c) || (c == ':' && !in_brackets_)) return Word();
  return Punctuation(c);
}

Token Lexer::Punctuation(char c) {
  ++at_;
  switch (c) {
    case ',':
      return Make(TokenKind::kComma);
    case ':':
      return Make(TokenKind::kColon);
    case '@':
      return Make(TokenKind::kAt);
    case '*':
      return MakeBinary(BinaryOp::kMul);
    case '/':
      return MakeBinary(BinaryOp::kDiv);
    case '%':
      return MakeBinary(BinaryOp::kMod);
    case '+':
      return MakeBinary(BinaryOp::kAdd);
    case '-':
      return MakeBinary(BinaryOp::kSub);
    case '^':
      return MakeBinary(BinaryOp::kPow);
    case '(':
      ++parens_;
      return Make(TokenKind::kLeftParen);
    case ')':
      if (--parens_ < 0) return Fail("unexpected right parenthesis ')'");
      return Make(TokenKind::kRightParen);
    case '{':
      in_braces_ = true;
      return Make(TokenKind::kLeftBrace);
    case '[':
      if (in_brackets_) return Fail("unexpected left bracket '['");
      in_brackets_ = true;
      return Make(TokenKind::kLeftBracket);
    case ']':
      if (!in_brackets_) return Fail("unexpected right bracket ']'");
      in_brackets_ = false;
      return Make(TokenKind::kRightBracket);
    default:
      return Comparison(c);
  }
}

Token Lexer::Comparison(char c) {
  const bool then_equal = Peek() == '=';
  if (c == '<' || c == '>') {
    if (then_equal) ++at_;
    const bool less = c == '<';
    return MakeBinary(then_equal ? (less ? BinaryOp::kLessEqual : BinaryOp::kGreaterEqual)
                                 : (less ? BinaryOp::kLess : BinaryOp::kGreater));
  }
  if (c == '!') {
    if (!then_equal) return Fail("unexpected character after '!': " + Shown(at_));
    ++at_;
    return MakeBinary(BinaryOp::kNotEqual);
  }
  if (c == '=') {
    if (Peek() == '~') return Fail("unexpected character after '=': '~'");
    if (!then_equal) return Make(TokenKind::kAssign);
    ++at_;
    return MakeBinary(BinaryOp::kEqual);
  }
  return Fail("unexpected character: " + Shown(begin_));
}

// Words are never keywords here: {by="x"} is a label.
Token Lexer::InsideBraces(char c) {
  if (IsAlpha(c)) {
    while (IsWordPart(Peek())) ++at_;
    return Make(TokenKind::kIdentifier);
  }
  ++at_;
  switch (c) {
    case ',':
      return Make(TokenKind::kComma);
    case '=':
      return Accept("~") ? Make(TokenKind::kRegexMatch) : Make(TokenKind::kAssign);
    case '!':
      if (Accept("~")) return Make(TokenKind::kRegexNotMatch);
      if (Accept("=")) return MakeBinary(BinaryOp::kNotEqual);
      return Fail("unexpected character after '!' inside braces: " + Shown(at_));
    case '{':
      return Fail("unexpected left brace '{'");
    case '}':
      in_braces_ = false;
      return Make(TokenKind::kRightBrace);
    default:
      return Fail("unexpected character inside braces: " + Shown(begin_));
  }
}

bool Lexer::FollowedByParen() const {
  Lexer rest(text_.substr(static_cast<std::size_t>(at_)));
  rest.SkipBlanksAndComments();
  return rest.Peek() == '(';
}

Token Lexer::Word() {
  while (IsWordPart(Peek()) || (Peek() == ':' && !in_brackets_)) ++at_;
  const Token word = Make(TokenKind::kIdentifier);
  const Keyword* const keyword = FindKeyword(word.text);
  // fill is a usable metric name where no parenthesis makes it a modifier.
  if (keyword != nullptr && (keyword->kind != TokenKind::kFill || FollowedByParen())) {
    Token token = word;
    token.kind = keyword->kind;
    token.aggregate = keyword->aggregate;
    token.binary = keyword->binary;
    return token;
  }
  const bool has_colon = word.text.find(':') != std::string_view::npos;
  return has_colon ? Make(TokenKind::kMetricIdentifier) : word;
}

Token Lexer::NumberOrDuration() {
  if (ScanNumber()) return Make(TokenKind::kNumber);
  if (ScanDurationRest()) return Make(TokenKind::kDuration);
  if (!Ended()) ++at_;
  return Fail("bad number or duration syntax: " + base::Quote(Make(TokenKind::kError).text));
}

// Moves past what looks like a number; whether it is one, its conversion finds out. False where a
// letter follows (5m) or a separator stands wrongly (1__0).
bool Lexer::ScanNumber() {
  std::string_view digits = "0123456789";
  if (Accept("0") && Accept("xX")) {
    Accept("_");
    digits = "0123456789abcdefABCDEF";
  }
  const bool hex = digits.size() > 10;
  Accept(".");
  bool dot = false;
  bool exponent = false;
  while (!Ended()) {
    if (Accept(digits)) continue;
    if (Accept(".")) {
      if (dot || hex || Accept("_.")) return false;
      dot = true;
    } else if (Accept("eE")) {
      if (exponent) return false;
      exponent = true;
      Accept("+-");
      if (Accept("._eE") || Ended()) return false;
    } else if (Accept("_")) {
      if (Accept("._eE") || Ended()) return false;
    } else {
      break;
    }
  }
  return !IsWordPart(Peek());
}

// The units of a duration after its first number. Wrong units and orders are left to ParseDuration.
bool Lexer::ScanDurationRest() {
  if (!Accept("smhdwy")) return false;
  Accept("s");
  while (Accept("0123456789")) {
    while (Accept("0123456789")) {
    }
    if (!Accept("smhdw")) return false;
    Accept("s");
  }
  return !IsWordPart(Peek());
}

Token Lexer::Quoted(char quote) {
  ++at_;
  const bool raw = quote == '`';
  while (true) {
    if (Ended() || (!raw && Peek() == '\n')) {
      return Fail(raw ? "unterminated raw string" : "unterminated quoted string");
    }
    const char c = Peek();
    ++at_;
    if (c == quote) break;
    if (c == '\\' && !raw && !ScanEscape(quote)) return Make(TokenKind::kError);
  }
  const Token token = Make(TokenKind::kString);
  if (!base::IsValidUtf8(token.text)) return Fail("invalid UTF-8 rune");
  return token;
}

// After the backslash. False after Fail().
bool Lexer::ScanEscape(char quote) {
  const char c = Peek();
  if (Ended()) return Fail("escape sequence not terminated"), false;
  const bool octal = c >= '0' && c <= '7';
  if (!octal) ++at_;
  if (c == quote || std::string_view("abfnrtv\\").find(c) != std::string_view::npos) return true;
  if (!octal && c != 'x' && c != 'u' && c != 'U') {
    return Fail("unknown escape sequence " + Shown(at_ - 1)), false;
  }
  const int count = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : 8;
  const unsigned base = octal ? 8 : 16;
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i, ++at_) {
    if (Ended()) return Fail("escape sequence not terminated"), false;
    const auto digit = static_cast<unsigned>(HexValue(Peek()));
    if (digit >= base) {
      return Fail("illegal character " + Shown(at_) + " in escape sequence"), false;
    }
    value = value * base + digit;
  }
  const std::uint64_t limit = octal || c == 'x' ? 0xff : 0x10ffff;
  if (value > limit || (value >= 0xd800 && value < 0xe000)) {
    return Fail("escape sequence is an invalid Unicode code point"), false;
  }
  return true;
}

}  // namespace drwatch::promql
