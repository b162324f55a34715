// Threads that run handlers. Used by http_server.cc only.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace drwatch::net {

// Runs jobs on at most `limit` threads, started when a job finds none idle. The queue is as long as
// there are connections at most. Thread-safe; the destructor runs what is queued, then joins.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t limit) : limit_(limit) {}
  ~WorkerPool();
  void Add(std::function<void()> job);

 private:
  void StartThread();
  void Work();

  const std::size_t limit_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool ending_ = false;
};

}  // namespace drwatch::net
