// The part of the API that lists: series, labels, metadata.
#include <algorithm>
#include <iterator>
#include <set>

#include "base/strings.h"
#include "web/api.h"
#include "web/envelope.h"
#include "web/escaped_name.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

constexpr std::string_view kTruncated = "results truncated due to limit";

// start, end, match[] and limit, which series and labels share.
struct ListParameters {
  base::Timestamp from;
  base::Timestamp to;
  std::vector<std::vector<model::Matcher>> selectors;
  std::int64_t limit = 0;

  bool Cut(std::size_t count) const {
    return limit > 0 && count >= static_cast<std::size_t>(limit);
  }
};

// What is wrong with them, or nothing. `in_match` is the parameter that a bad selector is blamed
// on, or "".
std::optional<net::ServerResponse> ReadListParameters(const net::ServerRequest& request,
                                                      std::string_view in_match,
                                                      ListParameters& parameters) {
  const auto limit = LimitParameter(request);
  if (!limit) return BadParameter("limit", limit.error().message);
  const auto from = TimeParameter(request, "start", base::Timestamp::min());
  if (!from) return BadParameter("start", from.error().message);
  const auto to = TimeParameter(request, "end", base::Timestamp::max());
  if (!to) return BadParameter("end", to.error().message);
  auto selectors = MatchParameters(request);
  if (!selectors && in_match.empty()) return ApiError("bad_data", selectors.error().message);
  if (!selectors) return BadParameter(in_match, selectors.error().message);
  parameters = {*from, *to, *std::move(selectors), *limit};
  return std::nullopt;
}

}  // namespace

bool Api::TooManySelectors(const net::ServerRequest& request) const {
  const auto count = std::count_if(request.query.begin(), request.query.end(),
                                   [](const auto& pair) { return pair.first == "match[]"; });
  if (static_cast<std::size_t>(count) <= limits_.max_selectors) return false;
  hits_.Count(Limit::kSelectors);
  return true;
}

net::ServerResponse Api::Series(const Call& call) const {
  if (std::none_of(call.request.query.begin(), call.request.query.end(),
                   [](const auto& pair) { return pair.first == "match[]"; })) {
    return ApiError("bad_data", "no match[] parameter provided");
  }
  ListParameters parameters;
  if (auto error = ReadListParameters(call.request, "match[]", parameters)) return *error;
  std::vector<model::Labels> found;
  for (const auto& matchers : parameters.selectors) {
    std::vector<model::Labels> more =
        sources_.store->Series(matchers, parameters.from, parameters.to);
    std::move(more.begin(), more.end(), std::back_inserter(found));
  }
  if (parameters.selectors.size() > 1) {
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
  }
  std::string body = BeginSuccess();
  body += '[';
  promql::Annotations annotations;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (parameters.Cut(i)) {
      annotations.warnings.emplace_back(kTruncated);
      break;
    }
    if (i > 0) body += ',';
    AppendLabels(body, found[i]);
    if (body.size() > limits_.max_answer_bytes) return TooLong();
  }
  body += ']';
  return FinishSuccess(std::move(body), annotations);
}

// The union of what `list` finds for each selector, or for all series without one.
template <typename List>
net::ServerResponse Api::ListTexts(const net::ServerRequest& request, List list) const {
  ListParameters parameters;
  if (auto error = ReadListParameters(request, "", parameters)) return *error;
  if (parameters.selectors.empty()) parameters.selectors.emplace_back();
  std::set<std::string> texts;
  for (const auto& matchers : parameters.selectors) {
    for (std::string& text : list(matchers, parameters.from, parameters.to)) {
      texts.insert(std::move(text));
    }
  }
  std::string body = BeginSuccess();
  body += '[';
  promql::Annotations annotations;
  std::size_t count = 0;
  for (const std::string& text : texts) {
    if (parameters.Cut(count)) {
      annotations.warnings.emplace_back(kTruncated);
      break;
    }
    if (count++ > 0) body += ',';
    AppendJsonString(body, text);
    if (body.size() > limits_.max_answer_bytes) return TooLong();
  }
  body += ']';
  return FinishSuccess(std::move(body), annotations);
}

net::ServerResponse Api::LabelNames(const Call& call) const {
  return ListTexts(call.request, [this](const auto& matchers, auto from, auto to) {
    return sources_.store->LabelNames(matchers, from, to);
  });
}

net::ServerResponse Api::LabelValues(const Call& call) const {
  const std::string_view path = call.request.path;
  const std::size_t begin = path.find("/label/") + std::string_view("/label/").size();
  const std::string name = UnescapeName(path.substr(begin, path.rfind('/') - begin));
  if (name.empty() || !base::IsValidUtf8(name)) {
    return ApiError("bad_data", "invalid label name: " + base::Quote(name));
  }
  return ListTexts(call.request, [this, &name](const auto& matchers, auto from, auto to) {
    return sources_.store->LabelValues(name, matchers, from, to);
  });
}

net::ServerResponse Api::Metadata(const Call& call) const {
  const auto limit = NumberParameter(call.request, "limit", -1);
  if (!limit) return ApiError("bad_data", limit.error().message);
  const auto per_metric = NumberParameter(call.request, "limit_per_metric", -1);
  if (!per_metric) return ApiError("bad_data", per_metric.error().message);
  const std::string_view wanted = call.request.Query("metric");
  std::string body = BeginSuccess();
  body += '{';
  std::int64_t count = 0;
  for (const auto& [metric, metadata] : sources_.store->Metadata()) {
    if (!wanted.empty() && metric != wanted) continue;
    if (*limit >= 0 && count == *limit) break;
    if (count++ > 0) body += ',';
    AppendJsonString(body, metric);
    body += ":[{\"type\":\"" + std::string(model::MetricTypeName(metadata.type)) + "\",\"help\":";
    AppendJsonString(body, metadata.help);
    body += ",\"unit\":";
    AppendJsonString(body, metadata.unit);
    body += "}]";
    if (body.size() > limits_.max_answer_bytes) return TooLong();
  }
  body += '}';
  return FinishSuccess(std::move(body));
}

}  // namespace drwatch::web
