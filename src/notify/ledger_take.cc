// Which notification is next, and what it says.
#include <algorithm>
#include <tuple>

#include "base/digest.h"
#include "base/strings.h"
#include "notify/ledger.h"
#include "notify/limits.h"
#include "notify/records_view.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

void Insert(IdSet& into, const IdSet& from) { into.insert(from.begin(), from.end()); }

void AnnotateAcknowledged(const AlertRecord& record, model::Alert& alert) {
  if (!record.acknowledged) return;
  alert.annotations = alert.annotations.With(kAcknowledgedBy, record.acknowledged->ToString());
}

void FillNotification(const Records& records, const config::Config& config,
                      const Delivery& delivery, const Target& target, Job& job) {
  Notification& notification = job.notification;
  notification.occasion = job.occasion;
  notification.form = delivery.form;
  notification.event_id =
      base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256,
                                    delivery.key.first + "\n" + delivery.dedup_key + "\n" +
                                        std::to_string(delivery.version)))
          .substr(0, 32);
  notification.dedup_key = delivery.dedup_key;
  notification.receiver = target.receiver;
  notification.group_key = delivery.group_key;
  notification.group_labels = delivery.group_labels;
  notification.external_url = config.global.external_url;
  if (notification.note.empty()) notification.note = delivery.note;
  notification.severity = PageSeverity::kInfo;
  for (const AlertId id : job.firing) {
    notification.severity = std::max(notification.severity, records.alerts.at(id).severity);
  }
  for (model::Alert& alert : notification.alerts) alert.labels = PublicLabels(config, alert.labels);
}

// A way to acknowledge, where an escalation would go on and nobody has yet.
void OfferLink(const Records& records, const Delivery& delivery, Job& job, base::Timestamp now) {
  const auto group = records.groups.find(delivery.group_id);
  if (group == records.groups.end() || group->second.policy.empty()) return;
  const bool open = std::any_of(job.firing.begin(), job.firing.end(),
                                [&](AlertId id) { return !records.alerts.at(id).acknowledged; });
  if (!open || job.occasion == Occasion::kAcknowledge) return;
  AckLink link;
  link.kind = delivery.alert != 0 ? AckLink::Kind::kAlert : AckLink::Kind::kGroup;
  link.scope = delivery.alert != 0 ? job.notification.alerts.front().FingerprintHex()
                                   : GroupScope(group->second.key);
  // After the clock was set back, what it is about may seem to begin later.
  link.issued = now;
  for (const AlertId id : job.firing) {
    link.issued = std::max(link.issued, records.alerts.at(id).alert.fired_at);
  }
  link.expires = std::chrono::ceil<std::chrono::seconds>(now + kLinkLifetime);
  link.nonce = job.notification.event_id.substr(0, 16);
  job.link = std::move(link);
}

}  // namespace

std::optional<Job> Ledger::Take(const std::string& target_id, base::Timestamp now) {
  const auto found = records_.targets.find(target_id);
  if (found == records_.targets.end()) return std::nullopt;
  Target& target = found->second;
  if (target.blocked_until > now) return std::nullopt;
  while (true) {
    Delivery* best = outbox_.First(target_id, now);
    if (best == nullptr) return std::nullopt;
    Job job;
    const DeliveryKey key = best->key;
    if (!Prepare(*best, job)) {
      continue;  // nothing was left to say: it is off the queue, if it is there at all
    }
    Delivery& delivery = *best;
    delivery.in_flight = true;
    ++delivery.attempts;
    delivery.last_attempt = now;
    outbox_.Place(delivery);
    job.key = key;
    job.version = delivery.version;
    job.attempt = delivery.attempts;
    job.integration = target.integration;
    FillNotification(records_, *config_, delivery, target, job);
    OfferLink(records_, delivery, job, now);
    return job;
  }
}

// Decides what the incident's notification says now. False if there is nothing to say any more.
bool Ledger::Prepare(Delivery& delivery, Job& job) {
  return delivery.alert != 0 ? PrepareAlert(delivery, job) : PrepareGroup(delivery, job);
}

