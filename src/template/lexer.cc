#include "template/lexer.h"

#include <algorithm>
#include <array>

#include "template/format.h"
#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::array<std::string_view, 11> kKeywords = {
    "block", "break", "continue", "define", "else", "end", "if", "range", "template", "with", "."};

bool IsBlank(char c) { return kBlanks.find(c) != std::string_view::npos; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> Run() {
    while (!failed_ && at_ < text_.size()) {
      if (inside_) {
        InsideAction();
      } else {
        Text();
      }
    }
    if (!failed_ && inside_) Fail("unclosed action");
    if (!failed_) Add(TokenKind::kEnd, at_);
    return std::move(tokens_);
  }

 private:
  bool StartsWith(std::string_view part) const { return text_.substr(at_).starts_with(part); }
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void Add(TokenKind kind, std::size_t begin) {
    tokens_.push_back(
        {kind, static_cast<int>(begin), std::string(text_.substr(begin, at_ - begin))});
  }
  void Fail(std::string message) {
    failed_ = true;
    tokens_.push_back({TokenKind::kError, static_cast<int>(start_), std::move(message)});
  }

  void Text() {
    const std::size_t begin = at_;
    const std::size_t open = std::min(text_.find("{{", at_), text_.size());
    std::string_view text = text_.substr(begin, open - begin);
    at_ = open;
    const bool trim = Peek(2) == '-' && IsBlank(Peek(3));
    if (trim) text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    if (!text.empty()) {
      tokens_.push_back({TokenKind::kText, static_cast<int>(begin), std::string(text)});
    }
    if (at_ >= text_.size()) return;
    start_ = at_;
    const std::size_t delimiter = trim ? 4 : 2;
    if (text_.substr(at_ + delimiter).starts_with("/*")) {
      at_ += delimiter;
      return Comment();
    }
    at_ += 2;
    Add(TokenKind::kLeftDelimiter, at_ - 2);
    if (trim) at_ += 2;
    inside_ = true;
    parens_ = 0;
  }

  void Comment() {
    const std::size_t close = text_.find("*/", at_);
    if (close == std::string_view::npos) return Fail("unclosed comment");
    at_ = close + 2;
    if (!RightDelimiter()) return Fail("comment ends before closing delimiter");
    CloseAction();
  }

  bool RightDelimiter() const {
    return StartsWith("}}") || (IsBlank(Peek()) && text_.substr(at_ + 1).starts_with("-}}"));
  }
  // Skips the delimiter and, with a trim marker, the blanks behind it.
  void CloseAction() {
    const bool trim = !StartsWith("}}");
    at_ += trim ? 4 : 2;
    while (trim && at_ < text_.size() && IsBlank(text_[at_])) ++at_;
    inside_ = false;
  }

  void InsideAction() {
    start_ = at_;
    if (RightDelimiter()) {
      if (parens_ > 0) return Fail("unclosed left paren");
      tokens_.push_back({TokenKind::kRightDelimiter, static_cast<int>(at_), "}}"});
      return CloseAction();
    }
    const char c = text_[at_];
    if (IsBlank(c)) return Blanks();
    if (c == '"' || c == '\'') return Quoted(c);
    if (c == '`') return RawQuoted();
    if (c == '$') return Name(TokenKind::kVariable);
    if (c == '.' && !IsDigit(Peek(1))) return Name(TokenKind::kField);
    if (c == '+' || c == '-' || c == '.' || IsDigit(c)) return Number();
    if (WordCharacter() > 0) return Name(TokenKind::kIdentifier);
    Symbol(c);
  }

  void Blanks() {
    // A blank before "-}}" belongs to the delimiter.
    while (at_ < text_.size() && IsBlank(text_[at_]) && !RightDelimiter()) ++at_;
    Add(TokenKind::kSpace, start_);
  }

  void Symbol(char c) {
    ++at_;
    switch (c) {
      case ':':
        if (Peek() != '=') return Fail("expected :=");
        ++at_;
        return Add(TokenKind::kDeclare, start_);
      case '=':
        return Add(TokenKind::kAssign, start_);
      case '|':
        return Add(TokenKind::kPipe, start_);
      case '(':
        ++parens_;
        return Add(TokenKind::kLeftParen, start_);
      case ')':
        if (--parens_ < 0) return Fail("unexpected right paren");
        return Add(TokenKind::kRightParen, start_);
      default:
        break;
    }
    if (c > ' ' && c < 0x7f) return Add(TokenKind::kOther, start_);
    at_ = start_;
    Fail("unrecognized character in action: " +
         Sprintf("%U", {Value::Int(DecodeUtf8(text_, at_))}));
  }

  // Bytes of the letter, digit or underscore at the current place, or 0.
  std::size_t WordCharacter() const {
    if (at_ >= text_.size()) return 0;
    std::size_t end = at_;
    const char32_t c = DecodeUtf8(text_, end);
    return c == '_' || (c >= '0' && c <= '9') || (c != kBadUtf8 && IsLetter(c)) ? end - at_ : 0;
  }

  bool AtTerminator() const {
    return at_ >= text_.size() || IsBlank(text_[at_]) ||
           std::string_view(".,|:)(}").find(text_[at_]) != std::string_view::npos;
  }

  void Name(TokenKind kind) {
    if (kind != TokenKind::kIdentifier) ++at_;
    while (const std::size_t bytes = WordCharacter()) at_ += bytes;
    if (!AtTerminator()) {
      std::size_t end = at_;
      return Fail("bad character " + Sprintf("%U", {Value::Int(DecodeUtf8(text_, end))}));
    }
    const std::string_view word = text_.substr(start_, at_ - start_);
    if (word == ".") return Add(TokenKind::kDot, start_);
    if (kind == TokenKind::kIdentifier) {
      if (std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end()) {
        kind = TokenKind::kKeyword;
      } else if (word == "true" || word == "false") {
        kind = TokenKind::kBool;
      } else if (word == "nil") {
        kind = TokenKind::kNil;
      }
    }
    Add(kind, start_);
  }

  // Any run that can be a number; the parser judges it.
  void Number() {
    if (Peek() == '+' || Peek() == '-') ++at_;
    const bool hex = Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X');
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      const char previous = text_[at_ - (at_ > start_ ? 1 : 0)];
      const bool exponent_sign =
          (c == '+' || c == '-') &&
          (hex ? previous == 'p' || previous == 'P' : previous == 'e' || previous == 'E');
      if (c != '.' && c != '_' && !exponent_sign && WordCharacter() != 1) break;
    }
    if (WordCharacter() > 0) {
      return Fail("bad number syntax: " + GoQuote(text_.substr(start_, at_ - start_)));
    }
    Add(TokenKind::kNumber, start_);
  }

  void Quoted(char quote) {
    ++at_;
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return Add(quote == '"' ? TokenKind::kString : TokenKind::kCharacter, start_);
      }
      if (text_[at_] == '\\' && Peek(1) != '\n') ++at_;
    }
    at_ = std::min(at_, text_.size());
    Fail(quote == '"' ? "unterminated quoted string" : "unterminated character constant");
  }

  void RawQuoted() {
    const std::size_t close = text_.find('`', at_ + 1);
    if (close == std::string_view::npos) return Fail("unterminated raw quoted string");
    at_ = close + 1;
    Add(TokenKind::kRawString, start_);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  bool inside_ = false;
  bool failed_ = false;
  int parens_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view text) { return Lexer(text).Run(); }

}  // namespace drwatch::tmpl
