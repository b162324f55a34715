// drwatch_*: what the program says about itself, on /metrics and to its own rules.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/metric_family.h"

namespace drwatch::exporter {

// Everything is owned by the program. Collect() may run on any thread.
class SelfMetrics {
 public:
  // The families of one part of the program.
  using Part = std::function<std::vector<model::MetricFamily>()>;

  SelfMetrics();
  // Parts are added before the first Collect() and outlive this object's use.
  void AddPart(Part part) { parts_.push_back(std::move(part)); }
  std::vector<model::MetricFamily> Collect() const;

  void CountRequest(int status);
  // The result of the start and of each reload.
  void RecordReload(bool successful, base::Timestamp now);

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Gauge>& reload_successful_;
  prometheus::Family<prometheus::Gauge>& reload_time_;
  std::vector<Part> parts_;
};

}  // namespace drwatch::exporter
