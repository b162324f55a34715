#include "template/parser.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"
#include "template/format.h"
#include "template/lexer.h"
#include "template/literal.h"

namespace drwatch::tmpl {
namespace {

template <typename T>
NodePtr Make(T data, int offset) {
  auto node = std::make_unique<Node>();
  node->data = std::move(data);
  node->offset = offset;
  return node;
}

bool IsEmptyTree(const Node& node) {
  if (const auto* text = node.As<TextNode>()) return base::Trim(text->text).empty();
  const auto* list = node.As<ListNode>();
  return list != nullptr && std::all_of(list->nodes.begin(), list->nodes.end(),
                                        [](const NodePtr& part) { return IsEmptyTree(*part); });
}

// Go's names of what is not a command of its own.
bool IsOperandOnly(const Node& node) {
  return node.As<BoolNode>() || node.As<DotNode>() || node.As<NilNode>() || node.As<NumberNode>() ||
         node.As<StringNode>();
}

// Recursive descent. After the first error every token reads as the end, so the descent unwinds.
class Parser {
 public:
  Parser(std::string_view text, const FunctionTable& functions)
      : functions_(functions), tokens_(Tokenize(text)) {
    tree_.text = text;
  }

  tl::expected<Tree, SyntaxError> Run() {
    ListNode root;
    while (!failed_ && Peek().kind != TokenKind::kEnd) {
      Piece piece = TextOrAction(/*top_level=*/Level::kTop);
      if (failed_) break;
      if (piece.terminator != Terminator::kNone) {
        Fail("unexpected " + TerminatorText(piece.terminator));
      } else if (piece.node != nullptr) {
        root.nodes.push_back(std::move(piece.node));
      }
    }
    if (failed_) return tl::unexpected(error_);
    tree_.root = Make(std::move(root), 0);
    return std::move(tree_);
  }

 private:
  enum class Terminator { kNone, kEnd, kElse, kElseIf, kElseWith };
  enum class Level { kTop, kInner };
  // A node, or what ended the list.
  struct Piece {
    NodePtr node;
    Terminator terminator = Terminator::kNone;
  };
  struct Body {
    NodePtr list;
    Terminator terminator = Terminator::kNone;
  };

  static std::string TerminatorText(Terminator terminator) {
    return terminator == Terminator::kEnd ? "{{end}}" : "{{else}}";
  }

  const Token& Peek() {
    static const Token kNothing;
    if (failed_) return kNothing;
    if (tokens_[at_].kind == TokenKind::kError) {
      Fail(tokens_[at_].text);
      return kNothing;
    }
    return tokens_[at_];
  }
  const Token& PeekNonSpace() {
    while (Peek().kind == TokenKind::kSpace) ++at_;
    return Peek();
  }
  // The end is never passed.
  Token Next() {
    const Token token = Peek();
    if (token.kind != TokenKind::kEnd) ++at_;
    return token;
  }
  Token NextNonSpace() {
    PeekNonSpace();
    return Next();
  }

  void FailAt(int offset, std::string message) {
    if (failed_) return;
    failed_ = true;
    error_ = {offset, std::move(message)};
  }
  void Fail(std::string message) {
    FailAt(tokens_[std::min(at_, tokens_.size() - 1)].offset, std::move(message));
  }
  void Unexpected(const Token& token, const std::string& context) {
    if (failed_) return;
    std::string shown = token.kind == TokenKind::kEnd       ? "EOF"
                        : token.kind == TokenKind::kKeyword ? "<" + token.text + ">"
                                                            : GoQuote(token.text);
    FailAt(token.offset, "unexpected " + shown + " in " + context);
  }
  Token Expect(TokenKind kind, const std::string& context) {
    const Token token = NextNonSpace();
    if (token.kind != kind) Unexpected(token, context);
    return token;
  }

  Body ItemList() {
    ListNode list;
    const int offset = PeekNonSpace().offset;
    if (++depth_ > kMaxNestingDepth) Fail("template is nested too deeply");
    while (!failed_) {
      if (Peek().kind == TokenKind::kEnd) {
        Fail("unexpected EOF");
        break;
      }
      Piece piece = TextOrAction(Level::kInner);
      if (piece.terminator != Terminator::kNone) {
        --depth_;
        return {Make(std::move(list), offset), piece.terminator};
      }
      if (piece.node != nullptr) list.nodes.push_back(std::move(piece.node));
    }
    return {Make(std::move(list), offset), Terminator::kEnd};
  }

