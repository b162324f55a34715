// Forwards the rules' alerts to Alertmanagers: ForwardState with threads and requests.
//
// Each Alertmanager has a thread and a connection of its own, so that one that hangs delays no
// other. Nothing is stored here: Dispatcher has the alerts on disk, and a start begins with those.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "config/config.h"
#include "model/alert.h"
#include "notify/forward_state.h"
#include "notify/happening.h"
#include "notify/sender.h"
#include "notify/wall_scale.h"

namespace drwatch::notify {

// Thread-safe.
class Forwarder {
 public:
  struct Options {
    const base::Clock* clock = nullptr;  // outlives the forwarder
    std::shared_ptr<const config::Config> config;
    std::vector<model::AlertEvent> known{};  // by an earlier run: Dispatcher::RuleAlerts
    base::Duration repeat = kForwardRepeat;
    FetchFunction fetch = net::WithTokens(net::Fetch);
    // Told of each (forward_happening.h), under the forwarder's lock: it must not call back.
    // Default: nothing.
    std::function<void(const Happening&)> on_happening{};
  };
  // An Alertmanager whose clock differs by more ends alerts too early or too late.
  static constexpr base::Duration kClockTolerance = std::chrono::seconds(30);

  explicit Forwarder(Options options);
  ~Forwarder();  // Stop() without draining

  // What the rules say, once it is on disk. Returns at once.
  void Accept(const std::vector<model::AlertEvent>& events);
  // All rules have been evaluated since the start: what an earlier run knew and they did not speak
  // of stands.
  void Confirm();
  void Reload(std::shared_ptr<const config::Config> config);
  // Nothing is sent before.
  void Start();
  // Lets the peers that answer hear of changes until `drain` passed, then breaks off.
  void Stop(base::Duration drain);

  std::vector<ForwardHealth> Health() const;

 private:
  enum class Phase { kIdle, kRunning, kDraining, kStopped };
  struct Sender {
    ForwardPeer peer;
    base::StopSource stop;
    std::condition_variable wake;
    bool removed = false, running = false, warned_of_clock = false;
    std::thread thread;
  };
  struct Answer {
    Verdict verdict;
    std::optional<base::Duration> clock_ahead;
    bool abandoned = false;
    base::Duration took{};
  };

  Answer Send(const ForwardPeer& peer, const std::vector<ForwardItem>& items,
              base::Duration validity, const base::StopToken& stop) const;
  void Run(Sender& sender);
  // The functions below expect the lock to be held.
  base::Timestamp Now() const { return scale_.Now(); }
  base::Timestamp FollowWall();  // Now(), after a look at whether the wall clock was set
  void StartSenders();
  void Settle(Sender& sender, const std::vector<ForwardItem>& items, const Answer& answer);
  void NoteClock(Sender& sender, base::Duration ahead);

  const Options options_;
  mutable std::mutex mutex_;
  WallScale scale_;
  ForwardState state_;
  Phase phase_ = Phase::kIdle;
  std::map<std::string, std::unique_ptr<Sender>> senders_;  // by URL
  std::condition_variable ended_;                           // a sender
};

}  // namespace drwatch::notify
