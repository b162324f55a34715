#include "notify/dispatcher.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/digest.h"
#include "base/duration.h"
#include "base/log.h"
#include "notify/expand.h"
#include "notify/journal.h"
#include "notify/ledger.h"
#include "notify/records_view.h"
#include "notify/sender.h"

namespace drwatch::notify {

namespace {

// The wall clock was set if it differs by so much from the time that has passed.
constexpr base::Duration kLeastStep = std::chrono::seconds(2);
// Both clocks are read within this, or they say nothing of each other: a thread may be held up.
constexpr base::SteadyTime::duration kSameInstant = std::chrono::milliseconds(50);

}  // namespace

class Dispatcher::Shell {
 public:
  Shell(Options options, Records stored, base::Timestamp start);
  ~Shell() { Stop(base::Duration(0)); }

  base::Status Accept(const std::vector<model::AlertEvent>& events);
  base::Status Post(const std::vector<PostedAlert>& alerts);
  void Reload(std::shared_ptr<const config::Config> config);
  base::Result<std::string> SetSilence(Silence silence);
  base::Status ExpireSilence(const std::string& id);
  base::Result<std::size_t> Acknowledge(const AckRequest& request);
  base::Result<std::vector<model::Alert>> Selected(const AckSelection& selection) const;
  std::optional<AckLink> ReadLink(std::string_view token) const {
    return notify::ReadToken(options_.link_key, token);
  }
  void Start();
  void Stop(base::Duration drain);
  void Wake();
  std::vector<model::AlertEvent> RuleAlerts() const;
  Snapshot TakeSnapshot() const;
  DeliveryStats Stats() const;

 private:
  struct Sender {
    std::thread thread;
    std::condition_variable wake;
    bool running = false;
  };
  enum class Phase { kIdle, kRunning, kDraining, kStopped };

  // The functions below expect the lock to be held.
  base::Timestamp Now() const;
  base::Timestamp FollowWall();
  base::Status Commit(db::Durability durability = db::Durability::kSynced);
  void CommitOutcome(bool busy);
  void WakeTimers();
  void StartSenders();
  void NotifyAll();
  bool HasDueWork() const;
  void Settle(const Job& job, const AttemptResult& result, base::Duration duration);

  void AddLink(Job& job) const;
  void RunTimers();
  void RunSender(const std::string& target, Sender& sender);

