// Binary operators: between scalars, between a vector and a scalar. Two vectors: binary_vectors.cc.
#include "promql/binary.h"

#include <cmath>
#include <cstdlib>

namespace drwatch::promql {

bool Compare(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::kEqual:
      return left == right;
    case BinaryOp::kNotEqual:
      return left != right;
    case BinaryOp::kLess:
      return left < right;
    case BinaryOp::kLessEqual:
      return left <= right;
    case BinaryOp::kGreater:
      return left > right;
    case BinaryOp::kGreaterEqual:
      return left >= right;
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
    case BinaryOp::kMul:
    case BinaryOp::kDiv:
    case BinaryOp::kMod:
    case BinaryOp::kPow:
    case BinaryOp::kAtan2:
    case BinaryOp::kAnd:
    case BinaryOp::kOr:
    case BinaryOp::kUnless:
      break;
  }
  std::abort();
}

double Calculate(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::kAdd:
      return left + right;
    case BinaryOp::kSub:
      return left - right;
    case BinaryOp::kMul:
      return left * right;
    case BinaryOp::kDiv:
      return left / right;
    case BinaryOp::kMod:
      return std::fmod(left, right);
    case BinaryOp::kPow:
      return std::pow(left, right);
    case BinaryOp::kAtan2:
      return std::atan2(left, right);
    case BinaryOp::kEqual:
    case BinaryOp::kNotEqual:
    case BinaryOp::kLess:
    case BinaryOp::kLessEqual:
    case BinaryOp::kGreater:
    case BinaryOp::kGreaterEqual:
    case BinaryOp::kAnd:
    case BinaryOp::kOr:
    case BinaryOp::kUnless:
      break;
  }
  std::abort();
}

namespace {

Scalars BetweenScalars(BinaryOp op, Scalars left, const Scalars& right) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    left[i] = IsComparison(op) ? (Compare(op, left[i], right[i]) ? 1 : 0)
                               : Calculate(op, left[i], right[i]);
  }
  return left;
}

enum class ScalarSide { kLeft, kRight };

// A comparison without bool keeps the vector's value, whichever side it stands on.
Grid WithScalar(Evaluation& evaluation, const BinaryExpr& binary, Grid grid, const Scalars& scalars,
                ScalarSide side) {
  const bool comparison = IsComparison(binary.op);
  const std::size_t steps = evaluation.timeline.count;
  for (std::size_t i = 0, step = 0; i < grid.cells.size(); ++i) {
    double& cell = grid.cells[i];
    const double scalar = scalars[step];
    if (++step == steps) step = 0;
    if (IsAbsent(cell)) continue;
    const double left = side == ScalarSide::kLeft ? scalar : cell;
    const double right = side == ScalarSide::kLeft ? cell : scalar;
    if (!comparison) {
      cell = Calculate(binary.op, left, right);
    } else if (binary.return_bool) {
      cell = Compare(binary.op, left, right) ? 1 : 0;
    } else if (!Compare(binary.op, left, right)) {
      cell = Absent();
    }
  }
  return comparison && !binary.return_bool ? grid : evaluation.DropNames(std::move(grid));
}

}  // namespace

NodeValue EvalBinary(Evaluation& evaluation, const Expr& expr) {
  const auto& binary = std::get<BinaryExpr>(expr.node);
  const bool left_scalar = binary.left->type == ValueType::kScalar;
  const bool right_scalar = binary.right->type == ValueType::kScalar;
  if (left_scalar && right_scalar) {
    Scalars left = evaluation.EvalScalars(*binary.left);
    return {BetweenScalars(binary.op, std::move(left), evaluation.EvalScalars(*binary.right))};
  }
  if (left_scalar) {
    const Scalars scalars = evaluation.EvalScalars(*binary.left);
    return {WithScalar(evaluation, binary, evaluation.EvalVector(*binary.right), scalars,
                       ScalarSide::kLeft)};
  }
  if (right_scalar) {
    Grid grid = evaluation.EvalVector(*binary.left);
    return {WithScalar(evaluation, binary, std::move(grid), evaluation.EvalScalars(*binary.right),
                       ScalarSide::kRight)};
  }
  Grid left = evaluation.EvalVector(*binary.left);
  Grid right = evaluation.EvalVector(*binary.right);
  if (evaluation.session.failed()) return {EmptyGrid()};
  if (IsSetOperator(binary.op)) {
    return {SetOperation(evaluation, binary, std::move(left), std::move(right))};
  }
  return {BetweenVectors(evaluation, binary, left, right)};
}

}  // namespace drwatch::promql
