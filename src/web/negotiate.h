// What an Accept header asks of /metrics. A pure function.
#pragma once

#include <string>
#include <string_view>

#include "model/exposition.h"

namespace drwatch::web {

struct MetricsFormat {
  model::TextFormat format = model::TextFormat::kPrometheus;
  std::string content_type;
};

// The format with the highest weight that drwatch can write (the first of equal ones): OpenMetrics
// 1.0.0 or 0.0.1, or the text format 0.0.4, which is also the answer to whatever it does not know.
// An escaping scheme that was asked for is named again: the names on the page need none.
MetricsFormat NegotiateMetrics(std::string_view accept);

}  // namespace drwatch::web
