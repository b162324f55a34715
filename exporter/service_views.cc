// What the service shows of itself: metrics, the status page, and its own series in the store.
#include <algorithm>
#include <filesystem>
#include <map>

#include "base/duration.h"
#include "base/secret.h"
#include "base/strings.h"
#include "exporter/embedded.h"
#include "exporter/part_metrics.h"
#include "exporter/process_metrics.h"
#include "exporter/service.h"
#include "exporter/version.h"
#include "notify/muting.h"
#include "recovery/copies.h"
#include "web/dr_api.h"

namespace drwatch::exporter {
namespace {

constexpr base::Duration kCleanupEvery = std::chrono::minutes(1);
// How late a group of rules and a probe may be, beside their intervals, before drwatch calls itself
// unwell; the probe's as in the alert ProbeNotRunning.
constexpr base::Duration kLateGroup = std::chrono::seconds(5);
constexpr base::Duration kLateProbe = std::chrono::minutes(1);
// How often the audit log is told how objectives were kept.
constexpr base::Duration kObjectivesEvery = std::chrono::hours(1);

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

// "cto in 5m".
std::string NextStep(const notify::Snapshot::AlertView& view, base::Timestamp now) {
  if (!view.next_step) return "";
  const auto left =
      std::chrono::ceil<std::chrono::seconds>(std::max(base::Duration(0), *view.next_step - now));
  return base::Join(view.next_receivers, ", ") + " in " + base::FormatDuration(left);
}

// What delivery knows of the rules' alerts, whose labels lack the external ones.
std::map<std::string, web::AlertAttention> AttentionOf(const std::vector<model::Alert>& alerts,
                                                       const notify::Snapshot& delivery,
                                                       const config::Config& config) {
  std::map<std::string, const notify::Snapshot::AlertView*> known;
  for (const auto& view : delivery.alerts) known[view.alert.FingerprintHex()] = &view;
  std::map<std::string, web::AlertAttention> attention;
  for (const model::Alert& alert : alerts) {
    if (alert.state != model::AlertState::kFiring) continue;
    model::Alert shown;
    shown.labels = notify::PublicLabels(config, alert.labels);
    const std::string fingerprint = shown.FingerprintHex();
    const auto found = known.find(fingerprint);
    if (found == known.end()) continue;
    const notify::Snapshot::AlertView& view = *found->second;
    attention[alert.FingerprintHex()] = {fingerprint,
                                         view.acknowledged ? view.acknowledged->ToString() : "",
                                         NextStep(view, delivery.now)};
  }
  return attention;
}

web::TargetHealth HealthOf(model::Severity severity) {
  switch (severity) {
    case model::Severity::kOk:
    case model::Severity::kWarning:
      return web::TargetHealth::kUp;
    case model::Severity::kCritical:
      return web::TargetHealth::kDown;
    case model::Severity::kUnknown:
      break;
  }
  return web::TargetHealth::kUnknown;
}

// The labels that all of a probe's series have.
model::Labels TargetLabels(const model::ProbeResult& result) {
  for (const model::MetricFamily& family : result.families) {
    if ((family.name == "up" || family.name == "probe_success") && !family.points.empty()) {
      return family.points.front().labels;
    }
  }
  return {{"probe", result.probe}, {"service", result.service}};
}

web::TargetView ToTarget(const config::Probe& probe, const model::ProbeResult& result,
                         bool has_run) {
  web::TargetView target;
  target.labels = TargetLabels(result);
  target.pool = result.foreign ? std::string(target.labels.Get("job")) : result.type;
  const std::string place = base::RedactUrl(result.target);
  target.url = place.find("://") == std::string::npos ? result.type + "://" + place : place;
  target.discovered = model::LabelsBuilder(probe.labels)
                          .Set("__address__", place)
                          .Set("__scrape_interval__", base::FormatDuration(probe.interval))
                          .Set("__scrape_timeout__", base::FormatDuration(probe.timeout))
                          .Set("__meta_drwatch_probe", probe.name)
                          .Set("__meta_drwatch_type", probe.type)
                          .Set("__meta_drwatch_service", probe.service)
                          .Set("job", target.pool)
                          .Build();
  target.interval = probe.interval;
  target.timeout = probe.timeout;
  if (has_run) {
    const model::CheckOutcome headline = result.Headline();
    target.health = HealthOf(headline.severity);
    if (target.health != web::TargetHealth::kUp) target.last_error = headline.message;
    target.last_run = result.started;
    target.last_duration = result.duration;
  }
  for (const model::MetricFamily& family : result.families) {
    target.metadata.push_back({family.name, family.type, family.help, family.unit});
  }
  return target;
}

}  // namespace

void Service::AddSelfMetrics() {
  self_metrics_.AddPart([this] { return ProbeMetrics(scheduler_->Stats(), intake_->Latest()); });
  self_metrics_.AddPart([this] { return StoreMetrics(store_.Stats()); });
  self_metrics_.AddPart([this] { return RuleMetrics(*manager_->Snapshot()); });
  self_metrics_.AddPart(
      [this] { return DeliveryAndStateMetrics(dispatcher_->Stats(), *manager_->Snapshot()); });
  self_metrics_.AddPart([this] { return notify::ForwardMetrics(forwarder_->Health()); });
  self_metrics_.AddPart([this] { return RecoveryFamilies(clock_.Now()); });
  self_metrics_.AddPart([this] { return drills_->Families(*CurrentConfig()); });
  self_metrics_.AddPart([this] { return audit_->Metrics(); });
  self_metrics_.AddPart([this] { return audit_copy_.Metrics(); });
  self_metrics_.AddPart([this] { return dead_man_.Metrics(); });
  self_metrics_.AddPart([this] {
    const web::Site* const site = open_site_.load(std::memory_order_acquire);
    return site == nullptr ? std::vector<model::MetricFamily>() : ApiMetrics(site->api());
  });
}

std::vector<model::ProbeResult> Service::LatestDated(const config::Config& config) const {
  std::vector<model::ProbeResult> latest = intake_->Latest();
  recovery::DateCopies(config, latest);
  return latest;
}

std::vector<model::MetricFamily> Service::RecoveryFamilies(base::Timestamp now) {
  const auto config = CurrentConfig();
  const std::vector<model::ProbeResult> latest = LatestDated(*config);
  const std::lock_guard lock(recovery_mutex_);
  std::vector<model::MetricFamily> families = recovery_->Families(recovery_->Compute(latest), now);
  for (auto& family : recovery::CopyFamilies(recovery::CompareCopies(*config, latest, now))) {
    families.push_back(std::move(family));
  }
  return families;
}

std::vector<recovery::ServiceReport> Service::RecoveryReports() {
  const std::vector<model::ProbeResult> latest = LatestDated(*CurrentConfig());
  std::vector<recovery::ServiceReport> reports = [&] {
    const std::lock_guard lock(recovery_mutex_);
    return recovery_->Compute(latest);
  }();
  drills_->AddMeasured(reports);
  return reports;
}

void Service::BeforeEvaluation(base::Timestamp now) {
  intake_->Refresh(options_.lookback / 2);
  const std::vector<model::MetricFamily> families = self_metrics_.Collect();
  RecordMetadata(store_, families);
  store_.AppendFrom("drwatch", ToSamples(families), now);
}

void Service::AfterEvaluation(base::Timestamp now) {
  if (dead_man_.Due() && AllWell(now)) dead_man_.Beat();
  if (!rules_looked_) {
    const auto snapshot = manager_->Snapshot();
    rules_looked_ =
        std::all_of(snapshot->groups.begin(), snapshot->groups.end(),
                    [this](const auto& group) { return group->last_evaluation >= started_; });
    if (rules_looked_) forwarder_->Confirm();
  }
  if (now - last_cleanup_ < kCleanupEvery) return;
  last_cleanup_ = now;
  store_.DropExpired(now);
  const bool due = [&] {
    const std::lock_guard lock(objectives_mutex_);
    return now - objectives_since_ >= kObjectivesEvery;
  }();
  if (due) RecordObjectives(now);
}

bool Service::AllWell(base::Timestamp now) const {
  const auto snapshot = manager_->Snapshot();
  if (!snapshot->state_writable || !snapshot->events_accepted) return false;
  if (!dispatcher_->Stats().state_writable) return false;
  // What is new has until then to be seen for the first time.
  const base::Timestamp configured = std::max(started_, last_reload_.load());
  for (const auto& group : snapshot->groups) {
    const base::Timestamp last = std::max(group->last_evaluation, configured);
    if (now - last > 2 * group->interval + kLateGroup) return false;
  }
  for (const probes::ProbeStats& probe : scheduler_->Stats()) {
    const base::Timestamp last = std::max(probe.last_run.value_or(configured), configured);
    if (now - last > 3 * probe.interval + kLateProbe) return false;
  }
  return true;
}

void Service::RecordObjectives(base::Timestamp now) {
  std::vector<model::MetricFamily> families = RecoveryFamilies(now);
  const std::lock_guard lock(objectives_mutex_);
  if (auto event = RpoEvent(objectives_, families, objectives_since_, now)) {
    audit_->Record(*std::move(event));
  }
  objectives_ = std::move(families);
  objectives_since_ = now;
}

void Service::Accept(const model::ProbeResult& result) {
  for (recovery::AuditEvent& event : proofs_->Look(result, clock_.Now())) {
    audit_->Record(std::move(event));
  }
  intake_->Accept(result);
}

web::StatusView Service::Status() {
  web::StatusView view;
  view.now = clock_.Now();
  view.version = Version();
  view.ready = Ready();
  view.services = RecoveryReports();
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
  const notify::Snapshot delivery = dispatcher_->TakeSnapshot();
  view.receivers = ReceiverRows(delivery);
  for (notify::ForwardHealth& peer : forwarder_->Health()) {
    view.receivers.push_back({std::move(peer.url), "alertmanager",
                              static_cast<std::int64_t>(peer.waiting), peer.oldest,
                              std::move(peer.last_error)});
  }
  view.attention = AttentionOf(view.alerts, delivery, *CurrentConfig());
  return view;
}

std::shared_ptr<const config::Config> Service::CurrentConfig() {
  const std::lock_guard lock(config_mutex_);
  return config_;
}

void Service::RecordReload(bool successful) {
  const base::Timestamp now = clock_.Now();
  self_metrics_.RecordReload(successful, now);
  reload_successful_ = successful;
  if (successful) last_reload_ = now;
}

std::vector<web::TargetView> Service::Targets() {
  std::map<std::string, bool> has_run;
  for (const probes::ProbeStats& stats : scheduler_->Stats()) {
    has_run[stats.probe] = stats.last_run.has_value();
  }
  std::map<std::string, model::ProbeResult> latest;
  for (model::ProbeResult& result : intake_->Latest()) {
    std::string name = result.probe;
    latest.emplace(std::move(name), std::move(result));
  }
  const auto config = CurrentConfig();
  std::vector<web::TargetView> targets;
  for (const config::Probe& probe : config->probes) {
    const auto result = latest.find(probe.name);
    if (result == latest.end()) continue;
    targets.push_back(ToTarget(probe, result->second, has_run[probe.name]));
  }
  std::stable_sort(
      targets.begin(), targets.end(),
      [](const web::TargetView& a, const web::TargetView& b) { return a.pool < b.pool; });
  return targets;
}

web::RuntimeView Service::Runtime() {
  web::RuntimeView view;
  view.started = started_;
  std::error_code error;
  view.folder = std::filesystem::current_path(error).string();
  view.host = HostName();
  view.reload_successful = reload_successful_;
  view.last_reload = last_reload_;
  view.threads = CountThreads();
  view.retention = CurrentConfig()->storage.retention;
  return view;
}

web::AlertmanagerSources Service::AlertmanagerViews() {
  web::AlertmanagerSources sources;
  sources.snapshot = [this] { return dispatcher_->TakeSnapshot(); };
  sources.post = [this](const std::vector<notify::PostedAlert>& alerts) {
    return dispatcher_->Post(alerts);
  };
  sources.set_silence = [this](notify::Silence silence) {
    return dispatcher_->SetSilence(std::move(silence));
  };
  sources.expire_silence = [this](const std::string& id) { return dispatcher_->ExpireSilence(id); };
  sources.receivers = [this] {
    std::vector<std::string> names;
    for (const config::Receiver& receiver : CurrentConfig()->receivers) {
      names.push_back(receiver.name);
    }
    return names;
  };
  sources.config_text = [this] { return config::DescribeAlerting(*CurrentConfig()); };
  sources.version = Version();
  sources.started = clock_.Now();
  sources.resolve_timeout = CurrentConfig()->global.resolve_timeout;
  return sources;
}

web::DrillSources Service::MakeDrillSources() {
  web::DrillSources sources;
  sources.services = [this] {
    std::vector<std::string> names;
    for (const config::Service& service : CurrentConfig()->services) names.push_back(service.name);
    return names;
  };
  sources.apply = [this](const recovery::DrillRequest& request) {
    const base::Timestamp now = clock_.Now();
    base::Result<recovery::Drill> drill = drills_->Apply(request, now);
    if (drill) audit_->Record(DrillEvent(*drill, *CurrentConfig(), now));
    return drill;
  };
  sources.list = [this](std::int64_t limit) { return drills_->List(limit); };
  return sources;
}

web::SiteSources Service::MakeSiteSources() {
  web::SiteSources sources;
  sources.api.store = &store_;
  sources.api.engine = &engine_;
  sources.api.clock = &clock_;
  sources.api.rules = [this] { return manager_->Snapshot(); };
  sources.api.targets = [this] { return Targets(); };
  sources.api.runtime = [this] { return Runtime(); };
  sources.api.config = [this] { return config::DescribeConfig(*CurrentConfig()); };
  sources.api.alertmanagers = [this] {
    std::vector<std::string> urls;
    for (notify::ForwardHealth& peer : forwarder_->Health()) urls.push_back(std::move(peer.url));
    return urls;
  };
  sources.api.flags = options_.flags;
  sources.api_limits = options_.api;
  sources.api.version = Version();
  sources.api.revision = Revision();
  sources.alertmanager = AlertmanagerViews();
  sources.acknowledge.snapshot = sources.alertmanager.snapshot;
  sources.acknowledge.acknowledge = [this](const notify::AckRequest& request) {
    return dispatcher_->Acknowledge(request);
  };
  sources.acknowledge.selected = [this](const notify::AckSelection& selection) {
    return dispatcher_->Selected(selection);
  };
  sources.acknowledge.read_link = [this](std::string_view token) {
    return dispatcher_->ReadLink(token);
  };
  sources.drills = MakeDrillSources();
  sources.metrics = [this](model::TextFormat format) {
    return intake_->Page(self_metrics_.Collect(), format);
  };
  sources.metrics_pieces = [this](model::TextFormat format,
                                  const model::MetricsPage::Known& known) {
    return intake_->PagePieces(self_metrics_.Collect(), format, known);
  };
  sources.status = [this] { return Status(); };
  sources.backups = [this] {
    const base::Timestamp now = clock_.Now();
    const auto config = CurrentConfig();
    return web::BackupsJson(recovery::CompareCopies(*config, LatestDated(*config), now), now);
  };
  sources.recovery = [this] { return web::RecoveryJson(RecoveryReports(), clock_.Now()); };
  sources.ready = [this] { return Ready(); };
  sources.reload = [this](const std::string& who) { return Reload(who); };
  sources.audit = [this](const recovery::AuditQuery& query) { return audit_->Read(query); };
  sources.runbook = FindRunbook;
  return sources;
}

}  // namespace drwatch::exporter
