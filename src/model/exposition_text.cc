// Reads the Prometheus text format 0.0.4, as leniently as Prometheus does: blanks anywhere between
// tokens, commas between labels optional, empty lines and comments.
#include <charconv>

#include "base/strings.h"
#include "model/exposition_scanner.h"

namespace drwatch::model {
namespace {

std::optional<MetricType> TypeOf(std::string_view text) {
  if (text == "counter") return MetricType::kCounter;
  if (text == "gauge") return MetricType::kGauge;
  if (text == "histogram") return MetricType::kHistogram;
  if (text == "summary") return MetricType::kSummary;
  if (text == "untyped") return MetricType::kUnknown;
  return std::nullopt;
}

class TextReader {
 public:
  TextReader(std::string_view page, const ParseLimits& limits, const LineSink& sink)
      : scan_(page, limits), sink_(sink) {}

  base::Status Read() {
    while (true) {
      scan_.SkipBlanks();
      if (scan_.ended()) return {};
      if (scan_.TakeIf('\n')) continue;
      const base::Status line = scan_.Peek() == '#' ? ReadHash() : ReadSample();
      if (!line) return line;
    }
  }

 private:
  bool AtLineEnd() const { return scan_.ended() || scan_.Peek() == '\n'; }

  // # HELP name text, # TYPE name type, or any comment.
  base::Status ReadHash() {
    const std::size_t begin = scan_.at();
    scan_.TakeIf('#');
    const bool blank = scan_.Peek() == ' ' || scan_.Peek() == '\t';
    scan_.SkipBlanks();
    const std::string_view word = blank ? scan_.TakeUntil(" \t\n") : std::string_view();
    const bool metadata = (word == "HELP" || word == "TYPE") && !AtLineEnd();
    if (metadata) return ReadMetadata(word == "TYPE");
    scan_.TakeUntil("\n");
    sink_(CommentLine{scan_.Since(begin)});
    return {};
  }

  base::Status ReadMetadata(bool is_type) {
    scan_.SkipBlanks();
    scan_.ClearLabels();
    const auto name = scan_.TakeFamilyName();
    if (!name) return scan_.Fail("a metric name after HELP or TYPE");
    if (!AtLineEnd() && scan_.Peek() != ' ' && scan_.Peek() != '\t') {
      return scan_.Fail("a blank after the metric name");
    }
    const std::size_t begin = scan_.at() + 1;
    const std::string_view rest = scan_.TakeUntil("\n");
    const std::string_view text = rest.substr(rest.empty() ? 0 : 1);
    MetadataLine line{is_type ? MetadataKind::kType : MetadataKind::kHelp, std::string(*name), "",
                      MetricType::kUnknown};
    if (is_type) {
      const auto type = TypeOf(text);
      if (!type) return scan_.FailAt(begin, "a metric type");
      type_ = *type;
      line.type = *type;
      line.text = text;
    } else {
      if (!base::IsValidUtf8(text)) return scan_.FailAt(begin, "a help text in UTF-8");
      line.text = Unescape(text, EscapedQuotes::kKeep);
    }
    sink_(std::move(line));
    return {};
  }

  base::Status ReadSample() {
    scan_.ClearLabels();
    const std::size_t begin = scan_.at();
    std::string_view name = scan_.TakeMetricName();
    std::size_t end = scan_.at();
    scan_.SkipBlanks();
    if (scan_.TakeIf('{')) {
      if (const base::Status labels = ReadLabels(name); !labels) return labels;
      end = scan_.at();
      scan_.SkipBlanks();
    } else if (name.empty()) {
      return scan_.Fail("a metric name, \"{\" or \"#\"");
    }
    if (name.empty()) return scan_.Fail("a metric name within the braces");
    SampleLine line;
    line.series = scan_.Since(begin).substr(0, end - begin);
    if (const base::Status value = ReadValue(line); !value) return value;
    if (!scan_.CountSample()) {
      return scan_.Fail("no more than " + std::to_string(scan_.limits().max_samples) + " samples");
    }
    scan_.AddLabel(kMetricName, name);
    line.labels = scan_.BuildLabels(type_);
    line.type = type_;
    sink_(std::move(line));
    return {};
  }

  // After the opening brace, up to and with the closing one.
  base::Status ReadLabels(std::string_view& name) {
    while (true) {
      scan_.SkipBlanks();
      if (scan_.TakeIf('}')) return {};
      const bool quoted = scan_.Peek() == '"';
      const auto label = quoted ? scan_.TakeQuoted(Newlines::kAllowed)
                                : std::optional<std::string_view>(scan_.TakeLabelName());
      if (!label || (!quoted && label->empty())) return scan_.Fail("a label name");
      scan_.SkipBlanks();
      if (quoted && (scan_.Peek() == ',' || scan_.Peek() == '}')) {
        if (!name.empty()) return scan_.Fail("only one metric name");
        name = *label;
      } else {
        if (!scan_.TakeIf('=')) return scan_.Fail("\"=\"");
        scan_.SkipBlanks();
        const auto value = scan_.TakeQuoted(Newlines::kAllowed);
        if (!value) return scan_.Fail("a quoted label value in UTF-8 of bounded length");
        scan_.AddLabel(*label, *value);
        scan_.SkipBlanks();
      }
      scan_.TakeIf(',');
    }
  }

  base::Status ReadValue(SampleLine& line) {
    const std::size_t begin = scan_.at();
    const auto value = ParseSampleValue(scan_.TakeUntil("{ \t\n"));
    if (!value) return scan_.FailAt(begin, "a number as value");
    line.value = *value;
    scan_.SkipBlanks();
    if (!AtLineEnd()) {
      const std::size_t time_begin = scan_.at();
      const std::string_view text = scan_.TakeUntil(" \t\n");
      const auto millis = base::ParseInt(text);
      if (!millis || text[0] == '+') {
        return scan_.FailAt(time_begin, "a timestamp in milliseconds");
      }
      line.time = base::FromUnixMillis(*millis);
      scan_.SkipBlanks();
    }
    if (!AtLineEnd()) return scan_.Fail("the end of the line");
    return {};
  }

  Scanner scan_;
  const LineSink& sink_;
  MetricType type_ = MetricType::kUnknown;
};

}  // namespace

base::Status ReadTextLines(std::string_view page, const ParseLimits& limits, const LineSink& sink) {
  return TextReader(page, limits, sink).Read();
}

}  // namespace drwatch::model