  Piece TextOrAction(Level level) {
    const Token token = NextNonSpace();
    if (token.kind == TokenKind::kText) return {Make(TextNode{token.text}, token.offset)};
    if (token.kind == TokenKind::kLeftDelimiter) return Action(level);
    Unexpected(token, "input");
    return {};
  }

  Piece Action(Level level) {
    const Token token = PeekNonSpace();
    if (token.kind != TokenKind::kKeyword) {
      // Variables declared here live until the enclosing end.
      return {Make(ActionNode{Pipeline("command", TokenKind::kRightDelimiter)}, token.offset)};
    }
    Next();
    if (token.text == "if") return {Branch(BranchKind::kIf)};
    if (token.text == "with") return {Branch(BranchKind::kWith)};
    if (token.text == "range") return {Branch(BranchKind::kRange)};
    if (token.text == "template") return {TemplateCall()};
    if (token.text == "block") return {Block()};
    if (token.text == "break" || token.text == "continue") return {LoopExit(token)};
    if (token.text == "else") return {nullptr, Else()};
    if (token.text == "define" && level == Level::kTop) {
      Definition();
      return {};
    }
    if (token.text == "end") {
      Expect(TokenKind::kRightDelimiter, "end");
      return {nullptr, Terminator::kEnd};
    }
    Unexpected(token, "command");
    return {};
  }

  Terminator Else() {
    const Token token = PeekNonSpace();
    if (token.kind == TokenKind::kKeyword && (token.text == "if" || token.text == "with")) {
      return token.text == "if" ? Terminator::kElseIf : Terminator::kElseWith;
    }
    Expect(TokenKind::kRightDelimiter, "else");
    return Terminator::kElse;
  }

  NodePtr LoopExit(const Token& token) {
    Expect(TokenKind::kRightDelimiter, "{{" + token.text + "}}");
    if (range_depth_ == 0) FailAt(token.offset, "{{" + token.text + "}} outside {{range}}");
    if (token.text == "break") return Make(BreakNode(), token.offset);
    return Make(ContinueNode(), token.offset);
  }

  NodePtr Branch(BranchKind kind) {
    const std::string context = kind == BranchKind::kIf     ? "if"
                                : kind == BranchKind::kWith ? "with"
                                                            : "range";
    const std::size_t variables = variables_.size();
    BranchNode branch;
    branch.kind = kind;
    branch.pipe = Pipeline(context, TokenKind::kRightDelimiter);
    const int offset = branch.pipe->offset;
    range_depth_ += kind == BranchKind::kRange;
    Body body = ItemList();
    range_depth_ -= kind == BranchKind::kRange;
    branch.list = std::move(body.list);
    if (body.terminator != Terminator::kEnd) {
      branch.else_list = ElseList(kind, body.terminator);
    }
    variables_.resize(variables);
    return Make(std::move(branch), offset);
  }

  NodePtr ElseList(BranchKind kind, Terminator terminator) {
    const bool chained = (kind == BranchKind::kIf && terminator == Terminator::kElseIf) ||
                         (kind == BranchKind::kWith && terminator == Terminator::kElseWith);
    if (chained) {
      // {{else if x}} is {{else}}{{if x}} with one {{end}} for both.
      const int offset = Next().offset;
      if (++depth_ > kMaxNestingDepth) Fail("template is nested too deeply");
      ListNode list;
      list.nodes.push_back(Branch(kind));
      --depth_;
      return Make(std::move(list), offset);
    }
    if (terminator != Terminator::kElse) Unexpected(Peek(), "else");
    Body rest = ItemList();
    if (rest.terminator != Terminator::kEnd) Fail("expected end; found {{else}}");
    return std::move(rest.list);
  }

  std::string Name(const Token& token, const std::string& context) {
    if (token.kind != TokenKind::kString && token.kind != TokenKind::kRawString) {
      Unexpected(token, context);
      return {};
    }
    auto name = Unquote(token.text);
    if (!name) FailAt(token.offset, name.error().message);
    return name.value_or("");
  }

  void Define(const std::string& name, NodePtr body) {
    if (failed_) return;
    NodePtr& known = tree_.defined[name];
    if (known == nullptr || IsEmptyTree(*known)) {
      known = std::move(body);
    } else if (!IsEmptyTree(*body)) {
      Fail("multiple definition of template " + GoQuote(name));
    }
  }

  // The body of {{define}} or {{block}}: sees no variables and no loop of its surroundings.
  NodePtr DefinedBody(const std::string& context) {
    std::vector<std::string> variables = std::exchange(variables_, {"$"});
    const int range_depth = std::exchange(range_depth_, 0);
    Body body = ItemList();
    if (body.terminator != Terminator::kEnd) {
      Fail("unexpected " + TerminatorText(body.terminator) + " in " + context);
    }
    variables_ = std::move(variables);
    range_depth_ = range_depth;
    return std::move(body.list);
  }

