#include "web/query_gate.h"

#include <algorithm>
#include <utility>

namespace drwatch::web {
namespace {

// A client that went away cannot wake anybody: it is looked for this often.
constexpr base::Duration kLookEvery = std::chrono::milliseconds(100);

}  // namespace

QueryGate::Pass::~Pass() {
  if (gate_ == nullptr) return;
  {
    const std::lock_guard lock(gate_->mutex_);
    --gate_->running_;
  }
  gate_->changed_.notify_all();
}

std::optional<QueryGate::Pass> QueryGate::Enter(base::Deadline deadline,
                                                const base::StopToken& stop,
                                                const std::function<bool()>& canceled,
                                                Refusal& refusal) {
  std::unique_lock lock(mutex_);
  if (running_ >= max_running_ && static_cast<int>(waiting_.size()) >= max_waiting_) {
    refusal = Refusal::kTooManyWait;
    return std::nullopt;
  }
  const std::uint64_t own = next_++;
  waiting_.insert(own);
  const auto my_turn = [&] { return running_ < max_running_ && *waiting_.begin() == own; };
  std::optional<Refusal> refused;
  while (!my_turn() && !refused) {
    changed_.wait_for(lock, std::min(kLookEvery, deadline.Remaining()));
    if (my_turn()) break;
    if (stop.stopped() || (canceled && canceled())) {
      refused = Refusal::kCanceled;
    } else if (deadline.Expired()) {
      refused = Refusal::kTimeout;
    }
  }
  waiting_.erase(own);
  if (!refused) ++running_;
  lock.unlock();
  changed_.notify_all();  // the next one in the line may have a place, too
  if (refused) {
    refusal = *refused;
    return std::nullopt;
  }
  return Pass(this);
}

int QueryGate::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

int QueryGate::waiting() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(waiting_.size());
}

std::shared_ptr<const std::string> AnswerBudget::Hold(
    std::shared_ptr<const std::string> body) const {
  const std::size_t size = body ? body->size() : 0;
  if (size < kCountedBytes) return body;
  {
    const std::lock_guard lock(state_->mutex);
    if (size > state_->max_bytes - state_->bytes) return nullptr;
    state_->bytes += size;
  }
  const std::string* const text = body.get();
  const auto release = [body = std::move(body), state = state_, size](const std::string*) mutable {
    body.reset();
    const std::lock_guard lock(state->mutex);
    state->bytes -= size;
  };
  return {text, release};
}

std::int64_t AnswerBudget::bytes() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<std::int64_t>(state_->bytes);
}

}  // namespace drwatch::web
