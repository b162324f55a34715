#include "rules/alerting_rule.h"

#include <algorithm>

#include "template/functions.h"

namespace drwatch::rules {
namespace {

using model::AlertChange;
using model::AlertState;

using Samples = std::vector<store::NewSample>;

void MakeSeries(const Rule& rule, const model::Labels& raw, const model::Labels& identity,
                AlertInstance& instance) {
  // Labels as written show through where the template made them empty, as in Prometheus.
  model::LabelsBuilder builder(raw);
  for (const model::LabelView label : identity) builder.Set(label.name, label.value);
  builder.Set(model::kAlertName, rule.name);
  instance.series.state = instance.alert.state;
  instance.series.since = builder.Set(model::kMetricName, kAlertsForStateMetric).Build();
  builder.Set(model::kMetricName, kAlertsMetric);
  builder.Set("alertstate", model::AlertStateName(instance.alert.state));
  instance.series.alerts = builder.Build();
}

// Samples for the alerts as they are.
Samples AlertSamples(const Rule& rule, AlertingState& state) {
  Samples samples;
  samples.reserve(2 * state.size());
  const model::Labels raw = rule.RawLabels();
  for (auto& [identity, instance] : state) {
    const model::Alert& alert = instance.alert;
    if (alert.state == AlertState::kInactive) continue;
    if (instance.series.state != alert.state) MakeSeries(rule, raw, identity, instance);
    samples.push_back({instance.series.since, base::ToUnixSeconds(alert.active_at)});
    samples.push_back({instance.series.alerts, 1});
  }
  return samples;
}

class Transition {
 public:
  Transition(const Rule& rule, const AlertingInput& input, AlertingState& state)
      : rule_(rule), input_(input), state_(state) {}

  base::Result<AlertingOutput> Run(const AlertCandidates& candidates, std::int64_t failures) {
    output_.template_failures = failures;
    if (auto status = CheckLimit(candidates); !status) return base::Fail(status.error());
    if (candidates.size() > 0) {
      generator_url_ = input_.environment.external_url + tmpl::GraphPath(rule_.query, 1);
    }
    // Both are sorted by labels.
    auto at = state_.begin();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const AlertCandidate& candidate = candidates[i];
      while (at != state_.end() && at->first < candidate.labels) at = Leave(at);
      const bool known = at != state_.end() && at->first == candidate.labels;
      if (!known) at = state_.try_emplace(at, candidate.labels);
      Present(candidate, known ? Age::kKnown : Age::kNew, at->second);
      ++at;
    }
    while (at != state_.end()) at = Leave(at);
    output_.samples = AlertSamples(rule_, state_);
    return std::move(output_);
  }

 private:
  enum class Age { kNew, kKnown };

  // Past an alert that nothing asks for.
  AlertingState::iterator Leave(AlertingState::iterator at) {
    return Absent(at->second) ? state_.erase(at) : std::next(at);
  }

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

  base::Status CheckLimit(const AlertCandidates& candidates) const {
    if (input_.limit <= 0) return {};
    std::size_t count = candidates.size();
    for (const auto& [labels, instance] : state_) {
      if (candidates.Contains(labels)) continue;
      const bool active = instance.alert.state != AlertState::kInactive;
      if ((active && Kept(instance)) || StillFiring(instance)) ++count;
    }
    if (count <= static_cast<std::size_t>(input_.limit)) return {};
    return base::Fail("exceeded limit of " + std::to_string(input_.limit) + " with " +
                          std::to_string(count) + " alerts",
                      "raise the group's limit or narrow the expression");
  }

  void Changed(const AlertInstance& instance) { output_.changed.push_back(instance.alert.labels); }

  void Present(const AlertCandidate& candidate, Age age, AlertInstance& instance) {
    if (age == Age::kKnown && instance.alert.state == AlertState::kInactive) {
      if (instance.owed) output_.displaced.push_back(instance);
      instance = {};
    }
    model::Alert& alert = instance.alert;
    if (alert.state == AlertState::kInactive) {
      alert.labels = candidate.labels;
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
                                              const AlertingInput& input,
                                              AlertCandidates& candidates, AlertingState& state) {
  std::int64_t failures = 0;
  const base::Status status =
      candidates.Update(rule, result, {input.external_labels, input.environment}, failures);
  if (!status) return base::Fail(status.error());
  return Transition(rule, input, state).Run(candidates, failures);
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
