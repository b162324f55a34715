// Arithmetic on each value of a vector, beyond what <cmath> has.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "promql/functions_bodies.h"

namespace drwatch::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Go's math.Max and math.Min: a NaN on either side is the result.
double MaxOf(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  return std::max(a, b);
}
double MinOf(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  return std::min(a, b);
}

NodeValue ClampBetween(Evaluation& evaluation, Grid grid, const Scalars& least,
                       const Scalars& most) {
  const std::size_t steps = evaluation.timeline.count;
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    double& cell = grid.cells[i];
    if (IsAbsent(cell)) continue;
    const double low = least[i % steps];
    const double high = most[i % steps];
    cell = high < low ? Absent() : MaxOf(low, MinOf(high, cell));
  }
  return {evaluation.DropNames(std::move(grid))};
}

}  // namespace

double Degrees(double radians) { return radians * 180 / std::numbers::pi; }
double Radians(double degrees) { return degrees * std::numbers::pi / 180; }
double Sign(double value) {
  if (value < 0) return -1;
  return value > 0 ? 1 : value;
}

NodeValue Clamp(Evaluation& evaluation, const Expr& call) {
  Grid grid = evaluation.EvalVector(Argument(call, 0));
  const Scalars least = evaluation.EvalScalars(Argument(call, 1));
  return ClampBetween(evaluation, std::move(grid), least,
                      evaluation.EvalScalars(Argument(call, 2)));
}

NodeValue ClampMax(Evaluation& evaluation, const Expr& call) {
  Grid grid = evaluation.EvalVector(Argument(call, 0));
  const Scalars most = evaluation.EvalScalars(Argument(call, 1));
  return ClampBetween(evaluation, std::move(grid), Scalars(most.size(), -kInfinity), most);
}

NodeValue ClampMin(Evaluation& evaluation, const Expr& call) {
  Grid grid = evaluation.EvalVector(Argument(call, 0));
  const Scalars least = evaluation.EvalScalars(Argument(call, 1));
  return ClampBetween(evaluation, std::move(grid), least, Scalars(least.size(), kInfinity));
}

NodeValue Round(Evaluation& evaluation, const Expr& call) {
  Grid grid = evaluation.EvalVector(Argument(call, 0));
  const std::size_t steps = evaluation.timeline.count;
  const Scalars to =
      ArgumentCount(call) > 1 ? evaluation.EvalScalars(Argument(call, 1)) : Scalars(steps, 1);
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    double& cell = grid.cells[i];
    // Through the inverse, which is exact for 0.1 and its like; halves go up.
    const double inverse = 1 / to[i % steps];
    if (!IsAbsent(cell)) cell = std::floor(cell * inverse + 0.5) / inverse;
  }
  return {evaluation.DropNames(std::move(grid))};
}

NodeValue Pi(Evaluation& evaluation, const Expr&) {
  return {Scalars(evaluation.timeline.count, std::numbers::pi)};
}

}  // namespace drwatch::promql
