// Alertmanager's POST /api/v2/alerts as two pure functions: what is sent for alerts, and what an
// answer means.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "net/http_client.h"
#include "notify/receiver.h"

namespace drwatch::notify {

// As Prometheus: what is in one request.
inline constexpr std::size_t kMaxForwardedAlerts = 64;
inline constexpr std::size_t kMaxForwardedBytes = 1 << 20;  // unless one alert alone is longer

// An alert for one request.
struct ForwardItem {
  std::int64_t id = 0;
  std::int64_t version = 0;
  model::Alert alert;  // labels as they leave drwatch
  base::Timestamp owed_since{};
  bool change = false;  // else a repetition
};

// Bytes the alert takes in a request, roughly and never too few by much.
std::size_t ForwardedBytes(const model::Alert& alert);

// Alerts that fire are told to end `validity` after `now`: they are over by themselves if nobody
// repeats them. Where the clock was set back nothing is told to begin or to have ended after `now`:
// what ends later is active for Alertmanager until then.
net::HttpRequest BuildForward(const std::string& url, const std::vector<ForwardItem>& items,
                              base::Timestamp now, base::Duration validity);

// As ClassifyCommon, but a page of something in between is no acceptance. Rejected with
// `minimal_may_help`: one of the alerts was refused, not the sender.
Verdict ClassifyForward(const net::HttpOutcome& outcome, base::Timestamp now);

}  // namespace drwatch::notify
