// Looking up values in families that code under test produced.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "model/metric_family.h"

namespace drwatch::testing {

// The value of the one point called `name` (family and suffix) whose labels include `labels`;
// nullopt if there is none or more than one.
inline std::optional<double> ValueOf(const std::vector<model::MetricFamily>& families,
                                     std::string_view name, const model::Labels& labels = {}) {
  std::optional<double> value;
  for (const model::MetricFamily& family : families) {
    for (const model::MetricPoint& point : family.points) {
      if (family.name + point.suffix != name) continue;
      bool matches = true;
      for (const model::LabelView label : labels) {
        matches = matches && point.labels.Get(label.name) == label.value;
      }
      if (!matches) continue;
      if (value) return std::nullopt;
      value = point.value;
    }
  }
  return value;
}

}  // namespace drwatch::testing
