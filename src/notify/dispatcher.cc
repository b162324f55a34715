#include "notify/dispatcher.h"

#include <utility>

#include "base/digest.h"
#include "base/duration.h"
#include "base/log.h"
#include "notify/dispatcher_shell.h"
#include "notify/expand.h"
#include "notify/journal.h"

namespace drwatch::notify {

Dispatcher::Shell::Shell(Options options, Records stored, base::Timestamp start)
    : options_(std::move(options)),
      scale_(*options_.clock, start),
      ledger_(std::move(stored), options_.config, start),
      templates_(MakeLibrary(*options_.config)) {}

// Now(), after a look at whether the wall clock was set.
base::Timestamp Dispatcher::Shell::FollowWall() {
  const base::Duration step = scale_.Follow();
  if (step == base::Duration(0)) return Now();
  base::LogWarn("delivery follows the clock of this machine, which was set",
                {{"by", base::FormatDuration(step)}});
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
