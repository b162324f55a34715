// What an expression evaluates to.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "model/labels.h"
#include "model/sample.h"

namespace drwatch::promql {

enum class ValueType { kNone, kScalar, kVector, kMatrix, kString };
// "scalar", "instant vector", "range vector", "string", "none": as Prometheus' messages say it.
std::string_view ValueTypeName(ValueType type);
// "scalar", "vector", "matrix", "string": as the HTTP API says it.
std::string_view ResultTypeName(ValueType type);

struct Scalar {
  base::Timestamp time;
  double value = 0;
};
struct String {
  base::Timestamp time;
  std::string value;
};
struct VectorElement {
  model::Labels labels;
  base::Timestamp time;
  double value = 0;
};
using Vector = std::vector<VectorElement>;
struct MatrixSeries {
  model::Labels labels;
  std::vector<model::Sample> samples;  // rising times
};
using Matrix = std::vector<MatrixSeries>;

using Value = std::variant<Scalar, Vector, Matrix, String>;
ValueType TypeOf(const Value& value);

}  // namespace drwatch::promql