  void Definition() {
    const std::string context = "define clause";
    const std::string name = Name(NextNonSpace(), context);
    Expect(TokenKind::kRightDelimiter, context);
    Define(name, DefinedBody(context));
  }

  NodePtr Block() {
    const std::string context = "block clause";
    const Token token = NextNonSpace();
    TemplateNode call;
    call.name = Name(token, context);
    call.pipe = Pipeline(context, TokenKind::kRightDelimiter);
    Define(call.name, DefinedBody(context));
    return Make(std::move(call), token.offset);
  }

  NodePtr TemplateCall() {
    const std::string context = "template clause";
    const Token token = NextNonSpace();
    TemplateNode call;
    call.name = Name(token, context);
    if (PeekNonSpace().kind == TokenKind::kRightDelimiter) {
      Next();
    } else {
      call.pipe = Pipeline(context, TokenKind::kRightDelimiter);
    }
    return Make(std::move(call), token.offset);
  }

  // Consumes `end`.
  NodePtr Pipeline(const std::string& context, TokenKind end) {
    const int offset = PeekNonSpace().offset;
    PipeNode pipe;
    if (++depth_ > kMaxNestingDepth) Fail("template is nested too deeply");
    Declarations(pipe, context);
    while (!failed_) {
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
    --depth_;
    CheckPipeline(pipe, context, offset);
    return Make(std::move(pipe), offset);
  }

  void CheckPipeline(const PipeNode& pipe, const std::string& context, int offset) {
    if (failed_) return;
    if (pipe.commands.empty()) return FailAt(offset, "missing value for " + context);
    for (std::size_t i = 1; i < pipe.commands.size(); ++i) {
      const auto& words = pipe.commands[i]->As<CommandNode>()->words;
      if (!words.empty() && IsOperandOnly(*words[0])) {
        return FailAt(words[0]->offset,
                      "non executable command in pipeline stage " + std::to_string(i + 1));
      }
    }
  }

  static bool StartsOperand(TokenKind kind) {
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

  // $x :=, $x =, and in range $i, $x :=.
  void Declarations(PipeNode& pipe, const std::string& context) {
    while (PeekNonSpace().kind == TokenKind::kVariable) {
      const std::size_t begin = at_;
      const Token variable = Next();
      const Token next = PeekNonSpace();
      const bool comma = next.kind == TokenKind::kOther && next.text == ",";
      if (next.kind != TokenKind::kDeclare && next.kind != TokenKind::kAssign && !comma) {
        at_ = failed_ ? at_ : begin;
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

  // Consumes the pipe symbol behind it, but no closing delimiter.
  NodePtr Command() {
    const int offset = PeekNonSpace().offset;
    CommandNode command;
    while (!failed_) {
      PeekNonSpace();
      if (NodePtr operand = Operand()) command.words.push_back(std::move(operand));
      const Token token = Peek();
      if (token.kind == TokenKind::kSpace) {
        Next();
        continue;
      }
      if (token.kind == TokenKind::kPipe) {
        Next();
        if (!failed_ && !StartsOperand(PeekNonSpace().kind)) MissingCommand();
      } else if (token.kind != TokenKind::kRightDelimiter && token.kind != TokenKind::kRightParen) {
        Unexpected(token, "operand");
      }
      break;
    }
    if (!failed_ && command.words.empty()) FailAt(offset, "empty command");
    return Make(std::move(command), offset);
  }

  void MissingCommand() {
    const Token token = Peek();
    if (token.kind == TokenKind::kRightDelimiter || token.kind == TokenKind::kRightParen) {
      Fail("missing value for command");
    }
  }

  NodePtr Operand() {
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

  // nullptr if the next token starts no term.
  NodePtr Term() {
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

  NodePtr Literal(const Token& token) {
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

  bool HasFunction(const std::string& name) const {
    return name == "and" || name == "or" || functions_.contains(name) ||
           BuiltinFunctions().contains(name);
  }

  const FunctionTable& functions_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<std::string> variables_ = {"$"};
  int range_depth_ = 0;
  int depth_ = 0;
  bool failed_ = false;
  SyntaxError error_;
  Tree tree_;
};

}  // namespace

tl::expected<Tree, SyntaxError> ParseTemplate(std::string_view text,
                                              const FunctionTable& functions) {
  return Parser(text, functions).Run();
}

}  // namespace drwatch::tmpl
