// Any text is a finite row of tokens that lie one behind another; blanks and comments between them
// do not matter.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "fuzz.h"
#include "promql/lexer.h"

namespace drwatch::promql {
namespace {

using fuzz::Check;

// Up to and without kEnd or kError.
struct Row {
  std::vector<Token> tokens;
  Token last;
};

void CheckToken(const Token& token, int after, std::string_view text) {
  const bool inside = after <= token.begin && token.begin <= token.end &&
                      token.end <= static_cast<int>(text.size());
  Check(inside, "a token lies outside of the text: " + std::string(token.text));
  const auto begin = static_cast<std::size_t>(token.begin);
  const auto size = static_cast<std::size_t>(token.end - token.begin);
  Check(token.text == text.substr(begin, size), "a token's text is not its own");
}

Row Read(std::string_view text) {
  Row row;
  Lexer lexer(text);
  int after = 0;
  while (true) {
    row.last = lexer.Next();
    CheckToken(row.last, after, text);
    if (row.last.Is(TokenKind::kEnd) || row.last.Is(TokenKind::kError)) break;
    Check(row.last.end > after, "an empty token");
    after = row.last.end;
    row.tokens.push_back(row.last);
  }
  if (row.last.Is(TokenKind::kError)) Check(!lexer.error().empty(), "an error without a message");
  Check(lexer.Next().kind == row.last.kind, "something follows the end");
  return row;
}

// The tokens with one blank where blanks and comments were, and what the lexer could not read.
std::string Rewritten(const Row& row, std::string_view text) {
  std::string result;
  int after = 0;
  for (const Token& token : row.tokens) {
    if (token.begin > after) result += ' ';
    result += token.text;
    after = token.end;
  }
  if (row.last.begin > after) result += ' ';
  result += text.substr(static_cast<std::size_t>(row.last.begin));
  return result;
}

void CheckText(std::string_view text) {
  const Row row = Read(text);
  for (const Token& token : row.tokens) {
    Check(!Describe(token).empty(), "a token without a description");
  }
  const std::string rewritten = Rewritten(row, text);
  const Row again = Read(rewritten);
  const auto same = [](const Token& a, const Token& b) {
    return a.kind == b.kind && a.binary == b.binary && a.aggregate == b.aggregate &&
           a.text == b.text;
  };
  Check(again.last.kind == row.last.kind &&
            std::equal(row.tokens.begin(), row.tokens.end(), again.tokens.begin(),
                       again.tokens.end(), same),
        "blanks make a difference: " + base::Quote(rewritten));
}

}  // namespace
}  // namespace drwatch::promql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drwatch::promql::CheckText(drwatch::fuzz::Text(data, size));
  return 0;
}
