// What an executor makes of pipelines: their operands, fields and calls.
#include <algorithm>
#include <cmath>

#include "template/executor.h"
#include "template/format.h"

namespace drwatch::tmpl {

Value Executor::EvaluatePipe(const Value& dot, const Node& node) {
  const Deeper deeper(depth_);
  if (!Step()) return {};
  At(node);
  const auto& pipe = *node.As<PipeNode>();
  std::optional<Value> value;
  for (const NodePtr& command : pipe.commands) {
    value = EvaluateCommand(dot, *command, std::move(value));
    if (failed()) return {};
  }
  for (const std::string& name : pipe.variables) {
    if (!pipe.assign) {
      variables_.emplace_back(name, *value);
    } else if (Value* const variable = FindVariable(name)) {
      *variable = *value;
    } else {
      return Fail("undefined variable: " + name);
    }
  }
  return *value;
}

void Executor::NotAFunction(const Node& node, const Call& call) {
  if (call.has_arguments()) Fail("can't give argument to non-function " + PrintNode(node));
}

Value Executor::EvaluateCommand(const Value& dot, const Node& node, std::optional<Value> final) {
  const auto& words = node.As<CommandNode>()->words;
  const Call call{&words, std::move(final)};
  const Node& first = *words[0];
  if (const auto* function = first.As<IdentifierNode>()) {
    At(first);
    return CallFunction(dot, node, function->name, call);
  }
  if (first.As<PipeNode>() != nullptr) {
    NotAFunction(first, call);
    return EvaluatePipe(dot, first);
  }
  if (first.As<NilNode>() != nullptr) {
    At(first);
    NotAFunction(first, call);
    return Fail("nil is not a command");
  }
  return EvaluateOperand(dot, first, call);
}

// Everything but functions, pipelines and nil.
Value Executor::EvaluateOperand(const Value& dot, const Node& node, const Call& call) {
  if (!Step()) return {};
  At(node);
  if (const auto* field = node.As<FieldNode>()) {
    return EvaluateFields(dot, dot, node, field->names, 0, call);
  }
  if (const auto* variable = node.As<VariableNode>()) {
    const Value* const value = FindVariable(variable->names[0]);
    if (value == nullptr) return Fail("undefined variable: " + variable->names[0]);
    if (variable->names.size() == 1) {
      NotAFunction(node, call);
      return *value;
    }
    return EvaluateFields(dot, *value, node, variable->names, 1, call);
  }
  if (const auto* chain = node.As<ChainNode>()) {
    const Value receiver = EvaluateArgument(dot, *chain->operand, kAny);
    return EvaluateFields(dot, receiver, node, chain->fields, 0, call);
  }
  NotAFunction(node, call);
  if (failed()) return {};
  if (node.As<DotNode>() != nullptr) return dot;
  if (const auto* truth = node.As<BoolNode>()) return Value::Bool(truth->value);
  if (const auto* number = node.As<NumberNode>()) return number->value;
  if (const auto* text = node.As<StringNode>()) return Value::String(text->text);
  return Fail("can't evaluate command " + GoQuote(PrintNode(node)));
}

Value Executor::Checked(Value value, std::string_view type) {
  if (failed() || type == kAny) return value;
  if (!value.has_value()) return Fail("invalid value; expected " + std::string(type));
  if (value.TypeName() != type) {
    return Fail("wrong type for value; expected " + std::string(type) + "; got " +
                value.TypeName());
  }
  return value;
}

Value Executor::EvaluateArgument(const Value& dot, const Node& node, std::string_view type) {
  if (!Step()) return {};
  At(node);
  if (node.As<PipeNode>() != nullptr) return Checked(EvaluatePipe(dot, node), type);
  if (const auto* function = node.As<IdentifierNode>()) {
    return Checked(CallFunction(dot, node, function->name, {}), type);
  }
  if (node.As<NilNode>() != nullptr) {
    return type == kAny ? Value() : Fail("cannot assign nil to " + std::string(type));
  }
  const auto* const number = node.As<NumberNode>();
  const bool literal = number != nullptr || node.As<BoolNode>() || node.As<StringNode>();
  if (!literal || type == kAny) return Checked(EvaluateOperand(dot, node, {}), type);

  const auto* const whole =
      number == nullptr ? nullptr : std::get_if<std::int64_t>(&number->value.data);
  const auto* const real = number == nullptr ? nullptr : std::get_if<double>(&number->value.data);
  if (type == "string") {
    if (const auto* text = node.As<StringNode>()) return Value::String(text->text);
    return Fail("expected string; found " + PrintNode(node));
  }
  if (type == "float64") {
    if (whole != nullptr) return Value::Float(static_cast<double>(*whole));
    if (real != nullptr) return Value::Float(*real);
    return Fail("expected float; found " + PrintNode(node));
  }
  if (type == "int" || type == "time.Duration") {
    std::int64_t count = 0;
    if (whole != nullptr) {
      count = *whole;
    } else if (real != nullptr && std::trunc(*real) == *real && std::abs(*real) < 9e18) {
      count = static_cast<std::int64_t>(*real);
    } else {
      return Fail("expected integer; found " + PrintNode(node));
    }
    // A number without a type is nanoseconds: {{ .StartsAt.Add 28800e9 }}.
    return type == "int" ? Value::Int(count) : Value::Of(Duration{count});
  }
  return Fail("can't handle " + PrintNode(node) + " for arg of type " + std::string(type));
}

Value Executor::EvaluateFields(const Value& dot, Value receiver, const Node& node,
                               const std::vector<std::string>& names, std::size_t first,
                               const Call& call) {
  for (std::size_t i = first; i < names.size() && !failed(); ++i) {
    const bool last = i + 1 == names.size();
    receiver = EvaluateField(dot, receiver, node, names[i], last ? call : Call());
  }
  return receiver;
}

std::optional<Value> Executor::CallMethod(const Value& dot, const Value& receiver, const Node& node,
                                          const std::string& name, const Call& call) {
  const FunctionTable* methods = nullptr;
  if (const List* list = receiver.AsList()) methods = list->methods;
  if (const Map* map = receiver.AsMap()) methods = map->methods;
  if (const Struct* fields = receiver.AsStruct()) methods = fields->methods;
  if (std::holds_alternative<Time>(receiver.data)) methods = &TimeMethods();
  if (std::holds_alternative<Duration>(receiver.data)) methods = &DurationMethods();
  if (methods == nullptr) return std::nullopt;
  const auto found = methods->find(name);
  if (found == methods->end()) return std::nullopt;
  return Invoke(dot, node, name, found->second, call, &receiver);
}

Value Executor::EvaluateField(const Value& dot, const Value& receiver, const Node& node,
                              const std::string& name, const Call& call) {
  if (!receiver.has_value()) {
    if (setup_.missing_key == Template::MissingKey::kZero) return {};
    return Fail("nil data; no entry for key " + GoQuote(name));
  }
  if (auto result = CallMethod(dot, receiver, node, name, call)) return *std::move(result);
  if (const Struct* fields = receiver.AsStruct()) {
    for (const auto& [field, value] : fields->fields) {
      if (field != name) continue;
      if (!call.has_arguments()) return value;
      return Fail(name + " has arguments but cannot be invoked as function");
    }
  } else if (const Map* map = receiver.AsMap()) {
    if (call.has_arguments()) return Fail(name + " is not a method but has arguments");
    const auto found = map->entries.find(name);
    if (found != map->entries.end()) return found->second;
    if (setup_.missing_key == Template::MissingKey::kError) {
      return Fail("map has no entry for key " + GoQuote(name));
    }
    return map->missing == Map::Missing::kEmptyString ? Value::String("") : Value();
  }
  return Fail("can't evaluate field " + name + " in type " + receiver.TypeName());
}

const Function* Executor::FindFunction(const std::string& name) const {
  const auto own = setup_.functions.find(name);
  if (own != setup_.functions.end()) return &own->second;
  const auto builtin = BuiltinFunctions().find(name);
  return builtin == BuiltinFunctions().end() ? nullptr : &builtin->second;
}

Value Executor::CallFunction(const Value& dot, const Node& command, const std::string& name,
                             const Call& call) {
  if (!Step()) return {};
  if (name == "and" || name == "or") return CallLogic(dot, name, call);
  const Function* const function = FindFunction(name);
  if (function == nullptr) return Fail(GoQuote(name) + " is not a defined function");
  return Invoke(dot, command, name, *function, call, nullptr);
}

// `and` and `or` stop at the first argument that decides.
Value Executor::CallLogic(const Value& dot, const std::string& name, const Call& call) {
  const std::size_t words = call.words == nullptr ? 1 : call.words->size();
  if (words < 2 && !call.final) {
    return Fail("wrong number of args for " + name + ": want at least 1 got 0");
  }
  Value value;
  for (std::size_t i = 1; i < words; ++i) {
    value = EvaluateArgument(dot, *(*call.words)[i], kAny);
    if (failed() || value.IsTrue() == (name == "or")) return value;
  }
  return call.final.value_or(value);
}

// With a receiver, it is a method whose first parameter the receiver fills.
Value Executor::Invoke(const Value& dot, const Node& node, const std::string& name,
                       const Function& function, const Call& call, const Value* receiver) {
  const std::size_t words = call.words == nullptr ? 0 : call.words->size() - 1;
  const std::size_t bound = receiver == nullptr ? 0 : 1;
  const std::size_t given = words + (call.final ? 1 : 0);
  const std::size_t wanted = function.parameters.size() - bound - (function.variadic ? 1 : 0);
  if (function.variadic ? given < wanted : given != wanted) {
    const std::string least = function.variadic ? "at least " : "";
    return Fail("wrong number of args for " + name + ": want " + least + std::to_string(wanted) +
                " got " + std::to_string(given));
  }
  const auto type = [&](std::size_t i) {
    return function.parameters[std::min(i + bound, function.parameters.size() - 1)];
  };
  Values arguments;
  if (receiver != nullptr) arguments.push_back(*receiver);
  for (std::size_t i = 0; i < words; ++i) {
    arguments.push_back(EvaluateArgument(dot, *(*call.words)[i + 1], type(i)));
    if (failed()) return {};
  }
  if (call.final) arguments.push_back(Checked(*call.final, type(words)));
  if (failed()) return {};
  base::Result<Value> result = function.body(arguments, setup_.environment);
  std::string problem;
  if (!result) {
    problem = result.error().message;
  } else if (result->extent().bytes > kMaxValueBytes || result->extent().depth > kMaxValueDepth) {
    problem = "result is too large";
  } else {
    return *std::move(result);
  }
  At(node);
  return Fail("error calling " + name + ": " + problem);
}

}  // namespace drwatch::tmpl
