#include "rules/manager.h"

#include <algorithm>

#include "base/log.h"

namespace drwatch::rules {
namespace {

// A rule whose evaluation failed repeats nothing; what it owes is offered all the same.
constexpr base::Duration kNeverResend = std::chrono::hours(24 * 365 * 100);
// With nothing else to do, events that were refused are offered again after this.
constexpr base::Duration kRetryDelay = std::chrono::seconds(15);
// Two evaluations closer together than this are told apart by a millisecond; if time seems to run
// back by more, the clock was set.
constexpr base::Duration kSameMoment = std::chrono::seconds(1);

constexpr std::string_view kOrphan = "orphan#";

StoredAlertKey OrphanKey(const AlertInstance& instance) {
  return {"", std::string(kOrphan) + std::to_string(base::ToUnixMillis(instance.alert.fired_at)),
          instance.alert.labels};
}

base::Duration ResendDelay(const RunningRule& rule, const RuleSettings& settings) {
  return rule.health == RuleHealth::kError ? kNeverResend : settings.resend_delay;
}

RuleSnapshot SnapshotOf(const RunningRule& running) {
  RuleSnapshot snapshot;
  snapshot.rule = running.rule;
  snapshot.health = running.health;
  snapshot.last_error = running.last_error;
  snapshot.last_evaluation = running.last_evaluation;
  snapshot.evaluation_seconds = running.evaluation_seconds;
  for (const auto& [labels, instance] : running.alerts) {
    if (instance.alert.state != model::AlertState::kInactive) {
      snapshot.alerts.push_back(instance.alert);
    }
  }
  return snapshot;
}

// A rule's error, once when it comes up and once when it is gone.
void LogHealth(const RunningGroup& group, const RunningRule& rule) {
  if (rule.health == RuleHealth::kError) {
    base::LogWarn("rule evaluation fails", {{"group", group.definition->Key()},
                                            {"rule", rule.rule->name},
                                            {"error", rule.last_error}});
  } else {
    base::LogDebug("rule evaluation works",
                   {{"group", group.definition->Key()}, {"rule", rule.rule->name}});
  }
}

std::shared_ptr<const GroupSnapshot> SnapshotOf(const RunningGroup& running) {
  auto snapshot = std::make_shared<GroupSnapshot>();
  snapshot->group = running.definition;
  snapshot->interval = running.interval;
  snapshot->last_evaluation = running.last_time;
  snapshot->evaluation_seconds = running.evaluation_seconds;
  snapshot->counters = running.counters;
  for (const RunningRule& rule : running.rules) snapshot->rules.push_back(SnapshotOf(rule));
  return snapshot;
}

base::Timestamp SlotAfter(const RunningGroup& group, base::Timestamp time) {
  const base::Duration offset = SlotOffset(*group.definition, group.interval);
  return SlotAtOrBefore(time, group.interval, offset) + group.interval;
}

// The group's next slot; the current one if the clock was set back and the next would not come for
// long.
base::Timestamp NextSlot(const RunningGroup& group, base::Timestamp now) {
  const bool unreachable = group.next_slot - now > group.interval;
  return unreachable ? SlotAfter(group, now) - group.interval : group.next_slot;
}

}  // namespace

Manager::Manager(ManagerDependencies dependencies)
    : dependencies_(std::move(dependencies)), snapshot_(std::make_shared<RulesSnapshot>()) {}

Manager::~Manager() = default;

std::unique_ptr<RunningGroup> Manager::MakeGroup(RuleGroup definition, base::Timestamp now) {
  auto group = std::make_unique<RunningGroup>();
  group->definition = std::make_shared<const RuleGroup>(std::move(definition));
  group->interval = group->definition->interval.value_or(settings_.evaluation_interval);
  group->next_slot = SlotAfter(*group, now);
  const std::vector<std::string> keys = RuleKeys(*group->definition);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    RunningRule rule;
    rule.rule = group->definition->rules[i];
    rule.key = keys[i];
    rule.source = "rule:" + std::to_string(next_source_++);
    group->rules.push_back(std::move(rule));
  }
  return group;
}

