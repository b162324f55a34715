// The part of the API that shows rules and alerts.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/strings.h"
#include "web/api.h"
#include "web/json.h"

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
  out += time == base::Timestamp{} ? "0001-01-01T00:00:00Z" : base::FormatRfc3339(time);
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

// What belongs to alerting rules alone.
void AppendAlerting(std::string& out, const rules::RuleSnapshot& snapshot) {
  const auto state = snapshot.State();
  out += ",\"state\":\"" + std::string(state ? model::AlertStateName(*state) : "unknown") + "\"";
  AppendSeconds(out, "duration", base::ToSeconds(snapshot.rule->hold));
  AppendSeconds(out, "keepFiringFor", base::ToSeconds(snapshot.rule->keep_firing));
  out += ",\"annotations\":";
  AppendLabels(out, snapshot.rule->RawAnnotations());
  out += ",\"alerts\":";
  AppendAlerts(out, snapshot.alerts);
}

void AppendRule(std::string& out, const rules::RuleSnapshot& snapshot) {
  const rules::Rule& rule = *snapshot.rule;
  out += "{\"name\":";
  AppendJsonString(out, rule.name);
  out += ",\"query\":";
  AppendJsonString(out, rule.query);
  out += ",\"labels\":";
  AppendLabels(out, rule.RawLabels());
  if (rule.kind == rules::RuleKind::kAlerting) AppendAlerting(out, snapshot);
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
  std::string type;  // "alert", "record" or ""

  static std::vector<std::string> Values(const net::ServerRequest& request, std::string_view name) {
    std::vector<std::string> values;
    for (const auto& [key, value] : request.query) {
      if (key == name) values.push_back(value);
    }
    return values;
  }
  static bool Lets(const std::vector<std::string>& wanted, const std::string& text) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), text) != wanted.end();
  }
  bool LetsRule(const rules::Rule& rule) const {
    const std::string_view own = rule.kind == rules::RuleKind::kAlerting ? "alert" : "record";
    return (type.empty() || type == own) && Lets(names, rule.name);
  }
};

// "" when no rule of the group passes.
std::string GroupJson(const rules::GroupSnapshot& snapshot, const Filter& filter) {
  std::string rules;
  for (const rules::RuleSnapshot& rule : snapshot.rules) {
    if (!filter.LetsRule(*rule.rule)) continue;
    if (!rules.empty()) rules += ',';
    AppendRule(rules, rule);
  }
  const bool narrowed = !filter.names.empty() || !filter.type.empty();
  if (rules.empty() && narrowed) return {};
  std::string out = "{\"name\":";
  AppendJsonString(out, snapshot.group->name);
  out += ",\"file\":";
  AppendJsonString(out, snapshot.group->file);
  out += ",\"rules\":[" + rules + "]";
  AppendSeconds(out, "interval", base::ToSeconds(snapshot.interval));
  out += ",\"limit\":" + std::to_string(snapshot.group->limit);
  AppendSeconds(out, "evaluationTime", snapshot.evaluation_seconds);
  AppendTime(out, "lastEvaluation", snapshot.last_evaluation);
  return out + "}";
}

}  // namespace

net::ServerResponse Api::Rules(const net::ServerRequest& request) const {
  Filter filter;
  filter.names = Filter::Values(request, "rule_name[]");
  filter.groups = Filter::Values(request, "rule_group[]");
  filter.files = Filter::Values(request, "file[]");
  filter.type = request.Query("type");
  if (!filter.type.empty() && filter.type != "alert" && filter.type != "record") {
    return ApiError("bad_data", "not supported value " + base::Quote(filter.type));
  }
  std::string groups;
  const auto snapshot = sources_.rules();
  for (const auto& group : snapshot->groups) {
    if (!Filter::Lets(filter.groups, group->group->name) ||
        !Filter::Lets(filter.files, group->group->file)) {
      continue;
    }
    const std::string text = GroupJson(*group, filter);
    if (text.empty()) continue;
    if (!groups.empty()) groups += ',';
    groups += text;
  }
  return ApiSuccess("{\"groups\":[" + groups + "]}");
}

net::ServerResponse Api::Alerts() const {
  std::string alerts;
  const auto snapshot = sources_.rules();
  for (const auto& group : snapshot->groups) {
    for (const rules::RuleSnapshot& rule : group->rules) {
      for (const model::Alert& alert : rule.alerts) {
        if (!alerts.empty()) alerts += ',';
        AppendAlert(alerts, alert);
      }
    }
  }
  return ApiSuccess("{\"alerts\":[" + alerts + "]}");
}

}  // namespace drwatch::web
