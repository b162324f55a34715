// The part of the API that shows probes as if they were scrape targets.
#include <algorithm>
#include <set>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/parser.h"
#include "web/api.h"
#include "web/envelope.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

std::string_view HealthName(TargetHealth health) {
  switch (health) {
    case TargetHealth::kUp:
      return "up";
    case TargetHealth::kDown:
      return "down";
    case TargetHealth::kUnknown:
      break;
  }
  return "unknown";
}

void AppendText(std::string& out, std::string_view key, std::string_view value) {
  out += ",\"" + std::string(key) + "\":";
  AppendJsonString(out, value);
}

void AppendTarget(std::string& out, const TargetView& target) {
  out += "{\"discoveredLabels\":";
  AppendLabels(out, target.discovered);
  out += ",\"labels\":";
  AppendLabels(out, target.labels);
  AppendText(out, "scrapePool", target.pool);
  AppendText(out, "scrapeUrl", target.url);
  AppendText(out, "globalUrl", target.url);
  AppendText(out, "lastError", target.last_error);
  AppendText(out, "lastScrape", JsonTime(target.last_run));
  out += ",\"lastScrapeDuration\":" + base::FormatDouble(base::ToSeconds(target.last_duration));
  AppendText(out, "health", HealthName(target.health));
  AppendText(out, "scrapeInterval", base::FormatDuration(target.interval));
  AppendText(out, "scrapeTimeout", base::FormatDuration(target.timeout));
  out += '}';
}

void AppendMetadata(std::string& out, const model::Labels& labels,
                    const TargetView::Metadata& metadata, std::string_view metric) {
  out += "{\"target\":";
  AppendLabels(out, labels);
  if (!metric.empty()) AppendText(out, "metric", metric);
  AppendText(out, "type", model::MetricTypeName(metadata.type));
  AppendText(out, "help", metadata.help);
  AppendText(out, "unit", metadata.unit);
  out += '}';
}

bool MatchesAll(const std::vector<model::Matcher>& matchers, const model::Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&labels](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

}  // namespace

// Nothing is ever dropped: every probe of the configuration runs.
net::ServerResponse Api::Targets(const Call& call) const {
  const std::string state = base::Lower(call.request.Query("state"));
  const std::string_view pool = call.request.Query("scrapePool");
  const bool active = state.empty() || state == "any" || state == "active";
  const bool dropped = state.empty() || state == "any" || state == "dropped";
  std::string body = BeginSuccess() + "{\"activeTargets\":[";
  bool first = true;
  for (const TargetView& target : active ? sources_.targets() : std::vector<TargetView>()) {
    if (!pool.empty() && target.pool != pool) continue;
    if (!first) body += ',';
    first = false;
    AppendTarget(body, target);
  }
  body += "],\"droppedTargets\":[],\"droppedTargetCounts\":";
  body += dropped ? "{}}" : "null}";
  return FinishSuccess(std::move(body));
}

net::ServerResponse Api::TargetMetadata(const Call& call) const {
  const auto limit = NumberParameter(call.request, "limit", -1);
  if (!limit) return ApiError("bad_data", limit.error().message);
  std::vector<model::Matcher> matchers;
  if (const std::string_view text = call.request.Query("match_target"); !text.empty()) {
    auto parsed = promql::ParseSelector(text);
    if (!parsed) return BadParameter("match_target", parsed.error().message);
    matchers = *std::move(parsed);
  }
  const std::string_view metric = call.request.Query("metric");
  std::string body = BeginSuccess() + "[";
  std::int64_t count = 0;
  for (const TargetView& target : sources_.targets()) {
    if (*limit >= 0 && count >= *limit) break;
    if (!MatchesAll(matchers, target.labels)) continue;
    for (const TargetView::Metadata& metadata : target.metadata) {
      if (!metric.empty() && metadata.metric != metric) continue;
      if (count++ > 0) body += ',';
      AppendMetadata(body, target.labels, metadata, metric.empty() ? metadata.metric : "");
      if (body.size() > limits_.max_answer_bytes) return TooLong();
    }
  }
  body += ']';
  return FinishSuccess(std::move(body));
}

net::ServerResponse Api::ScrapePools(const Call&) const {
  std::set<std::string> pools;
  for (const TargetView& target : sources_.targets()) pools.insert(target.pool);
  std::string data = "{\"scrapePools\":[";
  for (const std::string& pool : pools) {
    if (data.back() != '[') data += ',';
    AppendJsonString(data, pool);
  }
  return Success(data + "]}");
}

net::ServerResponse Api::Alertmanagers(const Call&) const {
  std::string data = R"({"activeAlertmanagers":[)";
  for (const std::string& url : sources_.alertmanagers()) {
    data += data.back() == '[' ? "{\"url\":" : ",{\"url\":";
    AppendJsonString(data, url);
    data += '}';
  }
  return Success(data + R"(],"droppedAlertmanagers":[]})");
}

}  // namespace drwatch::web
