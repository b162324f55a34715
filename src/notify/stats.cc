#include "notify/stats.h"

#include <algorithm>

#include "base/strings.h"

namespace drwatch::notify {
namespace {

model::MetricFamily Family(std::string name, model::MetricType type, std::string help) {
  model::MetricFamily family;
  family.name = std::move(name);
  family.type = type;
  family.help = std::move(help);
  return family;
}

void Add(model::MetricFamily& family, model::Labels labels, double value, std::string suffix = "") {
  family.points.push_back({std::move(labels), value, std::move(suffix), std::nullopt});
}

model::MetricFamily LatencyFamily(const Counters& counters) {
  model::MetricFamily family =
      Family("drwatch_notification_latency_seconds", model::MetricType::kHistogram,
             "From the alert's change to the receiver's acceptance.");
  std::int64_t count = 0;
  for (std::size_t i = 0; i < counters.latency_buckets.size(); ++i) {
    count += counters.latency_buckets[i];
    const std::string bound =
        i < kLatencyBounds.size() ? base::FormatDouble(kLatencyBounds[i]) : "+Inf";
    Add(family, {{"le", bound}}, static_cast<double>(count), "_bucket");
  }
  Add(family, {}, counters.latency_sum_seconds, "_sum");
  Add(family, {}, static_cast<double>(count), "_count");
  return family;
}

}  // namespace

void Counters::AddLatency(base::Duration latency) {
  const double seconds = std::max(0.0, base::ToSeconds(latency));
  const auto bucket = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), seconds);
  ++latency_buckets[static_cast<std::size_t>(bucket - kLatencyBounds.begin())];
  latency_sum_seconds += seconds;
}

std::vector<model::MetricFamily> DeliveryMetrics(const DeliveryStats& stats) {
  using model::MetricType;
  std::vector<model::MetricFamily> families;
  families.push_back(
      Family("drwatch_notifications_total", MetricType::kCounter, "Events delivered."));
  for (const auto& [key, count] : stats.counters.delivered) {
    Add(families.back(), {{"receiver", key.first}, {"integration", key.second}},
        static_cast<double>(count));
  }
  families.push_back(Family("drwatch_notifications_failed_total", MetricType::kCounter,
                            "Attempts to deliver that failed."));
  for (const auto& [key, count] : stats.counters.failed) {
    const auto& [receiver, integration, reason] = key;
    Add(families.back(), {{"receiver", receiver}, {"integration", integration}, {"reason", reason}},
        static_cast<double>(count));
  }
  families.push_back(LatencyFamily(stats.counters));
  families.push_back(
      Family("drwatch_outbox_depth", MetricType::kGauge, "Events not delivered yet."));
  for (const auto& [receiver, depth] : stats.outbox_depth) {
    Add(families.back(), {{"receiver", receiver}}, static_cast<double>(depth));
  }
  families.push_back(Family("drwatch_outbox_oldest_age_seconds", MetricType::kGauge,
                            "Age of the oldest event not delivered yet, 0 if there is none."));
  Add(families.back(), {}, base::ToSeconds(stats.outbox_oldest_age));
  families.push_back(
      Family("drwatch_dead_letters_total", MetricType::kCounter, "Events a receiver never took."));
  for (const auto& [receiver, count] : stats.counters.dead_letters) {
    Add(families.back(), {{"receiver", receiver}}, static_cast<double>(count));
  }
  families.push_back(Family("drwatch_notification_deadline_missed_total", MetricType::kCounter,
                            "Receivers of escalation steps that were not told in time."));
  for (const auto& [key, count] : stats.counters.deadlines_missed) {
    Add(families.back(), {{"receiver", key.first}, {"severity", key.second}},
        static_cast<double>(count));
  }
  families.push_back(
      Family("drwatch_state_writable", MetricType::kGauge, "1 while the state can be written."));
  Add(families.back(), {}, stats.state_writable ? 1 : 0);
  families.push_back(Family("drwatch_template_failures_total", MetricType::kCounter,
                            "Templates that failed at run time."));
  Add(families.back(), {}, static_cast<double>(stats.counters.template_failures));
  return families;
}

}  // namespace drwatch::notify
