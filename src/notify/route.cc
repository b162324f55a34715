#include "notify/route.h"

#include <algorithm>

#include "base/strings.h"

namespace drwatch::notify {
namespace {

std::string MatcherSetText(const config::Route& route) {
  std::vector<std::string> texts;
  for (const model::Matcher& matcher : route.matchers) texts.push_back(matcher.ToString());
  std::sort(texts.begin(), texts.end());
  return "{" + base::Join(texts, ",") + "}";
}

bool MatchesAll(const config::Route& route, const model::Labels& labels) {
  return std::all_of(
      route.matchers.begin(), route.matchers.end(),
      [&](const model::Matcher& matcher) { return matcher.Matches(labels.Get(matcher.name())); });
}

void Collect(const config::Route& route, const std::string& key, const model::Labels& labels,
             std::vector<RouteMatch>& matches) {
  const std::size_t before = matches.size();
  for (const config::Route& child : route.routes) {
    if (!MatchesAll(child, labels)) continue;
    Collect(child, key + "/" + MatcherSetText(child), labels, matches);
    if (!child.continue_matching) break;
  }
  if (matches.size() == before) matches.push_back({&route, key});
}

}  // namespace

std::vector<RouteMatch> MatchRoutes(const config::Route& root, const model::Labels& labels) {
  std::vector<RouteMatch> matches;
  Collect(root, "{}", labels, matches);
  if (labels.Get("severity") == "none") {
    std::erase_if(matches, [&root](const RouteMatch& match) { return match.route == &root; });
  }
  return matches;
}

bool IsOnDrwatch(std::string_view alertname) {
  constexpr std::string_view kNames[] = {"RuleEvaluationFailing",
                                         "ProbeNotRunning",
                                         "OutboxOld",
                                         "NotificationDeadLettered",
                                         "NotificationDeadlineMissed",
                                         "StateNotWritable",
                                         "StateDamaged",
                                         "DeadManPingFailing",
                                         "AlertmanagersUnreachable",
                                         "AlertmanagerUnreachable",
                                         "AlertmanagerRefusesAlerts",
                                         "AlertmanagerClockDiffers",
                                         "AuditLogNotWritten",
                                         "AuditCopyFailing",
                                         "SamplesRejected",
                                         "ConfigReloadFailed"};
  return std::find(std::begin(kNames), std::end(kNames), alertname) != std::end(kNames);
}

std::vector<RouteMatch> MatchRoutes(const config::Config& config, const model::Labels& labels) {
  std::vector<RouteMatch> matches = MatchRoutes(config.route, labels);
  if (!config.own_route || !IsOnDrwatch(labels.Get(model::kAlertName))) return matches;
  const bool told = std::any_of(matches.begin(), matches.end(), [&](const RouteMatch& match) {
    return match.route->receiver == config.own_route->receiver;
  });
  if (!told) matches.push_back({&*config.own_route, "{}/drwatch"});
  return matches;
}

model::Labels GroupLabels(const config::Route& route, const model::Labels& labels) {
  if (route.group_by_all) return labels;
  model::LabelsBuilder builder;
  for (const std::string& name : route.group_by) builder.Set(name, labels.Get(name));
  return builder.Build();
}

std::string GroupKey(const RouteMatch& match, const model::Labels& group_labels) {
  return match.key + ":" + group_labels.ToString();
}

}  // namespace drwatch::notify
