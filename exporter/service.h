// The running service: every part, built in one straight line and stopped in reverse order.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/database.h"
#include "exporter/audit_copy.h"
#include "exporter/audit_events.h"
#include "exporter/audit_trail.h"
#include "exporter/dead_man.h"
#include "exporter/evaluator.h"
#include "exporter/intake.h"
#include "exporter/load.h"
#include "exporter/options.h"
#include "exporter/self_metrics.h"
#include "exporter/web_security.h"
#include "net/http_server.h"
#include "net/s3_budget.h"
#include "notify/dispatcher.h"
#include "notify/forwarder.h"
#include "notify/journal.h"
#include "probes/position_ring.h"
#include "probes/scheduler.h"
#include "promql/engine.h"
#include "recovery/drills.h"
#include "recovery/recovery_points.h"
#include "rules/manager.h"
#include "store/store.h"
#include "web/site.h"

namespace drwatch::exporter {

// Built whole by Start(); destroyed parts-last-first. Reload() may be called from any thread.
class Service {
 public:
  // Binds the port, opens the state, loads alerts and incidents, starts probes, rules and delivery.
  // Errors: the port is taken, the state cannot be used.
  static base::Result<std::unique_ptr<Service>> Start(const ServeOptions& options, Loaded loaded);
  ~Service();

  // Reads the configuration again and takes it whole, or keeps the present one and says everything
  // that is wrong. `who` asked for it: for the audit log.
  base::Status Reload(const std::string& who);
  // Lets deliveries finish for a while; what is left is delivered after the next start.
  void Stop();

 private:
  Service(const ServeOptions& options, const Loaded& loaded);
  std::string StorageFolder(const config::Config& config) const;
  base::Status OpenState(const config::Config& config);
  base::Status Listen();
  net::ServerResponse Answer(const net::ServerRequest& request);
  base::Status StartParts(Loaded loaded);
  void Apply(Loaded loaded);
  std::vector<probes::ScheduledProbe> MakeProbes(const config::Config& config);
  rules::RuleSettings SettingsOf(const config::Config& config) const;
  void AddSelfMetrics();
  void BeforeEvaluation(base::Timestamp now);
  void AfterEvaluation(base::Timestamp now);
  void Accept(const model::ProbeResult& result);
  // Every group is evaluated, everything is on disk, no probe hangs.
  bool AllWell(base::Timestamp now) const;
  // How objectives were kept since the last call, into the audit log.
  void RecordObjectives(base::Timestamp now);
  // The latest result of each probe; copies that were made without their time are as old as they
  // are.
  std::vector<model::ProbeResult> LatestDated(const config::Config& config) const;
  std::vector<model::MetricFamily> RecoveryFamilies(base::Timestamp now);
  // What the recovery metrics say, with what drills have measured.
  std::vector<recovery::ServiceReport> RecoveryReports();
  web::StatusView Status();
  web::AlertmanagerSources AlertmanagerViews();
  web::DrillSources MakeDrillSources();
  web::SiteSources MakeSiteSources();
  std::vector<web::TargetView> Targets();
  web::RuntimeView Runtime();
  std::shared_ptr<const config::Config> CurrentConfig();
  void RecordReload(bool successful);
  // True from the moment on when every probe of the first set had reported; a reload does not take
  // it back.
  bool Ready();

  // A probe of the running set, to be kept over a reload that leaves its configuration alone.
  struct RunningProbe {
    config::Probe config;
    std::shared_ptr<probes::Probe> probe;
  };

  const ServeOptions options_;
  const base::SystemClock clock_;
  const std::string config_file_;
  std::unique_ptr<WebSecurity> security_;
  std::mutex reload_mutex_;
  std::mutex config_mutex_;  // of the pointer
  std::shared_ptr<const config::Config> config_;
  const base::Timestamp started_ = clock_.Now();
  std::atomic<bool> reload_successful_{true};
  std::atomic<base::Timestamp> last_reload_{base::Timestamp{}};
  std::string external_url_;

  store::Store store_;
  promql::Engine engine_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<AuditTrail> audit_;
  AuditCopy audit_copy_{[this](const recovery::AuditQuery& query) { return audit_->Read(query); }};
  std::unique_ptr<ProofWatch> proofs_;
  std::mutex objectives_mutex_;  // guards the two
  std::vector<model::MetricFamily> objectives_;
  base::Timestamp objectives_since_{};
  DeadMan dead_man_{clock_};
  std::unique_ptr<probes::PositionRing> positions_;
  net::S3Budgets budgets_;
  SelfMetrics self_metrics_;
  std::mutex recovery_mutex_;
  std::unique_ptr<recovery::RecoveryPoints> recovery_;
  std::unique_ptr<recovery::DrillLog> drills_;
  std::unique_ptr<notify::Dispatcher> dispatcher_;
  std::unique_ptr<notify::Forwarder> forwarder_;
  std::unique_ptr<rules::Manager> manager_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Intake> intake_;
  std::vector<RunningProbe> running_;
  std::unique_ptr<probes::Scheduler> scheduler_;
  std::unique_ptr<web::Site> site_;
  std::atomic<const web::Site*> open_site_{nullptr};  // nullptr: still starting
  std::unique_ptr<net::HttpServer> server_;
  base::Timestamp last_cleanup_{};
  std::atomic<bool> probes_started_{false};
  std::atomic<bool> was_ready_{false};
  bool rules_looked_ = false;  // all of them, since the start; the evaluator's
};

}  // namespace drwatch::exporter
