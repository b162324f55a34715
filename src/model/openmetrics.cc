// Reads OpenMetrics 1.0 text, which allows one way to write each line.
#include "base/strings.h"
#include "model/exposition_scanner.h"

namespace drwatch::model {
namespace {

constexpr std::string_view kCreated = "_created";

std::optional<MetricType> TypeOf(std::string_view text) {
  if (text == "counter") return MetricType::kCounter;
  if (text == "gauge") return MetricType::kGauge;
  if (text == "histogram") return MetricType::kHistogram;
  if (text == "gaugehistogram") return MetricType::kGaugeHistogram;
  if (text == "summary") return MetricType::kSummary;
  if (text == "info") return MetricType::kInfo;
  if (text == "stateset") return MetricType::kStateSet;
  if (text == "unknown") return MetricType::kUnknown;
  return std::nullopt;
}

bool Counts(MetricType type) {
  return type == MetricType::kCounter || type == MetricType::kHistogram ||
         type == MetricType::kSummary;
}

enum class LabelsOf { kSample, kExemplar };

class OpenMetricsReader {
 public:
  OpenMetricsReader(std::string_view page, const ParseLimits& limits, const LineSink& sink)
      : scan_(page, limits), sink_(sink) {}

  base::Status Read() {
    while (true) {
      if (scan_.ended()) return scan_.Fail("# EOF as the last line");
      if (scan_.TakeIf("# EOF")) {
        scan_.TakeIf('\n');
        return scan_.ended() ? base::Status() : scan_.Fail("nothing after # EOF");
      }
      const base::Status line = scan_.Peek() == '#' ? ReadMetadata() : ReadSample();
      if (!line) return line;
    }
  }

 private:
  // # HELP name text, # TYPE name type, # UNIT name unit.
  base::Status ReadMetadata() {
    MetadataLine line;
    if (scan_.TakeIf("# HELP ")) {
      line.kind = MetadataKind::kHelp;
    } else if (scan_.TakeIf("# TYPE ")) {
      line.kind = MetadataKind::kType;
    } else if (scan_.TakeIf("# UNIT ")) {
      line.kind = MetadataKind::kUnit;
    } else {
      return scan_.Fail("# HELP, # TYPE, # UNIT or # EOF");
    }
    scan_.ClearLabels();
    const auto name = scan_.TakeFamilyName();
    if (!name) return scan_.Fail("a metric name");
    line.name = *name;
    if (!scan_.TakeIf(' ')) return scan_.Fail("a space and a text after the metric name");
    const std::string_view text = scan_.TakeUntil("\n");
    if (const base::Status status = TakeText(line, text); !status) return status;
    if (!scan_.TakeIf('\n')) return scan_.Fail("# EOF as the last line");
    sink_(std::move(line));
    return {};
  }

  base::Status TakeText(MetadataLine& line, std::string_view text) {
    line.text = text;
    const std::size_t begin = scan_.at() - text.size();
    switch (line.kind) {
      case MetadataKind::kHelp:
        if (!base::IsValidUtf8(text)) return scan_.FailAt(begin, "a help text in UTF-8");
        line.text = Unescape(text, EscapedQuotes::kUndo);
        return {};
      case MetadataKind::kType: {
        const auto type = TypeOf(text);
        if (!type) return scan_.FailAt(begin, "a metric type");
        line.type = *type;
        type_ = *type;
        return {};
      }
      case MetadataKind::kUnit:
        if (!text.empty() && !line.name.ends_with("_" + std::string(text))) {
          return scan_.FailAt(begin, "the last word of " + base::Quote(line.name) + " as unit");
        }
        return {};
    }
    return {};
  }