void Manager::SetGroups(std::vector<RuleGroup> groups, const RuleSettings& settings,
                        base::Timestamp now) {
  settings_ = settings;
  std::vector<FormerRule> former;
  std::map<std::string, std::unique_ptr<RunningGroup>> old_groups;
  if (!started_once_) {
    started_once_ = true;
    former = LoadFormerRules(now);
  }
  for (auto& old : groups_) {
    for (RunningRule& rule : old->rules) {
      former.push_back({old->definition->Key(), std::move(rule)});
    }
    const std::string key = old->definition->Key();
    old_groups.emplace(key, std::move(old));
  }
  groups_.clear();
  for (RuleGroup& definition : groups) {
    auto group = MakeGroup(std::move(definition), now);
    const auto found = old_groups.find(group->definition->Key());
    if (found != old_groups.end()) {
      const RunningGroup& old = *found->second;
      group->counters = old.counters;
      group->last_time = old.last_time;
      group->evaluation_seconds = old.evaluation_seconds;
      const bool unchanged = SameDefinition(*old.definition, *group->definition);
      if (unchanged && old.interval == group->interval) group->next_slot = old.next_slot;
    }
    groups_.push_back(std::move(group));
  }
  Retire(HandOver(std::move(former), groups_), now);
  CheckReady(now);
  UpdateJudgeFrom();
  rewrite_all_ = true;
  Evaluated all;
  for (const auto& group : groups_) group->snapshot = SnapshotOf(*group);
  FinishCycle(all, {});
}

// The rules of the last run, with their alerts.
std::vector<FormerRule> Manager::LoadFormerRules(base::Timestamp now) {
  std::vector<FormerRule> former;
  if (dependencies_.database == nullptr) return former;
  auto stored = LoadAlerts(*dependencies_.database);
  if (!stored) {
    base::LogError("alert state is lost", {{"error", stored.error().ToString()}});
    return former;
  }
  for (StoredAlert& alert : *stored) {
    AlertInstance& instance = alert.instance;
    if (alert.key.location.empty()) {
      orphans_.push_back(std::move(instance));
      continue;
    }
    instance.restored = instance.alert.state != model::AlertState::kInactive;
    // The clock may have been set back while the program was down.
    instance.last_sent = std::min(instance.last_sent, now);
    const bool same = !former.empty() && former.back().location == alert.key.location &&
                      former.back().running.key == alert.key.rule;
    if (!same) {
      former.push_back({alert.key.location, {}});
      former.back().running.key = alert.key.rule;
    }
    former.back().running.alerts.emplace(instance.alert.labels, instance);
  }
  return former;
}

// Ends what belonged to rules that are gone.
void Manager::Retire(std::vector<FormerRule> former, base::Timestamp now) {
  for (FormerRule& rule : former) {
    if (!rule.running.source.empty()) {
      // Behind the last sample also if the reload comes within its millisecond.
      const base::Timestamp end = std::max(now, rule.running.last_evaluation + base::Duration(1));
      dependencies_.store->EndSource(rule.running.source, end);
    }
    AddOrphans(ResolveAll(std::move(rule.running.alerts), now, "rule removed or changed"), nullptr);
  }
}

void Manager::AddOrphans(std::vector<AlertInstance> instances, AlertChanges* changes) {
  for (AlertInstance& instance : instances) {
    if (changes != nullptr) (*changes)[OrphanKey(instance)] = instance;
    orphans_.push_back(std::move(instance));
  }
}

void Manager::CheckReady(base::Timestamp now) {
  if (ready_since_ != base::Timestamp::max()) return;
  if (dependencies_.sources_ready && !dependencies_.sources_ready()) return;
  ready_since_ = now;
  UpdateJudgeFrom();
}

