#include "exporter/self_metrics.h"

#include "exporter/process_metrics.h"
#include "exporter/version.h"

namespace drwatch::exporter {
namespace {

model::Labels ToLabels(const std::vector<prometheus::ClientMetric::Label>& labels) {
  model::LabelsBuilder builder;
  for (const auto& label : labels) builder.Set(label.name, label.value);
  return builder.Build();
}

void AddRegistered(const std::vector<prometheus::MetricFamily>& registered,
                   model::FamilySet& families) {
  for (const prometheus::MetricFamily& family : registered) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      if (family.type == prometheus::MetricType::Counter) {
        families.Counter(family.name, family.help, ToLabels(metric.label), metric.counter.value);
      } else {
        families.Gauge(family.name, family.help, ToLabels(metric.label), metric.gauge.value);
      }
    }
  }
}

}  // namespace

SelfMetrics::SelfMetrics()
    : requests_(prometheus::BuildCounter()
                    .Name("drwatch_http_requests_total")
                    .Help("HTTP requests answered, by status code.")
                    .Register(registry_)),
      reload_successful_(prometheus::BuildGauge()
                             .Name("drwatch_config_last_reload_successful")
                             .Help("1 if the last load of the configuration succeeded.")
                             .Register(registry_)),
      reload_time_(prometheus::BuildGauge()
                       .Name("drwatch_config_last_reload_success_timestamp_seconds")
                       .Help("Time of the last successful load of the configuration.")
                       .Register(registry_)) {}

void SelfMetrics::CountRequest(int status) {
  requests_.Add({{"code", std::to_string(status)}}).Increment();
}

void SelfMetrics::RecordReload(bool successful, base::Timestamp now) {
  reload_successful_.Add({}).Set(successful ? 1 : 0);
  if (successful) reload_time_.Add({}).Set(base::ToUnixSeconds(now));
}

std::vector<model::MetricFamily> SelfMetrics::Collect() const {
  model::FamilySet families;
  families.Gauge("drwatch_build_info", "1; which drwatch this is.",
                 {{"version", Version()}, {"revision", Revision()}}, 1);
  AddRegistered(registry_.Collect(), families);
  AddProcessMetrics(families);
  std::vector<model::MetricFamily> all = families.Take();
  for (const Part& part : parts_) {
    for (model::MetricFamily& family : part()) all.push_back(std::move(family));
  }
  return all;
}

}  // namespace drwatch::exporter
