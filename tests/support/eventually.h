// Waits for what other threads and processes do.
#pragma once

#include <functional>

#include "base/stop.h"

namespace drwatch::testing {

// Calls `condition` until it is true; false if that takes more than 20 s.
inline bool Eventually(const std::function<bool()>& condition) {
  const base::Deadline deadline = base::Deadline::After(std::chrono::seconds(20));
  while (!condition()) {
    if (deadline.Expired()) return false;
    base::StopToken().Wait(base::Deadline::After(std::chrono::milliseconds(10)));
  }
  return true;
}

}  // namespace drwatch::testing
