// The Prometheus text format 0.0.4 and OpenMetrics 1.0: writing families, reading foreign pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/metric_family.h"

namespace drwatch::model {

enum class TextFormat { kPrometheus, kOpenMetrics };

// The Content-Type of a page in that format.
std::string_view ContentType(TextFormat format);

// The page for `families`: families by name and points by labels, so that the output is stable;
// HELP and label values escaped; families that occur twice are merged; ends with "# EOF" in
// OpenMetrics.
std::string WriteText(const std::vector<MetricFamily>& families, TextFormat format);

struct ParsedSample {
  Labels labels;  // with __name__
  double value = 0;
  std::optional<base::Timestamp> time;
  // When the counter, histogram or summary began to count: OpenMetrics' _created line, which is not
  // a sample itself.
  std::optional<base::Timestamp> start;
};
// What TYPE, HELP and UNIT lines said of one metric name.
struct ParsedMetadata {
  std::string name;
  MetricType type = MetricType::kUnknown;
  std::string help;
  std::string unit;
};
struct ParsedPage {
  std::vector<ParsedSample> samples;  // in the order of the page
  std::vector<ParsedMetadata> metadata;
};

struct ParseLimits {
  std::int64_t max_samples = 500'000;
  std::int64_t max_label_bytes = 64 << 10;  // of one label value
};

// Reads a whole page. Errors: the first line that is wrong, as "line N: what was expected"; nothing
// is delivered then.
base::Result<ParsedPage> ParseText(std::string_view page, TextFormat format,
                                   const ParseLimits& limits = {});

}  // namespace drwatch::model
