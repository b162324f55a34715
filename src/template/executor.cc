#include "template/executor.h"

#include <algorithm>

#include "template/format.h"
#include "template/library.h"

namespace drwatch::tmpl {
namespace {

// Nested walks of one execution, templates within templates included; bounds the stack.
constexpr int kMaxRecursion = 1500;

// Go counts columns from 0 here.
std::string Location(const std::string& name, const std::string& text, int offset) {
  const auto at = static_cast<std::size_t>(offset);
  const std::string_view before = std::string_view(text).substr(0, at);
  std::size_t line = 1;
  for (const char c : before) line += c == '\n';
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return name + ":" + std::to_string(line) + ":" + std::to_string(at - line_begin);
}

}  // namespace

base::Result<std::string> Executor::Run(const Value& data) {
  variables_.emplace_back("$", data);
  Walk(data, *setup_.tree.root);
  if (failed()) return base::Fail(*error_);
  return std::move(output_);
}

Value Executor::Fail(const std::string& message) {
  if (failed()) return {};
  std::string text = "template: ";
  if (node_ == nullptr) {
    text += setup_.name + ": " + message;
  } else {
    text += Location(source_, tree_->text, node_->offset) + ": executing " +
            GoQuote(template_name_) + " at <" + PrintNode(*node_) + ">: " + message;
  }
  error_ = base::Error{std::move(text), {}};
  return {};
}

bool Executor::Step() {
  if (failed()) return false;
  if (++steps_ > kMaxSteps) Fail("exceeded the limit of " + std::to_string(kMaxSteps) + " steps");
  if (depth_ > kMaxRecursion) Fail("exceeded maximum template depth");
  return !failed();
}

void Executor::Write(std::string_view text) {
  if (output_.size() + text.size() > kMaxOutputBytes) {
    Fail("output is longer than " + std::to_string(kMaxOutputBytes) + " bytes");
    return;
  }
  output_ += text;
}

Executor::Flow Executor::Walk(const Value& dot, const Node& node) {
  const Deeper deeper(depth_);
  if (!Step()) return Flow::kNormal;
  At(node);
  if (const auto* text = node.As<TextNode>()) {
    Write(text->text);
  } else if (const auto* action = node.As<ActionNode>()) {
    const Value value = EvaluatePipe(dot, *action->pipe);
    if (failed() || !action->pipe->As<PipeNode>()->variables.empty()) return Flow::kNormal;
    At(node);
    Write(Print(value));
  } else if (const auto* list = node.As<ListNode>()) {
    for (const NodePtr& part : list->nodes) {
      const Flow flow = Walk(dot, *part);
      if (failed() || flow != Flow::kNormal) return flow;
    }
  } else if (const auto* branch = node.As<BranchNode>()) {
    const std::size_t mark = variables_.size();
    const Flow flow = branch->kind == BranchKind::kRange ? WalkRange(dot, node, *branch)
                                                         : WalkBranch(dot, *branch);
    variables_.resize(std::min(mark, variables_.size()));
    return flow;
  } else if (const auto* call = node.As<TemplateNode>()) {
    WalkTemplate(dot, node, *call);
  } else if (node.As<BreakNode>() != nullptr) {
    return Flow::kBreak;
  } else if (node.As<ContinueNode>() != nullptr) {
    return Flow::kContinue;
  }
  return Flow::kNormal;
}

Executor::Flow Executor::WalkBranch(const Value& dot, const BranchNode& branch) {
  const Value value = EvaluatePipe(dot, *branch.pipe);
  if (failed()) return Flow::kNormal;
  if (value.IsTrue()) return Walk(branch.kind == BranchKind::kWith ? value : dot, *branch.list);
  if (branch.else_list != nullptr) return Walk(dot, *branch.else_list);
  return Flow::kNormal;
}

// False: leave the loop, with `flow`.
bool Executor::Iterate(const BranchNode& range, const Value& index, const Value& element,
                       Flow& flow) {
  const auto& names = range.pipe->As<PipeNode>()->variables;
  const std::size_t mark = variables_.size();
  if (!names.empty()) {
    if (Value* const last = FindVariable(names.back())) *last = element;
  }
  if (names.size() > 1) {
    if (Value* const first = FindVariable(names.front())) *first = index;
  }
  flow = Walk(element, *range.list);
  variables_.resize(std::min(mark, variables_.size()));
  const bool leave = failed() || flow == Flow::kBreak;
  flow = Flow::kNormal;
  return !leave;
}

Executor::Flow Executor::WalkRange(const Value& dot, const Node& node, const BranchNode& range) {
  const Value value = EvaluatePipe(dot, *range.pipe);
  if (failed()) return Flow::kNormal;
  Flow flow = Flow::kNormal;
  if (const List* list = value.AsList(); list != nullptr && !list->items.empty()) {
    std::int64_t index = 0;
    for (const Value& item : list->items) {
      if (!Iterate(range, Value::Int(index++), item, flow)) break;
    }
    return flow;
  }
  if (const Map* map = value.AsMap(); map != nullptr && !map->entries.empty()) {
    for (const auto& [key, entry] : map->entries) {
      if (!Iterate(range, Value::String(key), entry, flow)) break;
    }
    return flow;
  }
  if (const auto* count = std::get_if<std::int64_t>(&value.data); count != nullptr && *count > 0) {
    for (std::int64_t i = 0; i < *count; ++i) {
      if (!Iterate(range, Value::Int(i), Value::Int(i), flow)) break;
    }
    return flow;
  }
  const bool iterable = !value.has_value() || value.AsList() != nullptr ||
                        value.AsMap() != nullptr || std::get_if<std::int64_t>(&value.data);
  if (!iterable) {
    Fail("range can't iterate over " + Print(value));
    return flow;
  }
  At(node);
  return range.else_list != nullptr ? Walk(dot, *range.else_list) : flow;
}

Executor::Called Executor::FindTemplate(const std::string& name) const {
  const auto own = setup_.tree.defined.find(name);
  if (own != setup_.tree.defined.end()) return {own->second.get(), &setup_.tree, setup_.name};
  const Library* library = setup_.environment.library;
  if (const Library::Entry* entry = library == nullptr ? nullptr : library->Find(name)) {
    return {entry->body, entry->tree.get(), entry->source};
  }
  if (name == setup_.name) return {setup_.tree.root.get(), &setup_.tree, setup_.name};
  return {};
}

void Executor::WalkTemplate(const Value& dot, const Node& node, const TemplateNode& call) {
  Called called = FindTemplate(call.name);
  if (called.body == nullptr) {
    Fail("template " + GoQuote(call.name) + " not defined");
    return;
  }
  if (depth_ > kMaxRecursion / 2 || calls_ >= kMaxTemplateDepth) {
    Fail("exceeded maximum template depth (" + std::to_string(kMaxTemplateDepth) + ")");
    return;
  }
  At(node);
  const Value argument = call.pipe == nullptr ? Value() : EvaluatePipe(dot, *call.pipe);
  if (failed()) return;
  // The called template sees none of the caller's variables.
  std::vector<std::pair<std::string, Value>> variables;
  variables.emplace_back("$", argument);
  variables_.swap(variables);
  std::string name = call.name;
  template_name_.swap(name);
  std::swap(tree_, called.tree);
  source_.swap(called.source);
  {
    const Deeper deeper(calls_);
    Walk(argument, *called.body);
  }
  std::swap(tree_, called.tree);
  source_.swap(called.source);
  variables_.swap(variables);
  template_name_.swap(name);
}

Value* Executor::FindVariable(const std::string& name) {
  for (auto at = variables_.rbegin(); at != variables_.rend(); ++at) {
    if (at->first == name) return &at->second;
  }
  return nullptr;
}

}  // namespace drwatch::tmpl
