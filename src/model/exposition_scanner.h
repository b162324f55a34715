// A cursor over an exposition page, with what both formats share. Internal to the readers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/exposition_lines.h"

namespace drwatch::model {

// Go's strconv.ParseFloat without hexadecimal and underscores, as Prometheus reads values.
std::optional<double> ParseSampleValue(std::string_view text);
// Seconds as milliseconds, towards zero, except that 1.001 is 1001 although its double is a little
// less. nullopt if it is not finite or out of range.
std::optional<base::Timestamp> FromSeconds(double seconds);
// le="1" of a histogram and quantile="1" of a summary become "1.0"; anything else stays.
std::string NormaliseBound(MetricType type, std::string_view label, std::string_view value);

enum class Newlines { kForbidden, kAllowed };  // within quotes

class Scanner {
 public:
  Scanner(std::string_view page, const ParseLimits& limits) : page_(page), limits_(limits) {}

  bool ended() const { return at_ >= page_.size(); }
  std::size_t at() const { return at_; }
  char Peek() const { return ended() ? '\0' : page_[at_]; }
  std::string_view rest() const { return page_.substr(at_); }
  std::string_view Since(std::size_t begin) const { return page_.substr(begin, at_ - begin); }
  bool TakeIf(char c);
  bool TakeIf(std::string_view text);
  void SkipBlanks();  // spaces and tabs
  // Up to the next byte of `stops`, or the end.
  std::string_view TakeUntil(std::string_view stops);
  // [a-zA-Z_:][a-zA-Z0-9_:]*; empty if none stands here.
  std::string_view TakeMetricName();
  std::string_view TakeLabelName();  // without colons
  // "...", with the quotes taken off and escapes undone. nullopt if none stands here, it does not
  // end, is not UTF-8 or longer than the limit.
  std::optional<std::string_view> TakeQuoted(Newlines newlines);
  // A metric name, bare or quoted.
  std::optional<std::string_view> TakeFamilyName();

  // The labels of the sample being read; views stay valid until ClearLabels.
  void ClearLabels();
  void AddLabel(std::string_view name, std::string_view value) {
    labels_.emplace_back(name, value);
  }
  // Keeps a string alive as long as the labels.
  std::string_view Keep(std::string text);
  // Sorted, with bounds normalised for `type`.
  Labels BuildLabels(MetricType type);

  bool CountSample() { return ++samples_ <= limits_.max_samples; }
  const ParseLimits& limits() const { return limits_; }
  // "line 3: expected ..., got ...", for what stands at the cursor or at `at`.
  tl::unexpected<base::Error> Fail(const std::string& expected) const {
    return FailAt(at_, expected);
  }
  tl::unexpected<base::Error> FailAt(std::size_t at, const std::string& expected) const;

 private:
  std::string_view page_;
  ParseLimits limits_;
  std::size_t at_ = 0;
  std::int64_t samples_ = 0;
  std::vector<std::pair<std::string_view, std::string_view>> labels_;
  std::vector<std::unique_ptr<std::string>> kept_;
};

// \\ \" \n undone, other backslashes stay. HELP texts of the old format know no \".
enum class EscapedQuotes { kUndo, kKeep };
std::string Unescape(std::string_view text, EscapedQuotes quotes);

base::Status ReadTextLines(std::string_view page, const ParseLimits& limits, const LineSink& sink);
base::Status ReadOpenMetricsLines(std::string_view page, const ParseLimits& limits,
                                  const LineSink& sink);

}  // namespace drwatch::model
