// What of forwarding belongs into the audit log.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "notify/forward_request.h"
#include "notify/forward_state.h"
#include "notify/happening.h"

namespace drwatch::notify {

// Integration of an attempt that told an Alertmanager; its receiver is the peer's URL.
inline constexpr std::string_view kForwardIntegration = "alertmanager";

// What one request was.
struct ForwardAttempt {
  base::Timestamp time{};  // of the outcome
  base::Duration duration{};
  std::string url;
};

// Changes that were taken: beginnings and ends apart. A request that was not taken only where that
// is news: an outage is two rows and not one a second. Repetitions are none.
std::vector<Happening> ForwardHappenings(const ForwardAttempt& attempt,
                                         const std::vector<ForwardItem>& items,
                                         const Verdict& verdict, ForwardNews news);

}  // namespace drwatch::notify
