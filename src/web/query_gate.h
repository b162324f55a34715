// How many expensive requests run at once, how many wait for that, and how much of their answers is
// still unread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/stop.h"

namespace drwatch::web {

// First come, first served. Thread-safe; outlives its passes.
class QueryGate {
 public:
  QueryGate(int max_running, int max_waiting)
      : max_running_(max_running), max_waiting_(max_waiting) {}

  // Held while a request runs.
  class Pass {
   public:
    explicit Pass(QueryGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass();

   private:
    QueryGate* gate_;
  };
  enum class Refusal { kTooManyWait, kTimeout, kCanceled };
  // Waits for a place until the deadline or until `canceled`, which may be null, says so.
  std::optional<Pass> Enter(base::Deadline deadline, const base::StopToken& stop,
                            const std::function<bool()>& canceled, Refusal& refusal);

  int running() const;
  int waiting() const;

 private:
  const int max_running_;
  const int max_waiting_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  int running_ = 0;
  std::uint64_t next_ = 0;
  std::set<std::uint64_t> waiting_;  // in order of arrival
};

// Memory of large answers between the handler that made them and the client that reads them at its
// own pace. Thread-safe; answers may outlive it.
class AnswerBudget {
 public:
  explicit AnswerBudget(std::size_t max_bytes) : state_(std::make_shared<State>(max_bytes)) {}
  // Smaller answers are not counted.
  static constexpr std::size_t kCountedBytes = 64 << 10;
  // `body`, counted for as long as anybody holds it; nullptr if there is no room.
  std::shared_ptr<const std::string> Hold(std::shared_ptr<const std::string> body) const;
  std::int64_t bytes() const;

 private:
  struct State {
    explicit State(std::size_t max) : max_bytes(max) {}
    const std::size_t max_bytes;
    std::mutex mutex;
    std::size_t bytes = 0;
  };
  std::shared_ptr<State> state_;
};

}  // namespace drwatch::web