// Samples begin with the probes' first runs, so an expression that looks back by five minutes says
// something five minutes after them. What rules write begins one interval of theirs later.
void Manager::UpdateJudgeFrom() {
  const auto reach_of = [](const RunningRule& running, const auto& recorded) {
    return std::min(ExpressionReach(*running.rule->expr, recorded), kMaxRestoreHold);
  };
  std::map<std::string, base::Duration> recorded;
  // Twice, because a rule may use what a later group records.
  for (int pass = 0; pass < 2; ++pass) {
    for (const auto& group : groups_) {
      for (const RunningRule& running : group->rules) {
        const bool alerting = running.rule->kind == RuleKind::kAlerting;
        base::Duration& reach =
            recorded[alerting ? std::string(kAlertsMetric) : running.rule->name];
        reach = std::max(
            reach, group->interval + (alerting ? base::Duration(0) : reach_of(running, recorded)));
      }
    }
  }
  for (const auto& group : groups_) {
    for (RunningRule& running : group->rules) {
      const bool ready = ready_since_ != base::Timestamp::max();
      running.judge_from = ready ? ready_since_ + reach_of(running, recorded) : ready_since_;
    }
  }
}

base::Timestamp Manager::NextDue() const {
  base::Timestamp due = orphans_.empty() ? base::Timestamp::max() : orphans_due_;
  const base::Timestamp now = dependencies_.clock->Now();
  for (const auto& group : groups_) due = std::min(due, NextSlot(*group, now));
  return due;
}

void Manager::EvaluateDue(base::Timestamp now) {
  CheckReady(now);
  AlertChanges changes;
  const Evaluated evaluated = EvaluateSlots(now, changes);
  if (!evaluated.empty() || (!orphans_.empty() && orphans_due_ <= now)) {
    FinishCycle(evaluated, changes);
  }
}

void Manager::EvaluateNow(base::Timestamp now) {
  CheckReady(now);
  AlertChanges changes;
  EvaluateSlots(now, changes);
  Evaluated all;
  for (const auto& group : groups_) {
    Evaluate(*group, now, changes);
    all.push_back(group.get());
  }
  FinishCycle(all, changes);
}

void Manager::Shift(base::Timestamp now, base::Duration step) {
  const auto move = [step](base::Timestamp& time) {
    if (time != base::Timestamp{} && time != base::Timestamp::max()) time += step;
  };
  move(ready_since_);
  move(orphans_due_);
  for (const auto& group : groups_) {
    move(group->last_time);
    group->next_slot = SlotAfter(*group, now);
    for (RunningRule& rule : group->rules) {
      move(rule.last_evaluation);
      move(rule.judge_from);
      for (auto& [identity, instance] : rule.alerts) {
        move(instance.last_sent);
        move(instance.alert.keep_firing_since);
        // That of a firing one has been told to people.
        if (instance.alert.state == model::AlertState::kPending) move(instance.alert.active_at);
      }
    }
  }
  rewrite_all_ = true;
}

// Earlier slots first: what they write may be what later ones read.
Manager::Evaluated Manager::EvaluateSlots(base::Timestamp now, AlertChanges& changes) {
  Evaluated due;
  for (const auto& group : groups_) {
    group->next_slot = NextSlot(*group, now);
    if (group->next_slot <= now) due.push_back(group.get());
  }
  std::stable_sort(due.begin(), due.end(), [](const RunningGroup* a, const RunningGroup* b) {
    return a->next_slot < b->next_slot;
  });
  for (RunningGroup* group : due) {
    const base::Timestamp slot = SlotAfter(*group, now) - group->interval;
    const std::int64_t missed = (slot - group->next_slot) / group->interval;
    group->counters.iterations += missed + 1;
    group->counters.iterations_missed += missed;
    group->next_slot = slot + group->interval;
    Evaluate(*group, slot, changes);
  }
  return due;
}

void Manager::Evaluate(RunningGroup& group, base::Timestamp wanted, AlertChanges& changes) {
  const bool same_moment = wanted <= group.last_time && group.last_time - wanted < kSameMoment;
  const base::Timestamp time = same_moment ? group.last_time + base::Duration(1) : wanted;
  const EvaluationWorld world{*dependencies_.store, *dependencies_.engine, *dependencies_.clock,
                              settings_.external_labels, settings_.external_url};
  GroupReport report = EvaluateGroupAt(group, time, world);
  template_failures_ += report.template_failures;
  for (const std::size_t i : report.health_changed) LogHealth(group, group.rules[i]);
  for (RuleReport& part : report.rules) {
    const RunningRule& rule = group.rules[part.rule];
    for (const model::Labels& labels : part.changed) {
      const StoredAlertKey key{group.definition->Key(), rule.key, labels};
      const auto found = rule.alerts.find(labels);
      std::optional<AlertInstance>& change = changes[key];
      change.reset();
      if (found != rule.alerts.end()) change = found->second;
    }
    AddOrphans(std::move(part.displaced), &changes);
  }
}

