// Escalation and acknowledgement: who is told next, and who need not be.
#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "notify/ledger.h"
#include "notify/limits.h"
#include "notify/records_view.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

std::string Subject(const model::Alert& alert) { return alert.labels.ToString(); }

bool ToldAnything(const Delivery& delivery) {
  return !delivery.confirmed.empty() || !delivery.maybe.empty();
}

void Note(Changes& changes, Happening::Kind kind, std::string actor, std::string subject,
          std::string detail, base::Timestamp now) {
  base::LogInfo(HappeningName(kind), {{"by", actor}, {"subject", subject}, {"detail", detail}});
  changes.happenings.push_back(
      {now, kind, std::move(actor), std::move(subject), std::move(detail)});
}

void AdoptStep(Group& group, const Escalator::Added& added) {
  if (added.updates_every) group.repeat = *added.updates_every;
  if (group.step) group.note = added.note;
}

void EndAcknowledgement(Records& records, Changes& changes, AlertRecord& record,
                        Happening::Kind kind, const std::string& by, base::Timestamp now) {
  Note(changes, kind, by, Subject(record.alert), record.acknowledged->ToString(), now);
  record.acknowledged.reset();
  changes.alerts.insert(record.id);
  for (const auto& [target, unused] : records.targets) {
    const auto page = records.deliveries.find({target, "alert:" + std::to_string(record.id)});
    if (page == records.deliveries.end()) continue;
    page->second.acknowledged = false;
    changes.deliveries.insert(page->first);
  }
}

base::Status CheckRequest(const AckRequest& request, const std::string& by, base::Timestamp now) {
  if (by.empty()) return base::Fail("an acknowledgement needs to say by whom it is");
  if (!request.until) return {};
  if (*request.until <= now) return base::Fail("the end of an acknowledgement is not in the past");
  if (*request.until > now + kMaxAcknowledgement) {
    return base::Fail("an acknowledgement holds for at most 7 days",
                      "silence what is known to go on for longer");
  }
  return {};
}

}  // namespace

// --- escalation -----------------------------------------------------------------------------

void Ledger::Escalate(base::Timestamp now) {
  const bool expires = now >= next_ack_expiry_;
  if (expires) escalator_.AnythingChanged();
  const Escalator::Outcome outcome = escalator_.Update(muting_, now);
  // Afterwards: the escalator looks at when they ended, which may have been before a restart.
  if (expires) ExpireAcknowledgements(now);
  for (const Escalator::DueStep& step : outcome.due) TakeStep(step, now);
  for (const Escalator::Miss& miss : outcome.missed) MissDeadline(miss, now);
}

// The group of the same alerts for one more receiver.
Group& Ledger::StepGroup(const Group& base, const std::string& receiver, base::Timestamp now) {
  const std::string id = base.key + "\n" + receiver;
  const auto [position, created] = records_.groups.try_emplace(id);
  Group& group = position->second;
  if (!created) return group;
  group = base;
  group.first_timer = base::Timestamp::max();
  group.id = id;
  group.receiver = receiver;
  group.step = true;
  group.firing.clear();
  group.resolved.clear();
  group.created_at = now;
  group.last_flush = {};
  group.due.reset();
  group.page_due.reset();
  group.next_repeat.reset();
  group.targets = TargetsOf(records_, receiver);
  muting_.Grouped(group, now);
  changes_.groups.insert(id);
  return group;
}

void Ledger::Join(Group& group, AlertRecord& record, base::Timestamp now) {
  group.resolved.erase(record.id);
  if (group.firing.insert(record.id).second) MarkChanged(group, record, now);
  if (std::find(record.groups.begin(), record.groups.end(), group.id) == record.groups.end()) {
    record.groups.push_back(group.id);
  }
}

// A new alert of a group that has escalated is told to everybody who was added.
void Ledger::JoinSteps(const Group& base, AlertRecord& record, base::Timestamp now) {
  for (const Escalator::Added& added : escalator_.AddedTo(base)) {
    Group& group = StepGroup(base, added.receiver, now);
    AdoptStep(group, added);
    Join(group, record, now);
  }
}

void Ledger::TakeStep(const Escalator::DueStep& step, base::Timestamp now) {
  const Group base = records_.groups.at(step.group_id);
  for (const Escalator::Added& added : escalator_.AddedTo(base)) {
    const bool named = std::find(step.receivers.begin(), step.receivers.end(), added.receiver) !=
                       step.receivers.end();
    if (named) AdoptStep(StepGroup(base, added.receiver, now), added);
  }
  for (const std::string& receiver : step.receivers) {
    Group& group = StepGroup(base, receiver, now);
    for (const AlertId id : base.firing) Join(group, records_.alerts.at(id), now);
    if (group.last_flush == base::Timestamp{}) {
      group.due = now;
      group.page_due = now;
      group.changed_at = now;
    }
    // Another route, or a policy of another name, may have told it already.
    TellAgain(group, step.due_at, now);
  }
  Note(changes_, Happening::Kind::kStepTaken, "", base.key,
       step.note + " Told: " + base::Join(step.receivers, ", "), now);
}

