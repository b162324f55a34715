// The part of the API that shows rules and alerts.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/digest.h"
#include "base/strings.h"
#include "web/api.h"
#include "web/envelope.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

// Go's 'e' format with the shortest digits, as Prometheus writes an alert's value: "1e+00",
// "1.1e+01".
std::string ExponentText(double value) {
  if (!std::isfinite(value)) return base::FormatDouble(value);
  std::array<char, 64> text;
  for (int digits = 0; digits <= 17; ++digits) {
    std::snprintf(text.data(), text.size(), "%.*e", digits, value);
    if (base::ParseDouble(text.data()) == value) break;
  }
  return text.data();
}

void AppendTime(std::string& out, std::string_view key, base::Timestamp time) {
  out += ",\"" + std::string(key) + "\":\"";
  out += JsonTime(time);
  out += '"';
}

void AppendSeconds(std::string& out, std::string_view key, double seconds) {
  out += ",\"" + std::string(key) + "\":" + base::FormatDouble(seconds);
}

void AppendAlert(std::string& out, const model::Alert& alert) {
  out += "{\"labels\":";
  AppendLabels(out, alert.labels);
  out += ",\"annotations\":";
  AppendLabels(out, alert.annotations);
  out += ",\"state\":\"" + std::string(model::AlertStateName(alert.state)) + "\"";
  AppendTime(out, "activeAt", alert.active_at);
  if (alert.keep_firing_since != base::Timestamp{})
    AppendTime(out, "keepFiringSince", alert.keep_firing_since);
  out += ",\"value\":\"" + ExponentText(alert.value) + "\"}";
}

void AppendAlerts(std::string& out, const std::vector<model::Alert>& alerts) {
  out += '[';
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    if (i > 0) out += ',';
    AppendAlert(out, alerts[i]);
  }
  out += ']';
}

// Whether a rule's active alerts are shown with it.
enum class AlertList { kShow, kLeaveOut };

// What belongs to alerting rules alone.
void AppendAlerting(std::string& out, const rules::RuleSnapshot& snapshot, AlertList alerts) {
  const auto state = snapshot.State();
  out += ",\"state\":\"" + std::string(state ? model::AlertStateName(*state) : "unknown") + "\"";
  AppendSeconds(out, "duration", base::ToSeconds(snapshot.rule->hold));
  AppendSeconds(out, "keepFiringFor", base::ToSeconds(snapshot.rule->keep_firing));
  out += ",\"annotations\":";
  AppendLabels(out, snapshot.rule->RawAnnotations());
  out += ",\"alerts\":";
  if (alerts == AlertList::kShow) {
    AppendAlerts(out, snapshot.alerts);
  } else {
    out += "null";
  }
}

void AppendRule(std::string& out, const rules::RuleSnapshot& snapshot, AlertList alerts) {
  const rules::Rule& rule = *snapshot.rule;
  out += "{\"name\":";
  AppendJsonString(out, rule.name);
  out += ",\"query\":";
  AppendJsonString(out, rule.query);
  out += ",\"labels\":";
  AppendLabels(out, rule.RawLabels());
  if (rule.kind == rules::RuleKind::kAlerting) AppendAlerting(out, snapshot, alerts);
  out += ",\"health\":\"" + std::string(rules::RuleHealthName(snapshot.health)) + "\"";
  if (!snapshot.last_error.empty()) {
    out += ",\"lastError\":";
    AppendJsonString(out, snapshot.last_error);
  }
  AppendSeconds(out, "evaluationTime", snapshot.evaluation_seconds);
  AppendTime(out, "lastEvaluation", snapshot.last_evaluation);
  out += ",\"type\":\"" + std::string(rules::RuleKindName(rule.kind)) + "\"}";
}

// The repeated parameters that narrow the list; an empty one lets everything through.
struct Filter {
  std::vector<std::string> names;
  std::vector<std::string> groups;
  std::vector<std::string> files;
  std::vector<std::vector<model::Matcher>> selectors;  // on the labels of the rule itself
  std::string type;                                    // "alert", "record" or ""
  AlertList alerts = AlertList::kShow;

  static bool Lets(const std::vector<std::string>& wanted, const std::string& text) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), text) != wanted.end();
  }
  bool LetsLabels(const model::Labels& labels) const {
    const auto matches = [&labels](const std::vector<model::Matcher>& matchers) {
      return std::all_of(matchers.begin(), matchers.end(), [&labels](const model::Matcher& m) {
        return m.Matches(labels.Get(m.name()));
      });
    };
    return selectors.empty() || std::any_of(selectors.begin(), selectors.end(), matches);
  }
  bool LetsRule(const rules::Rule& rule) const {
    const std::string_view own = rule.kind == rules::RuleKind::kAlerting ? "alert" : "record";
    return (type.empty() || type == own) && Lets(names, rule.name) && LetsLabels(rule.RawLabels());
  }
  bool LetsGroup(const rules::RuleGroup& group) const {
    return Lets(groups, group.name) && Lets(files, group.file);
  }
};

