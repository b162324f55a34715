// The one table of functions: name, signature and body in one row each (functions.cc).
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "promql/value.h"

namespace drwatch::promql {

struct Expr;
struct NodeValue;
struct Window;
class Evaluation;

// What a function does, by what it needs: one value (and gives a vector without metric names); the
// samples of one series in a window (the same); or the whole call.
using ElementBody = double (*)(double value);
using WindowBody = double (*)(const Window& window);
using CallBody = NodeValue (*)(Evaluation& evaluation, const Expr& call);
using FunctionBody = std::variant<std::monostate, ElementBody, WindowBody, CallBody>;

struct Function {
  std::string_view name;
  std::vector<ValueType> arguments;
  // 0: exactly `arguments`. n > 0: up to n of the last ones may be left out. -1: the last may be
  // left out or repeated.
  int variadic = 0;
  ValueType returns = ValueType::kVector;
  bool experimental = false;
  FunctionBody body = {};  // none: experimental
};

// nullptr if there is none of that name. The row lives as long as the program.
const Function* FindFunction(std::string_view name);

}  // namespace drwatch::promql
