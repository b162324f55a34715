// What the outcome of an attempt means, and who is told when a receiver does not take it.
#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "notify/ledger.h"
#include "notify/limits.h"
#include "notify/records_view.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

void Insert(IdSet& into, const IdSet& from) { into.insert(from.begin(), from.end()); }

void Remove(IdSet& set, const IdSet& gone) {
  for (const AlertId id : gone) set.erase(id);
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

void Ledger::AddAttempt(AttemptRecord attempt) {
  changes_.attempts.push_back(attempt);
  records_.attempts.push_back(std::move(attempt));
  if (records_.attempts.size() > kKeptAttempts) records_.attempts.pop_front();
  if (changes_.attempts.size() > kKeptAttempts) changes_.attempts.pop_front();
}

void Ledger::Abandon(const Job& job) {
  Delivery* delivery = FindDelivery(job.key);
  if (delivery == nullptr) return;
  delivery->in_flight = false;
  outbox_.Place(*delivery);
  // The row says already that it may have arrived; how often it was tried is news.
  changes_.deliveries.insert(job.key);
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
    outbox_.SetOrder(job.key.first, Outbox::Order::kMostUrgentFirst);
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
  delivery = FindDelivery(job.key);
  if (delivery != nullptr) outbox_.Place(*delivery);
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
  outbox_.SetOrder(target.id, Outbox::Order::kInTurn);
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
  for (const auto& [id, target] : records_.targets) {
    if (target.failures == 0) continue;
    const base::Timestamp until = target.hopeless ? base::Timestamp::max() : now - kFallBackAfter;
    for (const DeliveryKey& key : outbox_.Untold(id, until)) {
      FallBack(records_.deliveries.at(key), target.last_error, now);
    }
  }
}

void Ledger::FallBack(Delivery& delivery, const std::string& note, base::Timestamp now) {
  delivery.fell_back = true;
  outbox_.Place(delivery);
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
    outbox_.Place(delivery);
  }
}

}  // namespace drwatch::notify
