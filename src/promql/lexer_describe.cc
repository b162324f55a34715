#include "base/strings.h"
#include "promql/lexer.h"

namespace drwatch::promql {

std::string Describe(const Token& token) {
  const std::string text(token.text);
  switch (token.kind) {
    case TokenKind::kEnd:
      return "end of input";
    case TokenKind::kError:
      return text;
    case TokenKind::kNumber:
      return "number " + base::Quote(text);
    case TokenKind::kDuration:
      return "duration " + base::Quote(text);
    case TokenKind::kString:
      return "string " + base::Quote(base::Truncate(text, 40));
    case TokenKind::kIdentifier:
      return "identifier " + base::Quote(text);
    case TokenKind::kMetricIdentifier:
      return "metric identifier " + base::Quote(text);
    case TokenKind::kBinary:
    case TokenKind::kAt:
    case TokenKind::kRegexMatch:
    case TokenKind::kRegexNotMatch:
      return "<op:" + text + ">";
    case TokenKind::kAggregate:
      return "<aggr:" + text + ">";
    case TokenKind::kBool:
    case TokenKind::kBy:
    case TokenKind::kWithout:
    case TokenKind::kOn:
    case TokenKind::kIgnoring:
    case TokenKind::kGroupLeft:
    case TokenKind::kGroupRight:
    case TokenKind::kFill:
    case TokenKind::kOffset:
    case TokenKind::kAnchored:
    case TokenKind::kSmoothed:
      return "<" + text + ">";
    case TokenKind::kLeftParen:
    case TokenKind::kRightParen:
    case TokenKind::kLeftBrace:
    case TokenKind::kRightBrace:
    case TokenKind::kLeftBracket:
    case TokenKind::kRightBracket:
    case TokenKind::kComma:
    case TokenKind::kColon:
    case TokenKind::kAssign:
    case TokenKind::kStart:
    case TokenKind::kEndWord:
    case TokenKind::kStep:
    case TokenKind::kRange:
      return base::Quote(text);
  }
  return text;
}

}  // namespace drwatch::promql
