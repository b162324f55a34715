// Looks into a probe's result: one series, one check.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "model/probe_result.h"

namespace drwatch::probes {

// The value of the only series of `name` whose labels include `with`; nullopt if there is none.
inline std::optional<double> ValueOf(const model::ProbeResult& result, std::string_view name,
                                     const model::Labels& with = {}) {
  std::optional<double> value;
  for (const model::MetricFamily& family : result.families) {
    if (family.name != name) continue;
    for (const model::MetricPoint& point : family.points) {
      bool matches = true;
      for (const model::LabelView label : with) {
        matches = matches && point.labels.Get(label.name) == label.value;
      }
      if (!matches) continue;
      EXPECT_FALSE(value) << name << " has more than one series";
      value = point.value;
    }
  }
  return value;
}

inline std::string LabelOf(const model::ProbeResult& result, std::string_view name,
                           std::string_view label) {
  for (const model::MetricFamily& family : result.families) {
    if (family.name == name) return std::string(family.points.front().labels.Get(label));
  }
  return {};
}

// The check of that name; a default one if there is none.
inline model::CheckOutcome CheckOf(const model::ProbeResult& result, std::string_view name) {
  for (const model::CheckOutcome& check : result.checks) {
    if (check.name == name) return check;
  }
  return {};
}

// All checks as text, for failure messages.
inline std::string Describe(const model::ProbeResult& result) {
  std::string text;
  for (const model::CheckOutcome& check : result.checks) {
    text += check.name + " " + std::string(model::SeverityName(check.severity)) + " " +
            std::string(model::ReasonName(check.reason)) + ": " + check.message + "\n";
  }
  return text;
}

// No two series of the result are the same.
inline void ExpectDistinctSeries(const model::ProbeResult& result) {
  for (const model::MetricFamily& family : result.families) {
    for (std::size_t i = 0; i < family.points.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        EXPECT_FALSE(family.points[i].labels == family.points[j].labels)
            << family.name << family.points[i].labels.ToString();
      }
    }
  }
}

}  // namespace drwatch::probes
