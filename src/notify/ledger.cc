#include "notify/ledger.h"
#include "notify/limits.h"
#include "notify/records_view.h"

#include <algorithm>
#include <functional>

#include "notify/route.h"

namespace drwatch::notify {

base::Duration Backoff(int failures, const std::string& seed) {
  base::Duration pause = kFirstBackoff;
  for (int i = 1; i < failures && pause < kMaxBackoff; ++i) pause *= 2;
  pause = std::min(pause, kMaxBackoff);
  const std::size_t mixed = std::hash<std::string>()(seed + "#" + std::to_string(failures));
  const double share = static_cast<double>(mixed % 1000) / 1000.0;
  return std::chrono::duration_cast<base::Duration>(pause * (1.0 - 0.2 * share));
}

namespace {

base::Status Refusal(Counters& counters, std::size_t refused) {
  if (refused == 0) return {};
  counters.refused_alerts += static_cast<std::int64_t>(refused);
  return base::Fail(std::to_string(refused) + " alerts are not delivered: there are more than " +
                        std::to_string(kMaxAlerts),
                    "aggregate in the rule's expression or set a limit on its group");
}

void NoteAlert(Changes& changes, const config::Config& config, Happening::Kind kind,
               const AlertRecord& record, base::Timestamp now) {
  Happening happening{now, kind, "", "", record.reason};
  happening.alert = record.alert;
  happening.alert->labels = PublicLabels(config, record.alert.labels);
  changes.happenings.push_back(std::move(happening));
}

void NoteSilence(Changes& changes, Happening::Kind kind, const Silence& silence,
                 base::Timestamp now) {
  Happening happening{now, kind, "", "", ""};
  happening.silence = silence;
  changes.happenings.push_back(std::move(happening));
}

}  // namespace

Ledger::Ledger(Records records, std::shared_ptr<const config::Config> config, base::Timestamp now)
    : config_(std::move(config)), records_(std::move(records)) {
  for (auto& [id, record] : records_.alerts) ids_[record.alert.labels] = id;
  // A page without its alert has nothing to say (rows lost from a damaged file).
  std::erase_if(records_.deliveries, [&](const auto& entry) {
    const AlertId alert = entry.second.alert;
    if (alert == 0 || records_.alerts.contains(alert)) return false;
    changes_.deliveries.insert(entry.first);
    return true;
  });
  for (auto& [key, delivery] : records_.deliveries) {
    if (!delivery.pending) continue;
    // A restart is a good reason to try at once.
    delivery.next_attempt = now;
    delivery.urgency = WorstSeverity(records_, delivery);
    outbox_.Place(delivery);
  }
  next_forget_ = now;
  Reload(config_, now);
}

AlertRecord* Ledger::Find(const model::Labels& labels) {
  const auto id = ids_.find(labels);
  return id == ids_.end() ? nullptr : &records_.alerts.at(id->second);
}

base::Status Ledger::Apply(const std::vector<model::AlertEvent>& events, base::Timestamp now) {
  std::size_t refused = 0;
  for (const model::AlertEvent& event : events) {
    if (!Admit(event, now)) ++refused;
  }
  Tick(now);
  return Refusal(counters_, refused);
}

base::Status Ledger::Post(const std::vector<PostedAlert>& alerts, base::Timestamp now) {
  std::size_t refused = 0;
  for (const PostedAlert& alert : alerts) {
    const std::optional<PostedEvent> posted =
        EventOf(alert, Find(alert.labels), config_->global.resolve_timeout, now);
    if (!posted) continue;
    if (!Admit(posted->event, now)) ++refused;
    AlertRecord* record = Find(alert.labels);
    if (record == nullptr) continue;
    record->expires_at = posted->expires_at;
    next_expiry_ = std::min(next_expiry_, posted->expires_at);
    changes_.alerts.insert(record->id);
  }
  Tick(now);
  return Refusal(counters_, refused);
}

// False if there is no room for it.
bool Ledger::Admit(const model::AlertEvent& event, base::Timestamp now) {
  const bool full = records_.alerts.size() >= kMaxAlerts && Find(event.alert.labels) == nullptr;
  if (!full) ApplyEvent(event, now);
  return !full;
}

void Ledger::ResolveExpired(base::Timestamp now) {
  next_expiry_ = base::Timestamp::max();
  for (auto& [id, record] : records_.alerts) {
    if (record.alert.resolved() || record.expires_at == base::Timestamp{}) continue;
    if (record.expires_at > now) {
      next_expiry_ = std::min(next_expiry_, record.expires_at);
      continue;
    }
    record.alert.state = model::AlertState::kInactive;
    record.alert.resolved_at = record.expires_at;
    changes_.alerts.insert(id);
    Resolve(record, now);
  }
}

void Ledger::ApplyEvent(const model::AlertEvent& event, base::Timestamp now) {
  AlertRecord* record = Find(event.alert.labels);
  if (record == nullptr) {
    // A resolve of an alert nobody was told of says nothing to anybody.
    if (event.change == model::AlertChange::kResolved) return;
    const AlertId id = ++records_.last_id;
    record = &records_.alerts[id];
    record->id = id;
    ids_[event.alert.labels] = id;
    record->alert = event.alert;
    record->severity = MapSeverity(event.alert.labels.Get("severity"), config_->severity_map);
    Fire(*record, now);
    return;
  }
  // Rules offer an event again when they crashed before they noted it, so old ones are no news.
  const bool older = event.alert.fired_at < record->alert.fired_at;
  const bool same = event.alert.fired_at == record->alert.fired_at;
  if (older || (same && record->alert.resolved())) return;
  const bool was_resolved = record->alert.resolved();
  if (was_resolved && event.change == model::AlertChange::kResolved) return;  // it is over
  record->expires_at = {};                                                    // Post says so again
  if (same && event.change != model::AlertChange::kResolved &&
      event.alert.annotations == record->alert.annotations &&
      event.alert.value == record->alert.value &&
      event.alert.generator_url == record->alert.generator_url) {
    return;  // rules send every firing alert again now and then
  }
  record->alert = event.alert;
  if (event.change == model::AlertChange::kResolved) {
    if (!record->alert.resolved()) record->alert.resolved_at = now;
    record->reason = event.reason;
    if (!was_resolved) Resolve(*record, now);
  } else if (was_resolved) {
    Fire(*record, now);
  }
  changes_.alerts.insert(record->id);
}

void Ledger::Fire(AlertRecord& record, base::Timestamp now) {
  if (record.changed_at + kKeepAcknowledgement <= now) record.acknowledged.reset();
  record.alert.resolved_at = {};
  record.reason.clear();
  record.changed_at = now;
  changes_.alerts.insert(record.id);
  muting_.Fired(record);
  Attach(record, now);
  NoteAlert(changes_, *config_, Happening::Kind::kAlertFiring, record, now);
}

void Ledger::Resolve(AlertRecord& record, base::Timestamp now) {
  record.changed_at = now;
  NoteAlert(changes_, *config_, Happening::Kind::kAlertResolved, record, now);
  muting_.Resolved(record);
  for (const std::string& id : record.groups) {
    const auto group = records_.groups.find(id);
    if (group == records_.groups.end()) continue;
    group->second.firing.erase(record.id);
    group->second.resolved.insert(record.id);
    MarkChanged(group->second, record, now);
    escalator_.Changed(group->second);
  }
  ResolveUnmanaged(record, now);
}

void Ledger::Attach(AlertRecord& record, base::Timestamp now) {
  record.groups.clear();
  const model::Labels labels = PublicLabels(*config_, record.alert.labels);
  for (const RouteMatch& match : MatchRoutes(*config_, labels)) {
    Group& group = EnsureGroup(*match.route, match.key, record, now);
    Join(group, record, now);
    if (group.policy.empty()) continue;
    JoinSteps(group, record, now);
    escalator_.Changed(group);
  }
}

Group& Ledger::EnsureGroup(const config::Route& route, const std::string& route_key,
                           const AlertRecord& record, base::Timestamp now) {
  const model::Labels labels = GroupLabels(route, PublicLabels(*config_, record.alert.labels));
  const std::string key = GroupKey({&route, route_key}, labels);
  const std::string id = key + "\n" + route.receiver;
  const auto [position, created] = records_.groups.try_emplace(id);
  Group& group = position->second;
  if (!created) return group;
  group.id = id;
  group.key = key;
  group.labels = labels;
  group.receiver = route.receiver;
  group.wait = route.group_wait;
  group.interval = route.group_interval;
  group.repeat = route.repeat_interval;
  group.mute = route.mute_time_intervals;
  group.active = route.active_time_intervals;
  group.policy = route.escalation;
  muting_.Grouped(group, now);
  group.created_at = now;
  group.targets = TargetsOf(records_, route.receiver);
  changes_.groups.insert(id);
  return group;
}

void Ledger::MarkChanged(Group& group, const AlertRecord& record, base::Timestamp now, Wait wait) {
  // An alert that is older than the wait has waited already (a restart, a new route).
  const bool old = wait == Wait::kForOldAlertsNone && record.alert.fired_at + group.wait < now;
  const base::Timestamp at = old ? now : now + group.wait;
  if (!record.alert.resolved()) group.page_due = std::min(group.page_due.value_or(at), at);
  if (!group.due) {
    group.changed_at = record.changed_at;
    group.due = group.last_flush != base::Timestamp{}
                    ? std::max(group.last_flush + group.interval, now + group.wait)
                    : at;
  }
  timers_.Set(group);
}

void Ledger::Tick(base::Timestamp now) {
  if (now >= next_expiry_) ResolveExpired(now);
  TellUnmuted(now);
  Escalate(now);
  const std::vector<std::string> due = timers_.Due(now);
  for (const std::string& id : due) {
    const Group& group = records_.groups.at(id);
    const bool repeats = group.next_repeat && *group.next_repeat <= now;
    if (repeats || (group.due && *group.due <= now)) Flush(id, now);
  }
  for (const std::string& id : due) {
    const auto group = records_.groups.find(id);
    if (group == records_.groups.end() || !group->second.page_due) continue;
    if (*group->second.page_due <= now) FlushPages(group->second, now);
  }
  FallBackOfFailing(now);
  if (now >= next_forget_) ForgetResolved(now);
}

// What was held back and still fires is as good as new.
void Ledger::TellUnmuted(base::Timestamp now) {
  const Muting::Unmuted unmuted = muting_.Update(now);
  if (unmuted.any_change) escalator_.AnythingChanged();
  const auto tell = [&](AlertId id, Wait wait) {
    AlertRecord& record = records_.alerts.at(id);
    record.changed_at = now;
    for (const std::string& group_id : record.groups) {
      const auto group = records_.groups.find(group_id);
      if (group != records_.groups.end()) MarkChanged(group->second, record, now, wait);
    }
  };
  for (const AlertId id : unmuted.alerts) tell(id, Wait::kForOldAlertsNone);
  // What a cause held back mostly ends a little later than the cause: it waits like a new alert.
  for (const AlertId id : unmuted.followers) tell(id, Wait::kAlways);
  for (const std::string& id : unmuted.groups) {
    Group& group = records_.groups.at(id);
    for (const AlertId alert : group.firing) {
      MarkChanged(group, records_.alerts.at(alert), now);
    }
    group.changed_at = now;
  }
}

base::Result<std::string> Ledger::SetSilence(Silence silence, const std::string& new_id,
                                             base::Timestamp now) {
  base::Result<std::string> id = muting_.SetSilence(std::move(silence), new_id, now);
  if (!id) return id;
  NoteSilence(changes_, Happening::Kind::kSilenceSet, records_.silences.at(*id), now);
  Tick(now);
  return id;
}

base::Status Ledger::ExpireSilence(const std::string& id, base::Timestamp now) {
  const auto found = records_.silences.find(id);
  const bool over =
      found != records_.silences.end() && found->second.StateAt(now) == SilenceState::kExpired;
  const base::Status ended = muting_.ExpireSilence(id, now);
  if (!ended || over) return ended;
  NoteSilence(changes_, Happening::Kind::kSilenceExpired, found->second, now);
  Tick(now);
  return ended;
}

base::Timestamp Ledger::NextTick(base::Timestamp now) const {
  base::Timestamp next = std::min(now + std::chrono::hours(1), next_forget_);
  next = std::min({next, timers_.Next(), next_expiry_, next_ack_expiry_, muting_.NextChange(),
                   escalator_.NextChange()});
  for (const auto& [id, target] : records_.targets) {
    if (target.failures == 0) continue;
    const std::optional<base::Timestamp> oldest = outbox_.OldestUntold(id);
    if (oldest) next = std::min(next, *oldest + kFallBackAfter);
  }
  return next;
}

void Ledger::ForgetResolved(base::Timestamp now) {
  next_forget_ = now + std::chrono::minutes(1);
  IdSet told;
  for (const auto& [key, delivery] : records_.deliveries) {
    for (const IdSet* set : {&delivery.confirmed, &delivery.maybe, &delivery.refused}) {
      told.insert(set->begin(), set->end());
    }
    if (delivery.alert != 0) told.insert(delivery.alert);
  }
  for (const auto& [id, group] : records_.groups) {
    told.insert(group.resolved.begin(), group.resolved.end());
  }
  for (auto at = records_.alerts.begin(); at != records_.alerts.end();) {
    const AlertRecord& record = at->second;
    if (!record.alert.resolved() || record.changed_at + kRememberResolved > now ||
        told.contains(record.id)) {
      ++at;
      continue;
    }
    ids_.erase(record.alert.labels);
    changes_.alerts.insert(record.id);
    at = records_.alerts.erase(at);
  }
  std::erase_if(records_.used_links, [&](const auto& entry) {
    if (entry.second > now) return false;
    changes_.used_links.insert(entry.first);
    return true;
  });
  std::erase_if(records_.targets, [&](const auto& entry) {
    const auto& [id, target] = entry;
    const auto first = records_.deliveries.lower_bound({id, ""});
    const bool used = first != records_.deliveries.end() && first->first.first == id;
    if (!target.retired || used) return false;
    changes_.targets.insert(id);
    return true;
  });
}

Changes Ledger::TakeChanges() { return std::exchange(changes_, {}); }

void Ledger::Rest() {
  for (const auto& [key, delivery] : records_.deliveries) {
    if (delivery.alert != 0 && delivery.pending) changes_.deliveries.insert(key);
  }
  changes_.at_rest = true;
}

void Ledger::ReturnChanges(Changes changes) {
  changes.alerts.merge(changes_.alerts);
  changes.groups.merge(changes_.groups);
  changes.targets.merge(changes_.targets);
  changes.deliveries.merge(changes_.deliveries);
  changes.silences.merge(changes_.silences);
  changes.escalations.merge(changes_.escalations);
  changes.used_links.merge(changes_.used_links);
  changes.binding |= changes_.binding;
  changes.at_rest |= changes_.at_rest;
  changes.happenings.insert(changes.happenings.end(), changes_.happenings.begin(),
                            changes_.happenings.end());
  changes.attempts.insert(changes.attempts.end(), changes_.attempts.begin(),
                          changes_.attempts.end());
  if (changes.attempts.size() > kKeptAttempts) {
    changes.attempts.erase(changes.attempts.begin(),
                           changes.attempts.end() - static_cast<std::ptrdiff_t>(kKeptAttempts));
  }
  changes_ = std::move(changes);
}

}  // namespace drwatch::notify
