// Walks a template's tree. Internal: template.cc is the only user.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "template/ast.h"
#include "template/functions.h"
#include "template/template.h"

namespace drwatch::tmpl {

// One execution; use it once. After the first error nothing is evaluated any more.
class Executor {
 public:
  struct Setup {
    const std::string& name;
    const Tree& tree;
    const FunctionTable& functions;
    const Environment& environment;
    Template::MissingKey missing_key;
  };
  explicit Executor(const Setup& setup)
      : setup_(setup), template_name_(setup.name), tree_(&setup.tree), source_(setup.name) {}
  base::Result<std::string> Run(const Value& data);

 private:
  enum class Flow { kNormal, kBreak, kContinue };
  // The words of a command, and the value the pipeline hands to it as its last argument.
  struct Call {
    const std::vector<NodePtr>* words = nullptr;
    std::optional<Value> final;
    bool has_arguments() const {
      return (words != nullptr && words->size() > 1) || final.has_value();
    }
  };

  // One step down, for as long as it lives.
  class Deeper {
   public:
    explicit Deeper(int& counter) : counter_(counter) { ++counter_; }
    ~Deeper() { --counter_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    int& counter_;
  };

  Flow Walk(const Value& dot, const Node& node);
  Flow WalkBranch(const Value& dot, const BranchNode& branch);
  Flow WalkRange(const Value& dot, const Node& node, const BranchNode& range);
  bool Iterate(const BranchNode& range, const Value& index, const Value& element, Flow& flow);
  void WalkTemplate(const Value& dot, const Node& node, const TemplateNode& call);
  // A template of the text, of the library, or the text itself.
  struct Called {
    const Node* body = nullptr;  // nullptr: nobody defined it
    const Tree* tree = nullptr;
    std::string source;
  };
  Called FindTemplate(const std::string& name) const;
  Value EvaluatePipe(const Value& dot, const Node& node);
  Value EvaluateCommand(const Value& dot, const Node& node, std::optional<Value> final);
  Value EvaluateOperand(const Value& dot, const Node& node, const Call& call);
  Value EvaluateArgument(const Value& dot, const Node& node, std::string_view type);
  Value EvaluateFields(const Value& dot, Value receiver, const Node& node,
                       const std::vector<std::string>& names, std::size_t first, const Call& call);
  Value EvaluateField(const Value& dot, const Value& receiver, const Node& node,
                      const std::string& name, const Call& call);
  std::optional<Value> CallMethod(const Value& dot, const Value& receiver, const Node& node,
                                  const std::string& name, const Call& call);
  Value CallFunction(const Value& dot, const Node& command, const std::string& name,
                     const Call& call);
  Value CallLogic(const Value& dot, const std::string& name, const Call& call);
  Value Invoke(const Value& dot, const Node& node, const std::string& name,
               const Function& function, const Call& call, const Value* receiver);
  Value Checked(Value value, std::string_view type);
  void NotAFunction(const Node& node, const Call& call);
  void Write(std::string_view text);
  Value* FindVariable(const std::string& name);
  const Function* FindFunction(const std::string& name) const;

  bool failed() const { return error_.has_value(); }
  bool Step();
  void At(const Node& node) { node_ = &node; }
  Value Fail(const std::string& message);

  Setup setup_;
  std::string template_name_;
  // The text that is executed now, for messages: its own or one of the library's.
  const Tree* tree_ = nullptr;
  std::string source_;
  std::vector<std::pair<std::string, Value>> variables_;
  const Node* node_ = nullptr;  // for messages
  std::string output_;
  std::optional<base::Error> error_;
  int depth_ = 0;  // of the walk
  int calls_ = 0;  // templates within templates
  int steps_ = 0;
};

}  // namespace drwatch::tmpl
