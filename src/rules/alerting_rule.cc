#include "rules/alerting_rule.h"

#include <algorithm>

#include "template/functions.h"

namespace drwatch::rules {
namespace {

using model::AlertChange;
using model::AlertState;

// One element of the result with its templates expanded.
struct Candidate {
  model::Labels annotations;
  double value = 0;
};
using Candidates = std::map<model::Labels, Candidate>;

// A failed template shows its error in its place: the alert matters more than its text.
model::Labels Expand(const std::vector<RuleText>& texts, model::LabelsBuilder builder,
                     const tmpl::Value& data, const tmpl::Environment& environment,
                     std::int64_t& failures) {
  for (const RuleText& text : texts) {
    if (!text.parsed) continue;
    const auto expanded = text.parsed->Expand(data, environment);
    if (!expanded) ++failures;
    builder.Set(text.name, expanded ? *expanded : expanded.error().message);
  }
  return builder.Build();
}

base::Result<Candidates> MakeCandidates(const Rule& rule, const promql::Vector& result,
                                        const AlertingInput& input, std::int64_t& failures) {
  Candidates candidates;
  for (const promql::VectorElement& element : result) {
    const tmpl::Value data = RuleTemplateData(element.labels, input.external_labels,
                                              input.environment.external_url, element.value);
    const model::Labels labels =
        Expand(rule.labels, model::LabelsBuilder(element.labels.Without(model::kMetricName)), data,
               input.environment, failures)
            .With(model::kAlertName, rule.name);
    Candidate candidate{Expand(rule.annotations, {}, data, input.environment, failures),
                        element.value};
    if (!candidates.emplace(labels, std::move(candidate)).second) {
      return base::Fail(
          "vector contains metrics with the same labelset after applying alert labels",
          "aggregate in the expression, or add the label that tells them apart");
    }
  }
  return candidates;
}

class Transition {
 public:
  Transition(const Rule& rule, const AlertingInput& input, AlertingState& state)
      : rule_(rule),
        input_(input),
        state_(state),
        generator_url_(input.environment.external_url + tmpl::GraphPath(rule.query, 1)) {}

  base::Result<AlertingOutput> Run(const Candidates& candidates, std::int64_t failures) {
    output_.template_failures = failures;
    if (auto status = CheckLimit(candidates); !status) return base::Fail(status.error());
    for (const auto& [labels, candidate] : candidates) Present(labels, candidate);
    for (auto at = state_.begin(); at != state_.end();) {
      const bool gone = !candidates.contains(at->first) && Absent(at->second);
      at = gone ? state_.erase(at) : std::next(at);
    }
    output_.samples = AlertSamples(rule_, state_);
    return std::move(output_);
  }

 private:
  bool Kept(const AlertInstance& instance) const {
    return instance.restored && input_.restored == AlertingInput::Restored::kKeep;
  }
  // Firing, absent, and held by keep_firing_for.
  bool StillFiring(const AlertInstance& instance) const {
    const model::Alert& alert = instance.alert;
    if (alert.state != AlertState::kFiring || rule_.keep_firing == base::Duration(0)) return false;
    const bool first = alert.keep_firing_since == base::Timestamp{};
    return first || input_.time - alert.keep_firing_since < rule_.keep_firing;
  }

  base::Status CheckLimit(const Candidates& candidates) const {
    if (input_.limit <= 0) return {};
    std::size_t count = candidates.size();
    for (const auto& [labels, instance] : state_) {
      if (candidates.contains(labels)) continue;
      const bool active = instance.alert.state != AlertState::kInactive;
      if ((active && Kept(instance)) || StillFiring(instance)) ++count;
    }
    if (count <= static_cast<std::size_t>(input_.limit)) return {};
    return base::Fail("exceeded limit of " + std::to_string(input_.limit) + " with " +
                          std::to_string(count) + " alerts",
                      "raise the group's limit or narrow the expression");
  }

  void Changed(const AlertInstance& instance) { output_.changed.push_back(instance.alert.labels); }

  void Present(const model::Labels& labels, const Candidate& candidate) {
    const auto [at, added] = state_.try_emplace(labels);
    AlertInstance& instance = at->second;
    if (!added && instance.alert.state == AlertState::kInactive) {
      if (instance.owed) output_.displaced.push_back(instance);
      instance = {};
    }
    model::Alert& alert = instance.alert;
    if (alert.state == AlertState::kInactive) {
      alert.labels = labels;
      alert.state = AlertState::kPending;
      alert.active_at = input_.time;
      Changed(instance);
    }
    alert.value = candidate.value;
    alert.annotations = candidate.annotations;
    alert.generator_url = generator_url_;
    instance.restored = false;
    if (alert.keep_firing_since != base::Timestamp{}) {
      alert.keep_firing_since = {};
      Changed(instance);
    }
    // The clock was set back: the wait begins anew rather than lasting for ever.
    if (alert.state == AlertState::kPending && alert.active_at > input_.time) {
      alert.active_at = input_.time;
      Changed(instance);
    }
    const bool held = input_.time - alert.active_at >= rule_.hold;
    if (alert.state == AlertState::kPending && held) {
      alert.state = AlertState::kFiring;
      alert.fired_at = input_.time;
      instance.owed = AlertChange::kFiring;
      Changed(instance);
    } else if (alert.state == AlertState::kFiring && instance.recheck_hold && !held) {
      BackToPending(instance);
    }
    instance.recheck_hold = false;
  }

