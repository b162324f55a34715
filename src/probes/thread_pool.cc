#include "probes/thread_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/log.h"

namespace drwatch::probes {

struct ThreadPool::State {
  ThreadPoolOptions options;
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable idle_or_done;
  std::deque<std::function<void()>> queue;
  int threads = 0;
  int idle = 0;
  bool closing = false;

  // The life of one thread.
  static void Serve(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    while (true) {
      ++state->idle;
      state->idle_or_done.notify_all();
      state->work.wait_for(lock, state->options.idle_time,
                           [&] { return !state->queue.empty() || state->closing; });
      --state->idle;
      if (state->queue.empty()) break;
      std::function<void()> task = std::move(state->queue.front());
      state->queue.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
    --state->threads;
    state->idle_or_done.notify_all();
  }
};

ThreadPool::ThreadPool(ThreadPoolOptions options) : state_(std::make_shared<State>()) {
  state_->options = options;
}

ThreadPool::~ThreadPool() {
  const std::lock_guard lock(state_->mutex);
  state_->closing = true;
  state_->queue.clear();
  state_->work.notify_all();
}

void ThreadPool::Run(std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  state_->queue.push_back(std::move(task));
  const bool enough = state_->idle >= static_cast<int>(state_->queue.size());
  if (!enough && state_->threads < state_->options.max_threads) {
    // Detached: a task stuck in the kernel must not hold up the end of the program. Where the
    // machine has no thread left, the task waits for one of ours, or for the next try.
    try {
      std::thread(State::Serve, state_).detach();
      ++state_->threads;
    } catch (const std::system_error& error) {
      base::LogWarn("cannot start a thread for a probe", {{"error", error.what()}});
    }
  }
  state_->work.notify_one();
}

bool ThreadPool::WaitIdle(base::Deadline deadline) const {
  std::unique_lock lock(state_->mutex);
  return state_->idle_or_done.wait_until(lock, deadline.at(), [this] {
    return state_->queue.empty() && state_->idle == state_->threads;
  });
}

int ThreadPool::threads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->threads;
}

}  // namespace drwatch::probes
