#include "notify/escalator.h"

#include <algorithm>

#include "base/duration.h"
#include "base/strings.h"

namespace drwatch::notify {
namespace {

std::string EscalationId(const Group& group) { return group.key + "\n" + group.policy; }

bool Names(const config::EscalationStep& step, const std::string& receiver) {
  return std::find(step.receivers.begin(), step.receivers.end(), receiver) != step.receivers.end();
}

std::string NoteOf(const config::EscalationPolicy& policy, std::size_t index) {
  const config::EscalationStep& step = policy.steps[index];
  std::string note = "Escalation \"" + policy.name + "\", step " + std::to_string(index + 1) +
                     " of " + std::to_string(policy.steps.size()) + ": " +
                     base::FormatDuration(step.after) + " after it began to fire";
  if (step.unless == config::Unless::kAcknowledged) note += ", unless it is acknowledged";
  return note + ".";
}

// Takes over what is left of a policy's steps.
void KeepSteps(Escalation& escalation, const config::EscalationPolicy& policy,
               base::Timestamp now) {
  const std::vector<std::string> keys = StepKeys(policy);
  std::erase_if(escalation.steps, [&](const auto& entry) {
    return std::find(keys.begin(), keys.end(), entry.first) == keys.end();
  });
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const config::EscalationStep& step = policy.steps[i];
    StepState& state = escalation.steps[keys[i]];
    const StepTimes times = TimesOf(step, escalation, state, base::Duration(0));
    if (!times.deadline || *times.deadline > now) continue;
    state.judged.insert(step.receivers.begin(), step.receivers.end());
  }
}

}  // namespace

const config::EscalationPolicy* Escalator::Policy(const std::string& name) const {
  for (const config::EscalationPolicy& policy : config_->escalation_policies) {
    if (policy.name == name) return &policy;
  }
  return nullptr;
}

void Escalator::Configure(std::shared_ptr<const config::Config> config, base::Timestamp now) {
  const std::shared_ptr<const config::Config> before = std::exchange(config_, std::move(config));
  next_look_ = {};
  begin_at_ = now;
  if (before == nullptr) return;
  for (const config::EscalationPolicy& old : before->escalation_policies) {
    const config::EscalationPolicy* policy = Policy(old.name);
    if (policy == nullptr || policy->SameAs(old)) continue;
    for (auto& [id, escalation] : records_.escalations) {
      if (escalation.policy != old.name) continue;
      KeepSteps(escalation, *policy, now);
      changes_.escalations.insert(id);
    }
  }
}

Escalator::Outcome Escalator::Update(const Muting& muting, base::Timestamp now) {
  Outcome outcome;
  if (now < next_look_) return outcome;
  next_look_ = base::Timestamp::max();
  for (const auto& [id, group] : records_.groups) {
    if (!group.policy.empty() && !group.step) Look(group, muting, now, outcome);
  }
  begin_at_.reset();
  if (!records_.escalations.empty()) Forget();
  return outcome;
}

Escalation& Escalator::Ensure(const Group& group, base::Timestamp now) {
  const std::string id = EscalationId(group);
  const auto [position, created] = records_.escalations.try_emplace(id);
  Escalation& escalation = position->second;
  if (!created) return escalation;
  escalation.id = id;
  escalation.group_key = group.key;
  escalation.policy = group.policy;
  escalation.since = begin_at_.value_or(now);
  changes_.escalations.insert(id);
  if (begin_at_) return escalation;
  for (const AlertId alert : group.firing) {
    const base::Timestamp fired_at = records_.alerts.at(alert).alert.fired_at;
    // One that is news only here (posted by a program that has known it for days) begins here.
    if (fired_at + kOldestBeginning >= now) escalation.since = std::min(escalation.since, fired_at);
  }
  return escalation;
}

Situation Escalator::SituationOf(const Group& group, const Muting& muting,
                                 base::Timestamp now) const {
  Situation situation = Situation::kHeld;
  for (const AlertId id : group.firing) {
    if (!muting.IsAudible(group, id)) continue;
    const std::optional<Acknowledgement>& known = records_.alerts.at(id).acknowledged;
    if (!known || known->until <= now) return Situation::kRunning;
    situation = Situation::kAcknowledged;
  }
  return situation;
}

// When the first of the acknowledgements that are over ended; now, if it is for another reason that
// not everything is acknowledged any more.
base::Timestamp Escalator::EndOfAcknowledgement(const Group& group, base::Timestamp now) const {
  base::Timestamp end = now;
  for (const AlertId id : group.firing) {
    const std::optional<Acknowledgement>& known = records_.alerts.at(id).acknowledged;
    if (known) end = std::min(end, known->until);
  }
  return end;
}

