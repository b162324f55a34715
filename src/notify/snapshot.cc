#include "notify/snapshot.h"

#include <algorithm>
#include <map>

#include "notify/ledger.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

const config::EscalationPolicy* FindPolicy(const config::Config& config, const std::string& name) {
  for (const config::EscalationPolicy& policy : config.escalation_policies) {
    if (policy.name == name) return &policy;
  }
  return nullptr;
}

// By escalation id.
std::map<std::string, Snapshot::EscalationView> Escalations(const Ledger& ledger) {
  const Records& records = ledger.records();
  std::map<std::string, Snapshot::EscalationView> views;
  for (const auto& [unused, group] : records.groups) {
    const config::EscalationPolicy* policy = FindPolicy(ledger.config(), group.policy);
    const auto found = records.escalations.find(group.key + "\n" + group.policy);
    if (policy == nullptr || group.step || found == records.escalations.end()) continue;
    const Escalation& escalation = found->second;
    Snapshot::EscalationView& view = views[escalation.id];
    view.group_key = group.key;
    view.policy = group.policy;
    view.labels = group.labels;
    view.situation = escalation.situation;
    const std::vector<std::string> keys = StepKeys(*policy);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto known = escalation.steps.find(keys[i]);
      const StepState state = known == escalation.steps.end() ? StepState{} : known->second;
      const StepTimes times = TimesOf(policy->steps[i], escalation, state, group.wait);
      view.steps.push_back({policy->steps[i].receivers, state.times, times.due, times.deadline});
    }
  }
  return views;
}

void AddNextStep(const Snapshot::EscalationView& escalation, Snapshot::AlertView& view) {
  for (const Snapshot::EscalationView::Step& step : escalation.steps) {
    if (!step.due || (view.next_step && *view.next_step <= *step.due)) continue;
    view.next_step = step.due;
    view.next_receivers = step.receivers;
  }
}

Snapshot::AlertView ViewOf(const Ledger& ledger, const AlertRecord& record,
                           const std::map<std::string, Snapshot::EscalationView>& escalations) {
  const Records& records = ledger.records();
  Snapshot::AlertView view;
  view.alert = record.alert;
  view.alert.labels = PublicLabels(ledger.config(), record.alert.labels);
  view.updated_at = record.changed_at;
  view.expires_at = record.expires_at;
  view.silenced_by = record.silenced_by;
  view.acknowledged = record.acknowledged;
  for (const std::string& group_id : record.groups) {
    const auto group = records.groups.find(group_id);
    if (group == records.groups.end()) continue;
    view.receivers.push_back(group->second.receiver);
    view.muted_by.insert(view.muted_by.end(), group->second.muted_by.begin(),
                         group->second.muted_by.end());
    const auto escalation = escalations.find(group->second.key + "\n" + group->second.policy);
    if (escalation != escalations.end()) AddNextStep(escalation->second, view);
  }
  for (const AlertId source : ledger.muting().InhibitedBy(record)) {
    model::Alert cause = records.alerts.at(source).alert;
    cause.labels = PublicLabels(ledger.config(), cause.labels);
    view.inhibited_by.push_back(cause.FingerprintHex());
  }
  return view;
}

Snapshot::OutboxRow RowOf(const Records& records, const Delivery& delivery, base::Timestamp now) {
  const Target& target = records.targets.at(delivery.key.first);
  Snapshot::OutboxRow row;
  row.receiver = target.receiver;
  row.integration = IntegrationName(*target.integration);
  row.group_key = delivery.group_key;
  row.occasion = *delivery.pending;
  const auto record = records.alerts.find(delivery.alert);
  row.summary = record != records.alerts.end() ? AlertSummary(record->second.alert)
                                               : delivery.group_labels.ToString();
  row.age = now - delivery.queued_at;
  row.attempts = delivery.attempts;
  row.last_error = delivery.last_error;
  const base::Timestamp next = std::max(delivery.next_attempt, target.blocked_until);
  row.next_attempt_in = std::max(next - now, base::Duration(0));
  row.fallback = delivery.fallback;
  return row;
}

}  // namespace

Snapshot MakeSnapshot(const Ledger& ledger, base::Timestamp now) {
  const Records& records = ledger.records();
  Snapshot snapshot;
  snapshot.now = now;
  for (const auto& [id, silence] : records.silences) snapshot.silences.push_back(silence);
  const std::map<std::string, Snapshot::EscalationView> escalations = Escalations(ledger);
  for (const auto& [id, escalation] : escalations) snapshot.escalations.push_back(escalation);
  std::map<AlertId, std::string> fingerprints;
  for (const auto& [id, record] : records.alerts) {
    if (record.alert.resolved()) continue;
    snapshot.alerts.push_back(ViewOf(ledger, record, escalations));
    fingerprints[id] = snapshot.alerts.back().alert.FingerprintHex();
  }
  for (const auto& [id, group] : records.groups) {
    Snapshot::GroupView view{group.key, group.receiver, group.labels,
                             {},        group.due,      group.muted_by};
    for (const AlertId alert : group.firing) view.fingerprints.push_back(fingerprints[alert]);
    snapshot.groups.push_back(std::move(view));
  }
  for (const auto& [key, delivery] : records.deliveries) {
    if (delivery.pending) snapshot.outbox.push_back(RowOf(records, delivery, now));
  }
  std::stable_sort(snapshot.outbox.begin(), snapshot.outbox.end(),
                   [](const auto& a, const auto& b) { return a.age > b.age; });
  snapshot.attempts.assign(records.attempts.rbegin(), records.attempts.rend());
  return snapshot;
}

}  // namespace drwatch::notify
