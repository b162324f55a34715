#include "template/parser.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "template/format.h"
#include "template/literal.h"
#include "template/pipeline_parser.h"

namespace drwatch::tmpl {
namespace {

bool IsEmptyTree(const Node& node) {
  if (const auto* text = node.As<TextNode>()) return base::Trim(text->text).empty();
  const auto* list = node.As<ListNode>();
  return list != nullptr && std::all_of(list->nodes.begin(), list->nodes.end(),
                                        [](const NodePtr& part) { return IsEmptyTree(*part); });
}

// Recursive descent over text, actions and what they enclose.
class Parser : private PipelineParser {
 public:
  Parser(std::string_view text, const FunctionTable& functions) : PipelineParser(text, functions) {
    tree_.text = text;
  }

  tl::expected<Tree, SyntaxError> Run() {
    ListNode root;
    while (!failed() && Peek().kind != TokenKind::kEnd) {
      Piece piece = TextOrAction(/*top_level=*/Level::kTop);
      if (failed()) break;
      if (piece.terminator != Terminator::kNone) {
        Fail("unexpected " + TerminatorText(piece.terminator));
      } else if (piece.node != nullptr) {
        root.nodes.push_back(std::move(piece.node));
      }
    }
    if (failed()) return tl::unexpected(error());
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

  Body ItemList() {
    ListNode list;
    const int offset = PeekNonSpace().offset;
    Deeper();
    while (!failed()) {
      if (Peek().kind == TokenKind::kEnd) {
        Fail("unexpected EOF");
        break;
      }
      Piece piece = TextOrAction(Level::kInner);
      if (piece.terminator != Terminator::kNone) {
        Shallower();
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
    const std::size_t outer_variables = variables().size();
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
    variables().resize(outer_variables);
    return Make(std::move(branch), offset);
  }

  NodePtr ElseList(BranchKind kind, Terminator terminator) {
    const bool chained = (kind == BranchKind::kIf && terminator == Terminator::kElseIf) ||
                         (kind == BranchKind::kWith && terminator == Terminator::kElseWith);
    if (chained) {
      // {{else if x}} is {{else}}{{if x}} with one {{end}} for both.
      const int offset = Next().offset;
      Deeper();
      ListNode list;
      list.nodes.push_back(Branch(kind));
      Shallower();
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
    if (failed()) return;
    NodePtr& known = tree_.defined[name];
    if (known == nullptr || IsEmptyTree(*known)) {
      known = std::move(body);
    } else if (!IsEmptyTree(*body)) {
      Fail("multiple definition of template " + GoQuote(name));
    }
  }

  // The body of {{define}} or {{block}}: sees no variables and no loop of its surroundings.
  NodePtr DefinedBody(const std::string& context) {
    std::vector<std::string> outer_variables = std::exchange(variables(), {"$"});
    const int range_depth = std::exchange(range_depth_, 0);
    Body body = ItemList();
    if (body.terminator != Terminator::kEnd) {
      Fail("unexpected " + TerminatorText(body.terminator) + " in " + context);
    }
    variables() = std::move(outer_variables);
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

  int range_depth_ = 0;
  Tree tree_;
};

}  // namespace

tl::expected<Tree, SyntaxError> ParseTemplate(std::string_view text,
                                              const FunctionTable& functions) {
  return Parser(text, functions).Run();
}

}  // namespace drwatch::tmpl
