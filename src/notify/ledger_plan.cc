// What a flush queues: Alertmanager's table of when a group needs a notification, and one incident
// per alert for PagerDuty.
#include <algorithm>
#include <iterator>

#include "base/digest.h"
#include "base/strings.h"
#include "notify/ledger.h"
#include "notify/records_view.h"

namespace drwatch::notify {
namespace {

std::string AlertIncident(AlertId id) { return "alert:" + std::to_string(id); }

bool Contains(const IdSet& set, AlertId id) { return set.find(id) != set.end(); }

// Told as firing, for certain or perhaps.
bool WasTold(const Delivery& delivery, AlertId id) {
  return Contains(delivery.confirmed, id) || Contains(delivery.maybe, id);
}

bool NothingTold(const Delivery& delivery) {
  return delivery.confirmed.empty() && delivery.maybe.empty();
}

}  // namespace

Delivery* Ledger::FindDelivery(const DeliveryKey& key) {
  const auto found = records_.deliveries.find(key);
  return found == records_.deliveries.end() ? nullptr : &found->second;
}

Delivery& Ledger::EnsureDelivery(const Target& target, const Group& group, AlertId alert) {
  const DeliveryKey key(target.id, alert != 0 ? AlertIncident(alert) : "group:" + group.id);
  const auto [position, created] = records_.deliveries.try_emplace(key);
  Delivery& delivery = position->second;
  if (created) {
    delivery.key = key;
    delivery.alert = alert;
    delivery.group_id = group.id;
    delivery.group_key = group.key;
    delivery.group_labels = group.labels;
    delivery.note = group.note;
    delivery.dedup_key = DedupKey(
        *config_, alert != 0 ? records_.alerts.at(alert).alert.labels.ToString() : group.id);
  }
  changes_.deliveries.insert(key);
  return delivery;
}

void Ledger::Erase(DeliveryKey key) {
  const auto found = records_.deliveries.find(key);
  if (found == records_.deliveries.end()) return;
  outbox_.Remove(found->second);
  records_.deliveries.erase(found);
  unmanaged_groups_.erase(key);
  changes_.deliveries.insert(key);
}

void Ledger::Queue(Delivery& delivery, Occasion occasion, base::Timestamp changed_at,
                   base::Timestamp now) {
  if (!delivery.pending) {
    delivery.queued_at = now;
    delivery.changed_at = changed_at;
    delivery.attempts = 0;
    delivery.next_attempt = now;
    delivery.last_error.clear();
  } else if (*delivery.pending == Occasion::kTrigger && occasion != Occasion::kResolve) {
    occasion = Occasion::kTrigger;  // still the first message
  }
  delivery.pending = occasion;
  delivery.form = Form::kFull;
  delivery.fell_back = false;
  delivery.version = std::max(delivery.version + 1, base::ToUnixMillis(now));
  delivery.urgency = WorstSeverity(records_, delivery);
  outbox_.Place(delivery);
  changes_.deliveries.insert(delivery.key);
  changes_.binding = true;
}

void Ledger::Flush(const std::string& group_id, base::Timestamp now) {
  const auto found = records_.groups.find(group_id);
  if (found == records_.groups.end()) return;
  Group& group = found->second;
  bool queued = false;
  for (const std::string& id : group.targets) {
    const Target& target = records_.targets.at(id);
    if (IsPerAlert(*target.integration)) {
      queued |= PlanPages(group, target, now);
      queued |= PlanPageEnds(group, target, now);
    } else {
      queued |= PlanGroup(group, target, now);
    }
  }
  const bool changed = group.due.has_value();
  group.resolved.clear();
  group.due.reset();
  group.page_due.reset();
  if (queued) group.last_flush = now;
  if (queued || changed) changes_.groups.insert(group.id);
  if (group.firing.empty()) {
    escalator_.Changed(group);
    timers_.Remove(group);
    records_.groups.erase(found);
    return;
  }
  // The deliveries know when they are due again; looking once per repeat_interval after the last
  // flush is as late as one of them can be.
  group.next_repeat.reset();
  for (const std::string& id : group.targets) {
    const auto consider = [&](const DeliveryKey& key) {
      const Delivery* delivery = FindDelivery(key);
      if (delivery == nullptr || (!delivery->pending && !muting_.MayRepeat(group, *delivery)))
        return;
      const base::Timestamp told = delivery->pending ? now : delivery->last_notified;
      const base::Timestamp at = std::max(told + group.repeat, now + std::chrono::seconds(1));
      group.next_repeat = std::min(group.next_repeat.value_or(at), at);
    };
    consider({id, "group:" + group.id});
    if (IsPerAlert(*records_.targets.at(id).integration)) {
      for (const AlertId alert : group.firing) consider({id, AlertIncident(alert)});
    }
  }
  timers_.Set(group);
}

void Ledger::FlushPages(Group& group, base::Timestamp now) {
  group.page_due.reset();
  timers_.Set(group);
  bool queued = false;
  for (const std::string& id : group.targets) {
    const Target& target = records_.targets.at(id);
    if (IsPerAlert(*target.integration)) queued |= PlanPages(group, target, now);
  }
  if (!queued) return;
  group.last_flush = now;
  changes_.groups.insert(group.id);
}

bool Ledger::PlanGroup(Group& group, const Target& target, base::Timestamp now) {
  Delivery* known = FindDelivery({target.id, "group:" + group.id});
  IdSet fresh;
  bool all_over = true;  // nothing fires that it was told of or is to be told of
  for (const AlertId id : group.firing) {
    const bool told = known != nullptr && WasTold(*known, id);
    const bool refused = known != nullptr && Contains(known->refused, id);
    if (!told && !refused && muting_.IsAudible(group, id)) fresh.insert(id);
    if (told || refused || muting_.IsAudible(group, id)) all_over = false;
  }
  if (known == nullptr && fresh.empty()) return false;
  Delivery& delivery = known != nullptr ? *known : EnsureDelivery(target, group, 0);
  if (all_over) return QueueResolveOf(delivery, now);
  const bool first = NothingTold(delivery);
  if (!fresh.empty()) {
    delivery.maybe.insert(fresh.begin(), fresh.end());
    Queue(delivery, first ? Occasion::kTrigger : Occasion::kUpdate, group.changed_at, now);
    return true;
  }
  const bool recovered = std::any_of(group.resolved.begin(), group.resolved.end(),
                                     [&](AlertId id) { return Contains(delivery.confirmed, id); });
  if (recovered && SendsResolved(*target.integration)) {
    Queue(delivery, Occasion::kUpdate, group.changed_at, now);
    return true;
  }
  if (!delivery.pending && delivery.last_notified + group.repeat <= now &&
      muting_.MayRepeat(group, delivery)) {
    delivery.refused.clear();
    Queue(delivery, first ? Occasion::kTrigger : Occasion::kRepeat, now, now);
    return true;
  }
  return false;
}

bool Ledger::PlanPages(Group& group, const Target& target, base::Timestamp now) {
  bool queued = false;
  for (const AlertId id : group.firing) {
    if (!muting_.IsAudible(group, id)) continue;
    Delivery* known = FindDelivery({target.id, AlertIncident(id)});
    if (known == nullptr) {
      // Whoever is told by a step of an escalation waits since the step was taken.
      const base::Timestamp changed_at = records_.alerts.at(id).changed_at;
      Queue(EnsureDelivery(target, group, id), Occasion::kTrigger,
            group.step ? std::max(changed_at, group.created_at) : changed_at, now);
      queued = true;
    } else if (!known->pending && known->last_notified + group.repeat <= now) {
      Queue(*known, NothingTold(*known) ? Occasion::kTrigger : Occasion::kRepeat, now, now);
      queued = true;
    }
  }
  return queued;
}

bool Ledger::PlanPageEnds(Group& group, const Target& target, base::Timestamp now) {
  bool queued = false;
  for (const AlertId id : group.resolved) {
    Delivery* known = FindDelivery({target.id, AlertIncident(id)});
    if (known != nullptr) queued |= QueueResolveOf(*known, now);
  }
  return queued;
}

// Everything the incident told of is over. Queues what ends it; erases an incident nobody heard of.
bool Ledger::QueueResolveOf(Delivery& delivery, base::Timestamp now) {
  const bool per_alert = delivery.alert != 0;
  if (NothingTold(delivery) && !delivery.in_flight) {
    Erase(delivery.key);
    return false;
  }
  // A page that may not have arrived goes first, so that nobody is told of an end without a start;
  // the resolve follows when it is settled. (A group's message tells both at once.)
  if (per_alert && delivery.confirmed.empty()) return false;
  if (delivery.pending == Occasion::kResolve) return false;
  if (!SendsResolved(*records_.targets.at(delivery.key.first).integration)) {
    Erase(delivery.key);
    return false;
  }
  base::Timestamp changed_at = now;
  if (per_alert) changed_at = records_.alerts.at(delivery.alert).changed_at;
  if (const auto group = records_.groups.find(delivery.group_id);
      !per_alert && group != records_.groups.end() && group->second.due) {
    changed_at = group->second.changed_at;
  }
  Queue(delivery, Occasion::kResolve, changed_at, now);
  return true;
}

// Incidents that no group looks after (a fallback's, those of a route or receiver that is gone) end
// as soon as all they told of is over.
void Ledger::ResolveUnmanaged(const AlertRecord& record, base::Timestamp now) {
  for (const auto& [id, target] : records_.targets) {
    Delivery* delivery = FindDelivery({id, AlertIncident(record.id)});
    if (delivery != nullptr && !IsManaged(records_, *delivery)) QueueResolveOf(*delivery, now);
  }
  const std::set<DeliveryKey> unmanaged = unmanaged_groups_;
  for (const DeliveryKey& key : unmanaged) {
    Delivery& delivery = records_.deliveries.at(key);
    if (WasTold(delivery, record.id) || Contains(delivery.refused, record.id)) {
      if (IsOver(records_, delivery)) QueueResolveOf(delivery, now);
    }
  }
}

}  // namespace drwatch::notify
