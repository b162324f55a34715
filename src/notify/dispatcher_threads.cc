// The dispatcher's threads: one for groups and timers, one for each receiver that has something to
// send.
#include <algorithm>

#include "base/log.h"
#include "notify/dispatcher_shell.h"

namespace drwatch::notify {

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

}  // namespace drwatch::notify
