#include "template/pipeline_parser.h"

#include <algorithm>

#include "template/format.h"
#include "template/literal.h"

namespace drwatch::tmpl {
namespace {

// Go's names of what is not a command of its own.
bool IsOperandOnly(const Node& node) {
  return node.As<BoolNode>() || node.As<DotNode>() || node.As<NilNode>() || node.As<NumberNode>() ||
         node.As<StringNode>();
}

bool StartsOperand(TokenKind kind) {
  switch (kind) {
    case TokenKind::kBool:
    case TokenKind::kCharacter:
    case TokenKind::kDot:
    case TokenKind::kField:
    case TokenKind::kIdentifier:
    case TokenKind::kNumber:
    case TokenKind::kNil:
    case TokenKind::kRawString:
    case TokenKind::kString:
    case TokenKind::kVariable:
    case TokenKind::kLeftParen:
      return true;
    default:
      return false;
  }
}

}  // namespace

NodePtr PipelineParser::Pipeline(const std::string& context, TokenKind end) {
  const int offset = PeekNonSpace().offset;
  PipeNode pipe;
  Deeper();
  Declarations(pipe, context);
  while (!failed()) {
    const Token token = PeekNonSpace();
    if (token.kind == end) {
      Next();
      break;
    }
    if (token.kind == TokenKind::kEnd || !StartsOperand(token.kind)) {
      Unexpected(token, context);
      break;
    }
    pipe.commands.push_back(Command());
  }
  Shallower();
  CheckPipeline(pipe, context, offset);
  return Make(std::move(pipe), offset);
}

void PipelineParser::CheckPipeline(const PipeNode& pipe, const std::string& context, int offset) {
  if (failed()) return;
  if (pipe.commands.empty()) return FailAt(offset, "missing value for " + context);
  for (std::size_t i = 1; i < pipe.commands.size(); ++i) {
    const auto& words = pipe.commands[i]->As<CommandNode>()->words;
    if (!words.empty() && IsOperandOnly(*words[0])) {
      return FailAt(words[0]->offset,
                    "non executable command in pipeline stage " + std::to_string(i + 1));
    }
  }
}

void PipelineParser::Declarations(PipeNode& pipe, const std::string& context) {
  while (PeekNonSpace().kind == TokenKind::kVariable) {
    const std::size_t begin = position();
    const Token variable = Next();
    const Token next = PeekNonSpace();
    const bool comma = next.kind == TokenKind::kOther && next.text == ",";
    if (next.kind != TokenKind::kDeclare && next.kind != TokenKind::kAssign && !comma) {
      Return(begin);
      return;
    }
    Next();
    pipe.variables.push_back(variable.text);
    variables_.push_back(variable.text);
    if (!comma) {
      pipe.assign = next.kind == TokenKind::kAssign;
      return;
    }
    if (context != "range" || pipe.variables.size() >= 2) {
      return FailAt(variable.offset, "too many declarations in " + context);
    }
    if (PeekNonSpace().kind != TokenKind::kVariable) {
      return Fail("range can only initialize variables");
    }
  }
}

NodePtr PipelineParser::Command() {
  const int offset = PeekNonSpace().offset;
  CommandNode command;
  while (!failed()) {
    PeekNonSpace();
    if (NodePtr operand = Operand()) command.words.push_back(std::move(operand));
    const Token token = Peek();
    if (token.kind == TokenKind::kSpace) {
      Next();
      continue;
    }
    if (token.kind == TokenKind::kPipe) {
      Next();
      if (!failed() && !StartsOperand(PeekNonSpace().kind)) MissingCommand();
    } else if (token.kind != TokenKind::kRightDelimiter && token.kind != TokenKind::kRightParen) {
      Unexpected(token, "operand");
    }
    break;
  }
  if (!failed() && command.words.empty()) FailAt(offset, "empty command");
  return Make(std::move(command), offset);
}

void PipelineParser::MissingCommand() {
  const Token token = Peek();
  if (token.kind == TokenKind::kRightDelimiter || token.kind == TokenKind::kRightParen) {
    Fail("missing value for command");
  }
}

NodePtr PipelineParser::Operand() {
  NodePtr term = Term();
  if (term == nullptr || Peek().kind != TokenKind::kField) return term;
  const int offset = Peek().offset;
  std::vector<std::string> fields;
  while (Peek().kind == TokenKind::kField) fields.push_back(Next().text.substr(1));
  const auto joined = [&fields](std::vector<std::string> names) {
    names.insert(names.end(), fields.begin(), fields.end());
    return names;
  };
  if (const auto* field = term->As<FieldNode>()) {
    return Make(FieldNode{joined(field->names)}, offset);
  }
  if (const auto* variable = term->As<VariableNode>()) {
    return Make(VariableNode{joined(variable->names)}, offset);
  }
  if (IsOperandOnly(*term)) {
    FailAt(offset, "unexpected . after term " + GoQuote(PrintNode(*term)));
  }
  return Make(ChainNode{std::move(term), std::move(fields)}, offset);
}

NodePtr PipelineParser::Term() {
  const Token token = Peek();
  if (!StartsOperand(token.kind)) return nullptr;
  Next();
  switch (token.kind) {
    case TokenKind::kIdentifier:
      if (!HasFunction(token.text)) {
        FailAt(token.offset, "function " + GoQuote(token.text) + " not defined");
      }
      return Make(IdentifierNode{token.text}, token.offset);
    case TokenKind::kDot:
      return Make(DotNode(), token.offset);
    case TokenKind::kNil:
      return Make(NilNode(), token.offset);
    case TokenKind::kBool:
      return Make(BoolNode{token.text == "true"}, token.offset);
    case TokenKind::kField:
      return Make(FieldNode{{token.text.substr(1)}}, token.offset);
    case TokenKind::kVariable:
      if (std::find(variables_.begin(), variables_.end(), token.text) == variables_.end()) {
        FailAt(token.offset, "undefined variable " + GoQuote(token.text));
      }
      return Make(VariableNode{{token.text}}, token.offset);
    case TokenKind::kLeftParen:
      return Pipeline("parenthesized pipeline", TokenKind::kRightParen);
    default:
      return Literal(token);
  }
}

NodePtr PipelineParser::Literal(const Token& token) {
  if (token.kind == TokenKind::kString || token.kind == TokenKind::kRawString) {
    auto text = Unquote(token.text);
    if (!text) FailAt(token.offset, text.error().message);
    return Make(StringNode{token.text, text.value_or("")}, token.offset);
  }
  auto number =
      token.kind == TokenKind::kCharacter ? ParseCharacter(token.text) : ParseNumber(token.text);
  if (!number) FailAt(token.offset, number.error().message);
  return Make(NumberNode{token.text, number.value_or(Value())}, token.offset);
}

bool PipelineParser::HasFunction(const std::string& name) const {
  return name == "and" || name == "or" || functions_.contains(name) ||
         BuiltinFunctions().contains(name);
}

}  // namespace drwatch::tmpl