// A receiver that has been told since the step was due need not be told for it.
void Ledger::TellAgain(Group& group, base::Timestamp since, base::Timestamp now) {
  for (const std::string& id : group.targets) {
    const Target& target = records_.targets.at(id);
    bool told = false;
    const auto again = [&](const DeliveryKey& key) {
      Delivery* known = FindDelivery(key);
      if (known == nullptr || known->pending || !muting_.MayRepeat(group, *known)) return;
      if (known->last_notified >= since && !known->confirmed.empty()) {
        told = true;
        return;
      }
      Queue(*known, ToldAnything(*known) ? Occasion::kRepeat : Occasion::kTrigger, now, now);
    };
    again({id, "group:" + group.id});
    if (IsPerAlert(*target.integration)) {
      for (const AlertId alert : group.firing) again({id, "alert:" + std::to_string(alert)});
    }
    if (told) escalator_.Told(target, group);
  }
  group.next_repeat = std::min(group.next_repeat.value_or(now + group.repeat), now + group.repeat);
  timers_.Set(group);
}

void Ledger::MissDeadline(const Escalator::Miss& miss, base::Timestamp now) {
  const std::string severity(PageSeverityName(miss.severity));
  ++counters_.deadlines_missed[{miss.receiver, severity}];
  const Group& group = records_.groups.at(miss.group_id);
  base::LogError("a notification missed its deadline", {{"receiver", miss.receiver},
                                                        {"severity", severity},
                                                        {"group", group.key},
                                                        {"cause", miss.note}});
  Note(changes_, Happening::Kind::kDeadlineMissed, "", group.key,
       "receiver \"" + miss.receiver + "\": " + miss.note, now);
  for (const auto& [id, target] : records_.targets) {
    if (target.retired || target.receiver != miss.receiver) continue;
    std::vector<DeliveryKey> keys{{id, "group:" + group.key + "\n" + miss.receiver}};
    for (const AlertId alert : group.firing) keys.push_back({id, "alert:" + std::to_string(alert)});
    for (const DeliveryKey& key : keys) {
      Delivery* late = FindDelivery(key);
      if (late != nullptr && late->pending && !late->fell_back) FallBack(*late, miss.note, now);
    }
  }
}

// --- acknowledgement ------------------------------------------------------------------------

base::Result<std::size_t> Ledger::Acknowledge(const AckRequest& request, base::Timestamp now) {
  Acknowledgement ack;
  ack.by = base::Truncate(CleanLine(request.by), kMaxAcknowledgerBytes);
  ack.comment = base::Truncate(CleanLine(request.comment), kMaxAckCommentBytes);
  ack.at = now;
  if (const base::Status fine = CheckRequest(request, ack.by, now); !fine) {
    return base::Fail(fine.error());
  }
  const base::Result<std::vector<AlertId>> chosen =
      SelectAlerts(records_, *config_, request.selection, now);
  if (!chosen) return base::Fail(chosen.error());
  if (const std::optional<AckLink>& link = request.selection.link) {
    // Each attempt at one notification makes a link of its own, of the same nonce: all are used.
    records_.used_links[link->nonce] = now + kMaxAge + kLinkLifetime;
    changes_.used_links.insert(link->nonce);
  }
  std::size_t count = 0;
  for (const AlertId id : *chosen) {
    AlertRecord& record = records_.alerts.at(id);
    if (!request.until && !record.acknowledged) continue;
    ++count;
    if (!request.until) {
      EndAcknowledgement(records_, changes_, record, Happening::Kind::kAcknowledgementWithdrawn,
                         ack.by, now);
      continue;
    }
    ack.until = *request.until;
    SetAcknowledgement(record, ack, now);
  }
  if (count == 0) return base::Fail("none of these alerts is acknowledged");
  escalator_.AnythingChanged();
  Tick(now);
  return count;
}

void Ledger::SetAcknowledgement(AlertRecord& record, const Acknowledgement& ack,
                                base::Timestamp now) {
  record.acknowledged = ack;
  changes_.alerts.insert(record.id);
  next_ack_expiry_ = std::min(next_ack_expiry_, ack.until);
  Note(changes_, Happening::Kind::kAcknowledged, ack.by, Subject(record.alert), ack.ToString(),
       now);
  for (const auto& [target, unused] : records_.targets) {
    Delivery* page = FindDelivery({target, "alert:" + std::to_string(record.id)});
    if (page == nullptr) continue;
    page->acknowledged = false;  // of this one it has not heard
    PassOnAcknowledgement(*page, now);
  }
}

void Ledger::ExpireAcknowledgements(base::Timestamp now) {
  next_ack_expiry_ = base::Timestamp::max();
  for (auto& [id, record] : records_.alerts) {
    if (!record.acknowledged) continue;
    if (record.acknowledged->until > now) {
      next_ack_expiry_ = std::min(next_ack_expiry_, record.acknowledged->until);
      continue;
    }
    EndAcknowledgement(records_, changes_, record, Happening::Kind::kAcknowledgementExpired, "",
                       now);
  }
}

// PagerDuty stops calling people once it knows that somebody looks after it.
void Ledger::PassOnAcknowledgement(Delivery& delivery, base::Timestamp now) {
  const auto record = records_.alerts.find(delivery.alert);
  const Target& target = records_.targets.at(delivery.key.first);
  if (record == records_.alerts.end() || !record->second.acknowledged) return;
  if (delivery.acknowledged || delivery.confirmed.empty() || delivery.in_flight) return;
  if (delivery.pending && *delivery.pending != Occasion::kRepeat) return;
  if (record->second.alert.resolved() || !TakesAcknowledgements(*target.integration)) return;
  Queue(delivery, Occasion::kAcknowledge, now, now);
  delivery.fell_back = true;  // nobody else needs to hear that PagerDuty did not
  outbox_.Place(delivery);
}

}  // namespace drwatch::notify