  base::Status ReadSample() {
    scan_.ClearLabels();
    const std::size_t begin = scan_.at();
    std::string_view name = scan_.TakeMetricName();
    if (scan_.TakeIf('{')) {
      if (const base::Status labels = ReadLabels(name, LabelsOf::kSample); !labels) return labels;
      if (name.empty()) return scan_.Fail("a metric name within the braces");
    } else if (name.empty()) {
      return scan_.Fail("a metric name, \"{\" or \"# \"");
    }
    SampleLine line;
    line.series = scan_.Since(begin);
    const std::size_t value_begin = scan_.at();
    const auto value = ReadNumber();
    if (!value) return scan_.FailAt(value_begin, "a space and a number");
    line.value = *value;
    line.type = type_;
    line.created = Counts(type_) && name.ends_with(kCreated);
    scan_.AddLabel(kMetricName, name);
    line.labels = scan_.BuildLabels(type_);
    if (const base::Status status = ReadTime(line.time); !status) return status;
    if (scan_.TakeIf(" # {")) {
      if (const base::Status exemplar = ReadExemplar(line); !exemplar) return exemplar;
    }
    if (!scan_.TakeIf('\n')) return scan_.Fail("the end of the line");
    if (!scan_.CountSample()) {
      return scan_.Fail("no more than " + std::to_string(scan_.limits().max_samples) + " samples");
    }
    sink_(std::move(line));
    return {};
  }

  // A single space, then a number up to the next space.
  std::optional<double> ReadNumber() {
    if (!scan_.TakeIf(' ')) return std::nullopt;
    return ParseSampleValue(scan_.TakeUntil(" \n"));
  }

  base::Status ReadTime(std::optional<base::Timestamp>& time) {
    if (scan_.Peek() != ' ' || scan_.rest().starts_with(" # {")) return {};
    const std::size_t begin = scan_.at();
    const auto seconds = ReadNumber();
    time = seconds ? FromSeconds(*seconds) : std::nullopt;
    if (!time) return scan_.FailAt(begin, "a finite timestamp in seconds");
    return {};
  }

  base::Status ReadExemplar(SampleLine& line) {
    scan_.ClearLabels();
    std::string_view none;
    if (const base::Status labels = ReadLabels(none, LabelsOf::kExemplar); !labels) return labels;
    Exemplar exemplar;
    exemplar.labels = scan_.BuildLabels(MetricType::kUnknown);
    const std::size_t begin = scan_.at();
    const auto value = ReadNumber();
    if (!value) return scan_.FailAt(begin, "a space and a number after the exemplar's labels");
    exemplar.value = *value;
    if (const base::Status status = ReadTime(exemplar.time); !status) return status;
    line.exemplar = std::move(exemplar);
    return {};
  }

  // After the opening brace, up to and with the closing one.
  base::Status ReadLabels(std::string_view& name, LabelsOf owner) {
    while (!scan_.TakeIf('}')) {
      const bool quoted = scan_.Peek() == '"';
      const auto label = quoted ? scan_.TakeQuoted(Newlines::kForbidden)
                                : std::optional<std::string_view>(scan_.TakeLabelName());
      if (!label || (!quoted && label->empty())) return scan_.Fail("a label name");
      const bool ends = scan_.Peek() == ',' || scan_.Peek() == '}';
      if (quoted && ends && owner == LabelsOf::kSample) {
        if (!name.empty()) return scan_.Fail("only one metric name");
        name = *label;
      } else {
        if (!scan_.TakeIf('=')) return scan_.Fail("\"=\"");
        const auto value = scan_.TakeQuoted(Newlines::kForbidden);
        if (!value) return scan_.Fail("a quoted label value in UTF-8 of bounded length");
        scan_.AddLabel(*label, *value);
      }
      if (!scan_.TakeIf(',') && scan_.Peek() != '}') return scan_.Fail("\",\" or \"}\"");
    }
    return {};
  }

  Scanner scan_;
  const LineSink& sink_;
  MetricType type_ = MetricType::kUnknown;
};

}  // namespace

base::Status ReadOpenMetricsLines(std::string_view page, const ParseLimits& limits,
                                  const LineSink& sink) {
  return OpenMetricsReader(page, limits, sink).Read();
}

}  // namespace drwatch::model
