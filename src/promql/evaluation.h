// The walk over an expression: every node gives its value at every step of a timeline.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/sample.h"
#include "promql/ast.h"
#include "promql/functions.h"
#include "promql/grid.h"
#include "promql/session.h"

namespace drwatch::promql {

// What a range vector function gets of one series at one step: never empty.
struct Window {
  std::span<const model::Sample> samples;  // in (start, end], without stale markers
  std::int64_t start = 0;                  // milliseconds
  std::int64_t end = 0;
  std::int64_t now = 0;                // the step; differs from `end` by offset and @
  std::span<const double> parameters;  // the scalar arguments, in order
  std::vector<double>& scratch;        // to sort values in
};

// Which of a range vector's series keep their metric name.
enum class MetricNames { kKeep, kDrop };
// What an instant selector yields: the value of the newest sample, or its time in seconds.
enum class SampleField { kValue, kTime };

// Gets the samples of a range vector's series; Begin() comes first, and again if the series changed
// meanwhile and all is read anew.
class RowVisitor : public store::SampleVisitor {
 public:
  virtual void Begin(std::size_t rows) = 0;
};

// The windows (end - length, end] of a range vector.
struct RangeShape {
  std::int64_t length = 0;
  std::int64_t first_end = 0;  // of the first step
  std::int64_t last_end = 0;   // the same at every step with @
  std::int64_t EndAt(std::size_t step, const Timeline& timeline) const {
    return first_end == last_end ? first_end : first_end + timeline.At(step) - timeline.start;
  }
};

class Evaluation {
 public:
  Evaluation(Session& shared, Timeline steps) : session(shared), timeline(steps) {}

  Session& session;
  const Timeline timeline;

  // The three kinds of value an expression can have here; each fits the expression's type. After a
  // failure they are empty (scalars NaN).
  Grid EvalVector(const Expr& expr);
  Scalars EvalScalars(const Expr& expr);
  std::string EvalString(const Expr& expr);

  Grid EvalSelector(const VectorSelector& selector, SampleField field);
  // `range` is a matrix selector or a subquery; `parameters` have one entry per scalar argument.
  Grid EvalWindows(const Expr& range, WindowBody body, const std::vector<Scalars>& parameters,
                   MetricNames names);
  // The samples of a range vector itself, at a timeline of one step.
  Matrix EvalMatrix(const Expr& range);

  // Takes the metric names off, as functions and arithmetic do; fails if rows then clash.
  Grid DropNames(Grid grid);
  // The same after a range vector function, where series clash even at different steps.
  Grid DropWindowNames(Grid grid);
  // Puts rows with equal labels together; fails if they clash.
  Grid Merge(Grid grid);

 private:
  NodeValue Eval(const Expr& expr);
  NodeValue EvalCall(const Expr& expr);
  NodeValue EvalNegative(const Expr& expr);
  ColumnPtr VisitRange(const Expr& range, RowVisitor& visitor);
  ColumnPtr VisitSubquery(const SubqueryExpr& subquery, const RangeShape& shape,
                          RowVisitor& visitor);

  RangeShape ShapeOf(const Expr& range) const;
};

// Without parentheses around it.
const Expr& Unwrap(const Expr& expr);
// The time a shifted selector or subquery looks at, when the evaluation is at `now`.
std::int64_t ShiftedTime(const TimeShift& shift, const Session& session, std::int64_t now);

// The other nodes, each in a file of its own.
NodeValue EvalBinary(Evaluation& evaluation, const Expr& expr);
Grid EvalAggregate(Evaluation& evaluation, const Expr& expr);

}  // namespace drwatch::promql
