// A clock that moves only when a test says so.
#pragma once

#include <mutex>

#include "base/clock.h"

namespace drwatch::testing {

// Thread-safe. Starts at 2026-01-01 00:00:00 UTC unless told otherwise.
class FakeClock final : public base::Clock {
 public:
  explicit FakeClock(base::Timestamp start = base::FromUnixMillis(1'767'225'600'000))
      : now_(start) {}
  base::Timestamp Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  base::SteadyTime Steady() const override {
    const std::lock_guard lock(mutex_);
    return steady_;
  }
  void Advance(base::Duration by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    steady_ += by;
  }
  // A step of the wall clock that steady time does not see.
  void StepWall(base::Duration by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
  }

 private:
  mutable std::mutex mutex_;
  base::Timestamp now_;
  base::SteadyTime steady_{std::chrono::hours(1)};
};

}  // namespace drwatch::testing
