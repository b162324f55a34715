#include "rules/group.h"

#include "promql/parser.h"
#include "rules/recording_rule.h"

namespace drwatch::rules {
namespace {

// As Prometheus' query.timeout, but for one rule.
constexpr base::Duration kQueryTimeout = std::chrono::minutes(1);
// A template may query in a loop: after this long a rule's templates get no more answers, so that
// other rules have their turn.
constexpr base::Duration kTemplateQueryTime = std::chrono::minutes(1);

base::Result<promql::Vector> RunQuery(const promql::Expr& expr, base::Timestamp time,
                                      const EvaluationWorld& world) {
  promql::QueryLimits limits;
  limits.deadline = base::Deadline::After(kQueryTimeout);
  auto output = world.engine.Instant(expr, time, limits);
  if (!output) return base::Fail(std::move(output.error().message));
  return VectorOf(std::move(output->value));
}

// The function `query` of templates.
base::Result<tmpl::Value> QueryForTemplate(const std::string& text, base::Timestamp time,
                                           const EvaluationWorld& world) {
  const auto expr = promql::ParseExpr(text);
  if (!expr) return base::Fail(expr.error());
  const auto vector = RunQuery(**expr, time, world);
  if (!vector) return base::Fail(vector.error());
  tmpl::Values samples;
  for (const promql::VectorElement& element : *vector) {
    std::vector<std::pair<std::string_view, std::string_view>> labels;
    for (const model::LabelView label : element.labels)
      labels.emplace_back(label.name, label.value);
    samples.push_back(tmpl::MakeSample(labels, element.value));
  }
  return tmpl::MakeQueryResult(std::move(samples));
}

AlertingInput InputFor(const RunningGroup& group, const RunningRule& rule, base::Timestamp time,
                       const EvaluationWorld& world) {
  AlertingInput input;
  input.time = time;
  input.limit = group.definition->limit;
  input.external_labels = world.external_labels;
  input.restored = time - group.definition->query_offset < rule.judge_from
                       ? AlertingInput::Restored::kKeep
                       : AlertingInput::Restored::kJudge;
  input.environment.now = time;
  input.environment.external_url = world.external_url;
  const base::SteadyTime end = world.clock.Steady() + kTemplateQueryTime;
  input.environment.query = [time, end, &world](const std::string& text) {
    if (world.clock.Steady() < end) return QueryForTemplate(text, time, world);
    return base::Result<tmpl::Value>(base::Fail("the rule's templates took longer than 1m"));
  };
  return input;
}

base::Status EvaluateRule(RunningGroup& group, std::size_t index, base::Timestamp time,
                          const EvaluationWorld& world, GroupReport& report) {
  RunningRule& running = group.rules[index];
  const Rule& rule = *running.rule;
  const base::Timestamp sample_time = time - group.definition->query_offset;
  const auto vector = RunQuery(*rule.expr, sample_time, world);
  if (!vector) return base::Fail(vector.error());
  std::vector<store::NewSample> samples;
  if (rule.kind == RuleKind::kRecording) {
    auto recorded = EvaluateRecording(rule, *vector, group.definition->limit);
    if (!recorded) return base::Fail(recorded.error());
    samples = std::move(*recorded);
  } else {
    auto output = EvaluateAlerting(rule, *vector, InputFor(group, running, time, world),
                                   running.candidates, running.alerts);
    if (!output) return base::Fail(output.error());
    report.template_failures += output->template_failures;
    report.rules.push_back({index, std::move(output->displaced), std::move(output->changed)});
    samples = std::move(output->samples);
  }
  world.store.AppendFrom(running.source, samples, sample_time);
  return {};
}

}  // namespace

GroupReport EvaluateGroupAt(RunningGroup& group, base::Timestamp time,
                            const EvaluationWorld& world) {
  GroupReport report;
  const base::SteadyTime group_start = world.clock.Steady();
  for (std::size_t i = 0; i < group.rules.size(); ++i) {
    const base::SteadyTime start = world.clock.Steady();
    const base::Status status = EvaluateRule(group, i, time, world, report);
    RunningRule& rule = group.rules[i];
    const RuleHealth health = status ? RuleHealth::kOk : RuleHealth::kError;
    if (health != rule.health) report.health_changed.push_back(i);
    rule.health = health;
    rule.last_error = status ? "" : status.error().message;
    ++group.counters.evaluations;
    if (!status) ++group.counters.evaluation_failures;
    rule.last_evaluation = time;
    rule.evaluation_seconds = base::ToSeconds(world.clock.Steady() - start);
  }
  group.last_time = time;
  group.evaluation_seconds = base::ToSeconds(world.clock.Steady() - group_start);
  return report;
}

base::Duration SlotOffset(const RuleGroup& group, base::Duration interval) {
  // FNV-1a: the same on every machine and in every version.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : group.Key()) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return base::Duration(
      static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(interval.count())));
}

base::Timestamp SlotAtOrBefore(base::Timestamp time, base::Duration interval,
                               base::Duration offset) {
  const std::int64_t shifted = base::ToUnixMillis(time - offset);
  std::int64_t into_slot = shifted % interval.count();
  if (into_slot < 0) into_slot += interval.count();
  return time - base::Duration(into_slot);
}

}  // namespace drwatch::rules
