// What the API shows of probes and of the process: filled by the program.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/labels.h"
#include "model/metric_family.h"

namespace drwatch::web {

enum class TargetHealth { kUnknown, kUp, kDown };

// A probe as Prometheus' API would show a scrape target.
struct TargetView {
  std::string pool;          // a scrape probe's job, else the probe's type
  std::string url;           // without secrets
  model::Labels labels;      // on all of its series
  model::Labels discovered;  // __address__ and the like
  TargetHealth health = TargetHealth::kUnknown;
  std::string last_error;      // "" unless it is down
  base::Timestamp last_run{};  // start of the last run; zero before it
  base::Duration last_duration{};
  base::Duration interval{};
  base::Duration timeout{};
  struct Metadata {
    std::string metric;
    model::MetricType type = model::MetricType::kUnknown;
    std::string help;
    std::string unit;
  };
  std::vector<Metadata> metadata;
};

struct RuntimeView {
  base::Timestamp started{};
  std::string folder;  // working directory
  std::string host;
  bool reload_successful = true;
  base::Timestamp last_reload{};  // the last one that was taken
  std::int64_t threads = 0;
  base::Duration retention{};
};

}  // namespace drwatch::web