bool Ledger::PrepareAlert(Delivery& delivery, Job& job) {
  const auto record = records_.alerts.find(delivery.alert);
  const bool heard = !delivery.confirmed.empty() || !delivery.maybe.empty();
  const bool resolved = IsResolved(records_, delivery.alert);
  if (record == records_.alerts.end() || (resolved && !heard)) {
    Erase(delivery.key);
    return false;
  }
  const bool stale_acknowledgement =
      delivery.pending == Occasion::kAcknowledge && (resolved || !record->second.acknowledged);
  if ((resolved && delivery.pending == Occasion::kRepeat) || stale_acknowledgement) {
    Withdraw(delivery);  // the resolve is on its way, or the acknowledgement is over
    return false;
  }
  if (!resolved && delivery.pending == Occasion::kResolve) {
    if (delivery.attempts == 0) {
      Withdraw(delivery);  // it fires again and the incident was never closed
      return false;
    }
    Queue(delivery, Occasion::kTrigger, record->second.changed_at, delivery.queued_at);
    delivery.pending = Occasion::kTrigger;
  }
  job.occasion = *delivery.pending;
  model::Alert alert = record->second.alert;
  if (job.occasion != Occasion::kResolve) {
    if (resolved) {
      job.notification.note = "Resolved at " + base::FormatRfc3339(alert.resolved_at) +
                              ", before this could be delivered.";
      alert.resolved_at = {};
    }
    job.firing = {delivery.alert};
    delivery.maybe = {delivery.alert};
  }
  AnnotateAcknowledged(record->second, alert);
  job.notification.alerts.push_back(std::move(alert));
  return true;
}

bool Ledger::PrepareGroup(Delivery& delivery, Job& job) {
  IdSet told = delivery.confirmed;
  Insert(told, delivery.maybe);
  const bool managed = IsManaged(records_, delivery);
  IdSet firing;
  if (managed) {
    const Group& group = records_.groups.at(delivery.group_id);
    for (const AlertId id : group.firing) {
      if (told.contains(id) || muting_.IsAudible(group, id)) firing.insert(id);
    }
  }
  std::vector<const AlertRecord*> shown;
  for (const AlertId id : told) {
    if (!managed && !IsResolved(records_, id)) firing.insert(id);
  }
  for (const AlertId id : firing) shown.push_back(&records_.alerts.at(id));
  std::sort(shown.begin(), shown.end(), [](const AlertRecord* a, const AlertRecord* b) {
    return std::tuple(b->severity, a->alert.fired_at, a->id) <
           std::tuple(a->severity, b->alert.fired_at, b->id);
  });
  if (SendsResolved(*records_.targets.at(delivery.key.first).integration)) {
    for (const AlertId id : told) {
      const auto record = records_.alerts.find(id);
      const bool over = record != records_.alerts.end() && record->second.alert.resolved();
      if (over) shown.push_back(&record->second);
    }
  }
  if (shown.empty()) {
    Erase(delivery.key);
    return false;
  }
  for (const AlertRecord* record : shown) {
    model::Alert alert = record->alert;
    if (alert.resolved() && !record->reason.empty()) {
      alert.annotations = alert.annotations.With(kResolveReason, record->reason);
    }
    AnnotateAcknowledged(*record, alert);
    job.notification.alerts.push_back(std::move(alert));
  }
  job.occasion = firing.empty()                           ? Occasion::kResolve
                 : delivery.pending == Occasion::kResolve ? Occasion::kUpdate
                                                          : *delivery.pending;
  const std::size_t before = delivery.maybe.size();
  Insert(delivery.maybe, firing);
  if (delivery.maybe.size() > before) {
    changes_.deliveries.insert(delivery.key);
    changes_.binding = true;
  }
  job.firing = std::move(firing);
  return true;
}

// Takes what is pending of it out of the queue: nothing is due.
void Ledger::Withdraw(Delivery& delivery) {
  delivery.pending.reset();
  outbox_.Remove(delivery);
  changes_.deliveries.insert(delivery.key);
}

std::optional<base::Timestamp> Ledger::NextAttempt(const std::string& target_id) const {
  const auto target = records_.targets.find(target_id);
  const std::optional<base::Timestamp> next = outbox_.NextAttempt(target_id);
  if (!next || target == records_.targets.end()) return std::nullopt;
  return std::max(*next, target->second.blocked_until);
}

}  // namespace drwatch::notify
