#include "model/metric_family.h"

#include <algorithm>
#include <cstdlib>

namespace drwatch::model {

std::string_view MetricTypeName(MetricType type) {
  switch (type) {
    case MetricType::kUnknown:
      return "unknown";
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
    case MetricType::kInfo:
      return "info";
    case MetricType::kStateSet:
      return "stateset";
    case MetricType::kGaugeHistogram:
      return "gaugehistogram";
  }
  std::abort();
}

const std::vector<MetricFamily>& SharedFamilies::list() const {
  static const std::vector<MetricFamily> kNone;
  return shared_ == nullptr ? kNone : *shared_;
}

void SharedFamilies::push_back(MetricFamily family) {
  if (shared_ == nullptr || shared_.use_count() > 1) {
    shared_ = std::make_shared<std::vector<MetricFamily>>(list());
  }
  shared_->push_back(std::move(family));
}

void FamilySet::Add(std::string_view name, MetricType type, std::string_view help, Labels labels,
                    double value) {
  auto family = std::find_if(families_.rbegin(), families_.rend(),
                             [&](const MetricFamily& candidate) { return candidate.name == name; });
  if (family == families_.rend()) {
    families_.push_back({std::string(name), type, std::string(help), {}, {}});
    family = families_.rbegin();
  }
  family->points.push_back({std::move(labels), value, {}, {}});
}

}  // namespace drwatch::model
