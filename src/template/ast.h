// The parsed template: an immutable tree.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "template/value.h"

namespace drwatch::tmpl {

struct Node;
using NodePtr = std::unique_ptr<const Node>;

struct TextNode {
  std::string text;
};
struct DotNode {};
struct NilNode {};
struct BoolNode {
  bool value = false;
};
struct NumberNode {
  std::string text;  // as written
  Value value;       // an int or a float64
};
struct StringNode {
  std::string quoted;  // as written
  std::string text;
};
struct FieldNode {  // .A.B
  std::vector<std::string> names;
};
struct VariableNode {  // $x.A: the variable, then fields
  std::vector<std::string> names;
};
struct ChainNode {  // (pipe).A.B
  NodePtr operand;
  std::vector<std::string> fields;
};
struct IdentifierNode {  // a function
  std::string name;
};
struct CommandNode {
  std::vector<NodePtr> words;
};
struct PipeNode {
  std::vector<std::string> variables;  // declared or assigned
  bool assign = false;
  std::vector<NodePtr> commands;
};
struct ActionNode {
  NodePtr pipe;
};
struct ListNode {
  std::vector<NodePtr> nodes;
};
enum class BranchKind { kIf, kWith, kRange };
struct BranchNode {
  BranchKind kind = BranchKind::kIf;
  NodePtr pipe;
  NodePtr list;
  NodePtr else_list;  // or null
};
struct TemplateNode {
  std::string name;
  NodePtr pipe;  // or null
};
struct BreakNode {};
struct ContinueNode {};

struct Node {
  std::variant<TextNode, DotNode, NilNode, BoolNode, NumberNode, StringNode, FieldNode,
               VariableNode, ChainNode, IdentifierNode, CommandNode, PipeNode, ActionNode, ListNode,
               BranchNode, TemplateNode, BreakNode, ContinueNode>
      data;
  int offset = 0;  // bytes into the text

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&data);
  }
};

// The node as Go prints it in its messages.
std::string PrintNode(const Node& node);

struct Tree {
  std::string text;
  NodePtr root;
  std::map<std::string, NodePtr> defined;  // by {{define}} and {{block}}
};

template <typename T>
NodePtr Make(T data, int offset) {
  auto node = std::make_unique<Node>();
  node->data = std::move(data);
  node->offset = offset;
  return node;
}

}  // namespace drwatch::tmpl
