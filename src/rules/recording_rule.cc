#include "rules/recording_rule.h"

#include <unordered_set>

namespace drwatch::rules {

base::Result<promql::Vector> VectorOf(promql::Value value) {
  if (auto* vector = std::get_if<promql::Vector>(&value)) return std::move(*vector);
  if (const auto* scalar = std::get_if<promql::Scalar>(&value)) {
    return promql::Vector{{{}, scalar->time, scalar->value}};
  }
  return base::Fail("rule result is not a vector or scalar");
}

base::Result<std::vector<store::NewSample>> EvaluateRecording(const Rule& rule,
                                                              const promql::Vector& result,
                                                              int limit) {
  std::vector<store::NewSample> samples;
  std::unordered_set<model::Labels, model::LabelsHash> seen;
  for (const promql::VectorElement& element : result) {
    model::LabelsBuilder builder(element.labels);
    builder.Set(model::kMetricName, rule.name);
    for (const RuleText& label : rule.labels) builder.Set(label.name, label.text);
    samples.push_back({builder.Build(), element.value});
    if (!seen.insert(samples.back().labels).second) {
      return base::Fail("vector contains metrics with the same labelset after applying rule labels",
                        "aggregate in the expression, or keep the label that tells them apart");
    }
  }
  if (limit > 0 && samples.size() > static_cast<std::size_t>(limit)) {
    return base::Fail("exceeded limit of " + std::to_string(limit) + " with " +
                          std::to_string(samples.size()) + " series",
                      "raise the group's limit or narrow the expression");
  }
  return samples;
}

}  // namespace drwatch::rules
