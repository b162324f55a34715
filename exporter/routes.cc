#include "exporter/routes.h"

#include <algorithm>
#include <iostream>
#include <set>

#include "base/duration.h"
#include "base/strings.h"
#include "exporter/load.h"
#include "notify/forward_state.h"
#include "notify/muting.h"
#include "notify/receiver.h"
#include "notify/route.h"

namespace drwatch::exporter {
namespace {

using Row = std::vector<std::string>;

// Columns as wide as their widest cell.
std::string Table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line;
    text += '\n';
  }
  return text;
}

std::string IntegrationsOf(const config::Config& config, const std::string& receiver) {
  std::vector<std::string> kinds;
  for (const config::Receiver& candidate : config.receivers) {
    if (candidate.name != receiver) continue;
    for (const config::Integration& integration : candidate.integrations) {
      kinds.emplace_back(notify::IntegrationName(integration));
    }
  }
  return kinds.empty() ? "nobody" : base::Join(kinds, ", ");
}

std::string MutedAt(const config::Route& route) {
  std::string text;
  if (!route.mute_time_intervals.empty()) {
    text = "during " + base::Join(route.mute_time_intervals, ", ");
  }
  if (!route.active_time_intervals.empty()) {
    text += (text.empty() ? "" : "; ") + std::string("outside ") +
            base::Join(route.active_time_intervals, ", ");
  }
  return text.empty() ? "-" : text;
}

// One line a step: "after 15m, within 30m, unless acknowledged: cto (pagerduty), again every 10m".
std::string StepLine(const config::Config& config, const config::Route& route,
                     const config::EscalationStep& step) {
  std::string line = "after " + base::FormatDuration(std::max(step.after, route.group_wait));
  if (step.within) line += ", within " + base::FormatDuration(*step.within);
  if (step.unless == config::Unless::kAcknowledged) line += ", unless acknowledged";
  std::vector<std::string> told;
  for (const std::string& receiver : step.receivers) {
    told.push_back(receiver + " (" + IntegrationsOf(config, receiver) + ")");
  }
  line += ": " + base::Join(told, ", ");
  line +=
      ", updates every " + base::FormatDuration(step.updates_every.value_or(route.repeat_interval));
  if (step.repeat_every) {
    line += ", again every " + base::FormatDuration(*step.repeat_every);
    if (step.repeat_max) line += " at most " + std::to_string(*step.repeat_max) + " times";
  }
  return line;
}

// The steps that follow on a route, each behind `indent`; nothing without a policy.
std::string EscalationLines(const config::Config& config, const config::Route& route,
                            const std::string& indent) {
  std::string text;
  for (const config::EscalationPolicy& policy : config.escalation_policies) {
    if (policy.name != route.escalation) continue;
    text += indent + "escalation " + policy.name + ":\n";
    for (const config::EscalationStep& step : policy.steps) {
      text += indent + "  " + StepLine(config, route, step) + "\n";
    }
  }
  return text;
}

// What an alert can have as its severity: the words of the field, worst first, then what else the
// rules have. Empty where a rule has none. One that a template makes up is not known before.
std::vector<std::string> SeveritiesOf(const std::vector<rules::RuleGroup>& groups) {
  std::vector<std::string> words{"disaster", "critical", "error", "warning", "info"};
  std::set<std::string> others;
  for (const rules::RuleGroup& group : groups) {
    for (const auto& rule : group.rules) {
      if (rule->kind != rules::RuleKind::kAlerting) continue;
      const std::string severity(rule->RawLabels().Get("severity"));
      if (severity.find("{{") == std::string::npos) others.insert(severity);
    }
  }
  for (const std::string& word : words) others.erase(word);
  words.insert(words.end(), others.begin(), others.end());
  return words;
}

}  // namespace

