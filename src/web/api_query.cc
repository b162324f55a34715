// The part of the API that evaluates: query, query_range, format_query.
#include <optional>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/parser.h"
#include "web/api.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

net::ServerResponse QueryFailure(const promql::QueryError& error) {
  switch (error.kind) {
    case promql::QueryErrorKind::kTimeout:
      return ApiError("timeout", error.message);
    case promql::QueryErrorKind::kCanceled:
      return ApiError("canceled", error.message);
    case promql::QueryErrorKind::kExecution:
    case promql::QueryErrorKind::kTooManySamples:
      return ApiError("execution", error.message);
  }
  return ApiError("internal", error.message);
}

net::ServerResponse Answer(const promql::QueryResult& result) {
  if (!result) return QueryFailure(result.error());
  return ApiSuccess(QueryData(result->value), result->annotations);
}

std::string BadParameter(std::string_view name, const std::string& why) {
  return "invalid parameter " + base::Quote(name) + ": " + why;
}

}  // namespace

net::ServerResponse Api::Query(const net::ServerRequest& request) const {
  const auto time = TimeParameter(request, "time", sources_.clock->Now());
  if (!time) return ApiError("bad_data", BadParameter("time", time.error().message));
  const auto timeout = DurationParameter(request, "timeout", limits_.query_timeout);
  if (!timeout) return ApiError("bad_data", BadParameter("timeout", timeout.error().message));
  const auto expr = promql::ParseExpr(request.Query("query"));
  if (!expr) return ApiError("bad_data", BadParameter("query", expr.error().message));
  const promql::QueryLimits limits{
      base::Deadline::After(std::min(*timeout, limits_.query_timeout)), {}, request.Query("query")};
  return Answer(sources_.engine->Instant(**expr, *time, limits));
}

net::ServerResponse Api::QueryRange(const net::ServerRequest& request) const {
  const auto start = TimeParameter(request, "start", std::nullopt);
  if (!start) return ApiError("bad_data", BadParameter("start", start.error().message));
  const auto end = TimeParameter(request, "end", std::nullopt);
  if (!end) return ApiError("bad_data", BadParameter("end", end.error().message));
  if (*end < *start)
    return ApiError("bad_data", BadParameter("end", "end timestamp must not be before start time"));
  const auto step = DurationParameter(request, "step", std::nullopt);
  if (!step) return ApiError("bad_data", BadParameter("step", step.error().message));
  if (*step <= base::Duration(0)) {
    return ApiError("bad_data",
                    BadParameter("step",
                                 "zero or negative query resolution step widths are not accepted. "
                                 "Try a positive integer"));
  }
  if ((*end - *start) / *step > limits_.max_points) {
    return ApiError("bad_data",
                    "exceeded maximum resolution of " + std::to_string(limits_.max_points) +
                        " points per timeseries. Try decreasing the query resolution (?step=XX)");
  }
  const auto timeout = DurationParameter(request, "timeout", limits_.query_timeout);
  if (!timeout) return ApiError("bad_data", BadParameter("timeout", timeout.error().message));
  const auto expr = promql::ParseExpr(request.Query("query"));
  if (!expr) return ApiError("bad_data", BadParameter("query", expr.error().message));
  const promql::QueryLimits limits{
      base::Deadline::After(std::min(*timeout, limits_.query_timeout)), {}, request.Query("query")};
  return Answer(sources_.engine->Range(**expr, *start, *end, *step, limits));
}

net::ServerResponse Api::FormatQuery(const net::ServerRequest& request) const {
  const auto expr = promql::ParseExpr(request.Query("query"));
  if (!expr) return ApiError("bad_data", BadParameter("query", expr.error().message));
  return ApiSuccess(JsonString(promql::PrettyPrint(**expr)));
}

}  // namespace drwatch::web
