// What the service shows of itself: metrics, the status page, and its own series in the store.
#include <algorithm>
#include <map>

#include "exporter/embedded.h"
#include "exporter/part_metrics.h"
#include "exporter/service.h"
#include "exporter/version.h"

namespace drwatch::exporter {
namespace {

constexpr base::Duration kCleanupEvery = std::chrono::minutes(1);

std::string_view FindRunbook(std::string_view alert) {
  for (const EmbeddedFile& file : Runbooks()) {
    if (file.name == std::string(alert) + ".md") return file.contents;
  }
  return {};
}

// One row for each receiver integration that was used or has something waiting.
std::vector<web::ReceiverStatus> ReceiverRows(const notify::Snapshot& delivery) {
  std::map<std::pair<std::string, std::string>, web::ReceiverStatus> rows;
  const auto row = [&rows](const std::string& receiver,
                           const std::string& integration) -> web::ReceiverStatus& {
    web::ReceiverStatus& found = rows[{receiver, integration}];
    found.receiver = receiver;
    found.integration = integration;
    return found;
  };
  // Newest first: the first attempt seen of an integration is its last.
  for (const notify::AttemptRecord& attempt : delivery.attempts) {
    const bool known = rows.contains({attempt.receiver, attempt.integration});
    web::ReceiverStatus& status = row(attempt.receiver, attempt.integration);
    if (!known && attempt.outcome != "delivered") status.last_error = attempt.detail;
  }
  for (const notify::Snapshot::OutboxRow& waiting : delivery.outbox) {
    web::ReceiverStatus& status = row(waiting.receiver, waiting.integration);
    ++status.waiting;
    status.oldest = std::max(status.oldest, waiting.age);
    if (!waiting.last_error.empty()) status.last_error = waiting.last_error;
  }
  std::vector<web::ReceiverStatus> result;
  result.reserve(rows.size());
  for (auto& [key, status] : rows) result.push_back(std::move(status));
  return result;
}

}  // namespace

void Service::AddSelfMetrics() {
  self_metrics_.AddPart([this] { return ProbeMetrics(scheduler_->Stats(), intake_->Latest()); });
  self_metrics_.AddPart([this] { return StoreMetrics(store_.Stats()); });
  self_metrics_.AddPart([this] { return RuleMetrics(*manager_->Snapshot()); });
  self_metrics_.AddPart(
      [this] { return DeliveryAndStateMetrics(dispatcher_->Stats(), *manager_->Snapshot()); });
  self_metrics_.AddPart([this] { return RecoveryFamilies(clock_.Now()); });
}

std::vector<model::MetricFamily> Service::RecoveryFamilies(base::Timestamp now) {
  const std::vector<model::ProbeResult> latest = intake_->Latest();
  const std::lock_guard lock(recovery_mutex_);
  return recovery_->Families(recovery_->Compute(latest), now);
}

void Service::BeforeEvaluation(base::Timestamp now) {
  const std::vector<model::MetricFamily> families = self_metrics_.Collect();
  RecordMetadata(store_, families);
  store_.AppendFrom("drwatch", ToSamples(families), now);
}

void Service::AfterEvaluation(base::Timestamp now) {
  if (now - last_cleanup_ < kCleanupEvery) return;
  last_cleanup_ = now;
  store_.DropExpired(now);
}

std::vector<model::MetricFamily> Service::MetricsPage() {
  std::vector<model::MetricFamily> families = intake_->Families();
  for (model::MetricFamily& family : self_metrics_.Collect()) families.push_back(std::move(family));
  return families;
}

web::StatusView Service::Status() {
  web::StatusView view;
  view.now = clock_.Now();
  view.version = Version();
  view.ready = Ready();
  view.probes = intake_->Latest();
  // Held in a name: the loop must not outlive it.
  const auto snapshot = manager_->Snapshot();
  for (const auto& group : snapshot->groups) {
    for (const rules::RuleSnapshot& rule : group->rules) {
      view.alerts.insert(view.alerts.end(), rule.alerts.begin(), rule.alerts.end());
      if (rule.health == rules::RuleHealth::kError) {
        view.rule_failures.push_back({group->group->name, rule.rule->name, rule.last_error});
      }
    }
  }
  view.receivers = ReceiverRows(dispatcher_->TakeSnapshot());
  return view;
}

web::SiteSources Service::MakeSiteSources() {
  web::SiteSources sources;
  sources.api.store = &store_;
  sources.api.engine = &engine_;
  sources.api.clock = &clock_;
  sources.api.rules = [this] { return manager_->Snapshot(); };
  sources.api.version = Version();
  sources.api.revision = Revision();
  sources.metrics = [this] { return MetricsPage(); };
  sources.status = [this] { return Status(); };
  sources.ready = [this] { return Ready(); };
  sources.reload = [this] { return Reload(); };
  sources.runbook = FindRunbook;
  return sources;
}

}  // namespace drwatch::exporter
