// A bounded pool whose threads start on demand and end when idle, because memory counts.
#pragma once

#include <functional>
#include <memory>

#include "base/stop.h"

namespace drwatch::probes {

struct ThreadPoolOptions {
  int max_threads = 256;
  base::Duration idle_time = std::chrono::seconds(30);  // an idle thread ends after this
};

// Thread-safe. A task that never returns keeps its thread; the pool can still be destroyed, because
// what the threads share outlives it.
class ThreadPool {
 public:
  explicit ThreadPool(ThreadPoolOptions options = {});
  // Takes no more tasks and lets idle threads end; does not wait for running tasks.
  ~ThreadPool();
  // Queued while all threads are busy. The queue is as long as there are probes: each has one task
  // at most.
  void Run(std::function<void()> task);
  // Waits until no task is queued or running. False if the deadline came first.
  bool WaitIdle(base::Deadline deadline) const;
  int threads() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace drwatch::probes
