#include "promql/engine.h"

#include <algorithm>
#include <cmath>
#include <optional>

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

std::size_t SamplesIn(const Value& value) {
  if (const auto* vector = std::get_if<Vector>(&value)) return vector->size();
  std::size_t samples = 1;
  if (const auto* matrix = std::get_if<Matrix>(&value)) {
    for (const MatrixSeries& series : *matrix) samples += series.samples.size();
  }
  return samples;
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
  return QueryOutput{std::move(value), session.TakeAnnotations(), session.samples()};
}

EngineOptions Limited(EngineOptions options, const QueryLimits& limits) {
  if (limits.max_samples > 0) options.max_samples = limits.max_samples;
  if (limits.lookback > base::Duration(0)) options.lookback = limits.lookback;
  return options;
}

// False (and an error) if so many samples may not be returned.
bool CheckResult(Session& session, std::size_t samples, const QueryLimits& limits) {
  if (session.failed()) return false;
  if (limits.max_result_samples <= 0 ||
      samples <= static_cast<std::size_t>(limits.max_result_samples)) {
    return true;
  }
  session.Fail(
      QueryErrorKind::kResultTooLarge,
      "the result would have more than " + std::to_string(limits.max_result_samples) + " samples");
  return false;
}

}  // namespace

Engine::Engine(const store::Store& store, EngineOptions options)
    : options_(options), selections_(std::make_unique<SelectionCache>(store::Reader(store))) {}
Engine::~Engine() = default;

QueryResult Engine::Instant(const Expr& expr, base::Timestamp at, const QueryLimits& limits) const {
  std::optional<SelectionCache> own;
  if (limits.caches == QueryCaches::kOwn) own.emplace(selections_->reader());
  const EngineOptions options = Limited(options_, limits);
  Session session(own ? *own : *selections_, options, limits);
  const std::int64_t millis = base::ToUnixMillis(at);
  session.query_start = millis;
  session.query_end = millis;
  Evaluation evaluation(session, {millis, 1, 1});
  Value value = InstantValue(evaluation, expr, at);
  if (!CheckResult(session, SamplesIn(value), limits)) return Finish(session, Matrix());
  return Finish(session, std::move(value));
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
  std::optional<SelectionCache> own;
  if (limits.caches == QueryCaches::kOwn) own.emplace(selections_->reader());
  const EngineOptions options = Limited(options_, limits);
  Session session(own ? *own : *selections_, options, limits);
  session.query_start = base::ToUnixMillis(start);
  session.query_end = base::ToUnixMillis(end);
  Evaluation evaluation(session, timeline);
  if (!session.Spend(timeline.count)) return Finish(session, Matrix());
  Grid grid = expr.type == ValueType::kScalar
                  ? Grid{EmptyLabelsColumn(), evaluation.EvalScalars(expr)}
                  : evaluation.EvalVector(expr);
  if (!CheckResult(session, grid.cells.size(), limits)) return Finish(session, Matrix());
  return Finish(session, ToMatrix(grid, timeline));
}

}  // namespace drwatch::promql
