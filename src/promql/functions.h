// The one table of functions: name, signature and body in one row each (functions.cc).
#pragma once

#include <string_view>
#include <vector>

#include "promql/value.h"

namespace drwatch::promql {

struct FunctionArguments;  // evaluation.h: what a body gets
using FunctionBody = Vector (*)(FunctionArguments& arguments);

struct Function {
  std::string_view name;
  std::vector<ValueType> arguments;
  // 0: exactly `arguments`. n > 0: up to n of the last ones may be left out. -1: the last may be
  // left out or repeated.
  int variadic = 0;
  ValueType returns = ValueType::kVector;
  bool experimental = false;
  FunctionBody body = nullptr;
};

// nullptr if there is none of that name. The row lives as long as the program.
const Function* FindFunction(std::string_view name);

}  // namespace drwatch::promql
