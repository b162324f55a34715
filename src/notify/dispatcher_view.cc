// What the dispatcher tells of its alerts and deliveries.
#include <algorithm>

#include "notify/dispatcher_shell.h"
#include "notify/records_view.h"

namespace drwatch::notify {

base::Result<std::vector<model::Alert>> Dispatcher::Shell::Selected(
    const AckSelection& selection) const {
  const std::lock_guard lock(mutex_);
  const auto ids = SelectAlerts(ledger_.records(), ledger_.config(), selection, Now());
  if (!ids) return base::Fail(ids.error());
  std::vector<model::Alert> alerts;
  for (const AlertId id : *ids) {
    alerts.push_back(ledger_.records().alerts.at(id).alert);
    alerts.back().labels = PublicLabels(ledger_.config(), alerts.back().labels);
  }
  return alerts;
}

std::vector<model::AlertEvent> Dispatcher::Shell::RuleAlerts() const {
  const std::lock_guard lock(mutex_);
  std::vector<model::AlertEvent> events;
  for (const auto& [id, record] : ledger_.records().alerts) {
    if (record.expires_at != base::Timestamp{}) continue;  // somebody posted it
    const bool over = record.alert.resolved();
    events.push_back({over ? model::AlertChange::kResolved : model::AlertChange::kFiring,
                      record.alert, record.reason});
  }
  return events;
}

Snapshot Dispatcher::Shell::TakeSnapshot() const {
  const std::lock_guard lock(mutex_);
  Snapshot snapshot = MakeSnapshot(ledger_, Now());
  snapshot.state_writable = state_writable_;
  return snapshot;
}

DeliveryStats Dispatcher::Shell::Stats() const {
  const std::lock_guard lock(mutex_);
  const base::Timestamp now = Now();
  DeliveryStats stats;
  stats.counters = ledger_.counters();
  stats.state_writable = state_writable_;
  for (const auto& [id, target] : ledger_.records().targets) {
    if (target.retired) continue;
    stats.outbox_depth[target.receiver];
    // A counter that is not there before it counts has no increase.
    stats.counters.dead_letters[target.receiver];
  }
  for (const config::EscalationPolicy& policy : ledger_.config().escalation_policies) {
    for (const config::EscalationStep& step : policy.steps) {
      if (!step.within) continue;
      for (const std::string& receiver : step.receivers) {
        for (const PageSeverity severity : {PageSeverity::kInfo, PageSeverity::kWarning,
                                            PageSeverity::kError, PageSeverity::kCritical}) {
          stats.counters.deadlines_missed[{receiver, std::string(PageSeverityName(severity))}];
        }
      }
    }
  }
  for (const auto& [key, delivery] : ledger_.records().deliveries) {
    if (!delivery.pending) continue;
    ++stats.outbox_depth[ledger_.records().targets.at(key.first).receiver];
    stats.outbox_oldest_age = std::max(stats.outbox_oldest_age, now - delivery.queued_at);
  }
  return stats;
}

}  // namespace drwatch::notify