  const Options options_;
  base::Timestamp start_wall_;  // moves when the wall clock is set
  const base::SteadyTime start_steady_;
  const base::StopSource stop_;
  mutable std::mutex mutex_;
  Ledger ledger_;
  std::shared_ptr<const tmpl::Library> templates_;  // of the configuration
  Phase phase_ = Phase::kIdle;
  bool state_writable_ = true;
  base::SteadyTime synced_at_{};          // of the last synced commit
  base::Timestamp timers_sleep_until_{};  // zero while they do not
  std::condition_variable timer_wake_;
  std::condition_variable sender_ended_;
  std::thread timer_;
  std::map<std::string, std::unique_ptr<Sender>> senders_;  // by target
  int running_senders_ = 0;
};

Dispatcher::Shell::Shell(Options options, Records stored, base::Timestamp start)
    : options_(std::move(options)),
      start_wall_(start),
      start_steady_(options_.clock->Steady()),
      ledger_(std::move(stored), options_.config, start),
      templates_(MakeLibrary(*options_.config)) {}

base::Timestamp Dispatcher::Shell::Now() const {
  return start_wall_ +
         std::chrono::duration_cast<base::Duration>(options_.clock->Steady() - start_steady_);
}

// Now(), after a look at whether the wall clock was set.
base::Timestamp Dispatcher::Shell::FollowWall() {
  const base::SteadyTime before = options_.clock->Steady();
  const base::Timestamp wall = options_.clock->Now();
  if (options_.clock->Steady() - before >= kSameInstant) return Now();
  const auto passed = std::chrono::duration_cast<base::Duration>(before - start_steady_);
  const base::Duration step = wall - (start_wall_ + passed);
  if (step < kLeastStep && step > -kLeastStep) return Now();
  base::LogWarn("delivery follows the clock of this machine, which was set",
                {{"by", base::FormatDuration(step)}});
  start_wall_ += step;
  ledger_.Shift(step, Now());
  timer_wake_.notify_all();  // what they wait for is another time now
  return Now();
}

base::Status Dispatcher::Shell::Commit(db::Durability durability) {
  Changes changes = ledger_.TakeChanges();
  // The list of the latest attempts is a convenience: it is written when there is a sync anyway.
  if (durability == db::Durability::kWritten) {
    Changes later;
    later.attempts = std::exchange(changes.attempts, {});
    ledger_.ReturnChanges(std::move(later));
  }
  if (changes.empty()) return {};
  if (options_.on_step) options_.on_step(Step::kBeforeCommit);
  const base::Status saved = SaveChanges(*options_.database, ledger_, changes, durability);
  for (const Happening& happening : std::exchange(changes.happenings, {})) {
    if (options_.on_happening) options_.on_happening(happening);
  }
  if (saved) {
    if (options_.on_step) options_.on_step(Step::kAfterCommit);
    if (!state_writable_) base::LogInfo("the state of delivery can be written again");
    state_writable_ = true;
    if (durability == db::Durability::kSynced) synced_at_ = options_.clock->Steady();
    return {};
  }
  ledger_.ReturnChanges(std::move(changes));
  if (state_writable_) {
    base::LogError("the state of delivery cannot be written, going on from memory",
                   {{"cause", saved.error().message}});
    timer_wake_.notify_all();  // they try again
  }
  state_writable_ = false;
  return base::Wrap("writing the state of delivery", saved.error());
}

// Before a sender's next request, or its rest: what came of its last one is on the way to the disk
// and outlasts the program, so that a crash repeats that one at most. It is synced together with
// what has to be, but not later than kSyncOutcomes.
void Dispatcher::Shell::CommitOutcome(bool busy) {
  const bool late = options_.clock->Steady() - synced_at_ >= kSyncOutcomes;
  const bool sync = !busy || late || ledger_.owes_sync() || !state_writable_;
  // If it cannot be written, the page goes out all the same.
  [[maybe_unused]] const base::Status committed =
      Commit(sync ? db::Durability::kSynced : db::Durability::kWritten);
}

// If they would sleep too long.
void Dispatcher::Shell::WakeTimers() {
  if (ledger_.NextTick(Now()) < timers_sleep_until_) timer_wake_.notify_all();
}

base::Status Dispatcher::Shell::Accept(const std::vector<model::AlertEvent>& events) {
  const std::lock_guard lock(mutex_);
  const base::Status applied = ledger_.Apply(events, FollowWall());
  const base::Status committed = Commit();
  StartSenders();
  WakeTimers();
  return committed ? applied : committed;
}

base::Status Dispatcher::Shell::Post(const std::vector<PostedAlert>& alerts) {
  const std::lock_guard lock(mutex_);
  const base::Status applied = ledger_.Post(alerts, FollowWall());
  const base::Status committed = Commit();
  StartSenders();
  WakeTimers();
  return committed ? applied : committed;
}

void Dispatcher::Shell::Reload(std::shared_ptr<const config::Config> config) {
  const std::lock_guard lock(mutex_);
  templates_ = MakeLibrary(*config);
  ledger_.Reload(std::move(config), FollowWall());
  // A failure is remembered and tried again by the timers.
  [[maybe_unused]] const base::Status committed = Commit();
  StartSenders();
  WakeTimers();
}

base::Result<std::string> Dispatcher::Shell::SetSilence(Silence silence) {
  const std::lock_guard lock(mutex_);
  base::Result<std::string> id =
      ledger_.SetSilence(std::move(silence), base::RandomUuid(), FollowWall());
  if (!id) return id;
  const base::Status committed = Commit();
  StartSenders();
  WakeTimers();
  if (!committed) return base::Wrap(std::string(kHoldsInMemory), committed.error());
  return id;
}

base::Status Dispatcher::Shell::ExpireSilence(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const base::Status ended = ledger_.ExpireSilence(id, FollowWall()); !ended) return ended;
  const base::Status committed = Commit();
  StartSenders();
  WakeTimers();
  if (!committed) return base::Wrap(std::string(kHoldsInMemory), committed.error());
  return {};
}