  // A reload raised `for`. Whoever was told that it fires is told that it does not.
  void BackToPending(AlertInstance& instance) {
    if (instance.owed != AlertChange::kFiring) {
      AlertInstance told = instance;
      Resolve(told);
      told.reason = "rule changed: it has to hold for longer";
      output_.displaced.push_back(std::move(told));
    }
    instance.alert.state = AlertState::kPending;
    instance.alert.fired_at = {};
    instance.alert.keep_firing_since = {};
    instance.last_sent = {};
    instance.owed.reset();
    Changed(instance);
  }

  void Resolve(AlertInstance& instance) const {
    instance.alert.state = AlertState::kInactive;
    instance.alert.resolved_at = input_.time;
    instance.alert.keep_firing_since = {};
    instance.owed = AlertChange::kResolved;
    instance.restored = false;
  }

  // True: the instance is to be forgotten.
  bool Absent(AlertInstance& instance) {
    model::Alert& alert = instance.alert;
    if (alert.state == AlertState::kInactive) {
      const bool over = input_.time - alert.resolved_at > kResolvedRetention;
      if (!over || instance.owed) return false;
      Changed(instance);
      return true;
    }
    if (Kept(instance)) return false;
    if (alert.state == AlertState::kPending) {
      Changed(instance);
      return true;
    }
    if (StillFiring(instance)) {
      if (alert.keep_firing_since == base::Timestamp{}) {
        alert.keep_firing_since = input_.time;
        Changed(instance);
      }
      return false;
    }
    Resolve(instance);
    Changed(instance);
    return false;
  }

  const Rule& rule_;
  const AlertingInput& input_;
  AlertingState& state_;
  std::string generator_url_;
  AlertingOutput output_;
};

// The event the instance gives now, if any.
std::optional<AlertChange> DueChange(const AlertInstance& instance, base::Timestamp time,
                                     base::Duration resend_delay) {
  if (instance.owed) return instance.owed;
  if (instance.alert.state == AlertState::kPending) return std::nullopt;
  if (instance.last_sent + resend_delay >= time) return std::nullopt;
  return instance.alert.resolved() ? AlertChange::kResolved : AlertChange::kUpdated;
}

}  // namespace

base::Result<AlertingOutput> EvaluateAlerting(const Rule& rule, const promql::Vector& result,
                                              const AlertingInput& input, AlertingState& state) {
  std::int64_t failures = 0;
  const auto candidates = MakeCandidates(rule, result, input, failures);
  if (!candidates) return base::Fail(candidates.error());
  return Transition(rule, input, state).Run(*candidates, failures);
}

std::vector<store::NewSample> AlertSamples(const Rule& rule, const AlertingState& state) {
  std::vector<store::NewSample> samples;
  const model::Labels raw = rule.RawLabels();
  for (const auto& [identity, instance] : state) {
    const model::Alert& alert = instance.alert;
    if (alert.state == AlertState::kInactive) continue;
    // Labels as written show through where the template made them empty, as in Prometheus.
    model::LabelsBuilder builder(raw);
    for (const model::LabelView label : identity) builder.Set(label.name, label.value);
    builder.Set(model::kAlertName, rule.name);
    builder.Set(model::kMetricName, kAlertsForStateMetric);
    samples.push_back({builder.Build(), base::ToUnixSeconds(alert.active_at)});
    builder.Set(model::kMetricName, kAlertsMetric);
    builder.Set("alertstate", model::AlertStateName(alert.state));
    samples.push_back({builder.Build(), 1});
  }
  return samples;
}

std::vector<model::AlertEvent> DueEvents(const AlertingState& state, base::Timestamp time,
                                         base::Duration resend_delay) {
  std::vector<model::AlertEvent> events;
  for (const auto& [identity, instance] : state) {
    if (const auto change = DueChange(instance, time, resend_delay)) {
      events.push_back({*change, instance.alert, instance.reason});
    }
  }
  return events;
}

std::vector<model::Labels> MarkSent(AlertingState& state, base::Timestamp time,
                                    base::Duration resend_delay) {
  std::vector<model::Labels> paid;
  for (auto& [identity, instance] : state) {
    if (DueChange(instance, time, resend_delay)) {
      if (instance.owed) paid.push_back(identity);
      instance.owed.reset();
      instance.last_sent = time;
    } else if (instance.last_sent > time) {
      instance.last_sent = time;  // the clock was set back: repetitions go on from here
    }
  }
  return paid;
}

std::vector<AlertInstance> ResolveAll(AlertingState state, base::Timestamp time,
                                      const std::string& reason) {
  std::vector<AlertInstance> resolved;
  for (auto& [identity, instance] : state) {
    const bool untold = instance.owed == AlertChange::kFiring;
    if (instance.alert.state == AlertState::kFiring && !untold) {
      instance.alert.state = AlertState::kInactive;
      instance.alert.resolved_at = time;
      instance.alert.keep_firing_since = {};
      instance.owed = AlertChange::kResolved;
      instance.reason = reason;
    }
    if (instance.owed == AlertChange::kResolved) resolved.push_back(std::move(instance));
  }
  return resolved;
}

}  // namespace drwatch::rules
