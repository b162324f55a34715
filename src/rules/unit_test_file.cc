#include "rules/unit_test_file.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "config/node.h"
#include "template/literal.h"

namespace drwatch::rules {
namespace {

using config::MapReader;
using config::Node;
using config::NodeKind;

// YAML's numbers: infinity is .inf there.
std::optional<double> ParseYamlNumber(const std::string& text) {
  if (const auto number = base::ParseDouble(text); number && std::isfinite(*number)) return number;
  const bool negative = text.starts_with('-');
  const std::string rest = text.substr(negative || text.starts_with('+') ? 1 : 0);
  const std::string lower = base::Lower(rest);
  if (lower == ".inf") {
    return negative ? -std::numeric_limits<double>::infinity()
                    : std::numeric_limits<double>::infinity();
  }
  if (lower == ".nan") return std::nan("");
  if (text.empty()) return std::nullopt;
  const auto literal = tmpl::ParseNumber(text);
  if (!literal) return std::nullopt;
  if (const auto* whole = std::get_if<std::int64_t>(&literal->data)) {
    return static_cast<double>(*whole);
  }
  return std::get<double>(literal->data);
}

// Digits at the place of the pattern's '0', other characters as they are.
bool Fits(std::string_view text, std::string_view pattern) {
  if (text.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (pattern[i] == '0' ? !digit : text[i] != pattern[i]) return false;
  }
  return true;
}

// 2026-01-01T00:00:00.5+02:00
std::optional<base::Timestamp> ParseRfc3339(std::string_view text) {
  if (!Fits(text, "0000-00-00T00:00:00")) return std::nullopt;
  const auto number = [](std::string_view digits) {
    return static_cast<int>(base::ParseInt(digits).value_or(0));
  };
  const std::chrono::year_month_day date(
      std::chrono::year(number(text.substr(0, 4))),
      std::chrono::month(static_cast<unsigned>(number(text.substr(5, 2)))),
      std::chrono::day(static_cast<unsigned>(number(text.substr(8, 2)))));
  if (!date.ok()) return std::nullopt;
  base::Timestamp time = std::chrono::sys_days(date);
  time += std::chrono::hours(number(text.substr(11, 2)));
  time += std::chrono::minutes(number(text.substr(14, 2)));
  time += std::chrono::seconds(number(text.substr(17, 2)));
  text.remove_prefix(19);
  if (text.starts_with('.')) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
    const auto fraction = base::ParseDouble("0" + std::string(text.substr(0, end)));
    time += base::Duration(static_cast<std::int64_t>(std::round(fraction.value_or(0) * 1000)));
    text.remove_prefix(end);
  }
  if (text == "Z") return time;
  if (text.size() != 6 || !Fits(text.substr(1), "00:00")) return std::nullopt;
  const base::Duration offset = std::chrono::hours(number(text.substr(1, 2))) +
                                std::chrono::minutes(number(text.substr(4, 2)));
  if (text[0] == '+') return time - offset;
  if (text[0] == '-') return time + offset;
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(config::Problems& problems) : problems_(problems) {}

  UnitTestFile ReadFile(const Node& root) {
    UnitTestFile file;
    MapReader reader(root, problems_, "unit test file");
    reader.Get("rule_files", file.rule_files);
    Duration(reader, "evaluation_interval", file.evaluation_interval);
    if (file.evaluation_interval <= base::Duration(0)) {
      file.evaluation_interval = std::chrono::minutes(1);
    }
    reader.Get("group_eval_order", file.group_eval_order);
    reader.Get("fuzzy_compare", file.fuzzy_compare);
    ForEach(reader, "tests", "test", [&](MapReader& test) { file.tests.push_back(Test(test)); });
    reader.Finish();
    return file;
  }

 private:
  template <typename Body>
  void ForEach(MapReader& reader, std::string_view key, const std::string& what, Body body) {
    const Node* const list = reader.Take(key);
    if (list == nullptr || list->kind == NodeKind::kNull) return;
    if (list->kind != NodeKind::kSequence) {
      problems_.AddError(list->position, base::Quote(key) + " must be a list");
      return;
    }
    for (const Node& item : list->items) {
      MapReader inner(item, problems_, what);
      body(inner);
      inner.Finish();
    }
  }