base::Result<std::size_t> Dispatcher::Shell::Acknowledge(const AckRequest& request) {
  const std::lock_guard lock(mutex_);
  const base::Result<std::size_t> count = ledger_.Acknowledge(request, FollowWall());
  if (!count) return count;
  const base::Status committed = Commit();
  StartSenders();
  WakeTimers();
  if (!committed) return base::Wrap(std::string(kHoldsInMemory), committed.error());
  return count;
}

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

void Dispatcher::Shell::Start() {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kIdle) return;
  phase_ = Phase::kRunning;
  timer_ = std::thread([this] { RunTimers(); });
}

void Dispatcher::Shell::NotifyAll() {
  timer_wake_.notify_all();
  sender_ended_.notify_all();
  for (const auto& [target, sender] : senders_) sender->wake.notify_all();
}

void Dispatcher::Shell::Wake() {
  const std::lock_guard lock(mutex_);
  NotifyAll();
}

bool Dispatcher::Shell::HasDueWork() const {
  const base::Timestamp now = Now();
  return running_senders_ > 0 ||
         std::any_of(ledger_.records().targets.begin(), ledger_.records().targets.end(),
                     [&](const auto& entry) {
                       const auto next = ledger_.NextAttempt(entry.first);
                       return next && *next <= now;
                     });
}

void Dispatcher::Shell::Stop(base::Duration drain) {
  {
    std::unique_lock lock(mutex_);
    if (phase_ == Phase::kStopped) return;
    if (phase_ == Phase::kRunning && drain > base::Duration(0)) {
      phase_ = Phase::kDraining;
      StartSenders();
      NotifyAll();
      sender_ended_.wait_for(lock, drain, [&] { return !HasDueWork(); });
    }
    phase_ = Phase::kStopped;
    stop_.RequestStop();
    NotifyAll();
  }
  if (timer_.joinable()) timer_.join();
  for (const auto& [target, sender] : senders_) {
    if (sender->thread.joinable()) sender->thread.join();
  }
  const std::lock_guard lock(mutex_);
  ledger_.Rest();
  [[maybe_unused]] const base::Status committed = Commit();
}

void Dispatcher::Shell::RunTimers() {
  std::unique_lock lock(mutex_);
  while (phase_ == Phase::kRunning || phase_ == Phase::kDraining) {
    const base::Timestamp now = FollowWall();
    ledger_.Tick(now);
    const base::Status committed = Commit();
    StartSenders();
    timers_sleep_until_ = ledger_.NextTick(now);
    base::Duration wait = timers_sleep_until_ - now;
    if (!committed) wait = std::min(wait, kSaveRetry);
    timer_wake_.wait_for(lock, std::max(wait, base::Duration(1)));
    timers_sleep_until_ = {};
  }
}

void Dispatcher::Shell::StartSenders() {
  if (phase_ != Phase::kRunning && phase_ != Phase::kDraining) return;
  for (const auto& [id, target] : ledger_.records().targets) {
    if (!ledger_.NextAttempt(id)) continue;
    std::unique_ptr<Sender>& sender = senders_[id];
    if (!sender) sender = std::make_unique<Sender>();
    if (sender->running) {
      sender->wake.notify_all();
      continue;
    }
    if (running_senders_ == kMaxSenders) continue;
    // A sender that is not running has left the lock behind; nothing can hold up this join.
    if (sender->thread.joinable()) sender->thread.join();
    sender->running = true;
    ++running_senders_;
    sender->thread =
        std::thread([this, target_id = id, at = sender.get()] { RunSender(target_id, *at); });
  }
}

void Dispatcher::Shell::AddLink(Job& job) const {
  Notification& notification = job.notification;
  if (!job.link || options_.link_key.empty() || notification.external_url.empty()) return;
  notification.acknowledge_url =
      notification.external_url + "/acknowledge?token=" + MakeToken(options_.link_key, *job.link);
}

