// Metrics as they are exposed: a family has a name, a type, a help text and samples.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
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

// Families of a result, shared by its copies: those who keep, show and compute from the latest
// results copy many of them. Reads like the vector it converts from and to.
class SharedFamilies {
 public:
  using value_type = MetricFamily;
  using Iterator = std::vector<MetricFamily>::const_iterator;

  SharedFamilies() = default;
  SharedFamilies(std::vector<MetricFamily> families)  // NOLINT(google-explicit-constructor)
      : shared_(std::make_shared<std::vector<MetricFamily>>(std::move(families))) {}
  operator const std::vector<MetricFamily>&() const {  // NOLINT(google-explicit-constructor)
    return list();
  }

  Iterator begin() const { return list().begin(); }
  Iterator end() const { return list().end(); }
  std::size_t size() const { return list().size(); }
  bool empty() const { return list().empty(); }
  const MetricFamily& front() const { return list().front(); }
  const MetricFamily& back() const { return list().back(); }
  const MetricFamily& operator[](std::size_t i) const { return list()[i]; }
  // To this copy only.
  void push_back(MetricFamily family);

 private:
  const std::vector<MetricFamily>& list() const;

  std::shared_ptr<std::vector<MetricFamily>> shared_;  // not changed while there are copies
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
