// Metrics as they are exposed: a family has a name, a type, a help text and samples.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/labels.h"

namespace drwatch::model {

enum class MetricType {
  kUnknown,
  kCounter,
  kGauge,
  kHistogram,
  kSummary,
  kInfo,
  kStateSet,
  kGaugeHistogram
};

// "counter", "gauge" ...; "unknown" is "untyped" in the text format.
std::string_view MetricTypeName(MetricType type);

// One line of the exposition. `suffix` is what follows the family's name in the sample's: "",
// "_total", "_bucket",
// "_sum", "_count".
struct MetricPoint {
  Labels labels;  // without __name__
  double value = 0;
  std::string suffix;
  std::optional<base::Timestamp> time;  // almost always absent: samples are "now"
};

// A counter family's name includes its _total, as in the text format 0.0.4; the OpenMetrics writer
// takes it off.
struct MetricFamily {
  std::string name;
  MetricType type = MetricType::kGauge;
  std::string help;
  std::string
      unit;  // OpenMetrics UNIT; empty = take it from the name's last word where it is a base unit
  std::vector<MetricPoint> points;
};

// Collects families in order of first use: Add("redis_up", MetricType::kGauge, "...", labels, 1).
// Adding to a name a second time appends a point; its type and help are those of the first call.
// One thread.
class FamilySet {
 public:
  void Add(std::string_view name, MetricType type, std::string_view help, Labels labels,
           double value);
  void Gauge(std::string_view name, std::string_view help, Labels labels, double value) {
    Add(name, MetricType::kGauge, help, std::move(labels), value);
  }
  void Counter(std::string_view name, std::string_view help, Labels labels, double value) {
    Add(name, MetricType::kCounter, help, std::move(labels), value);
  }
  const std::vector<MetricFamily>& families() const { return families_; }
  std::vector<MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

}  // namespace drwatch::model
