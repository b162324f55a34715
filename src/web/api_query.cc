// The part of the API that evaluates: query, query_range, and what reads expressions only.
#include <chrono>
#include <optional>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/parser.h"
#include "web/api.h"
#include "web/ast_json.h"
#include "web/envelope.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

constexpr std::string_view kTruncated = "results truncated due to limit";

net::ServerResponse Invalid(std::string_view name, const base::Error& error) {
  return BadParameter(name, error.message);
}

net::ServerResponse LookbackError(const base::Error& error) {
  return ApiError("bad_data", "error parsing lookback delta duration: " + error.message);
}

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return base::ToSeconds(std::chrono::steady_clock::now() - begin);
}

// Keeps the first `limit` series. True if there were more.
bool TruncateSeries(promql::Value& value, std::int64_t limit) {
  const auto cut = [limit](auto& list) {
    if (limit <= 0 || list.size() <= static_cast<std::size_t>(limit)) return false;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(limit), list.end());
    return true;
  };
  if (auto* vector = std::get_if<promql::Vector>(&value)) return cut(*vector);
  if (auto* matrix = std::get_if<promql::Matrix>(&value)) return cut(*matrix);
  return false;
}

// Of the times Prometheus tells, the ones that are measured here.
std::string StatsJson(const promql::QueryOutput& output, double seconds, double queued_seconds) {
  const auto number = [](double value) { return base::FormatDouble(value); };
  return R"(,"stats":{"timings":{"evalTotalTime":)" + number(seconds) +
         R"(,"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":)" + number(seconds) +
         R"(,"execQueueTime":)" + number(queued_seconds) + R"(,"execTotalTime":)" +
         number(seconds + queued_seconds) + R"(},"samples":{"totalQueryableSamples":)" +
         std::to_string(output.samples) + R"(,"peakSamples":)" + std::to_string(output.samples) +
         "}}";
}

}  // namespace

net::ServerResponse Api::Failure(const promql::QueryError& error) const {
  switch (error.kind) {
    case promql::QueryErrorKind::kTimeout:
      hits_.Count(Limit::kTimeout);
      return ApiError("timeout", error.message);
    case promql::QueryErrorKind::kCanceled:
      hits_.Count(Limit::kCanceled);
      return ApiError("canceled", error.message);
    case promql::QueryErrorKind::kTooManySamples:
      hits_.Count(Limit::kSamples);
      break;
    case promql::QueryErrorKind::kResultTooLarge:
      hits_.Count(Limit::kResultSamples);
      break;
    case promql::QueryErrorKind::kExecution:
      break;
  }
  return ApiError("execution", error.message);
}

net::ServerResponse Api::Answer(const Call& call, promql::QueryResult result, std::int64_t limit,
                                double seconds) const {
  if (!result) return Failure(result.error());
  if (TruncateSeries(result->value, limit)) {
    result->annotations.warnings.emplace_back(kTruncated);
  }
  std::string body = BeginSuccess();
  body += '{';
  if (!AppendQueryResult(body, result->value, limits_.max_answer_bytes)) return TooLong();
  if (!call.request.Query("stats").empty()) {
    body += StatsJson(*result, seconds, call.queued_seconds);
  }
  body += '}';
  return FinishSuccess(std::move(body), result->annotations);
}

promql::QueryLimits Api::LimitsOf(const Call& call, base::Duration lookback) const {
  promql::QueryLimits limits;
  limits.deadline = call.deadline;
  limits.stop = call.request.stop;
  limits.canceled = call.request.client_gone;
  limits.max_samples = limits_.max_samples;
  limits.max_result_samples = limits_.max_result_samples;
  limits.lookback = lookback;
  // What clients ask must not drive out what rules ask, nor stay in memory.
  limits.caches = promql::QueryCaches::kOwn;
  limits.text = call.request.Query("query");
  return limits;
}

