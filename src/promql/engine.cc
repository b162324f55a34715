#include "promql/engine.h"

#include <algorithm>
#include <cmath>

#include "promql/evaluation.h"
#include "promql/session.h"

namespace drwatch::promql {
namespace {

Vector ToVector(const Grid& grid, base::Timestamp at) {
  Vector vector;
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    if (!IsAbsent(grid.cells[row])) vector.push_back({grid.labels->At(row), at, grid.cells[row]});
  }
  return vector;
}

Matrix ToMatrix(const Grid& grid, const Timeline& timeline) {
  Matrix matrix;
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    std::vector<model::Sample> samples;
    const std::span<const double> cells = grid.Row(row, timeline.count);
    for (std::size_t step = 0; step < timeline.count; ++step) {
      if (IsAbsent(cells[step])) continue;
      samples.push_back({base::FromUnixMillis(timeline.At(step)), cells[step]});
    }
    if (!samples.empty()) matrix.push_back({grid.labels->At(row), std::move(samples)});
  }
  std::sort(matrix.begin(), matrix.end(),
            [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
  return matrix;
}

Value InstantValue(Evaluation& evaluation, const Expr& expr, base::Timestamp at) {
  switch (expr.type) {
    case ValueType::kScalar:
      return Scalar{at, evaluation.EvalScalars(expr)[0]};
    case ValueType::kString:
      return String{at, evaluation.EvalString(expr)};
    case ValueType::kMatrix:
      return evaluation.EvalMatrix(Unwrap(expr));
    case ValueType::kVector:
    case ValueType::kNone:
      break;
  }
  return ToVector(evaluation.EvalVector(expr), at);
}

QueryResult Finish(Session& session, Value value) {
  if (session.failed()) return tl::unexpected(*session.error());
  return QueryOutput{std::move(value), session.TakeAnnotations()};
}

}  // namespace

Engine::Engine(const store::Store& store, EngineOptions options)
    : options_(options), selections_(std::make_unique<SelectionCache>(store)) {}
Engine::~Engine() = default;

QueryResult Engine::Instant(const Expr& expr, base::Timestamp at, const QueryLimits& limits) const {
  Session session(*selections_, options_, limits);
  const std::int64_t millis = base::ToUnixMillis(at);
  session.query_start = millis;
  session.query_end = millis;
  Evaluation evaluation(session, {millis, 1, 1});
  return Finish(session, InstantValue(evaluation, expr, at));
}

QueryResult Engine::Range(const Expr& expr, base::Timestamp start, base::Timestamp end,
                          base::Duration step, const QueryLimits& limits) const {
  if (expr.type != ValueType::kScalar && expr.type != ValueType::kVector) {
    return tl::unexpected(QueryError{QueryErrorKind::kExecution,
                                     "invalid expression type \"" +
                                         std::string(ValueTypeName(expr.type)) +
                                         "\" for range query, must be Scalar or instant Vector"});
  }
  if (end < start) return QueryOutput{Matrix(), {}};
  const std::int64_t millis = std::max<std::int64_t>(1, step.count());
  const Timeline timeline{base::ToUnixMillis(start), millis,
                          static_cast<std::size_t>((end - start).count() / millis) + 1};
  Session session(*selections_, options_, limits);
  session.query_start = base::ToUnixMillis(start);
  session.query_end = base::ToUnixMillis(end);
  Evaluation evaluation(session, timeline);
  if (!session.Spend(timeline.count)) return Finish(session, Matrix());
  Grid grid = expr.type == ValueType::kScalar
                  ? Grid{EmptyLabelsColumn(), evaluation.EvalScalars(expr)}
                  : evaluation.EvalVector(expr);
  if (session.failed()) return Finish(session, Matrix());
  return Finish(session, ToMatrix(grid, timeline));
}

}  // namespace drwatch::promql
