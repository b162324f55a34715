#include "rules/selectors.h"

#include <algorithm>
#include <functional>
#include <set>
#include <variant>

#include "base/strings.h"
#include "promql/parser.h"

namespace drwatch::rules {
namespace {

constexpr std::string_view kUp = "up";
constexpr std::string_view kJob = "job";
// The rules' own series, ALERTS and ALERTS_FOR_STATE: with whatever labels the alerts have.
constexpr std::string_view kAlerts = "ALERTS";

using TakeSelector = std::function<void(const promql::Expr&, const promql::VectorSelector&)>;

struct Selectors {
  const promql::Expr& expr;
  const TakeSelector& take;

  static void In(const promql::ExprPtr& part, const TakeSelector& take) {
    if (part != nullptr) std::visit(Selectors{*part, take}, part->node);
  }
  void operator()(const promql::NumberLiteral& /*node*/) const {}
  void operator()(const promql::StringLiteral& /*node*/) const {}
  void operator()(const promql::ParenExpr& node) const { In(node.inner, take); }
  void operator()(const promql::UnaryExpr& node) const { In(node.operand, take); }
  void operator()(const promql::VectorSelector& node) const { take(expr, node); }
  void operator()(const promql::MatrixSelector& node) const { In(node.selector, take); }
  void operator()(const promql::SubqueryExpr& node) const { In(node.inner, take); }
  void operator()(const promql::CallExpr& node) const {
    for (const promql::ExprPtr& argument : node.arguments) In(argument, take);
  }
  void operator()(const promql::AggregateExpr& node) const {
    In(node.operand, take);
    In(node.parameter, take);
  }
  void operator()(const promql::BinaryExpr& node) const {
    In(node.left, take);
    In(node.right, take);
  }
};

// Every value that the label `job` has here; nullopt: any, for a page's own one wins.
std::optional<std::set<std::string>> JobsOf(const config::Config& config) {
  std::set<std::string> jobs;
  for (const config::Probe& probe : config.probes) {
    const auto* scrape = std::get_if<config::ScrapeProbe>(&probe.spec);
    if (scrape == nullptr) continue;
    if (scrape->honor_labels) return std::nullopt;
    jobs.insert(scrape->job.empty() ? probe.name : scrape->job);
  }
  return jobs;
}

bool MatchesJob(const promql::VectorSelector& selector, std::string_view job) {
  return std::all_of(selector.matchers.begin(), selector.matchers.end(),
                     [&](const model::Matcher& matcher) {
                       return matcher.name() != kJob || matcher.Matches(job);
                     });
}

std::string HintFor(std::string_view name, const std::set<std::string>& jobs) {
  std::string hint = "add a probe of type scrape for it";
  if (!jobs.empty()) {
    const std::vector<std::string> known(jobs.begin(), jobs.end());
    hint =
        "add a probe of type scrape with that \"job\" (there are: " + base::Join(known, ", ") + ")";
  }
  if (name != kUp) return hint;
  return hint +
         "; of drwatch's other probes tell postgres_up, redis_up and probe_success, by their label "
         "\"probe\"";
}

std::set<std::string> Recorded(const std::vector<RuleGroup>& groups) {
  std::set<std::string> names;
  for (const RuleGroup& group : groups) {
    for (const auto& rule : group.rules) {
      if (rule->kind == RuleKind::kRecording) names.insert(rule->name);
    }
  }
  return names;
}

}  // namespace

std::string MetricNameOf(const promql::VectorSelector& selector) {
  for (const model::Matcher& matcher : selector.matchers) {
    const bool name = matcher.name() == model::kMetricName;
    if (name && matcher.type() == model::MatchType::kEqual) return matcher.value();
  }
  return selector.name;
}

void CheckJobs(const config::Config& config, const std::vector<RuleGroup>& groups,
               config::Problems& problems) {
  const auto jobs = JobsOf(config);
  if (!jobs) return;
  const std::set<std::string> recorded = Recorded(groups);
  const auto is_answered = [&](const promql::VectorSelector& selector, const std::string& name) {
    const bool any_record = name.empty() && !recorded.empty();
    if (any_record || recorded.contains(name) || name.starts_with(kAlerts)) return true;
    if (name != kUp && MatchesJob(selector, "")) return true;
    return std::any_of(jobs->begin(), jobs->end(),
                       [&selector](const std::string& job) { return MatchesJob(selector, job); });
  };
  for (const RuleGroup& group : groups) {
    for (const auto& rule : group.rules) {
      std::set<std::string> told;
      const TakeSelector check = [&](const promql::Expr& expr,
                                     const promql::VectorSelector& selector) {
        const std::string name = MetricNameOf(selector);
        const std::string text = promql::Print(expr);
        if (is_answered(selector, name) || !told.insert(text).second) return;
        problems.AddWarning(rule->position,
                            "rule " + base::Quote(rule->name) + ": no series matches " + text +
                                ": there is no probe of type scrape" +
                                (jobs->empty() ? "" : " with that job"),
                            HintFor(name, *jobs));
      };
      std::visit(Selectors{*rule->expr, check}, rule->expr->node);
    }
  }
}

}  // namespace drwatch::rules
