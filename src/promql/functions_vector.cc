// absent, scalar, vector, sort: functions of a whole vector.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "promql/absence.h"
#include "promql/functions_bodies.h"
#include "promql/quantile.h"

namespace drwatch::promql {
namespace {

NodeValue Sort(Evaluation& evaluation, const Expr& call, bool descending) {
  Grid grid = evaluation.EvalVector(Argument(call, 0));
  if (evaluation.timeline.count > 1) {
    evaluation.session.Warn(
        "sort is ineffective for range queries since results are always ordered by labels",
        call.range);
    return {std::move(grid)};
  }
  std::vector<std::size_t> order;
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    if (!IsAbsent(grid.cells[row])) order.push_back(row);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double x = grid.cells[a];
    const double y = grid.cells[b];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x);
    return descending ? x > y : x < y;
  });
  std::vector<double> cells;
  for (const std::size_t row : order) cells.push_back(grid.cells[row]);
  return {Grid{grid.labels->Rows(order), std::move(cells)}};
}

}  // namespace

model::Labels LabelsOfAbsent(const Expr& expr) {
  const Expr* at = &Unwrap(expr);
  if (const auto* matrix = std::get_if<MatrixSelector>(&at->node)) at = &Unwrap(*matrix->selector);
  const auto* selector = std::get_if<VectorSelector>(&at->node);
  if (selector == nullptr) return {};
  model::LabelsBuilder labels;
  std::set<std::string_view> seen;
  for (const model::Matcher& matcher : selector->matchers) {
    if (matcher.name() == model::kMetricName) continue;
    // A label named twice, or not by equality, says nothing.
    if (matcher.type() == model::MatchType::kEqual && seen.insert(matcher.name()).second) {
      labels.Set(matcher.name(), matcher.value());
    } else {
      labels.Remove(matcher.name());
    }
  }
  return labels.Build();
}

Grid WhereAbsent(const Grid& grid, const model::Labels& labels, std::size_t steps) {
  std::vector<double> cells(steps, 1);
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    for (std::size_t step = 0; step < steps; ++step) {
      if (!IsAbsent(grid.cells[row * steps + step])) cells[step] = Absent();
    }
  }
  return {std::make_shared<const Column>(Column::Sets{labels}, Uniqueness::kUnique),
          std::move(cells)};
}

NodeValue AbsentVector(Evaluation& evaluation, const Expr& call) {
  const Grid grid = evaluation.EvalVector(Argument(call, 0));
  return {WhereAbsent(grid, LabelsOfAbsent(Argument(call, 0)), evaluation.timeline.count)};
}

NodeValue ScalarOf(Evaluation& evaluation, const Expr& call) {
  const Grid grid = evaluation.EvalVector(Argument(call, 0));
  const std::size_t steps = evaluation.timeline.count;
  Scalars values(steps, Absent());
  std::vector<int> found(steps, 0);
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    if (IsAbsent(grid.cells[i])) continue;
    values[i % steps] = grid.cells[i];
    ++found[i % steps];
  }
  for (std::size_t step = 0; step < steps; ++step) {
    if (found[step] != 1) values[step] = std::numeric_limits<double>::quiet_NaN();
  }
  return {std::move(values)};
}

NodeValue VectorOf(Evaluation& evaluation, const Expr& call) {
  return {Grid{EmptyLabelsColumn(), evaluation.EvalScalars(Argument(call, 0))}};
}

NodeValue SortUp(Evaluation& evaluation, const Expr& call) { return Sort(evaluation, call, false); }
NodeValue SortDown(Evaluation& evaluation, const Expr& call) {
  return Sort(evaluation, call, true);
}

}  // namespace drwatch::promql
