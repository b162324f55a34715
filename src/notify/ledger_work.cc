// Sending: which notification is next, what its outcome means, and who is told when a receiver
// does not take it.
#include <algorithm>
#include <tuple>

#include "base/digest.h"
#include "base/log.h"
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

void Remove(IdSet& set, const IdSet& gone) {
  for (const AlertId id : gone) set.erase(id);
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
  link.issued = now;
  link.expires = std::chrono::ceil<std::chrono::seconds>(now + kLinkLifetime);
  link.nonce = job.notification.event_id.substr(0, 16);
  job.link = std::move(link);
}

void NoteAttempt(Changes& changes, const Job& job, const Delivery* delivery,
                 const AttemptRecord& attempt) {
  Happening happening{attempt.time, Happening::Kind::kAttempted, "", attempt.group_key, ""};
  happening.attempt = attempt;
  if (delivery != nullptr) happening.waited = attempt.time - delivery->changed_at;
  for (const model::Alert& alert : job.notification.alerts) {
    if (happening.fingerprints.size() == Happening::kMaxFingerprints) break;
    happening.fingerprints.push_back(alert.FingerprintHex());
  }
  changes.happenings.push_back(std::move(happening));
}

}  // namespace

std::optional<Job> Ledger::Take(const std::string& target_id, base::Timestamp now) {
  const auto found = records_.targets.find(target_id);
  const auto queue = queues_.find(target_id);
  if (found == records_.targets.end() || queue == queues_.end()) return std::nullopt;
  Target& target = found->second;
  if (target.blocked_until > now) return std::nullopt;
  while (true) {
    // A healthy receiver gets the most urgent one. One that fails gets them in turn, so that a
    // single notification it cannot digest does not hold up the others.
    Delivery* best = nullptr;
    using Rank = std::tuple<base::Timestamp, int, bool, base::Timestamp, AlertId>;
    Rank best_rank;
    for (Delivery* candidate : queue->second) {
      const Delivery& delivery = *candidate;
      if (delivery.in_flight || delivery.next_attempt > now) continue;
      const base::Timestamp turn = target.failures > 0 ? delivery.last_attempt : base::Timestamp{};
      const Rank rank{turn, -static_cast<int>(delivery.urgency),
                      delivery.pending == Occasion::kResolve, delivery.queued_at, delivery.alert};
      if (best == nullptr || rank < best_rank) {
        best = candidate;
        best_rank = rank;
      }
    }
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
    job.key = key;
    job.version = delivery.version;
    job.attempt = delivery.attempts;
    job.integration = target.integration;
    FillNotification(records_, *config_, delivery, target, job);
    OfferLink(records_, delivery, job, now);
    changes_.deliveries.insert(key);
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
  Insert(delivery.maybe, firing);
  job.firing = std::move(firing);
  return true;
}

// Takes what is pending of it out of the queue: nothing is due.
void Ledger::Withdraw(Delivery& delivery) {
  delivery.pending.reset();
  queues_[delivery.key.first].erase(&delivery);
  changes_.deliveries.insert(delivery.key);
}

bool Ledger::HasPending(const std::string& target) const {
  const auto queue = queues_.find(target);
  return queue != queues_.end() && !queue->second.empty();
}

std::optional<base::Timestamp> Ledger::NextAttempt(const std::string& target_id) const {
  const auto queue = queues_.find(target_id);
  const auto target = records_.targets.find(target_id);
  if (queue == queues_.end() || target == records_.targets.end()) return std::nullopt;
  std::optional<base::Timestamp> next;
  for (const Delivery* delivery : queue->second) {
    if (delivery->in_flight) continue;
    next = std::min(next.value_or(delivery->next_attempt), delivery->next_attempt);
  }
  if (next) next = std::max(*next, target->second.blocked_until);
  return next;
}

void Ledger::AddAttempt(AttemptRecord attempt) {
  changes_.attempts.push_back(attempt);
  records_.attempts.push_back(std::move(attempt));
  if (records_.attempts.size() > kKeptAttempts) records_.attempts.pop_front();
  if (changes_.attempts.size() > kKeptAttempts) changes_.attempts.erase(changes_.attempts.begin());
}

void Ledger::Abandon(const Job& job) {
  if (Delivery* delivery = FindDelivery(job.key)) delivery->in_flight = false;
}

void Ledger::Settle(const Job& job, const Verdict& verdict, base::Duration duration,
                    base::Timestamp now) {
  const std::string receiver = job.notification.receiver;
  const std::string integration(IntegrationName(*job.integration));
  const bool delivered = verdict.kind == Verdict::Kind::kDelivered;
  AddAttempt({now, receiver, integration, job.occasion, job.notification.group_key,
              base::Truncate(NotificationTitle(job.notification), 200),
              delivered                                  ? "delivered"
              : verdict.kind == Verdict::Kind::kRejected ? "rejected"
                                                         : "retry",
              delivered ? verdict.warning : verdict.reason + ": " + verdict.detail, duration,
              job.attempt});
  if (delivered) {
    ++counters_.delivered[{receiver, integration}];
  } else {
    ++counters_.failed[{receiver, integration, verdict.reason}];
  }
  Delivery* delivery = FindDelivery(job.key);
  NoteAttempt(changes_, job, delivery, records_.attempts.back());
  const auto target = records_.targets.find(job.key.first);
  if (delivery == nullptr && delivered) SettleAdopted(job, now);
  if (delivery == nullptr || target == records_.targets.end()) return;
  delivery->in_flight = false;
  changes_.deliveries.insert(job.key);
  if (verdict.kind != Verdict::Kind::kRetry) {
    target->second.failures = 0;
    target->second.hopeless = false;
    target->second.last_error = delivered ? "" : verdict.reason + ": " + verdict.detail;
  }
  switch (verdict.kind) {
    case Verdict::Kind::kDelivered:
      SettleDelivered(*delivery, job, now);
      break;
    case Verdict::Kind::kRetry:
      SettleRetry(*delivery, job, verdict, now);
      break;
    case Verdict::Kind::kRejected:
      delivery->last_error = verdict.reason + ": " + verdict.detail;
      if (verdict.minimal_may_help && job.notification.form == Form::kFull) {
        delivery->form = Form::kMinimal;
        delivery->next_attempt = now;
      } else {
        GiveUp(*delivery, job, delivery->last_error, now);
      }
      break;
  }
}

void Ledger::SettleDelivered(Delivery& delivery, const Job& job, base::Timestamp now) {
  const DeliveryKey key = delivery.key;
  const bool current = delivery.version == job.version;
  counters_.AddLatency(now - delivery.changed_at);
  delivery.confirmed = job.firing;
  delivery.refused.clear();
  if (current) {
    delivery.maybe.clear();
    delivery.attempts = 0;
    delivery.last_error.clear();
    Withdraw(delivery);
  } else {
    // It changed while it was under way: what was told is told, the rest is still to come.
    Remove(delivery.maybe, job.firing);
    delivery.attempts = 0;
    delivery.queued_at = now;
    if (delivery.pending == Occasion::kTrigger && !delivery.confirmed.empty()) {
      delivery.pending = Occasion::kUpdate;
    }
  }
  if (!job.firing.empty()) delivery.last_notified = now;
  if (job.occasion == Occasion::kAcknowledge) {
    delivery.acknowledged = true;
  } else if (!job.firing.empty()) {
    // A page opens an incident of which nobody has said anything yet.
    if (job.occasion == Occasion::kTrigger) delivery.acknowledged = false;
    escalator_.MarkTold(delivery);
    PassOnAcknowledgement(delivery, now);
  }
  if (!delivery.pending) CloseIfOver(delivery, job, now);
}

// The message was true when it was made; looks at what happened since.
void Ledger::CloseIfOver(Delivery& delivery, const Job& job, base::Timestamp now) {
  const bool managed = IsManaged(records_, delivery);
  const auto group = records_.groups.find(delivery.group_id);
  const auto look_again = [&](AlertId id) {
    const AlertRecord& record = records_.alerts.at(id);
    for (const std::string& group_id : record.groups) {
      const auto found = records_.groups.find(group_id);
      if (found != records_.groups.end()) MarkChanged(found->second, record, now);
    }
  };
  const IdSet confirmed = delivery.confirmed;
  const AlertId alert = delivery.alert;
  if (confirmed.empty()) {
    Erase(delivery.key);
  } else if (std::all_of(confirmed.begin(), confirmed.end(),
                         [&](AlertId id) { return IsResolved(records_, id); })) {
    // A flush to come says so, if it knows of the end; an earlier one may have left it to this.
    bool flush_follows = alert == 0 && managed && group->second.due;
    if (alert != 0) {
      for (const std::string& id : records_.alerts.at(alert).groups) {
        const auto found = records_.groups.find(id);
        if (managed && found != records_.groups.end() && found->second.resolved.contains(alert)) {
          flush_follows = true;
        }
      }
    }
    if (!flush_follows) QueueResolveOf(delivery, now);
  }
  // What fires again was just told to be over.
  if (alert != 0 && job.firing.empty() && !IsResolved(records_, alert)) look_again(alert);
  if (alert == 0 && managed) {
    for (const AlertId id : group->second.firing) {
      if (!confirmed.contains(id)) look_again(id);
    }
  }
}

void Ledger::SettleRetry(Delivery& delivery, const Job& job, const Verdict& verdict,
                         base::Timestamp now) {
  Target& target = records_.targets.at(delivery.key.first);
  if (target.failures == 0) target.failing_since = now;
  ++target.failures;
  target.hopeless = verdict.hopeless;
  target.last_error = verdict.reason + ": " + verdict.detail;
  delivery.last_error = target.last_error;
  const base::Duration asked = verdict.retry_after.value_or(base::Duration(0));
  target.blocked_until = now + std::max(asked, Backoff(target.failures, target.id));
  delivery.next_attempt = now + std::max(asked, Backoff(delivery.attempts, delivery.dedup_key));
  if (now - delivery.queued_at >= kMaxAge) {
    GiveUp(delivery, job, "not delivered for a day; last " + target.last_error, now);
  }
  FallBackOfFailing(now);
}

void Ledger::GiveUp(Delivery& delivery, const Job& job, const std::string& cause,
                    base::Timestamp now) {
  if (job.occasion == Occasion::kAcknowledge) {
    // Whoever acknowledged knows; only PagerDuty goes on calling people.
    base::LogWarn("an acknowledgement was not passed on",
                  {{"receiver", job.notification.receiver}, {"cause", cause}});
    delivery.acknowledged = true;
    if (delivery.version == job.version) Withdraw(delivery);
    return;
  }
  const DeliveryKey key = delivery.key;
  const Target& target = records_.targets.at(key.first);
  const std::string receiver = target.receiver;
  ++counters_.dead_letters[receiver];
  base::LogError("a notification was given up",
                 {{"receiver", receiver},
                  {"integration", IntegrationName(*target.integration)},
                  {"occasion", OccasionName(job.occasion)},
                  {"group", delivery.group_key},
                  {"cause", cause}});
  if (!delivery.fell_back) FallBack(delivery, cause, now);
  Remove(delivery.maybe, job.firing);
  Insert(delivery.refused, job.firing);
  Remove(delivery.refused, delivery.confirmed);
  if (job.occasion == Occasion::kResolve) delivery.confirmed.clear();
  delivery.last_notified = now;
  if (delivery.version == job.version) {
    delivery.maybe.clear();
    Withdraw(delivery);
    if (IsOver(records_, delivery)) QueueResolveOf(delivery, now);
  }
}

void Ledger::FallBackOfFailing(base::Timestamp now) {
  std::vector<DeliveryKey> waiting;
  for (const auto& [id, target] : records_.targets) {
    const auto queue = queues_.find(id);
    if (target.failures == 0 || queue == queues_.end()) continue;
    for (const Delivery* delivery : queue->second) {
      if (delivery->fell_back) continue;
      const bool late = delivery->queued_at + kFallBackAfter <= now;
      if (target.hopeless || late) waiting.push_back(delivery->key);
    }
  }
  for (const DeliveryKey& key : waiting) {
    Delivery& delivery = records_.deliveries.at(key);
    FallBack(delivery, records_.targets.at(key.first).last_error, now);
  }
}

void Ledger::FallBack(Delivery& delivery, const std::string& note, base::Timestamp now) {
  delivery.fell_back = true;
  changes_.deliveries.insert(delivery.key);
  if (delivery.fallback) return;
  const Target& failed = records_.targets.at(delivery.key.first);
  const std::string text = "Not delivered to receiver \"" + failed.receiver + "\" (" +
                           std::string(IntegrationName(*failed.integration)) + "): " + note;
  for (Target* target : FallbackTargets(records_, *config_, delivery.key.first)) {
    TellFallback(delivery, *target, text, now);
  }
}

void Ledger::TellFallback(const Delivery& failed, Target& target, const std::string& note,
                          base::Timestamp now) {
  IdSet told = failed.confirmed;
  Insert(told, failed.maybe);
  if (failed.alert != 0) told.insert(failed.alert);
  Group origin;
  origin.id = failed.group_id;
  origin.key = failed.group_key;
  origin.labels = failed.group_labels;
  if (IsPerAlert(*target.integration)) {
    for (const AlertId id : told) {
      if (IsResolved(records_, id) || FindDelivery({target.id, "alert:" + std::to_string(id)}))
        continue;
      Delivery& delivery = EnsureDelivery(target, origin, id);
      delivery.fallback = true;
      delivery.note = note;
      Queue(delivery, Occasion::kTrigger, failed.changed_at, now);
    }
    return;
  }
  const DeliveryKey key(target.id, "fallback:" + failed.key.first + ":" + failed.group_id);
  const auto [position, created] = records_.deliveries.try_emplace(key);
  Delivery& delivery = position->second;
  if (created) {
    delivery.key = key;
    delivery.group_id = failed.group_id;
    delivery.group_key = failed.group_key;
    delivery.group_labels = failed.group_labels;
    delivery.dedup_key = DedupKey(*config_, key.second);
    delivery.fallback = true;
    unmanaged_groups_.insert(key);
  }
  delivery.note = note;
  const std::size_t before = delivery.confirmed.size() + delivery.maybe.size();
  Remove(told, delivery.confirmed);
  Insert(delivery.maybe, told);
  if (delivery.confirmed.size() + delivery.maybe.size() == before) {
    changes_.deliveries.insert(key);
    return;
  }
  Queue(delivery, created ? Occasion::kTrigger : Occasion::kUpdate, failed.changed_at, now);
  // A receiver that refuses a thousand pages one by one is one story, not a thousand messages.
  if (delivery.last_notified != base::Timestamp{}) {
    delivery.next_attempt =
        std::max(delivery.next_attempt, delivery.last_notified + kFallbackInterval);
  }
}

}  // namespace drwatch::notify
