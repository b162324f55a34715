#include "probes/probe_report.h"

#include "base/strings.h"

namespace drwatch::probes {
namespace {

constexpr std::size_t kMaxLabelBytes = 200;

}  // namespace

ProbeReport::ProbeReport(const config::Probe& probe, std::string target, base::Timestamp started)
    : labels_(model::LabelsBuilder(probe.labels)
                  .Set("probe", probe.name)
                  .Set("service", probe.service)
                  .Build()) {
  result_.probe = probe.name;
  result_.type = probe.type;
  result_.service = probe.service;
  result_.target = std::move(target);
  result_.started = started;
}

void ProbeReport::Ok(std::string check, std::string message) {
  Add(std::move(check), model::Severity::kOk, model::Reason::kNone, std::move(message));
}

void ProbeReport::Add(std::string check, model::Severity severity, model::Reason reason,
                      std::string message, std::string hint) {
  result_.checks.push_back(
      {std::move(check), severity, reason, std::move(message), std::move(hint)});
}

void ProbeReport::Fail(std::string check, const net::NetError& error, std::string hint) {
  Add(std::move(check), model::Severity::kCritical, error.reason, error.message, std::move(hint));
}

model::Labels ProbeReport::LabelsWith(const model::Labels& more) const {
  model::LabelsBuilder builder(labels_);
  for (const model::LabelView label : more) {
    std::string value = base::Truncate(label.value, kMaxLabelBytes);
    if (!base::IsValidUtf8(value)) value = base::Quote(value);
    builder.Set(label.name, value);
  }
  return builder.Build();
}

void ProbeReport::Gauge(std::string_view name, std::string_view help, double value) {
  families_.Gauge(name, help, labels_, value);
}

void ProbeReport::Gauge(std::string_view name, std::string_view help, std::optional<double> value) {
  if (value) families_.Gauge(name, help, labels_, *value);
}

void ProbeReport::Gauge(std::string_view name, std::string_view help, const model::Labels& more,
                        double value) {
  families_.Gauge(name, help, LabelsWith(more), value);
}

void ProbeReport::Counter(std::string_view name, std::string_view help, const model::Labels& more,
                          double value) {
  families_.Counter(name, help, LabelsWith(more), value);
}

void ProbeReport::Measure(std::string name, double value, std::string unit,
                          std::optional<double> warning, std::optional<double> critical) {
  result_.measurements.push_back({std::move(name), value, std::move(unit), warning, critical});
}

void ProbeReport::NotRun(model::Reason reason, std::string message) {
  not_run_ = true;
  Add("run",
      reason == model::Reason::kTimeout ? model::Severity::kCritical : model::Severity::kUnknown,
      reason, std::move(message));
}

model::ProbeResult ProbeReport::Finish(base::Duration duration) {
  Gauge("probe_success", "1 if the last run of the probe found nothing worse than a warning.",
        not_run_ || result_.severity() == model::Severity::kCritical ? 0.0 : 1.0);
  result_.duration = duration;
  result_.families = families_.Take();
  return std::move(result_);
}

}  // namespace drwatch::probes
