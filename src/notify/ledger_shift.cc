// The clock of the machine was set, or stood still while the machine slept: what waits goes on
// waiting for as long as before, and what people or other programs name by the wall clock
// (silences, time intervals, ends of posted alerts) is right again.
#include <algorithm>

#include "notify/ledger.h"

namespace drwatch::notify {
namespace {

// Zero stands for never.
void Move(base::Timestamp& time, base::Duration step) {
  if (time != base::Timestamp{} && time != base::Timestamp::max()) time += step;
}
void Move(std::optional<base::Timestamp>& time, base::Duration step) {
  if (time) Move(*time, step);
}

void MoveAlert(AlertRecord& record, base::Duration step) {
  Move(record.changed_at, step);
  Move(record.expires_at, step);
  if (record.acknowledged) {
    Move(record.acknowledged->at, step);
    Move(record.acknowledged->until, step);
  }
  // When a firing one began is what people were told and what the rules know it by. One that ended
  // must not look later than the next time it fires.
  if (!record.alert.resolved() || step > base::Duration(0)) return;
  for (base::Timestamp* time :
       {&record.alert.active_at, &record.alert.fired_at, &record.alert.resolved_at}) {
    Move(*time, step);
  }
}

void MoveGroup(Group& group, base::Duration step) {
  for (base::Timestamp* time : {&group.created_at, &group.last_flush, &group.changed_at}) {
    Move(*time, step);
  }
  for (std::optional<base::Timestamp>* time : {&group.due, &group.page_due, &group.next_repeat}) {
    Move(*time, step);
  }
}

void MoveDelivery(Delivery& delivery, base::Duration step) {
  for (base::Timestamp* time : {&delivery.last_notified, &delivery.queued_at, &delivery.changed_at,
                                &delivery.last_attempt, &delivery.next_attempt}) {
    Move(*time, step);
  }
}

void MoveEscalation(Escalation& escalation, base::Duration step) {
  Move(escalation.since, step);
  for (auto& [key, state] : escalation.steps) Move(state.last, step);
}

}  // namespace

void Ledger::Shift(base::Duration step, base::Timestamp now) {
  for (auto& [id, record] : records_.alerts) {
    MoveAlert(record, step);
    changes_.alerts.insert(id);
  }
  timers_.Clear(records_.groups);
  for (auto& [id, group] : records_.groups) {
    MoveGroup(group, step);
    timers_.Set(group);
    changes_.groups.insert(id);
  }
  for (auto& [id, target] : records_.targets) {
    Move(target.failing_since, step);
    Move(target.blocked_until, step);
  }
  for (auto& [id, escalation] : records_.escalations) {
    MoveEscalation(escalation, step);
    changes_.escalations.insert(id);
  }
  // A silence that holds is not to begin once more.
  for (auto& [id, silence] : records_.silences) {
    if (silence.StateAt(now - step) != SilenceState::kActive || silence.starts_at <= now) continue;
    silence.starts_at = now;
    changes_.silences.insert(id);
  }
  ShiftDeliveries(step);
  next_forget_ = next_expiry_ = next_ack_expiry_ = now;
  muting_.Configure(config_, now);
  escalator_.AnythingChanged();
}

// The outbox is sorted by the times that move.
void Ledger::ShiftDeliveries(base::Duration step) {
  outbox_ = Outbox();
  for (const auto& [id, target] : records_.targets) {
    if (target.failures > 0) outbox_.SetOrder(id, Outbox::Order::kInTurn);
  }
  for (auto& [key, delivery] : records_.deliveries) {
    MoveDelivery(delivery, step);
    delivery.place.reset();
    outbox_.Place(delivery);
    changes_.deliveries.insert(key);
  }
}

}  // namespace drwatch::notify
