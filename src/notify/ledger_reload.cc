// The same alerts under a new configuration, or after a restart: nobody is told again what they
// know, and nobody is left without the end of what they were told.
#include <algorithm>

#include "base/log.h"
#include "notify/ledger.h"
#include "notify/records_view.h"

namespace drwatch::notify {
namespace {

IdSet Told(const Delivery& delivery) {
  IdSet told = delivery.confirmed;
  told.insert(delivery.maybe.begin(), delivery.maybe.end());
  return told;
}

std::vector<DeliveryKey> Keys(const std::map<DeliveryKey, Delivery>& deliveries) {
  std::vector<DeliveryKey> keys;
  keys.reserve(deliveries.size());
  for (const auto& [key, delivery] : deliveries) keys.push_back(key);
  return keys;
}

void RebuildTargets(Records& records, Changes& changes, const config::Config& config) {
  for (auto& [id, target] : records.targets) target.retired = true;
  for (const config::Receiver& receiver : config.receivers) {
    for (const config::Integration& integration : receiver.integrations) {
      const std::string id = TargetId(receiver.name, integration);
      Target& target = records.targets[id];
      target.id = id;
      target.receiver = receiver.name;
      target.integration = std::make_shared<const config::Integration>(integration);
      target.retired = false;
      changes.targets.insert(id);
    }
  }
}

}  // namespace

void Ledger::Reload(std::shared_ptr<const config::Config> config, base::Timestamp now) {
  config_ = std::move(config);
  RebuildTargets(records_, changes_, *config_);
  MoveFromLostTargets(now);
  muting_.Configure(config_, now);
  escalator_.Configure(config_, now);
  RebuildGroups(now);
  AdoptOrphans(now);
  Reconcile(now);
}

void Ledger::RebuildGroups(base::Timestamp now) {
  timers_.Clear(records_.groups);
  const std::map<std::string, Group> old = std::exchange(records_.groups, {});
  for (auto& [id, record] : records_.alerts) {
    record.severity = MapSeverity(PublicLabels(*config_, record.alert.labels).Get("severity"),
                                  config_->severity_map);
    if (!record.alert.resolved()) Attach(record, now);
  }
  for (const auto& [id, before] : old) changes_.groups.insert(id);
  for (auto& [id, group] : records_.groups) {
    const auto found = old.find(id);
    if (found == old.end()) continue;
    const Group& before = found->second;
    group.created_at = before.created_at;
    group.last_flush = before.last_flush;
    group.next_repeat = before.next_repeat;
    group.resolved = before.resolved;
    group.due = before.due;
    group.page_due = before.page_due;
    group.changed_at = before.changed_at;
    if (group.firing != before.firing || group.targets != before.targets || !before.next_repeat) {
      MarkChanged(group, records_.alerts.at(*group.firing.begin()), now);
    }
    timers_.Set(group);
  }
}

// A group incident whose group is gone, or goes elsewhere now, hands its alerts over to the groups
// that tell the same target of them now.
void Ledger::AdoptOrphans(base::Timestamp now) {
  for (const DeliveryKey& key : Keys(records_.deliveries)) {
    const Delivery& delivery = records_.deliveries.at(key);
    if (delivery.alert == 0 && !delivery.fallback && !IsManaged(records_, delivery))
      Adopt(key, now);
  }
}

void Ledger::Adopt(const DeliveryKey& orphan_key, base::Timestamp now) {
  const Target& target = records_.targets.at(orphan_key.first);
  const IdSet told = Told(records_.deliveries.at(orphan_key));
  for (const AlertId id : told) {
    const auto record = records_.alerts.find(id);
    if (record == records_.alerts.end() || record->second.alert.resolved()) continue;
    for (const std::string& group_id : record->second.groups) {
      const Group& group = records_.groups.at(group_id);
      if (std::find(group.targets.begin(), group.targets.end(), target.id) == group.targets.end()) {
        continue;
      }
      Delivery& heir = EnsureDelivery(target, group, 0);
      Delivery& orphan = records_.deliveries.at(orphan_key);
      heir.last_notified = std::max(heir.last_notified, orphan.last_notified);
      if (orphan.confirmed.erase(id) > 0) heir.confirmed.insert(id);
      if (orphan.maybe.erase(id) > 0) {
        heir.maybe.insert(id);
        if (orphan.pending) Queue(heir, *orphan.pending, orphan.changed_at, now);
      }
      changes_.deliveries.insert(orphan_key);
      break;
    }
  }
  if (Told(records_.deliveries.at(orphan_key)).empty()) Erase(orphan_key);
}

// A reload handed the incident over while its message was under way: the heirs need not repeat it.
void Ledger::SettleAdopted(const Job& job, base::Timestamp now) {
  const std::string& target = job.key.first;
  for (auto at = records_.deliveries.lower_bound({target, ""});
       at != records_.deliveries.end() && at->first.first == target; ++at) {
    Delivery& heir = at->second;
    bool told = false;
    for (const AlertId id : job.firing) {
      if (heir.alert != 0 || heir.maybe.erase(id) == 0) continue;
      heir.confirmed.insert(id);
      told = true;
    }
    if (!told) continue;
    heir.last_notified = now;
    changes_.deliveries.insert(heir.key);
    const auto group = records_.groups.find(heir.group_id);
    const bool all_told = group != records_.groups.end() &&
                          std::includes(heir.confirmed.begin(), heir.confirmed.end(),
                                        group->second.firing.begin(), group->second.firing.end());
    const bool is_news = heir.pending == Occasion::kTrigger || heir.pending == Occasion::kUpdate;
    if (all_told && is_news && heir.maybe.empty()) Withdraw(heir);
  }
}

void Ledger::Reconcile(base::Timestamp now) {
  unmanaged_groups_.clear();
  for (const DeliveryKey& key : Keys(records_.deliveries)) {
    Delivery& delivery = records_.deliveries.at(key);
    if (delivery.alert != 0) {
      ReconcileAlert(delivery, now);
    } else {
      ReconcileGroup(delivery, now);
    }
  }
}

void Ledger::ReconcileAlert(Delivery& delivery, base::Timestamp now) {
  if (!IsResolved(records_, delivery.alert)) return;
  if (!IsManaged(records_, delivery)) {
    QueueResolveOf(delivery, now);
    return;
  }
  const AlertRecord& record = records_.alerts.at(delivery.alert);
  for (const std::string& group_id : record.groups) {
    const auto group = records_.groups.find(group_id);
    if (group == records_.groups.end()) continue;
    group->second.resolved.insert(record.id);
    MarkChanged(group->second, record, now);
  }
}

void Ledger::ReconcileGroup(Delivery& delivery, base::Timestamp now) {
  const IdSet told = Told(delivery);
  if (!IsManaged(records_, delivery)) {
    unmanaged_groups_.insert(delivery.key);
    if (IsOver(records_, delivery)) QueueResolveOf(delivery, now);
    return;
  }
  Group& group = records_.groups.at(delivery.group_id);
  for (const AlertId id : told) {
    const auto record = records_.alerts.find(id);
    if (record == records_.alerts.end() || !record->second.alert.resolved()) continue;
    group.resolved.insert(id);
    MarkChanged(group, record->second, now);
  }
}

// After a restart the credentials of a receiver that left the configuration are unknown (a secret
// is never stored). The fallback receiver is owed the end of what that one was told.
void Ledger::MoveFromLostTargets(base::Timestamp now) {
  std::set<std::string> lost;
  for (const DeliveryKey& key : Keys(records_.deliveries)) {
    const auto target = records_.targets.find(key.first);
    if (target != records_.targets.end() && target->second.integration != nullptr) continue;
    lost.insert(key.first);
    const Delivery gone = records_.deliveries.at(key);
    Erase(key);
    const IdSet told = Told(gone);
    if (told.empty()) continue;
    Group origin;
    origin.id = gone.group_id;
    origin.key = gone.group_key;
    origin.labels = gone.group_labels;
    for (Target* heir : FallbackTargets(records_, *config_, key.first)) {
      const bool per_alert = IsPerAlert(*heir->integration);
      for (const AlertId id : told) {
        Delivery& delivery = EnsureDelivery(*heir, origin, per_alert ? id : 0);
        delivery.fallback = true;
        delivery.note = "The receiver \"" + key.first + "\" is not configured any more.";
        delivery.last_notified = now;
        delivery.confirmed.insert(id);
        if (gone.maybe.contains(id) && gone.pending && !delivery.pending) {
          delivery.confirmed.erase(id);
          delivery.maybe.insert(id);
          Queue(delivery, Occasion::kTrigger, gone.changed_at, now);
        }
      }
    }
  }
  for (const std::string& id : lost) {
    base::LogWarn("a receiver with open notifications is not configured any more",
                  {{"receiver", id}, {"told_instead", "the fallback receiver"}});
  }
  std::erase_if(records_.targets, [&](const auto& entry) {
    if (entry.second.integration != nullptr) return false;
    changes_.targets.insert(entry.first);
    return true;
  });
}

}  // namespace drwatch::notify
