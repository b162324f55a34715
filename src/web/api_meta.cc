// The part of the API that lists: series, labels, metadata, build info; and the routing of /api/v1.
#include <algorithm>
#include <array>
#include <set>

#include "base/strings.h"
#include "web/api.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

struct ErrorKind {
  std::string_view name;
  int status;
};
constexpr std::array<ErrorKind, 6> kErrorKinds = {{{"bad_data", 400},
                                                   {"execution", 422},
                                                   {"canceled", 499},
                                                   {"timeout", 503},
                                                   {"not_found", 404},
                                                   {"internal", 500}}};

void AppendStrings(std::string& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out += ",\"" + std::string(key) + "\":[";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(out, texts[i]);
  }
  out += ']';
}

std::string JsonArray(const std::set<std::string>& texts, std::int64_t limit) {
  std::string out = "[";
  std::int64_t count = 0;
  for (const std::string& text : texts) {
    if (limit > 0 && count == limit) break;
    if (count++ > 0) out += ',';
    AppendJsonString(out, text);
  }
  return out + "]";
}

// start, end, match[] and limit, which series and labels share.
struct ListParameters {
  base::Timestamp from;
  base::Timestamp to;
  std::vector<std::vector<model::Matcher>> selectors;
  std::int64_t limit = 0;
};

