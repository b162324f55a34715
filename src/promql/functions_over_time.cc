// The *_over_time functions.
#include <algorithm>
#include <cmath>

#include "promql/absence.h"
#include "promql/functions_bodies.h"
#include "promql/kahan.h"
#include "promql/quantile.h"

namespace drwatch::promql {
namespace {

double FirstOf(const Window& window) { return window.samples.front().value; }
double LastOf(const Window& window) { return window.samples.back().value; }

double QuantileOf(const Window& window) {
  window.scratch.clear();
  for (const model::Sample& sample : window.samples) window.scratch.push_back(sample.value);
  return Quantile(window.parameters[0], window.scratch);
}

}  // namespace

double AvgOverTime(const Window& window) {
  KahanMean mean;
  for (const model::Sample& sample : window.samples) mean.Add(sample.value);
  return mean.Mean();
}

double CountOverTime(const Window& window) { return static_cast<double>(window.samples.size()); }

double MaxOverTime(const Window& window) {
  double most = window.samples.front().value;
  for (const model::Sample& sample : window.samples) {
    if (sample.value > most || std::isnan(most)) most = sample.value;
  }
  return most;
}

double MinOverTime(const Window& window) {
  double least = window.samples.front().value;
  for (const model::Sample& sample : window.samples) {
    if (sample.value < least || std::isnan(least)) least = sample.value;
  }
  return least;
}

double PresentOverTime(const Window&) { return 1; }

double StdvarOverTime(const Window& window) {
  double count = 0;
  KahanSum mean;
  KahanSum squares;
  for (const model::Sample& sample : window.samples) {
    ++count;
    const double delta = sample.value - (mean.sum + mean.lost);
    mean.Add(delta / count);
    squares.Add(delta * (sample.value - (mean.sum + mean.lost)));
  }
  return (squares.sum + squares.lost) / count;
}

double StddevOverTime(const Window& window) { return std::sqrt(StdvarOverTime(window)); }

double SumOverTime(const Window& window) {
  KahanSum sum;
  for (const model::Sample& sample : window.samples) sum.Add(sample.value);
  return sum.Total();
}

// These two act like an offset, so the series keep their names.
NodeValue FirstOverTime(Evaluation& evaluation, const Expr& call) {
  return {evaluation.EvalWindows(Argument(call, 0), FirstOf, {}, MetricNames::kKeep)};
}
NodeValue LastOverTime(Evaluation& evaluation, const Expr& call) {
  return {evaluation.EvalWindows(Argument(call, 0), LastOf, {}, MetricNames::kKeep)};
}

NodeValue QuantileOverTime(Evaluation& evaluation, const Expr& call) {
  const Scalars quantiles = evaluation.EvalScalars(Argument(call, 0));
  Grid grid =
      evaluation.EvalWindows(Argument(call, 1), QuantileOf, {quantiles}, MetricNames::kDrop);
  const std::size_t steps = evaluation.timeline.count;
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    const double q = quantiles[i % steps];
    if (IsValidQuantile(q) || IsAbsent(grid.cells[i])) continue;
    evaluation.session.Warn(InvalidQuantile(q), Argument(call, 0).range);
  }
  return {std::move(grid)};
}

NodeValue AbsentOverTime(Evaluation& evaluation, const Expr& call) {
  const Expr& range = Argument(call, 0);
  const Grid grid = evaluation.EvalWindows(range, PresentOverTime, {}, MetricNames::kKeep);
  return {WhereAbsent(grid, LabelsOfAbsent(range), evaluation.timeline.count)};
}

}  // namespace drwatch::promql
