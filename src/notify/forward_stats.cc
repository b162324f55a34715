#include "notify/forward_stats.h"

#include <algorithm>

#include "base/strings.h"

namespace drwatch::notify {
namespace {

// The errors every peer has a counter of from the start: one that is not there before it counts has
// no increase.
constexpr const char* kUsualErrors[] = {"connection_refused", "timeout", "server_error"};

model::MetricFamily LatencyFamily(const std::vector<ForwardHealth>& peers) {
  model::MetricFamily family;
  family.name = "drwatch_alertmanager_latency_seconds";
  family.type = model::MetricType::kHistogram;
  family.help = "From an alert's change to the Alertmanager's acceptance.";
  for (const ForwardHealth& peer : peers) {
    const model::Labels labels{{"alertmanager", peer.url}};
    std::int64_t count = 0;
    for (std::size_t i = 0; i < peer.latency.size(); ++i) {
      count += peer.latency[i];
      const std::string bound =
          i < kForwardLatencyBounds.size() ? base::FormatDouble(kForwardLatencyBounds[i]) : "+Inf";
      family.points.push_back(
          {labels.With("le", bound), static_cast<double>(count), "_bucket", std::nullopt});
    }
    family.points.push_back({labels, peer.latency_sum_seconds, "_sum", std::nullopt});
    family.points.push_back({labels, static_cast<double>(count), "_count", std::nullopt});
  }
  return family;
}

}  // namespace

void ForwardHealth::AddLatency(base::Duration value) {
  const double seconds = std::max(0.0, base::ToSeconds(value));
  const auto bucket =
      std::lower_bound(kForwardLatencyBounds.begin(), kForwardLatencyBounds.end(), seconds);
  ++latency[static_cast<std::size_t>(bucket - kForwardLatencyBounds.begin())];
  latency_sum_seconds += seconds;
}

std::vector<model::MetricFamily> ForwardMetrics(const std::vector<ForwardHealth>& peers) {
  model::FamilySet families;
  for (const ForwardHealth& peer : peers) {
    const model::Labels labels{{"alertmanager", peer.url}};
    families.Gauge("drwatch_alertmanager_up",
                   "0 while the Alertmanager does not take what it is sent.", labels,
                   peer.failures == 0 ? 1 : 0);
    families.Gauge("drwatch_alertmanager_queue_length",
                   "Changed alerts the Alertmanager was not told of yet.", labels,
                   static_cast<double>(peer.waiting));
    families.Gauge("drwatch_alertmanager_oldest_age_seconds",
                   "Age of the oldest change the Alertmanager was not told of yet.", labels,
                   base::ToSeconds(peer.oldest));
    families.Counter("drwatch_alertmanager_sent_total",
                     "Alerts the Alertmanager took, repetitions included.", labels,
                     static_cast<double>(peer.sent));
    families.Counter("drwatch_alertmanager_refused_total",
                     "Alerts the Alertmanager refused, each attempt counted.", labels,
                     static_cast<double>(peer.refused));
    std::map<std::string, std::int64_t> errors = peer.errors;
    for (const char* reason : kUsualErrors) errors[reason];
    for (const auto& [reason, count] : errors) {
      families.Counter("drwatch_alertmanager_errors_total",
                       "Requests the Alertmanager did not take.", labels.With("reason", reason),
                       static_cast<double>(count));
    }
    if (peer.clock_ahead) {
      families.Gauge("drwatch_alertmanager_clock_ahead_seconds",
                     "How far the Alertmanager's clock is before drwatch's, to the second.", labels,
                     base::ToSeconds(*peer.clock_ahead));
    }
  }
  std::vector<model::MetricFamily> all = families.Take();
  if (!peers.empty()) all.push_back(LatencyFamily(peers));
  return all;
}

}  // namespace drwatch::notify