base::Result<model::Labels> ParseLabelArguments(const std::vector<std::string>& arguments) {
  model::LabelsBuilder labels;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) {
      return base::Fail(base::Quote(argument) + " is no label", "such as severity=disaster");
    }
    std::string value = argument.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    labels.Set(argument.substr(0, equals), value);
  }
  return labels.Build();
}

std::string DescribeRoutes(const config::Config& config, const model::Labels& labels) {
  const model::Labels public_labels = notify::PublicLabels(config, labels);
  std::vector<Row> rows{{"RECEIVER", "TELLS", "ROUTE", "GROUP", "FIRST AFTER", "CHANGES EVERY",
                         "REPEATED EVERY", "MUTED"}};
  std::string escalations;
  for (const notify::RouteMatch& match : notify::MatchRoutes(config, public_labels)) {
    const config::Route& route = *match.route;
    escalations += EscalationLines(config, route, "");
    rows.push_back({route.receiver, IntegrationsOf(config, route.receiver), match.key,
                    notify::GroupLabels(route, public_labels).ToString(),
                    base::FormatDuration(route.group_wait),
                    base::FormatDuration(route.group_interval),
                    base::FormatDuration(route.repeat_interval), MutedAt(route)});
  }
  if (rows.size() > 1) return Table(rows) + escalations;
  return "nobody is told: alerts of severity \"none\" go only where a route below the root asks "
         "for them\n";
}

std::string DescribeTimeline(const config::Config& config,
                             const std::vector<rules::RuleGroup>& groups) {
  std::string text;
  for (const std::string& severity : SeveritiesOf(groups)) {
    const model::Labels labels{{"severity", severity}};
    std::vector<std::string> told;
    std::string escalations;
    for (const notify::RouteMatch& match :
         notify::MatchRoutes(config, notify::PublicLabels(config, labels))) {
      told.push_back("after " + base::FormatDuration(match.route->group_wait) + " " +
                     match.route->receiver + " (" + IntegrationsOf(config, match.route->receiver) +
                     "), again every " + base::FormatDuration(match.route->repeat_interval));
      const std::string muted = MutedAt(*match.route);
      if (muted != "-") told.back() += ", muted " + muted;
      escalations += EscalationLines(config, *match.route, "    ");
    }
    if (told.empty()) told.emplace_back("nobody");
    text += severity.empty() ? "  no severity: " : "  severity " + severity + ": ";
    text += base::Join(told, "; ") + "\n";
    text += escalations;
  }
  return text;
}

std::string DescribeForwarding(const config::Config& config) {
  std::vector<std::string> told;
  for (const config::Alertmanagers& item : config.alertmanagers) {
    for (const std::string& target : item.targets) told.push_back(item.Url(target, ""));
  }
  if (told.empty()) return "";
  return "  every alert of the rules: at once Alertmanager " + base::Join(told, ", ") +
         ", again every " + base::FormatDuration(notify::kForwardRepeat) +
         (config.receivers.empty() ? "; nobody else: there are no receivers\n" : "\n");
}

int TestRoutes(const TestRoutesOptions& options) {
  config::Problems problems;
  const auto loaded = LoadAll(options.config_file, problems);
  std::cerr << FormatProblems(problems);
  if (!loaded) return 1;
  const base::Result<model::Labels> labels = ParseLabelArguments(options.labels);
  if (!labels) {
    std::cerr << "drwatch: " << labels.error().ToString() << "\n";
    return 1;
  }
  const config::Config& config = *loaded->config;
  if (!config.receivers.empty()) std::cout << DescribeRoutes(config, *labels);
  std::cout << DescribeForwarding(config);
  if (options.expected.empty()) return 0;
  std::vector<std::string> receivers;
  for (const auto& match : notify::MatchRoutes(config, notify::PublicLabels(config, *labels))) {
    receivers.push_back(match.route->receiver);
  }
  const std::string found = base::Join(receivers, ",");
  if (found == options.expected) return 0;
  std::cerr << "drwatch: expected " << options.expected << ", got " << found << "\n";
  return 1;
}

}  // namespace drwatch::exporter
