// sum, avg, count, min, max, group, stddev and stdvar: one row a group, value by value.
#include "promql/aggregate.h"

#include <cmath>
#include <limits>

#include "promql/kahan.h"

namespace drwatch::promql {
namespace {

// Each State takes the values of one group at one step; the first by its constructor.
struct SumState {
  explicit SumState(double first) { total.sum = first; }
  void Add(double value) { total.Add(value); }
  double Result() const { return total.sum + total.lost; }
  KahanSum total;
};

struct AvgState {
  explicit AvgState(double first) { mean.Add(first); }
  void Add(double value) { mean.Add(value); }
  double Result() const { return mean.Mean(); }
  KahanMean mean;
};

struct CountState {
  explicit CountState(double) {}
  void Add(double) { ++count; }
  double Result() const { return count; }
  double count = 1;
};

struct GroupState {
  explicit GroupState(double) {}
  void Add(double) {}
  double Result() const { return 1; }
};

// NaN yields to any number.
struct MinState {
  explicit MinState(double first) : least(first) {}
  void Add(double value) {
    if (least > value || std::isnan(least)) least = value;
  }
  double Result() const { return least; }
  double least;
};

struct MaxState {
  explicit MaxState(double first) : most(first) {}
  void Add(double value) {
    if (most < value || std::isnan(most)) most = value;
  }
  double Result() const { return most; }
  double most;
};

// Welford's method.
struct VarianceState {
  explicit VarianceState(double first)
      : mean(first), squares(std::isfinite(first) ? 0 : std::numeric_limits<double>::quiet_NaN()) {}
  void Add(double value) {
    ++count;
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  double Result() const { return squares / count; }
  double mean;
  double squares;
  double count = 1;
};

struct DeviationState : VarianceState {
  using VarianceState::VarianceState;
  double Result() const { return std::sqrt(VarianceState::Result()); }
};

template <typename State>
Grid Fold(const Grid& input, const Grouping& grouping, std::size_t steps) {
  std::vector<std::optional<State>> states(grouping.labels->size() * steps);
  for (std::size_t row = 0; row < input.rows(); ++row) {
    const double* cells = input.cells.data() + row * steps;
    std::optional<State>* group = states.data() + grouping.group_of_row[row] * steps;
    for (std::size_t step = 0; step < steps; ++step) {
      if (IsAbsent(cells[step])) continue;
      if (group[step]) {
        group[step]->Add(cells[step]);
      } else {
        group[step].emplace(cells[step]);
      }
    }
  }
  std::vector<double> results(states.size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    results[i] = states[i] ? states[i]->Result() : Absent();
  }
  return {grouping.labels, std::move(results)};
}

}  // namespace

namespace {

using FoldFunction = Grid (*)(const Grid& input, const Grouping& grouping, std::size_t steps);

Grid EvalFold(Evaluation& evaluation, const AggregateExpr& aggregate, FoldFunction fold) {
  const Grid input = evaluation.EvalVector(*aggregate.operand);
  const auto grouping = GroupRows(*input.labels, aggregate.grouping, ChoiceOf(aggregate));
  return fold(input, *grouping, evaluation.timeline.count);
}

}  // namespace

Grid EvalAggregate(Evaluation& evaluation, const Expr& expr) {
  const auto& aggregate = std::get<AggregateExpr>(expr.node);
  switch (aggregate.op) {
    case AggregateOp::kSum:
      return EvalFold(evaluation, aggregate, Fold<SumState>);
    case AggregateOp::kAvg:
      return EvalFold(evaluation, aggregate, Fold<AvgState>);
    case AggregateOp::kCount:
      return EvalFold(evaluation, aggregate, Fold<CountState>);
    case AggregateOp::kMin:
      return EvalFold(evaluation, aggregate, Fold<MinState>);
    case AggregateOp::kMax:
      return EvalFold(evaluation, aggregate, Fold<MaxState>);
    case AggregateOp::kGroup:
      return EvalFold(evaluation, aggregate, Fold<GroupState>);
    case AggregateOp::kStddev:
      return EvalFold(evaluation, aggregate, Fold<DeviationState>);
    case AggregateOp::kStdvar:
      return EvalFold(evaluation, aggregate, Fold<VarianceState>);
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
      return EvalTop(evaluation, aggregate);
    case AggregateOp::kQuantile:
      return EvalQuantile(evaluation, aggregate);
    case AggregateOp::kCountValues:
      return EvalCountValues(evaluation, aggregate);
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
      break;
  }
  evaluation.session.Fail("limitk and limit_ratio are experimental and not supported");
  return EmptyGrid();
}

}  // namespace drwatch::promql
