#include "exporter/evaluator.h"

#include <algorithm>

namespace drwatch::exporter {
namespace {

// Also bounds how late a stepped wall clock is noticed.
constexpr base::Duration kLongestWait = std::chrono::seconds(1);
// How soon the first evaluation follows the last of the first probes.
constexpr base::Duration kReadyPoll = std::chrono::milliseconds(5);
constexpr base::Duration kShortestWait = std::chrono::milliseconds(1);
// Both clocks are read within this, or again: a thread may be held up between two reads.
constexpr base::SteadyTime::duration kSameInstant = std::chrono::milliseconds(50);

struct Instant {
  base::Timestamp wall;
  base::SteadyTime steady;
};

Instant ReadClocks(const base::Clock& clock) {
  while (true) {
    const base::SteadyTime before = clock.Steady();
    const base::Timestamp wall = clock.Now();
    if (clock.Steady() - before < kSameInstant) return {wall, before};
  }
}

}  // namespace

Evaluator::Evaluator(rules::Manager& manager, const base::Clock& clock, EvaluatorHooks hooks)
    : manager_(manager), clock_(clock), hooks_(std::move(hooks)) {}

Evaluator::~Evaluator() { Stop(); }

void Evaluator::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Evaluator::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Evaluator::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Evaluator::RunBetween(const std::function<void()>& change) {
  std::unique_lock lock(mutex_);
  pending_change_ = change;
  change_done_ = false;
  changed_.notify_all();
  changed_.wait(lock, [this] { return change_done_ || stopping_; });
}

void Evaluator::Loop() {
  base::SteadyTime next_wake{};
  Instant last = ReadClocks(clock_);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto [now, begin] = ReadClocks(clock_);
    const auto passed = std::chrono::duration_cast<base::Duration>(begin - last.steady);
    const base::Duration step = now - (last.wall + passed);
    last = {now, begin};
    if (step >= kLeastStep || step <= -kLeastStep) {
      lock.unlock();
      hooks_.clock_set(now, step);
      manager_.Shift(now, step);
      lock.lock();
    }
    const base::Timestamp due = manager_.NextDue();
    const bool may_wake = begin >= next_wake;
    if (pending_change_) {
      const auto change = std::move(pending_change_);
      pending_change_ = nullptr;
      lock.unlock();
      change();
      lock.lock();
      change_done_ = true;
      changed_.notify_all();
    } else if (!hooks_.ready()) {
      changed_.wait_for(lock, kReadyPoll,
                        [this] { return stopping_ || pending_change_ != nullptr; });
    } else if (due <= now || (woken_ && may_wake)) {
      const bool everything = woken_ && may_wake;
      if (everything) woken_ = false;
      lock.unlock();
      hooks_.before(now);
      if (due <= now) manager_.EvaluateDue(now);
      if (everything) manager_.EvaluateNow(now);
      hooks_.after(now);
      if (everything) {
        const base::SteadyTime end = clock_.Steady();
        next_wake = end + std::min<base::SteadyTime::duration>(kWakeGapFactor * (end - begin),
                                                               kLongestWakeGap);
      }
      lock.lock();
    } else {
      const base::Duration wait = std::clamp(
          due - now, kShortestWait,
          woken_ ? std::max(std::chrono::ceil<base::Duration>(next_wake - begin), kShortestWait)
                 : kLongestWait);
      const bool was_woken = woken_;
      changed_.wait_for(lock, wait, [&] {
        return stopping_ || pending_change_ != nullptr || woken_ != was_woken;
      });
    }
  }
}

}  // namespace drwatch::exporter
