// Delivery's counters, and the metrics they become.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/metric_family.h"

namespace drwatch::notify {

// Upper bounds in seconds; +Inf comes on top.
inline constexpr std::array<double, 14> kLatencyBounds = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 3600};

struct Counters {
  // By receiver and integration ("pagerduty").
  std::map<std::pair<std::string, std::string>, std::int64_t> delivered;
  // By receiver, integration and reason.
  std::map<std::tuple<std::string, std::string, std::string>, std::int64_t> failed;
  std::map<std::string, std::int64_t> dead_letters;  // by receiver
  // By receiver and PageSeverityName.
  std::map<std::pair<std::string, std::string>, std::int64_t> deadlines_missed;
  std::array<std::int64_t, kLatencyBounds.size() + 1> latency_buckets{};  // not cumulative
  double latency_sum_seconds = 0;
  std::int64_t template_failures = 0;
  std::int64_t refused_alerts = 0;  // beyond kMaxAlerts

  void AddLatency(base::Duration latency);
};

// A consistent view of the counters and of what waits now.
struct DeliveryStats {
  Counters counters;
  std::map<std::string, std::int64_t> outbox_depth;  // by receiver; 0 for those that have none
  base::Duration outbox_oldest_age{};
  bool state_writable = true;
};

// The families of docs/metrics.md. drwatch_template_failures_total counts the templates of
// notifications only: the program adds those of the rules.
std::vector<model::MetricFamily> DeliveryMetrics(const DeliveryStats& stats);

}  // namespace drwatch::notify