net::ServerResponse Api::Query(const Call& call) const {
  const net::ServerRequest& request = call.request;
  const auto limit = LimitParameter(request);
  if (!limit) return Invalid("limit", limit.error());
  const auto time = TimeParameter(request, "time", sources_.clock->Now());
  if (!time) return Invalid("time", time.error());
  const auto timeout = DurationParameter(request, "timeout", limits_.query_timeout);
  if (!timeout) return Invalid("timeout", timeout.error());
  const auto lookback = DurationParameter(request, "lookback_delta", base::Duration(0));
  if (!lookback) return LookbackError(lookback.error());
  const auto expr = promql::ParseExpr(request.Query("query"));
  if (!expr) return Invalid("query", expr.error());
  const auto begin = std::chrono::steady_clock::now();
  auto result = sources_.engine->Instant(**expr, *time, LimitsOf(call, *lookback));
  return Answer(call, std::move(result), *limit, SecondsSince(begin));
}

net::ServerResponse Api::QueryRange(const Call& call) const {
  const net::ServerRequest& request = call.request;
  const auto limit = LimitParameter(request);
  if (!limit) return Invalid("limit", limit.error());
  const auto start = TimeParameter(request, "start", std::nullopt);
  if (!start) return Invalid("start", start.error());
  const auto end = TimeParameter(request, "end", std::nullopt);
  if (!end) return Invalid("end", end.error());
  if (*end < *start) return BadParameter("end", "end timestamp must not be before start time");
  const auto step = DurationParameter(request, "step", std::nullopt);
  if (!step) return Invalid("step", step.error());
  if (*step <= base::Duration(0)) {
    return BadParameter("step",
                        "zero or negative query resolution step widths are not accepted. Try a "
                        "positive integer");
  }
  if ((*end - *start) / *step > limits_.max_points) {
    hits_.Count(Limit::kPoints);
    return ApiError("bad_data",
                    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
                    "the query resolution (?step=XX)");
  }
  const auto timeout = DurationParameter(request, "timeout", limits_.query_timeout);
  if (!timeout) return Invalid("timeout", timeout.error());
  const auto lookback = DurationParameter(request, "lookback_delta", base::Duration(0));
  if (!lookback) return LookbackError(lookback.error());
  const auto expr = promql::ParseExpr(request.Query("query"));
  if (!expr) return Invalid("query", expr.error());
  if ((*expr)->type != promql::ValueType::kScalar && (*expr)->type != promql::ValueType::kVector) {
    return BadParameter("query", "invalid expression type \"" +
                                     std::string(promql::ValueTypeName((*expr)->type)) +
                                     "\" for range query, must be Scalar or instant Vector");
  }
  const auto begin = std::chrono::steady_clock::now();
  auto result = sources_.engine->Range(**expr, *start, *end, *step, LimitsOf(call, *lookback));
  return Answer(call, std::move(result), *limit, SecondsSince(begin));
}

// There are none, but what asks for them should learn of its mistakes.
net::ServerResponse Api::QueryExemplars(const Call& call) const {
  const net::ServerRequest& request = call.request;
  const auto start = TimeParameter(request, "start", base::Timestamp::min());
  if (!start) return Invalid("start", start.error());
  const auto end = TimeParameter(request, "end", base::Timestamp::max());
  if (!end) return Invalid("end", end.error());
  if (*end < *start) {
    return ApiError("bad_data", "end timestamp must not be before start timestamp");
  }
  const auto expr = promql::ParseExpr(request.Query("query"));
  if (!expr) return ApiError("bad_data", expr.error().message);
  return Success("[]");
}

net::ServerResponse Api::FormatQuery(const Call& call) const {
  const auto expr = promql::ParseExpr(call.request.Query("query"));
  if (!expr) return Invalid("query", expr.error());
  return Success(JsonString(promql::PrettyPrint(**expr)));
}

net::ServerResponse Api::ParseQuery(const Call& call) const {
  const auto expr = promql::ParseExpr(call.request.Query("query"));
  if (!expr) return Invalid("query", expr.error());
  return Success(AstJson(**expr));
}

}  // namespace drwatch::web
