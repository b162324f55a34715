#include "exporter/intake.h"

#include <algorithm>

namespace drwatch::exporter {
namespace {

bool SameSeverities(const model::ProbeResult& a, const model::ProbeResult& b) {
  return std::equal(a.checks.begin(), a.checks.end(), b.checks.begin(), b.checks.end(),
                    [](const model::CheckOutcome& x, const model::CheckOutcome& y) {
                      return x.name == y.name && x.severity == y.severity && x.reason == y.reason;
                    });
}

// The series every probe has, whatever its type (docs/metrics.md, "Every probe").
void AddCommonFamilies(model::ProbeResult& result) {
  if (result.foreign) return;
  model::LabelsBuilder labels;
  for (const model::MetricFamily& family : result.families) {
    if (family.name == "probe_success" && !family.points.empty()) {
      labels = model::LabelsBuilder(family.points.front().labels);
    }
  }
  labels.Set("probe", result.probe).Set("service", result.service);
  model::FamilySet common;
  common.Gauge("probe_duration_seconds", "Time the last run of the probe took.", labels.Build(),
               base::ToSeconds(result.duration));
  const model::CheckOutcome headline = result.Headline();
  if (headline.severity != model::Severity::kOk) {
    common.Gauge("probe_failure_info",
                 "1 while the probe fails, with the reason of its first worst check.",
                 labels.Set("reason", model::ReasonName(headline.reason)).Build(), 1);
  }
  for (model::MetricFamily& family : common.Take()) {
    const bool present =
        std::any_of(result.families.begin(), result.families.end(),
                    [&](const model::MetricFamily& have) { return have.name == family.name; });
    if (!present) result.families.push_back(std::move(family));
  }
}

}  // namespace

Intake::Intake(store::Store& store, const base::Clock& clock, std::function<void()> on_change)
    : store_(store), clock_(clock), on_change_(std::move(on_change)) {}

void Intake::Accept(const model::ProbeResult& result) {
  model::ProbeResult complete = result;
  AddCommonFamilies(complete);
  bool changed = true;
  {
    // Held over the append, so that two results of one probe reach the store in the order they
    // became the latest.
    const std::lock_guard lock(mutex_);
    Append(complete);
    const auto known = latest_.find(result.probe);
    changed = known == latest_.end() || !SameSeverities(known->second, complete);
    Keep(std::move(complete));
  }
  if (changed) on_change_();
}

void Intake::Announce(const model::ProbeResult& result) {
  model::ProbeResult complete = result;
  AddCommonFamilies(complete);
  const std::lock_guard lock(mutex_);
  Keep(std::move(complete));
}

void Intake::Keep(model::ProbeResult result) {
  if (!result.foreign) page_.Update(result.probe, result.families);
  const std::string probe = result.probe;
  latest_[probe] = std::move(result);
}

bool Intake::Has(const std::string& probe) const {
  const std::lock_guard lock(mutex_);
  return latest_.contains(probe);
}

void Intake::Append(const model::ProbeResult& result) {
  RecordMetadata(store_, result.families);
  const base::Timestamp now = clock_.Now();
  store_.AppendFrom("probe/" + result.probe, ToSamples(result.families), now);
  appended_[result.probe] = {clock_.Steady(), now};
}

void Intake::Refresh(base::Duration age) {
  const std::lock_guard lock(mutex_);
  for (const auto& [probe, result] : latest_) {
    const auto told = appended_.find(probe);
    if (told != appended_.end() && clock_.Steady() - told->second.steady >= age) Append(result);
  }
}

void Intake::Remove(const std::string& probe) {
  const std::lock_guard lock(mutex_);
  // A reload waits for a result that is on its way, and ends its series in the same millisecond:
  // behind it, as a value stays where an end has the same time.
  base::Timestamp end = clock_.Now();
  if (const auto told = appended_.find(probe); told != appended_.end()) {
    end = std::max(end, told->second.at + base::Duration(1));
    appended_.erase(told);
  }
  latest_.erase(probe);
  page_.Remove(probe);
  store_.EndSource("probe/" + probe, end);
}

std::vector<model::ProbeResult> Intake::Latest() const {
  const std::lock_guard lock(mutex_);
  std::vector<model::ProbeResult> results;
  results.reserve(latest_.size());
  for (const auto& [name, result] : latest_) results.push_back(result);
  return results;
}

std::vector<store::NewSample> ToSamples(const std::vector<model::MetricFamily>& families) {
  std::vector<store::NewSample> samples;
  for (const model::MetricFamily& family : families) {
    for (const model::MetricPoint& point : family.points) {
      samples.push_back(
          {point.labels.With(model::kMetricName, family.name + point.suffix), point.value});
    }
  }
  return samples;
}

void RecordMetadata(store::Store& store, const std::vector<model::MetricFamily>& families) {
  for (const model::MetricFamily& family : families) {
    store.SetMetadata(family.name, {family.type, family.help, family.unit});
  }
}

}  // namespace drwatch::exporter