  void Duration(MapReader& reader, std::string_view key, base::Duration& out) {
    const Node* const node = reader.Take(key);
    if (node != nullptr && node->kind != NodeKind::kNull) reader.GetDuration(key, out);
  }

  void Text(MapReader& reader, std::string_view key, std::string& out) {
    const Node* const node = reader.Take(key);
    if (node != nullptr && node->kind != NodeKind::kNull) reader.Get(key, out);
  }

  Texts ReadTexts(MapReader& reader, std::string_view key) {
    Texts texts;
    const Node* const node = reader.Take(key);
    if (node != nullptr && node->kind != NodeKind::kNull) reader.Get(key, texts);
    std::sort(texts.begin(), texts.end());
    return texts;
  }

  UnitTest Test(MapReader& reader) {
    UnitTest test;
    Text(reader, "name", test.name);
    base::Duration interval{};
    Duration(reader, "interval", interval);
    if (interval > base::Duration(0)) test.interval = interval;
    Start(reader, test);
    ForEach(reader, "input_series", "input series", [&](MapReader& series) {
      InputSeries input;
      Text(series, "series", input.series);
      Text(series, "values", input.values);
      test.input_series.push_back(std::move(input));
    });
    ForEach(reader, "alert_rule_test", "alert test",
            [&](MapReader& alert) { test.alert_tests.push_back(Alert(alert)); });
    ForEach(reader, "promql_expr_test", "expression test",
            [&](MapReader& expr) { test.expression_tests.push_back(Expression(expr)); });
    test.external_labels = model::Labels(ReadTexts(reader, "external_labels"));
    Text(reader, "external_url", test.external_url);
    return test;
  }

  void Start(MapReader& reader, UnitTest& test) {
    std::string text;
    Text(reader, "start_timestamp", text);
    if (text.empty()) return;
    if (const auto seconds = base::ParseDouble(text)) {
      test.start = base::FromUnixSeconds(*seconds);
    } else if (const auto time = ParseRfc3339(text)) {
      test.start = *time;
    } else {
      problems_.AddError(reader.Take("start_timestamp")->position,
                         "not a time: " + base::Quote(text),
                         "write Unix seconds, or 2026-01-31T00:00:00Z");
    }
  }

  AlertTest Alert(MapReader& reader) {
    AlertTest test;
    Duration(reader, "eval_time", test.eval_time);
    Text(reader, "alertname", test.alertname);
    ForEach(reader, "exp_alerts", "expected alert", [&](MapReader& alert) {
      test.expected.push_back(
          {ReadTexts(alert, "exp_labels"), ReadTexts(alert, "exp_annotations")});
    });
    return test;
  }

  ExpressionTest Expression(MapReader& reader) {
    ExpressionTest test;
    Text(reader, "expr", test.expr);
    Duration(reader, "eval_time", test.eval_time);
    ForEach(reader, "exp_samples", "expected sample",
            [&](MapReader& sample) { test.expected.push_back(Sample(sample)); });
    return test;
  }

  ExpectedSample Sample(MapReader& reader) {
    ExpectedSample sample;
    Text(reader, "labels", sample.labels);
    std::string value;
    Text(reader, "value", value);
    if (const auto number = ParseYamlNumber(value)) {
      sample.value = *number;
    } else if (!value.empty()) {
      problems_.AddError(reader.Take("value")->position, "not a number: " + base::Quote(value),
                         "YAML writes .inf, -.inf and .nan");
    }
    if (const Node* const histogram = reader.Take("histogram")) {
      problems_.AddError(histogram->position, "native histograms are not supported");
    }
    return sample;
  }

  config::Problems& problems_;
};

}  // namespace

UnitTestFile ParseUnitTestFile(std::string_view text, const std::string& file,
                               config::Problems& problems) {
  const auto root = config::ParseYaml(text, file, problems);
  if (!root || root->kind == NodeKind::kNull) return {};
  return Reader(problems).ReadFile(*root);
}

}  // namespace drwatch::rules
