// Range selectors and subqueries, and the functions that look at one window of a series at a time.
#include <algorithm>
#include <cstdlib>

#include "promql/evaluation.h"

namespace drwatch::promql {
namespace {

class WindowRows final : public RowVisitor {
 public:
  WindowRows(Session& session, const Timeline& timeline, const RangeShape& shape, WindowBody body,
             const std::vector<Scalars>& parameters)
      : session_(session),
        timeline_(timeline),
        shape_(shape),
        body_(body),
        width_(parameters.size()) {
    parameters_.reserve(width_ * timeline.count);
    for (std::size_t step = 0; width_ > 0 && step < timeline.count; ++step) {
      for (const Scalars& scalars : parameters) parameters_.push_back(scalars[step]);
    }
  }

  void Begin(std::size_t rows) override { builder_.emplace(rows, timeline_.count); }
  void Visit(std::size_t row, std::span<const model::Sample> samples) override {
    if (!session_.Spend(samples.size() + timeline_.count)) return;
    std::size_t first = 0;
    std::size_t last = 0;
    for (std::size_t step = 0; step < timeline_.count; ++step) {
      const std::int64_t end = shape_.EndAt(step, timeline_);
      const std::int64_t start = end - shape_.length;
      while (last < samples.size() && base::ToUnixMillis(samples[last].time) <= end) ++last;
      while (first < last && base::ToUnixMillis(samples[first].time) <= start) ++first;
      if (first == last) continue;
      const double value =
          body_({samples.subspan(first, last - first), start, end, timeline_.At(step),
                 std::span(parameters_).subspan(step * width_, width_), scratch_});
      if (!IsAbsent(value)) builder_->Row(row)[step] = value;
    }
  }
  Grid Finish(const ColumnPtr& labels) { return std::move(*builder_).Finish(labels); }

 private:
  Session& session_;
  const Timeline& timeline_;
  const RangeShape& shape_;
  const WindowBody body_;
  const std::size_t width_;
  std::vector<double> parameters_;  // of the first step, of the second, ...
  std::vector<double> scratch_;
  std::optional<GridBuilder> builder_;
};

class CopiedRows final : public RowVisitor {
 public:
  CopiedRows(Session& session, const RangeShape& shape) : session_(session), shape_(shape) {}

  void Begin(std::size_t) override { rows.clear(); }
  void Visit(std::size_t row, std::span<const model::Sample> samples) override {
    if (!session_.Spend(samples.size())) return;
    std::vector<model::Sample> copy;
    for (const model::Sample& sample : samples) {
      const std::int64_t time = base::ToUnixMillis(sample.time);
      if (time > shape_.first_end - shape_.length && time <= shape_.last_end)
        copy.push_back(sample);
    }
    if (!copy.empty()) rows.emplace_back(row, std::move(copy));
  }
  std::vector<std::pair<std::size_t, std::vector<model::Sample>>> rows;

 private:
  Session& session_;
  const RangeShape& shape_;
};

// The first multiple of `step` after `time`.
std::int64_t NextMultiple(std::int64_t time, std::int64_t step) {
  std::int64_t multiple = time / step * step;
  if (multiple <= time) multiple += step;
  return multiple;
}

}  // namespace

RangeShape Evaluation::ShapeOf(const Expr& range) const {
  RangeShape shape;
  const TimeShift* shift = nullptr;
  if (const auto* matrix = std::get_if<MatrixSelector>(&range.node)) {
    shape.length = matrix->range.count();
    shift = &std::get<VectorSelector>(Unwrap(*matrix->selector).node).shift;
  } else {
    const auto& subquery = std::get<SubqueryExpr>(range.node);
    shape.length = subquery.range.count();
    shift = &subquery.shift;
  }
  shape.first_end = ShiftedTime(*shift, session, timeline.start);
  shape.last_end = ShiftedTime(*shift, session, timeline.end());
  return shape;
}

ColumnPtr Evaluation::VisitRange(const Expr& range, RowVisitor& visitor) {
  const RangeShape shape = ShapeOf(range);
  if (const auto* subquery = std::get_if<SubqueryExpr>(&range.node)) {
    return VisitSubquery(*subquery, shape, visitor);
  }
  const Expr& inner = Unwrap(*std::get<MatrixSelector>(range.node).selector);
  const auto& selector = std::get<VectorSelector>(inner.node);
  // One window of a few samples is quick, many steps are not.
  const store::Visits visits =
      timeline.count == 1 ? store::Visits::kMayLock : store::Visits::kNeverLock;
  while (true) {
    const CachedSelection selection = session.selections.Get(selector.matchers);
    visitor.Begin(selection.labels->size());
    if (session.selections.reader().ReadRange(*selection.series, shape.first_end - shape.length,
                                              shape.last_end, store::StaleMarkers::kSkip, visits,
                                              visitor)) {
      return selection.labels;
    }
  }
}

ColumnPtr Evaluation::VisitSubquery(const SubqueryExpr& subquery, const RangeShape& shape,
                                    RowVisitor& visitor) {
  const std::int64_t step =
      std::max<std::int64_t>(1, subquery.step.value_or(session.options.default_step).count());
  const std::int64_t start = NextMultiple(shape.first_end - shape.length, step);
  if (start > shape.last_end) {
    visitor.Begin(0);
    return EmptyGrid().labels;
  }
  const auto count = static_cast<std::size_t>((shape.last_end - start) / step + 1);
  Evaluation inside(session, {start, step, count});
  const Grid grid = inside.EvalVector(*subquery.inner);
  visitor.Begin(grid.rows());
  std::vector<model::Sample> samples;
  for (std::size_t row = 0; row < grid.rows() && !session.failed(); ++row) {
    samples.clear();
    const std::span<const double> cells = grid.Row(row, count);
    for (std::size_t i = 0; i < count; ++i) {
      if (IsAbsent(cells[i])) continue;
      samples.push_back({base::FromUnixMillis(inside.timeline.At(i)), cells[i]});
    }
    if (!samples.empty()) visitor.Visit(row, samples);
  }
  return grid.labels;
}

Grid Evaluation::EvalWindows(const Expr& range, WindowBody body,
                             const std::vector<Scalars>& parameters, MetricNames names) {
  const Expr& inner = Unwrap(range);
  const RangeShape shape = ShapeOf(inner);
  WindowRows rows(session, timeline, shape, body, parameters);
  const ColumnPtr labels = VisitRange(inner, rows);
  Grid grid = rows.Finish(labels);
  return names == MetricNames::kKeep ? grid : DropWindowNames(std::move(grid));
}

Grid Evaluation::DropWindowNames(Grid grid) {
  // With several steps only series with a value are left, and they clash even at different steps.
  if (timeline.count > 1 && grid.labels->WithoutName()->HasDuplicates()) {
    session.Fail("vector cannot contain metrics with the same labelset");
    return EmptyGrid();
  }
  return DropNames(std::move(grid));
}

Matrix Evaluation::EvalMatrix(const Expr& range) {
  const RangeShape shape = ShapeOf(range);
  CopiedRows copied(session, shape);
  const ColumnPtr labels = VisitRange(range, copied);
  Matrix matrix;
  for (auto& [row, samples] : copied.rows) {
    matrix.push_back({labels->At(row), std::move(samples)});
  }
  std::sort(matrix.begin(), matrix.end(),
            [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
  return matrix;
}

}  // namespace drwatch::promql
