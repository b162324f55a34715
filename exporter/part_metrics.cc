#include "exporter/part_metrics.h"

#include <filesystem>

#include "db/database.h"

namespace drwatch::exporter {

std::vector<model::MetricFamily> ProbeMetrics(const std::vector<probes::ProbeStats>& stats,
                                              const std::vector<model::ProbeResult>& latest) {
  model::FamilySet families;
  for (const model::ProbeResult& result : latest) {
    families.Gauge("drwatch_probe_info", "1 for each configured probe.",
                   {{"probe", result.probe}, {"type", result.type}, {"target", result.target}}, 1);
  }
  for (const probes::ProbeStats& probe : stats) {
    const model::Labels labels{{"probe", probe.probe}};
    families.Counter("drwatch_probe_runs_total", "Finished runs of the probe.", labels,
                     static_cast<double>(probe.runs));
    families.Counter("drwatch_probe_skipped_total",
                     "Runs left out because the last one was still going.", labels,
                     static_cast<double>(probe.skipped));
    families.Gauge("drwatch_probe_interval_seconds", "Configured interval of the probe.", labels,
                   base::ToSeconds(probe.interval));
    if (probe.last_run) {
      families.Gauge("drwatch_probe_last_run_timestamp_seconds",
                     "End of the last run of the probe.", labels,
                     base::ToUnixSeconds(*probe.last_run));
    }
  }
  return families.Take();
}

std::vector<model::MetricFamily> StoreMetrics(const store::StoreStats& stats) {
  model::FamilySet families;
  families.Gauge("drwatch_store_series", "Series in memory.", {},
                 static_cast<double>(stats.series));
  families.Gauge("drwatch_store_memory_bytes", "Memory of the series in memory.", {},
                 static_cast<double>(stats.memory_bytes));
  families.Counter("drwatch_store_samples_total", "Samples appended.", {},
                   static_cast<double>(stats.samples_appended));
  const char* const rejected = "drwatch_store_rejected_samples_total";
  const char* const help = "Samples refused.";
  families.Counter(rejected, help, {{"reason", "max_series"}},
                   static_cast<double>(stats.rejected_over_limit));
  families.Counter(rejected, help, {{"reason", "out_of_order"}},
                   static_cast<double>(stats.rejected_out_of_order));
  return families.Take();
}

std::vector<model::MetricFamily> RuleMetrics(const rules::RulesSnapshot& snapshot) {
  model::FamilySet families;
  for (const auto& group : snapshot.groups) {
    const model::Labels labels{{"rule_group", group->group->Key()}};
    const rules::GroupCounters& counters = group->counters;
    families.Counter("drwatch_rule_evaluations_total", "Rule evaluations.", labels,
                     static_cast<double>(counters.evaluations));
    families.Counter("drwatch_rule_evaluation_failures_total", "Rule evaluations that failed.",
                     labels, static_cast<double>(counters.evaluation_failures));
    families.Counter("drwatch_rule_group_iterations_total",
                     "Slots of the group, missed ones included.", labels,
                     static_cast<double>(counters.iterations));
    families.Counter("drwatch_rule_group_iterations_missed_total",
                     "Slots of the group that were missed.", labels,
                     static_cast<double>(counters.iterations_missed));
    families.Gauge("drwatch_rule_group_interval_seconds", "Interval of the group.", labels,
                   base::ToSeconds(group->interval));
    families.Gauge("drwatch_rule_group_last_duration_seconds",
                   "Duration of the last evaluation of the group.", labels,
                   group->evaluation_seconds);
    if (group->last_evaluation != base::Timestamp{}) {
      families.Gauge("drwatch_rule_group_last_evaluation_timestamp_seconds",
                     "Time of the last evaluation.", labels,
                     base::ToUnixSeconds(group->last_evaluation));
    }
  }
  families.Gauge("drwatch_alerts", "Alerts by state.", {{"state", "pending"}},
                 static_cast<double>(snapshot.pending));
  families.Gauge("drwatch_alerts", "Alerts by state.", {{"state", "firing"}},
                 static_cast<double>(snapshot.firing));
  return families.Take();
}

std::vector<model::MetricFamily> DeliveryAndStateMetrics(const notify::DeliveryStats& stats,
                                                         const rules::RulesSnapshot& snapshot) {
  std::vector<model::MetricFamily> families = notify::DeliveryMetrics(stats);
  for (model::MetricFamily& family : families) {
    if (family.points.empty()) continue;
    double& value = family.points.front().value;
    if (family.name == "drwatch_state_writable" && !snapshot.state_writable) value = 0;
    if (family.name == "drwatch_template_failures_total")
      value += static_cast<double>(snapshot.template_failures);
  }
  return families;
}

std::vector<model::MetricFamily> StateFileMetrics(const std::string& storage_folder) {
  std::int64_t files = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(storage_folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    // One damaged file may have its journals beside it.
    if (db::Database::IsAside(name)) ++files;
  }
  model::FamilySet families;
  families.Gauge("drwatch_state_damaged_files",
                 "Damaged state files that were moved aside and still lie below storage.path.", {},
                 static_cast<double>(files));
  return families.Take();
}

std::vector<model::MetricFamily> ApiMetrics(const web::Api& api) {
  model::FamilySet families;
  const web::ApiStats stats = api.Stats();
  families.Gauge("drwatch_api_queries", "Queries of the API by state.", {{"state", "running"}},
                 stats.running);
  families.Gauge("drwatch_api_queries", "Queries of the API by state.", {{"state", "waiting"}},
                 stats.waiting);
  families.Gauge("drwatch_api_unread_bytes", "Large answers of the API that are being read.", {},
                 static_cast<double>(stats.unread_bytes));
  for (std::size_t i = 0; i < web::kLimitCount; ++i) {
    const auto limit = static_cast<web::Limit>(i);
    families.Counter("drwatch_api_limit_hits_total", "Requests that a limit of the API refused.",
                     {{"limit", web::LimitName(limit)}}, static_cast<double>(api.hits().Of(limit)));
  }
  return families.Take();
}

}  // namespace drwatch::exporter
