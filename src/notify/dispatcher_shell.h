// The threads of a dispatcher and what they share. Used by dispatcher.cc and its own files only.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "notify/dispatcher.h"
#include "notify/ledger.h"
#include "notify/sender.h"
#include "notify/wall_scale.h"

namespace drwatch::notify {

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
  base::Timestamp Now() const { return scale_.Now(); }
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
  WallScale scale_;
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

}  // namespace drwatch::notify
