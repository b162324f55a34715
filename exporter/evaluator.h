// The one thread that evaluates rules: at each group's slot, and at once when a probe changed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "rules/manager.h"

namespace drwatch::exporter {

struct EvaluatorHooks {
  // False while the first probes are still running: nothing is evaluated, so that what nobody knows
  // yet fires no alert.
  std::function<bool()> ready;
  // Before each evaluation: brings drwatch's own metrics into the store.
  std::function<void(base::Timestamp)> before;
  // After each evaluation.
  std::function<void(base::Timestamp)> after;
  // The wall clock was set by the duration, and says the time: before anything is evaluated at it.
  std::function<void(base::Timestamp, base::Duration)> clock_set;
};

// Owns its thread from Start() to Stop(). The manager is used by this thread alone while it runs,
// but for Snapshot().
class Evaluator {
 public:
  // Wakes during this many times what the last woken evaluation took are joined: a burst of changes
  // takes a tenth of the thread at most, and where evaluations are quick a page waits for nothing.
  static constexpr int kWakeGapFactor = 10;
  static constexpr base::Duration kLongestWakeGap = std::chrono::milliseconds(100);
  // Less than this in a second is a clock that is being corrected, not one that was set.
  static constexpr base::Duration kLeastStep = std::chrono::seconds(2);

  Evaluator(rules::Manager& manager, const base::Clock& clock, EvaluatorHooks hooks);
  ~Evaluator();
  void Start();
  void Stop();
  // A probe's state changed: evaluate everything now. Any thread; returns at once.
  void Wake();
  // Runs `change` on the thread, between two evaluations, and waits for it (reload).
  void RunBetween(const std::function<void()>& change);

 private:
  void Loop();

  rules::Manager& manager_;
  const base::Clock& clock_;
  EvaluatorHooks hooks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  std::function<void()> pending_change_;
  bool change_done_ = false;
  std::thread thread_;
};

}  // namespace drwatch::exporter