void Dispatcher::Shell::RunSender(const std::string& target, Sender& sender) {
  std::unique_lock lock(mutex_);
  while (phase_ != Phase::kStopped) {
    std::optional<Job> job = ledger_.Take(target, Now());
    CommitOutcome(job.has_value());
    if (job) {
      const std::shared_ptr<const tmpl::Library> templates = templates_;
      lock.unlock();
      const base::SteadyTime began = options_.clock->Steady();
      job->notification.sent_at = options_.clock->Now();
      AddLink(*job);
      job->notification.templates = templates;
      const AttemptResult result = Attempt(*job, options_.transport, options_.on_step,
                                           stop_.token(), job->notification.sent_at);
      const auto duration =
          std::chrono::duration_cast<base::Duration>(options_.clock->Steady() - began);
      lock.lock();
      Settle(*job, result, duration);
      continue;
    }
    const std::optional<base::Timestamp> next = ledger_.NextAttempt(target);
    if (!next || phase_ == Phase::kDraining) break;
    sender.wake.wait_for(lock, std::max(*next - Now(), base::Duration(1)));
  }
  sender.running = false;
  // Another receiver may have waited for this one's place.
  if (running_senders_ == kMaxSenders) timer_wake_.notify_all();
  --running_senders_;
  sender_ended_.notify_all();
}

void Dispatcher::Shell::Settle(const Job& job, const AttemptResult& result,
                               base::Duration duration) {
  for (const std::string& error : result.template_errors) {
    base::LogWarn("a notification template failed, its built-in text was sent",
                  {{"receiver", job.notification.receiver}, {"cause", error}});
  }
  ledger_.CountTemplateFailures(result.template_errors.size());
  if (!result.verdict.warning.empty()) {
    base::LogWarn("a notification reached only a part of its receivers",
                  {{"receiver", job.notification.receiver}, {"cause", result.verdict.warning}});
  }
  if (result.abandoned) {
    ledger_.Abandon(job);
    return;
  }
  ledger_.Settle(job, result.verdict, duration, Now());
  StartSenders();  // the fallback receiver's, if it has to be told
  WakeTimers();
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

base::Result<std::unique_ptr<Dispatcher>> Dispatcher::Create(Options options) {
  const base::Timestamp start = options.clock->Now();
  base::Result<Records> stored = LoadState(*options.database, start);
  if (!stored) return base::Fail(stored.error());
  return std::unique_ptr<Dispatcher>(
      new Dispatcher(std::make_unique<Shell>(std::move(options), std::move(*stored), start)));
}

Dispatcher::Dispatcher(std::unique_ptr<Shell> shell) : shell_(std::move(shell)) {}
Dispatcher::~Dispatcher() = default;

base::Status Dispatcher::Accept(const std::vector<model::AlertEvent>& events) {
  return shell_->Accept(events);
}
base::Status Dispatcher::Post(const std::vector<PostedAlert>& alerts) {
  return shell_->Post(alerts);
}
void Dispatcher::Reload(std::shared_ptr<const config::Config> config) {
  shell_->Reload(std::move(config));
}
base::Result<std::string> Dispatcher::SetSilence(Silence silence) {
  return shell_->SetSilence(std::move(silence));
}
base::Status Dispatcher::ExpireSilence(const std::string& id) { return shell_->ExpireSilence(id); }
base::Result<std::size_t> Dispatcher::Acknowledge(const AckRequest& request) {
  return shell_->Acknowledge(request);
}
base::Result<std::vector<model::Alert>> Dispatcher::Selected(const AckSelection& selection) const {
  return shell_->Selected(selection);
}
std::optional<AckLink> Dispatcher::ReadLink(std::string_view token) const {
  return shell_->ReadLink(token);
}
void Dispatcher::Start() { shell_->Start(); }
void Dispatcher::Stop(base::Duration drain) { shell_->Stop(drain); }
void Dispatcher::Wake() { shell_->Wake(); }
std::vector<model::AlertEvent> Dispatcher::RuleAlerts() const { return shell_->RuleAlerts(); }
Snapshot Dispatcher::TakeSnapshot() const { return shell_->TakeSnapshot(); }
DeliveryStats Dispatcher::Stats() const { return shell_->Stats(); }

}  // namespace drwatch::notify
