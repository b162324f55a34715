// How it goes with each Alertmanager, and the metrics that become of it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/metric_family.h"

namespace drwatch::notify {

// Upper bounds in seconds; +Inf comes on top.
inline constexpr std::array<double, 10> kForwardLatencyBounds = {0.005, 0.01, 0.05, 0.1, 0.5,
                                                                 1,     5,    15,   60,  300};

struct ForwardHealth {
  std::string url;          // of /api/v2/alerts
  int failures = 0;         // requests in a row that it did not take
  std::string last_error;   // of the last request; empty once it took one again
  std::size_t waiting = 0;  // changes it was not told of yet
  base::Duration oldest{};  // of these
  std::int64_t sent = 0;    // alerts, repetitions included
  std::int64_t refused = 0;
  std::map<std::string, std::int64_t> errors;  // requests by reason
  // From an alert's change to its acceptance; not cumulative.
  std::array<std::int64_t, kForwardLatencyBounds.size() + 1> latency{};
  double latency_sum_seconds = 0;
  std::optional<base::Duration> clock_ahead;  // of its clock before ours, by its last answer

  void AddLatency(base::Duration value);
};

// drwatch_alertmanager_*, by URL.
std::vector<model::MetricFamily> ForwardMetrics(const std::vector<ForwardHealth>& peers);

}  // namespace drwatch::notify
