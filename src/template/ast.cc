#include "template/ast.h"

#include "base/strings.h"
#include "template/format.h"

namespace drwatch::tmpl {
namespace {

std::string PrintAll(const std::vector<NodePtr>& nodes, std::string_view separator) {
  std::string text;
  for (const NodePtr& node : nodes) {
    if (!text.empty()) text += separator;
    text += PrintNode(*node);
  }
  return text;
}

std::string Parenthesised(const Node& node) {
  const std::string text = PrintNode(node);
  return node.As<PipeNode>() != nullptr ? "(" + text + ")" : text;
}

std::string PrintFields(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += "." + name;
  return text;
}

struct NodePrinter {
  std::string operator()(const TextNode& node) const { return GoQuote(node.text); }
  std::string operator()(const DotNode&) const { return "."; }
  std::string operator()(const NilNode&) const { return "nil"; }
  std::string operator()(const BoolNode& node) const { return node.value ? "true" : "false"; }
  std::string operator()(const NumberNode& node) const { return node.text; }
  std::string operator()(const StringNode& node) const { return node.quoted; }
  std::string operator()(const FieldNode& node) const { return PrintFields(node.names); }
  std::string operator()(const VariableNode& node) const { return base::Join(node.names, "."); }
  std::string operator()(const ChainNode& node) const {
    return Parenthesised(*node.operand) + PrintFields(node.fields);
  }
  std::string operator()(const IdentifierNode& node) const { return node.name; }
  std::string operator()(const CommandNode& node) const {
    std::string text;
    for (const NodePtr& word : node.words) {
      if (!text.empty()) text += " ";
      text += Parenthesised(*word);
    }
    return text;
  }
  std::string operator()(const PipeNode& node) const {
    std::string text = base::Join(node.variables, ", ");
    if (!text.empty()) text += node.assign ? " = " : " := ";
    return text + PrintAll(node.commands, " | ");
  }
  std::string operator()(const ActionNode& node) const {
    return "{{" + PrintNode(*node.pipe) + "}}";
  }
  std::string operator()(const ListNode& node) const { return PrintAll(node.nodes, ""); }
  std::string operator()(const BranchNode& node) const {
    const std::string name = node.kind == BranchKind::kIf     ? "if"
                             : node.kind == BranchKind::kWith ? "with"
                                                              : "range";
    std::string text = "{{" + name + " " + PrintNode(*node.pipe) + "}}" + PrintNode(*node.list);
    if (node.else_list != nullptr) text += "{{else}}" + PrintNode(*node.else_list);
    return text + "{{end}}";
  }
  std::string operator()(const TemplateNode& node) const {
    const std::string pipe = node.pipe == nullptr ? "" : " " + PrintNode(*node.pipe);
    return "{{template " + GoQuote(node.name) + pipe + "}}";
  }
  std::string operator()(const BreakNode&) const { return "{{break}}"; }
  std::string operator()(const ContinueNode&) const { return "{{continue}}"; }
};

}  // namespace

std::string PrintNode(const Node& node) { return std::visit(NodePrinter(), node.data); }

}  // namespace drwatch::tmpl