base::Result<ListParameters> ReadListParameters(const net::ServerRequest& request) {
  ListParameters parameters;
  constexpr base::Timestamp kEarliest(std::chrono::hours(-24 * 365'000));
  constexpr base::Timestamp kLatest(std::chrono::hours(24 * 365'000));
  const auto from = TimeParameter(request, "start", kEarliest);
  if (!from) return base::Wrap("invalid parameter \"start\"", from.error());
  const auto to = TimeParameter(request, "end", kLatest);
  if (!to) return base::Wrap("invalid parameter \"end\"", to.error());
  auto selectors = MatchParameters(request);
  if (!selectors) return base::Fail(selectors.error());
  const auto limit = LimitParameter(request);
  if (!limit) return base::Fail(limit.error());
  parameters.from = *from;
  parameters.to = *to;
  parameters.selectors = *std::move(selectors);
  parameters.limit = *limit;
  return parameters;
}

// "U__a_2e_b" -> "a.b": how label names with other characters are written in a path.
std::string UnescapeLabelName(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  std::string result;
  name.remove_prefix(3);
  while (!name.empty()) {
    if (name[0] != '_') {
      result += name[0];
      name.remove_prefix(1);
      continue;
    }
    const std::size_t end = name.find('_', 1);
    if (end == std::string_view::npos) return result;
    const auto byte = base::ParseHex(end % 2 == 0 ? "0" + std::string(name.substr(1, end - 1))
                                                  : std::string(name.substr(1, end - 1)));
    result += end == 1 ? "_" : byte.value_or("");
    name.remove_prefix(end + 1);
  }
  return result;
}

}  // namespace

net::ServerResponse ApiSuccess(std::string_view data, const promql::Annotations& annotations) {
  std::string body = "{\"status\":\"success\",\"data\":";
  body.reserve(body.size() + data.size() + 64);
  body += data;
  AppendStrings(body, "warnings", annotations.warnings);
  AppendStrings(body, "infos", annotations.infos);
  body += '}';
  return net::ServerResponse::Json(200, std::move(body));
}

net::ServerResponse ApiError(std::string_view error_type, std::string_view message) {
  const auto kind =
      std::find_if(kErrorKinds.begin(), kErrorKinds.end(),
                   [&](const ErrorKind& candidate) { return candidate.name == error_type; });
  const int status = kind == kErrorKinds.end() ? 500 : kind->status;
  std::string body = "{\"status\":\"error\",\"errorType\":";
  AppendJsonString(body, error_type);
  body += ",\"error\":";
  AppendJsonString(body, message);
  body += '}';
  return net::ServerResponse::Json(status, std::move(body));
}

net::ServerResponse Api::Handle(const net::ServerRequest& request) const {
  constexpr std::string_view kPrefix = "/api/v1/";
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
    net::ServerResponse response = ApiError("bad_data", "method not allowed");
    response.status = 405;
    return response;
  }
  const std::string_view path = std::string_view(request.path).substr(kPrefix.size());
  if (path == "query") return Query(request);
  if (path == "query_range") return QueryRange(request);
  if (path == "format_query") return FormatQuery(request);
  if (path == "series") return Series(request);
  if (path == "labels") return LabelNames(request);
  if (path == "metadata") return Metadata(request);
  if (path == "rules") return Rules(request);
  if (path == "alerts") return Alerts();
  if (path == "status/buildinfo") return BuildInfo();
  if (path == "query_exemplars") return ApiSuccess("[]");
  constexpr std::string_view kLabel = "label/";
  constexpr std::string_view kValues = "/values";
  if (path.starts_with(kLabel) && path.ends_with(kValues) &&
      path.size() > kLabel.size() + kValues.size()) {
    return LabelValues(request,
                       path.substr(kLabel.size(), path.size() - kLabel.size() - kValues.size()));
  }
  return ApiError("not_found", "no such endpoint: " + base::Quote(request.path));
}

net::ServerResponse Api::Series(const net::ServerRequest& request) const {
  const auto parameters = ReadListParameters(request);
  if (!parameters) return ApiError("bad_data", parameters.error().message);
  if (parameters->selectors.empty()) return ApiError("bad_data", "no match[] parameter provided");
  std::set<model::Labels> found;
  for (const auto& matchers : parameters->selectors) {
    for (model::Labels& labels :
         sources_.store->Series(matchers, parameters->from, parameters->to)) {
      found.insert(std::move(labels));
    }
  }
  std::string data = "[";
  std::int64_t count = 0;
  for (const model::Labels& labels : found) {
    if (parameters->limit > 0 && count == parameters->limit) break;
    if (count++ > 0) data += ',';
    AppendLabels(data, labels);
  }
  return ApiSuccess(data + "]");
}

net::ServerResponse Api::LabelNames(const net::ServerRequest& request) const {
  auto parameters = ReadListParameters(request);
  if (!parameters) return ApiError("bad_data", parameters.error().message);
  if (parameters->selectors.empty()) parameters->selectors.emplace_back();
  std::set<std::string> names;
  for (const auto& matchers : parameters->selectors) {
    names.merge([](std::vector<std::string> list) {
      return std::set<std::string>(list.begin(), list.end());
    }(sources_.store->LabelNames(matchers, parameters->from, parameters->to)));
  }
  return ApiSuccess(JsonArray(names, parameters->limit));
}

net::ServerResponse Api::LabelValues(const net::ServerRequest& request,
                                     std::string_view name) const {
  auto parameters = ReadListParameters(request);
  if (!parameters) return ApiError("bad_data", parameters.error().message);
  if (parameters->selectors.empty()) parameters->selectors.emplace_back();
  const std::string label = UnescapeLabelName(name);
  std::set<std::string> values;
  for (const auto& matchers : parameters->selectors) {
    for (std::string& value :
         sources_.store->LabelValues(label, matchers, parameters->from, parameters->to)) {
      values.insert(std::move(value));
    }
  }
  return ApiSuccess(JsonArray(values, parameters->limit));
}

net::ServerResponse Api::Metadata(const net::ServerRequest& request) const {
  const auto limit = LimitParameter(request);
  if (!limit) return ApiError("bad_data", limit.error().message);
  const std::string_view wanted = request.Query("metric");
  std::string data = "{";
  std::int64_t count = 0;
  for (const auto& [metric, metadata] : sources_.store->Metadata()) {
    if (!wanted.empty() && metric != wanted) continue;
    if (*limit > 0 && count == *limit) break;
    if (count++ > 0) data += ',';
    AppendJsonString(data, metric);
    data += ":[{\"type\":\"" + std::string(model::MetricTypeName(metadata.type)) + "\",\"help\":";
    AppendJsonString(data, metadata.help);
    data += ",\"unit\":";
    AppendJsonString(data, metadata.unit);
    data += "}]";
  }
  return ApiSuccess(data + "}");
}

net::ServerResponse Api::BuildInfo() const {
  // Grafana picks its requests by this version: from 2.24 on it sends match[] with label queries.
  constexpr std::string_view kSpokenVersion = "2.50.0";
  std::string data =
      "{\"version\":\"" + std::string(kSpokenVersion) + "+drwatch." + sources_.version;
  data += "\",\"revision\":" + JsonString(sources_.revision);
  return ApiSuccess(data + R"(,"branch":"","buildUser":"","buildDate":"","goVersion":""})");
}

}  // namespace drwatch::web