// State first, then the events, then that they were taken: after a crash in between, an event is
// offered again with the same fired_at rather than lost.
void Manager::FinishCycle(const Evaluated& evaluated, const AlertChanges& changes) {
  Persist(changes);
  Deliver(evaluated);
  Publish(evaluated);
}

void Manager::Deliver(const Evaluated& evaluated) {
  std::vector<model::AlertEvent> events;
  for (const AlertInstance& orphan : orphans_) {
    events.push_back({model::AlertChange::kResolved, orphan.alert, orphan.reason});
  }
  for (const RunningGroup* group : evaluated) {
    for (const RunningRule& rule : group->rules) {
      auto due = DueEvents(rule.alerts, group->last_time, ResendDelay(rule, settings_));
      std::move(due.begin(), due.end(), std::back_inserter(events));
    }
  }
  if (events.empty()) return;
  const base::Status status = dependencies_.sink(events);
  if (!status && events_accepted_) {
    base::LogError("alert events were not accepted", {{"error", status.error().ToString()}});
  }
  events_accepted_ = status.has_value();
  if (!status) {
    orphans_due_ = dependencies_.clock->Now() + kRetryDelay;
    return;
  }
  AlertChanges changes;
  for (const AlertInstance& orphan : orphans_) changes[OrphanKey(orphan)].reset();
  orphans_.clear();
  for (RunningGroup* group : evaluated) {
    for (RunningRule& rule : group->rules) {
      for (const model::Labels& labels :
           MarkSent(rule.alerts, group->last_time, ResendDelay(rule, settings_))) {
        changes[{group->definition->Key(), rule.key, labels}] = rule.alerts.at(labels);
      }
    }
  }
  Persist(changes);
}

AlertChanges Manager::WholeState() const {
  AlertChanges alerts;
  for (const auto& group : groups_) {
    for (const RunningRule& rule : group->rules) {
      for (const auto& [labels, instance] : rule.alerts) {
        alerts[{group->definition->Key(), rule.key, labels}] = instance;
      }
    }
  }
  for (const AlertInstance& orphan : orphans_) alerts[OrphanKey(orphan)] = orphan;
  return alerts;
}

void Manager::Persist(const AlertChanges& changes) {
  if (dependencies_.database == nullptr) return;
  if (!rewrite_all_ && changes.empty()) return;
  const base::Status status = rewrite_all_ ? ReplaceAlerts(*dependencies_.database, WholeState())
                                           : WriteAlerts(*dependencies_.database, changes);
  if (!status && state_writable_) {
    base::LogError("alert state cannot be written; alerting goes on without it",
                   {{"error", status.error().ToString()}});
  } else if (status && !state_writable_) {
    base::LogInfo("alert state can be written again");
  }
  state_writable_ = status.has_value();
  rewrite_all_ = !status;
}

void Manager::Publish(const Evaluated& evaluated) {
  for (RunningGroup* group : evaluated) group->snapshot = SnapshotOf(*group);
  auto snapshot = std::make_shared<RulesSnapshot>();
  for (const auto& group : groups_) {
    snapshot->groups.push_back(group->snapshot);
    for (const RuleSnapshot& rule : group->snapshot->rules) {
      for (const model::Alert& alert : rule.alerts) {
        ++(alert.state == model::AlertState::kFiring ? snapshot->firing : snapshot->pending);
      }
    }
  }
  snapshot->template_failures = template_failures_;
  snapshot->state_writable = state_writable_;
  snapshot->events_accepted = events_accepted_;
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_ = std::move(snapshot);
}

std::shared_ptr<const RulesSnapshot> Manager::Snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

}  // namespace drwatch::rules
