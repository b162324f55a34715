// Exposition pages line by line: what ParseText (exposition.h) builds on, with all details.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "model/exposition.h"

namespace drwatch::model {

struct Exemplar {
  Labels labels;
  double value = 0;
  std::optional<base::Timestamp> time;
};
struct SampleLine {
  std::string_view series;  // name and braces as written; points into the page
  Labels labels;            // with __name__; le and quantile as Prometheus 3 normalises them
  double value = 0;
  std::optional<base::Timestamp> time;
  std::optional<Exemplar> exemplar;
  // An OpenMetrics _created line: the value is the start of its series in Unix seconds.
  bool created = false;
  MetricType type = MetricType::kUnknown;  // of the last TYPE line
};
enum class MetadataKind { kHelp, kType, kUnit };
struct MetadataLine {
  MetadataKind kind = MetadataKind::kHelp;
  std::string name;
  std::string text;                        // unescaped
  MetricType type = MetricType::kUnknown;  // of a TYPE line
};
struct CommentLine {
  std::string_view text;  // from its # on
};
using PageLine = std::variant<SampleLine, MetadataLine, CommentLine>;
using LineSink = std::function<void(PageLine line)>;

// Calls `sink` for each line in order until the first wrong one. Errors: as ParseText's; what came
// before the error has been delivered.
base::Status ReadLines(std::string_view page, TextFormat format, const ParseLimits& limits,
                       const LineSink& sink);

}  // namespace drwatch::model
