#include "exporter/service.h"

#include <algorithm>

#include "base/digest.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/strings.h"
#include "exporter/part_metrics.h"
#include "exporter/process_metrics.h"
#include "probes/backup_probe.h"
#include "probes/wal_verdicts.h"

namespace drwatch::exporter {
namespace {

constexpr base::Duration kStopPatience = std::chrono::seconds(5);
constexpr base::Duration kDrain = std::chrono::seconds(10);

std::vector<db::Migration> AllMigrations() {
  std::vector<db::Migration> all = rules::Migrations();
  for (const auto& more :
       {notify::Migrations(), probes::PositionRingMigrations(), probes::BackupMigrations(),
        probes::WalMigrations(), recovery::DrillLog::Migrations()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

store::StoreOptions StoreOptionsOf(const config::Config& config) {
  store::StoreOptions options;
  options.retention = config.storage.retention;
  options.max_series = config.storage.max_series;
  return options;
}

promql::EngineOptions EngineOptionsOf(const config::Config& config, base::Duration lookback) {
  promql::EngineOptions options;
  options.lookback = lookback;
  options.default_step = config.global.evaluation_interval;
  return options;
}

// Without a file for it the key lasts as long as the process.
base::Secret LinkKey(const std::string& folder) {
  const base::Result<base::Secret> key = notify::LoadLinkKey(folder);
  if (key) return *key;
  base::LogWarn("links to acknowledge will not work after a restart",
                {{"cause", key.error().message}});
  return base::Secret(base::Hex(base::RandomBytes(32)));
}

// The port of "host:port".
std::string PortOf(const std::string& address) { return address.substr(address.rfind(':') + 1); }

}  // namespace

Service::Service(const ServeOptions& options, const Loaded& loaded)
    : options_(options),
      config_file_(options.config_file),
      store_(StoreOptionsOf(*loaded.config)),
      engine_(store_, EngineOptionsOf(*loaded.config, options.lookback)) {}

Service::~Service() { Stop(); }

base::Result<std::unique_ptr<Service>> Service::Start(const ServeOptions& options, Loaded loaded) {
  std::unique_ptr<Service> service(new Service(options, loaded));
  if (auto status = service->Listen(); !status) return base::Fail(status.error());
  if (auto status = service->OpenState(*loaded.config); !status) return base::Fail(status.error());
  if (auto status = service->StartParts(std::move(loaded)); !status)
    return base::Fail(status.error());
  return service;
}

base::Status Service::Listen() {
  config::Problems problems;
  security_ = WebSecurity::Open(options_.web_config_file, clock_, problems);
  if (!security_)
    return base::Fail("the web configuration has errors\n" + FormatProblems(problems));
  net::ServerOptions server_options;
  server_options.listen_addresses = options_.listen_addresses;
  if (security_->encrypts()) {
    server_options.tls = [this] { return security_->Current()->tls; };
  }
  auto server = net::HttpServer::Start(
      server_options, [this](const net::ServerRequest& request) { return Answer(request); });
  if (!server) return base::Fail(server.error());
  server_ = *std::move(server);
  return {};
}

net::ServerResponse Service::Answer(const net::ServerRequest& request) {
  const auto answer = [this](const net::ServerRequest& allowed) {
    const web::Site* const site = open_site_.load(std::memory_order_acquire);
    return site == nullptr ? net::ServerResponse::Text(503, "drwatch is starting.\n")
                           : site->Handle(allowed);
  };
  std::string user;
  net::ServerResponse response;
  if (auto refused = security_->Refuse(request, user)) {
    response = *std::move(refused);
  } else if (user.empty()) {
    response = answer(request);
  } else {
    net::ServerRequest known = request;
    known.user = std::move(user);
    response = answer(known);
  }
  security_->Complete(response);
  self_metrics_.CountRequest(response.status);
  return response;
}

std::string Service::StorageFolder(const config::Config& config) const {
  return options_.storage_path.empty() ? config.storage.path : options_.storage_path;
}

base::Status Service::OpenState(const config::Config& config) {
  const std::string folder = StorageFolder(config);
  auto database = db::Database::Open(StateFile(options_.storage_path, config), AllMigrations());
  if (!database) return base::Wrap("opening the state below storage.path", database.error());
  database_ = *std::move(database);
  if (database_->recovered()) {
    base::LogError("the state file was damaged; it was moved aside and a new one made",
                   {{"folder", folder}});
  }
  self_metrics_.AddPart([folder] { return StateFileMetrics(folder); });
  audit_ = std::make_unique<AuditTrail>(folder + "/" + std::string(kAuditFile), clock_);
  proofs_ = std::make_unique<ProofWatch>(audit_->written_before());
  positions_ = std::make_unique<probes::PositionRing>(database_.get());
  drills_ = std::make_unique<recovery::DrillLog>(*database_);
  return {};
}

base::Status Service::StartParts(Loaded loaded) {
  external_url_ = (security_->encrypts() ? "https://" : "http://") + HostName() + ":" +
                  PortOf(server_->addresses().front());
  config::Config config = *loaded.config;
  if (config.global.external_url.empty()) config.global.external_url = external_url_;
  loaded.config = std::make_shared<const config::Config>(std::move(config));
  notify::Dispatcher::Options delivery;
  delivery.clock = &clock_;
  delivery.database = database_.get();
  delivery.config = loaded.config;
  delivery.link_key = LinkKey(StorageFolder(*loaded.config));
  const auto record = [this](const notify::Happening& happening) {
    audit_->Record(EventOf(happening));
  };
  delivery.on_happening = record;
  auto dispatcher = notify::Dispatcher::Create(std::move(delivery));
  if (!dispatcher) return base::Fail(dispatcher.error());
  dispatcher_ = *std::move(dispatcher);
  notify::Forwarder::Options forwarding{&clock_, loaded.config, dispatcher_->RuleAlerts(),
                                        options_.resend_delay};
  forwarding.on_happening = record;
  forwarder_ = std::make_unique<notify::Forwarder>(std::move(forwarding));

  rules::ManagerDependencies dependencies;
  dependencies.store = &store_;
  dependencies.engine = &engine_;
  dependencies.clock = &clock_;
  dependencies.database = database_.get();
  dependencies.sink = [this](const std::vector<model::AlertEvent>& events) {
    const base::Status accepted = dispatcher_->Accept(events);
    forwarder_->Accept(events);
    return accepted;
  };
  dependencies.sources_ready = [this] { return Ready(); };
  manager_ = std::make_unique<rules::Manager>(std::move(dependencies));
  evaluator_ = std::make_unique<Evaluator>(
      *manager_, clock_,
      EvaluatorHooks{[this] { return Ready(); },
                     [this](base::Timestamp now) { BeforeEvaluation(now); },
                     [this](base::Timestamp now) { AfterEvaluation(now); },
                     [this](base::Timestamp now, base::Duration step) {
                       base::LogWarn("the clock of this machine was set",
                                     {{"by", base::FormatDuration(step)}});
                       store_.Shift(now, step);
                     }});
  intake_ = std::make_unique<Intake>(store_, clock_, [this] { evaluator_->Wake(); });
  scheduler_ = std::make_unique<probes::Scheduler>(
      loaded.config->global.max_concurrent_probes, clock_,
      [this](const model::ProbeResult& result) { Accept(result); });
  AddSelfMetrics();
  RecordReload(true);
  audit_->Record(StartEvent(*loaded.config, clock_.Now()));
  objectives_since_ = clock_.Now();
  Apply(std::move(loaded));
  site_ = std::make_unique<web::Site>(MakeSiteSources());
  open_site_.store(site_.get(), std::memory_order_release);
  dispatcher_->Start();
  forwarder_->Start();
  evaluator_->Start();
  scheduler_->Start();
  probes_started_ = true;
  for (const std::string& address : server_->addresses())
    base::LogInfo("listening", {{"address", address}});
  return {};
}

// Everything that can fail has been done: from here on nothing can.
void Service::Apply(Loaded loaded) {
  {
    const std::lock_guard lock(config_mutex_);
    config_ = loaded.config;
  }
  {
    const std::lock_guard lock(recovery_mutex_);
    recovery_ = std::make_unique<recovery::RecoveryPoints>(*config_);
  }
  dead_man_.Configure(config_->global.dead_man);
  audit_copy_.Configure(config_->audit_copy);
  manager_->SetGroups(std::move(loaded.groups), SettingsOf(*config_), clock_.Now());
  std::vector<std::string> before;
  for (const RunningProbe& running : running_) before.push_back(running.config.name);
  std::vector<probes::ScheduledProbe> scheduled = MakeProbes(*config_);
  for (const probes::ScheduledProbe& probe : scheduled) {
    if (!intake_->Has(probe.name)) {
      intake_->Announce(probe.probe->NotRun(model::Reason::kUnverified, "has not run yet"));
    }
  }
  scheduler_->SetProbes(std::move(scheduled));
  // Only now: a result that came in between would bring a removed probe back.
  for (const std::string& name : before) {
    const bool stays =
        std::any_of(running_.begin(), running_.end(),
                    [&](const RunningProbe& running) { return running.config.name == name; });
    if (!stays) intake_->Remove(name);
  }
}

std::vector<probes::ScheduledProbe> Service::MakeProbes(const config::Config& config) {
  probes::ProbeServices services;
  services.database = database_.get();
  services.positions = positions_.get();
  services.clock = &clock_;
  services.budgets = &budgets_;
  std::vector<RunningProbe> next;
  std::vector<probes::ScheduledProbe> scheduled;
  for (const config::Probe& probe : config.probes) {
    RunningProbe running{probe, nullptr};
    for (const RunningProbe& old : running_) {
      if (old.config == probe) running.probe = old.probe;
    }
    if (!running.probe) running.probe = probes::MakeProbe(probe, services);
    scheduled.push_back({probe.name, probe.type, probe.interval, probe.timeout, running.probe});
    next.push_back(std::move(running));
  }
  running_ = std::move(next);
  return scheduled;
}

rules::RuleSettings Service::SettingsOf(const config::Config& config) const {
  rules::RuleSettings settings;
  settings.evaluation_interval = config.global.evaluation_interval;
  settings.external_labels = config.global.external_labels;
  settings.external_url = config.global.external_url;
  return settings;
}

base::Status Service::Reload(const std::string& who) {
  const std::lock_guard lock(reload_mutex_);
  config::Problems problems;
  auto loaded = LoadAll(config_file_, problems);
  RecordReload(loaded.has_value());
  if (!loaded) {
    base::LogError("reload failed; the old configuration stays",
                   {{"problems", FormatProblems(problems)}});
    base::Status refused =
        base::Fail("the new configuration has errors\n" + FormatProblems(problems));
    audit_->Record(ReloadEvent(*CurrentConfig(), who, refused, clock_.Now()));
    return refused;
  }
  config::Config config = *loaded->config;
  if (config.global.external_url.empty()) config.global.external_url = external_url_;
  loaded->config = std::make_shared<const config::Config>(std::move(config));
  // What is counted of objectives begins anew with a configuration.
  RecordObjectives(clock_.Now());
  dispatcher_->Reload(loaded->config);
  forwarder_->Reload(loaded->config);
  evaluator_->RunBetween([&] { Apply(*std::move(loaded)); });
  base::LogInfo("configuration reloaded", {{"file", config_file_}});
  audit_->Record(ReloadEvent(*CurrentConfig(), who, {}, clock_.Now()));
  return {};
}

void Service::Stop() {
  open_site_.store(nullptr, std::memory_order_release);
  server_.reset();
  if (scheduler_) scheduler_->Stop(base::Deadline::After(kStopPatience));
  dead_man_.Stop();
  audit_copy_.Stop();
  if (evaluator_) evaluator_->Stop();
  if (forwarder_) forwarder_->Stop(kStopPatience);
  if (dispatcher_) dispatcher_->Stop(kDrain);
  if (audit_ && recovery_) {
    RecordObjectives(clock_.Now());
    audit_->Record(StopEvent(clock_.Now() - started_, clock_.Now()));
    audit_->Stop();
  }
  scheduler_.reset();
  running_.clear();
}

bool Service::Ready() {
  if (!probes_started_.load()) return false;
  if (!was_ready_.load(std::memory_order_relaxed) && scheduler_->AllRanOnce()) was_ready_ = true;
  return was_ready_.load(std::memory_order_relaxed);
}

}  // namespace drwatch::exporter