void Escalator::Look(const Group& group, const Muting& muting, base::Timestamp now,
                     Outcome& outcome) {
  const config::EscalationPolicy* policy = Policy(group.policy);
  const bool known = records_.escalations.contains(EscalationId(group));
  if (policy == nullptr || (group.firing.empty() && !known)) return;
  const Situation situation = SituationOf(group, muting, now);
  Escalation& escalation = Ensure(group, now);
  // Nothing of the time in which nobody was to be told counts.
  if (!known && situation == Situation::kHeld) escalation.since = now;
  const bool lapsed = escalation.situation == Situation::kAcknowledged;
  bool changed = escalation.Enter(situation, lapsed ? EndOfAcknowledgement(group, now) : now);
  const std::vector<std::string> keys = StepKeys(*policy);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const config::EscalationStep& step = policy->steps[i];
    StepState& state = escalation.steps[keys[i]];
    StepTimes times = TimesOf(step, escalation, state, group.wait);
    if (times.due && *times.due <= now) {
      ++state.times;
      state.last = now;
      changed = true;
      outcome.due.push_back({group.id, step.receivers, *times.due, NoteOf(*policy, i)});
      times = TimesOf(step, escalation, state, group.wait);
    }
    if (times.deadline && *times.deadline <= now) {
      Judge(group, step, state, outcome);
      changed = true;
      times.deadline.reset();
    }
    if (times.due) next_look_ = std::min(next_look_, *times.due);
    if (times.deadline) next_look_ = std::min(next_look_, *times.deadline);
  }
  if (changed) changes_.escalations.insert(escalation.id);
}

// A receiver has kept its deadline if each of its integrations was told.
void Escalator::Judge(const Group& group, const config::EscalationStep& step, StepState& state,
                      Outcome& outcome) const {
  PageSeverity severity = PageSeverity::kInfo;
  for (const AlertId id : group.firing) {
    severity = std::max(severity, records_.alerts.at(id).severity);
  }
  for (const std::string& receiver : step.receivers) {
    if (!state.judged.insert(receiver).second) continue;
    const bool kept =
        std::all_of(records_.targets.begin(), records_.targets.end(), [&](const auto& entry) {
          const Target& target = entry.second;
          return target.retired || target.receiver != receiver || state.told.contains(target.id);
        });
    if (kept) continue;
    outcome.missed.push_back({group.id, receiver, severity,
                              "it was to be told within " + base::FormatDuration(*step.within) +
                                  " (escalation policy \"" + group.policy + "\")"});
  }
}

// An escalation lasts as long as any group of it: an alert that comes back while somebody has not
// been told of its end yet goes on where it was.
void Escalator::Forget() {
  std::set<std::string> alive;
  for (const auto& [id, group] : records_.groups) {
    if (!group.policy.empty()) alive.insert(EscalationId(group));
  }
  std::erase_if(records_.escalations, [&](const auto& entry) {
    if (alive.contains(entry.first)) return false;
    changes_.escalations.insert(entry.first);
    return true;
  });
}

std::vector<Escalator::Added> Escalator::AddedTo(const Group& group) const {
  std::vector<Added> added;
  const auto found = records_.escalations.find(EscalationId(group));
  const config::EscalationPolicy* policy = Policy(group.policy);
  if (found == records_.escalations.end() || policy == nullptr) return added;
  const std::vector<std::string> keys = StepKeys(*policy);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto state = found->second.steps.find(keys[i]);
    if (state == found->second.steps.end() || state->second.times == 0) continue;
    for (const std::string& receiver : policy->steps[i].receivers) {
      added.push_back({receiver, policy->steps[i].updates_every, NoteOf(*policy, i)});
    }
  }
  return added;
}

// All escalations of the group's alerts: routes with the same matchers share a key.
void Escalator::Told(const Target& target, const Group& group) {
  for (auto at = records_.escalations.lower_bound(group.key + "\n");
       at != records_.escalations.end() && at->second.group_key == group.key; ++at) {
    const config::EscalationPolicy* policy = Policy(at->second.policy);
    if (policy == nullptr) continue;
    const std::vector<std::string> keys = StepKeys(*policy);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto state = at->second.steps.find(keys[i]);
      if (state == at->second.steps.end() || state->second.times == 0) continue;
      if (!Names(policy->steps[i], target.receiver)) continue;
      if (state->second.told.insert(target.id).second) changes_.escalations.insert(at->first);
    }
  }
}

void Escalator::MarkTold(const Delivery& delivery) {
  const Target& target = records_.targets.at(delivery.key.first);
  const auto mark = [&](const std::string& group_id) {
    const auto group = records_.groups.find(group_id);
    if (group != records_.groups.end() && group->second.receiver == target.receiver) {
      Told(target, group->second);
    }
  };
  if (delivery.alert == 0) return mark(delivery.group_id);
  for (const std::string& group_id : records_.alerts.at(delivery.alert).groups) mark(group_id);
}

}  // namespace drwatch::notify
