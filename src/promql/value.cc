#include "promql/value.h"

#include <cstdlib>

namespace drwatch::promql {

std::string_view ValueTypeName(ValueType type) {
  switch (type) {
    case ValueType::kNone:
      return "none";
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
    case ValueType::kString:
      return "string";
  }
  std::abort();
}

std::string_view ResultTypeName(ValueType type) {
  switch (type) {
    case ValueType::kNone:
      return "none";
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    case ValueType::kString:
      return "string";
  }
  std::abort();
}

ValueType TypeOf(const Value& value) {
  struct Visitor {
    ValueType operator()(const Scalar&) const { return ValueType::kScalar; }
    ValueType operator()(const Vector&) const { return ValueType::kVector; }
    ValueType operator()(const Matrix&) const { return ValueType::kMatrix; }
    ValueType operator()(const String&) const { return ValueType::kString; }
  };
  return std::visit(Visitor(), value);
}

}  // namespace drwatch::promql
