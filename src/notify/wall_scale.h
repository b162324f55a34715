// The time that deliveries count by: it grows by what passes, and follows the wall clock when that
// was set, or went on while the machine slept. What waits is to move along then.
#pragma once

#include "base/clock.h"

namespace drwatch::notify {

// Not thread-safe.
class WallScale {
 public:
  // The wall clock counts as set if it differs by so much from the time that has passed.
  static constexpr base::Duration kLeastStep = std::chrono::seconds(2);

  // `clock` outlives this. `start`: what it is now.
  WallScale(const base::Clock& clock, base::Timestamp start)
      : clock_(clock), start_wall_(start), start_steady_(clock.Steady()) {}

  base::Timestamp Now() const;
  // By how much the wall clock was set since the last call, 0 if it was not; Now() is right again.
  base::Duration Follow();
  // The sum of what Follow() said.
  base::Duration moved() const { return moved_; }

 private:
  const base::Clock& clock_;
  const base::Timestamp start_wall_;
  const base::SteadyTime start_steady_;
  base::Duration moved_{};
};

}  // namespace drwatch::notify