// What is wrong with the parameters, or nothing.
std::optional<net::ServerResponse> ReadFilter(const net::ServerRequest& request, Filter& filter) {
  filter.names = Values(request, "rule_name[]");
  filter.groups = Values(request, "rule_group[]");
  filter.files = Values(request, "file[]");
  auto selectors = MatchParameters(request);
  if (!selectors) return ApiError("bad_data", selectors.error().message);
  filter.selectors = *std::move(selectors);
  filter.type = base::Lower(request.Query("type"));
  if (!filter.type.empty() && filter.type != "alert" && filter.type != "record") {
    return BadParameter("type", "not supported value " + base::Quote(filter.type));
  }
  const std::string exclude = base::Lower(request.Query("exclude_alerts"));
  if (exclude == "true" || exclude == "1" || exclude == "t") {
    filter.alerts = AlertList::kLeaveOut;
  } else if (!exclude.empty() && exclude != "false" && exclude != "0" && exclude != "f") {
    return BadParameter("exclude_alerts",
                        "error converting exclude_alerts: strconv.ParseBool: "
                        "parsing " +
                            base::Quote(exclude) + ": invalid syntax");
  }
  return std::nullopt;
}

// group_limit and group_next_token: a page of groups.
struct Page {
  std::int64_t limit = 0;  // 0 = everything
  std::string token;       // of the group it begins with; "" = the first one
};

std::optional<net::ServerResponse> ReadPage(const net::ServerRequest& request, Page& page) {
  const std::string_view limit = request.Query("group_limit");
  page.token = request.Query("group_next_token");
  if (limit.empty() && !page.token.empty()) {
    return BadParameter("group_next_token",
                        "group_limit needs to be present in order to paginate over the groups");
  }
  if (limit.empty()) return std::nullopt;
  const auto number = base::ParseInt(limit);
  if (!number) {
    return BadParameter("group_limit",
                        "group_limit needs to be a valid number: strconv.ParseInt: "
                        "parsing " +
                            base::Quote(limit) + ": invalid syntax");
  }
  if (*number <= 0) return BadParameter("group_limit", "group_limit needs to be greater than 0");
  page.limit = *number;
  return std::nullopt;
}

std::string TokenOf(const rules::RuleGroup& group) {
  return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha1, group.Key()));
}

// False, and nothing appended, when no rule of the group passes.
bool AppendGroup(std::string& out, const rules::GroupSnapshot& snapshot, const Filter& filter) {
  std::string rules;
  for (const rules::RuleSnapshot& rule : snapshot.rules) {
    if (!filter.LetsRule(*rule.rule)) continue;
    if (!rules.empty()) rules += ',';
    AppendRule(rules, rule, filter.alerts);
  }
  if (rules.empty()) return false;
  out += "{\"name\":";
  AppendJsonString(out, snapshot.group->name);
  out += ",\"file\":";
  AppendJsonString(out, snapshot.group->file);
  out += ",\"rules\":[" + rules + "]";
  AppendSeconds(out, "interval", base::ToSeconds(snapshot.interval));
  out += ",\"limit\":" + std::to_string(snapshot.group->limit);
  AppendSeconds(out, "evaluationTime", snapshot.evaluation_seconds);
  AppendTime(out, "lastEvaluation", snapshot.last_evaluation);
  out += '}';
  return true;
}

}  // namespace

net::ServerResponse Api::Rules(const Call& call) const {
  Filter filter;
  if (auto error = ReadFilter(call.request, filter)) return *error;
  Page page;
  if (auto error = ReadPage(call.request, page)) return *error;
  std::string body = BeginSuccess() + "{\"groups\":[";
  std::int64_t shown = 0;
  std::string next;
  bool begun = page.token.empty();
  const auto snapshot = sources_.rules();
  for (const auto& group : snapshot->groups) {
    begun = begun || TokenOf(*group->group) == page.token;
    if (!begun || !filter.LetsGroup(*group->group)) continue;
    std::string text;
    if (!AppendGroup(text, *group, filter)) continue;
    if (page.limit > 0 && shown == page.limit) {
      next = TokenOf(*group->group);
      break;
    }
    if (shown++ > 0) body += ',';
    body += text;
    if (body.size() > limits_.max_answer_bytes) return TooLong();
  }
  if (!begun) {
    return BadParameter("group_next_token",
                        "invalid group_next_token '" + page.token + "'. were rule groups changed?");
  }
  body += ']';
  if (!next.empty()) body += ",\"groupNextToken\":\"" + next + "\"";
  body += '}';
  return FinishSuccess(std::move(body));
}

net::ServerResponse Api::Alerts(const Call&) const {
  std::string body = BeginSuccess() + "{\"alerts\":[";
  bool first = true;
  const auto snapshot = sources_.rules();
  for (const auto& group : snapshot->groups) {
    for (const rules::RuleSnapshot& rule : group->rules) {
      for (const model::Alert& alert : rule.alerts) {
        if (!first) body += ',';
        first = false;
        AppendAlert(body, alert);
      }
      if (body.size() > limits_.max_answer_bytes) return TooLong();
    }
  }
  body += "]}";
  return FinishSuccess(std::move(body));
}

}  // namespace drwatch::web
