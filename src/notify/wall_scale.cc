#include "notify/wall_scale.h"

namespace drwatch::notify {
namespace {

// Both clocks are read within this, or they say nothing of each other: a thread may be held up.
constexpr base::SteadyTime::duration kSameInstant = std::chrono::milliseconds(50);

}  // namespace

base::Timestamp WallScale::Now() const {
  return start_wall_ + moved_ +
         std::chrono::duration_cast<base::Duration>(clock_.Steady() - start_steady_);
}

base::Duration WallScale::Follow() {
  const base::SteadyTime before = clock_.Steady();
  const base::Timestamp wall = clock_.Now();
  if (clock_.Steady() - before >= kSameInstant) return {};
  const auto passed = std::chrono::duration_cast<base::Duration>(before - start_steady_);
  const base::Duration step = wall - (start_wall_ + moved_ + passed);
  if (step < kLeastStep && step > -kLeastStep) return {};
  moved_ += step;
  return step;
}

}  // namespace drwatch::notify
