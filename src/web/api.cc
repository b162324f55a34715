// Routing of /api/v1 and what all of its endpoints share.
#include "web/api.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/strings.h"
#include "model/matcher.h"
#include "web/envelope.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

constexpr std::string_view kPrefix = "/api/v1/";
constexpr std::string_view kLabel = "label/";
constexpr std::string_view kValues = "/values";

constexpr std::array<std::string_view, kLimitCount> kLimitNames = {
    "timeout",     "canceled",  "samples", "result_samples", "waiting",
    "query_bytes", "selectors", "points",  "answer_bytes",   "unread_bytes"};

net::ServerResponse MethodNotAllowed(std::string_view allowed) {
  net::ServerResponse response = net::ServerResponse::Text(405, "Method Not Allowed\n");
  response.headers.emplace_back("Allow", std::string(allowed));
  return response;
}

// The headers with which a browser lets another site's page read the answer.
void AddCors(const net::ServerRequest& request, const std::string& origins,
             net::ServerResponse& response) {
  const std::string_view origin = request.Header("origin");
  if (origin.empty()) return;
  response.headers.emplace_back("Vary", "Origin");
  std::string allowed;
  if (origins == ".*") {
    allowed = "*";
  } else {
    const auto pattern = model::Matcher::Make(model::MatchType::kRegex, "origin", origins);
    if (!pattern || !pattern->Matches(origin)) return;
    allowed = origin;
  }
  response.headers.emplace_back("Access-Control-Allow-Origin", allowed);
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Accept, Authorization, Content-Type, Origin");
  response.headers.emplace_back("Access-Control-Expose-Headers", "Date");
}

}  // namespace

std::string_view LimitName(Limit limit) { return kLimitNames[static_cast<std::size_t>(limit)]; }

// Gated ones may take time and memory; the others read what is there already.
struct Api::Endpoint {
  enum class Methods { kGet, kGetAndPost };
  enum class Cost { kSmall, kGated };
  std::string_view path;
  Methods methods;
  Cost cost;
  Handler handler;
};

net::ServerResponse Api::Handle(const net::ServerRequest& request) const {
  net::ServerResponse response = Route(request);
  AddCors(request, limits_.cors_origin, response);
  return response;
}

net::ServerResponse Api::Route(const net::ServerRequest& request) const {
  using enum Endpoint::Methods;
  using enum Endpoint::Cost;
  static constexpr std::array<Endpoint, 20> kEndpoints = {{
      {"query", kGetAndPost, kGated, &Api::Query},
      {"query_range", kGetAndPost, kGated, &Api::QueryRange},
      {"query_exemplars", kGetAndPost, kGated, &Api::QueryExemplars},
      {"format_query", kGetAndPost, kGated, &Api::FormatQuery},
      {"parse_query", kGetAndPost, kGated, &Api::ParseQuery},
      {"series", kGetAndPost, kGated, &Api::Series},
      {"labels", kGetAndPost, kGated, &Api::LabelNames},
      {"label/*/values", kGet, kGated, &Api::LabelValues},
      {"metadata", kGet, kSmall, &Api::Metadata},
      {"rules", kGet, kGated, &Api::Rules},
      {"alerts", kGet, kSmall, &Api::Alerts},
      {"targets", kGet, kSmall, &Api::Targets},
      {"targets/metadata", kGet, kGated, &Api::TargetMetadata},
      {"scrape_pools", kGet, kSmall, &Api::ScrapePools},
      {"alertmanagers", kGet, kSmall, &Api::Alertmanagers},
      {"status/buildinfo", kGet, kSmall, &Api::BuildInfo},
      {"status/config", kGet, kSmall, &Api::Config},
      {"status/flags", kGet, kSmall, &Api::Flags},
      {"status/runtimeinfo", kGet, kSmall, &Api::RuntimeInfo},
      {"status/tsdb", kGet, kGated, &Api::TsdbStatus},
  }};
  if (request.method == "OPTIONS") return net::ServerResponse::Text(204, "");
  std::string_view path = std::string_view(request.path).substr(kPrefix.size());
  if (path.starts_with(kLabel) && path.ends_with(kValues) &&
      path.size() > kLabel.size() + kValues.size()) {
    path = "label/*/values";
  }
  const auto endpoint = std::find_if(kEndpoints.begin(), kEndpoints.end(),
                                     [&](const Endpoint& known) { return known.path == path; });
  if (endpoint == kEndpoints.end()) {
    return ApiError("not_found", "no such endpoint: " + base::Quote(request.path));
  }
  const bool post = request.method == "POST" && endpoint->methods == kGetAndPost;
  if (!post && request.method != "GET" && request.method != "HEAD") {
    return MethodNotAllowed(endpoint->methods == kGet ? "GET, OPTIONS" : "GET, OPTIONS, POST");
  }
  if (endpoint->cost == kGated) return RunGated(request, endpoint->handler);
  return (this->*endpoint->handler)({request, base::Deadline::After(limits_.query_timeout)});
}

net::ServerResponse Api::RunGated(const net::ServerRequest& request, Handler handler) const {
  for (const auto& [name, value] : request.query) {
    if (value.size() <= limits_.max_query_bytes) continue;
    hits_.Count(Limit::kQueryBytes);
    return BadParameter(base::Truncate(name, 100),
                        "longer than " + std::to_string(limits_.max_query_bytes) + " bytes");
  }
  if (TooManySelectors(request)) {
    return BadParameter("match[]",
                        "more than " + std::to_string(limits_.max_selectors) + " selectors");
  }
  // One that makes no sense is told by the handler.
  const auto wanted = DurationParameter(request, "timeout", limits_.query_timeout);
  const base::Deadline deadline = base::Deadline::After(
      std::min(wanted.value_or(limits_.query_timeout), limits_.query_timeout));
  const auto arrived = std::chrono::steady_clock::now();
  QueryGate::Refusal refusal{};
  const auto pass = gate_.Enter(deadline, request.stop, request.client_gone, refusal);
  if (!pass) return Refused(refusal);
  const double queued = base::ToSeconds(std::chrono::steady_clock::now() - arrived);
  return (this->*handler)({request, deadline, queued});
}

net::ServerResponse Api::Refused(QueryGate::Refusal refusal) const {
  switch (refusal) {
    case QueryGate::Refusal::kTooManyWait:
      hits_.Count(Limit::kWaiting);
      return ApiError("timeout", "too many queries wait already, the limit is " +
                                     std::to_string(limits_.max_waiting));
    case QueryGate::Refusal::kTimeout:
      hits_.Count(Limit::kTimeout);
      return ApiError("timeout", "query timed out in query queue");
    case QueryGate::Refusal::kCanceled:
      break;
  }
  hits_.Count(Limit::kCanceled);
  return ApiError("canceled", "query was canceled in query queue");
}

net::ServerResponse Api::TooLong() const {
  hits_.Count(Limit::kAnswerBytes);
  return ApiError("execution", "the answer would be longer than " +
                                   std::to_string(limits_.max_answer_bytes) +
                                   " bytes: ask for fewer series or a larger step");
}

net::ServerResponse Api::HoldUnread(net::ServerResponse response) const {
  auto held = unread_.Hold(response.body);
  if (!held) {
    hits_.Count(Limit::kUnreadBytes);
    return ApiError("timeout", "too many large answers have not been read yet");
  }
  response.body = std::move(held);
  return response;
}

}  // namespace drwatch::web
