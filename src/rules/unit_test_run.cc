#include "rules/unit_test_run.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/parser.h"
#include "rules/group.h"
#include "rules/recording_rule.h"
#include "template/format.h"

namespace drwatch::rules {
namespace {

constexpr std::string_view kDeepIndent = "            ";

Texts TextsOf(const model::Labels& labels) {
  Texts texts;
  for (const model::LabelView label : labels) texts.emplace_back(label.name, label.value);
  return texts;
}

// Always in braces, the metric name inside, as Go prints label sets.
std::string PrintTexts(const Texts& texts) {
  std::string text;
  for (const auto& [name, value] : texts) {
    if (!text.empty()) text += ", ";
    text += model::IsValidLabelName(name) ? name : tmpl::GoQuote(name);
    text += "=" + tmpl::GoQuote(value);
  }
  return "{" + text + "}";
}

struct Sample {
  model::Labels labels;
  double value = 0;
};

std::string PrintSample(const Sample& sample) {
  std::string number = tmpl::FormatFloat(sample.value, 'e', -1);
  std::replace(number.begin(), number.end(), 'e', 'E');
  return PrintTexts(TextsOf(sample.labels)) + " " + number;
}

std::string PrintAlert(const ExpectedAlert& alert) {
  return "Labels:" + PrintTexts(alert.labels) + "\nAnnotations:" + PrintTexts(alert.annotations);
}

// The annotations of an alert with those that came out empty.
Texts AnnotationsOf(const Rule& rule, const model::Labels& annotations) {
  Texts texts;
  for (const RuleText& text : rule.annotations) {
    texts.emplace_back(text.name, annotations.Get(text.name));
  }
  return texts;
}

// Every line but the first.
std::string Indent(std::string_view text, std::string_view indent) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result += indent;
  }
  return result;
}

std::string PrintAlerts(const std::vector<ExpectedAlert>& alerts) {
  if (alerts.empty()) return "[]";
  std::string text = "[";
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    text += i == 0 ? "\n" : ",\n";
    text += std::to_string(i) + ":" + Indent("\n" + PrintAlert(alerts[i]), "  ");
  }
  return text + "\n]";
}

// Lines only one side has, each with "-" (expected) or "+" (got).
std::string Difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& got) {
  std::string text = "diff:";
  const auto add = [&text](const std::vector<std::string>& these,
                           const std::vector<std::string>& others, const char* mark) {
    for (const std::string& line : these) {
      if (std::find(others.begin(), others.end(), line) != others.end()) continue;
      text +=
          "\n" + std::string(kDeepIndent) + mark + Indent(line, std::string(kDeepIndent) + "  ");
    }
  };
  add(expected, got, "- ");
  add(got, expected, "+ ");
  return text;
}

bool SameValue(double a, double b, bool fuzzy) {
  if (a == b) return true;
  if (!fuzzy) return false;
  const double infinity = std::numeric_limits<double>::infinity();
  return std::nextafter(a, -infinity) == b || std::nextafter(a, infinity) == b;
}

// The store takes samples in the order of time, which is how the test makes them.
class Run {
 public:
  Run(const UnitTest& test, const UnitTestSetup& setup)
      : test_(test),
        setup_(setup),
        store_({.retention = base::Duration::max() / 2}),
        engine_(store_, {.default_step = setup.file.evaluation_interval}) {}

  std::vector<std::string> Execute() {
    if (!LoadSeries() || !CheckAlertNames()) return std::move(failures_);
    MakeGroups();
    const base::Duration last = LastEvalTime();
    const base::Duration step = setup_.file.evaluation_interval;
    for (base::Duration now{}; now <= last; now += step) {
      AppendUntil(now);
      if (!Evaluate(now)) return std::move(failures_);
      for (const AlertTest& test : test_.alert_tests) {
        if (now <= test.eval_time && test.eval_time < now + step) CheckAlerts(test);
      }
    }
    for (const ExpressionTest& test : test_.expression_tests) CheckExpression(test);
    return std::move(failures_);
  }

 private:
  bool LoadSeries() {
    for (const InputSeries& input : test_.input_series) {
      auto series = promql::ParseSeriesDescription(input.series + " " + input.values);
      if (!series) {
        failures_.push_back("    series: " + tmpl::GoQuote(input.series) +
                            ", err: " + series.error().message);
        return false;
      }
      series_.push_back(*std::move(series));
    }
    return true;
  }

  bool CheckAlertNames() {
    for (const AlertTest& test : test_.alert_tests) {
      if (!test.alertname.empty()) continue;
      const std::string place = test_.name.empty() ? "" : " (in TestGroup " + test_.name + ")";
      failures_.push_back(
          "an item under alert_rule_test misses required attribute alertname at eval_time " +
          base::FormatDuration(test.eval_time) + place);
      return false;
    }
    return true;
  }

  void MakeGroups() {
    for (const RuleGroup& definition : setup_.groups) {
      RunningGroup group;
      group.definition = std::make_shared<const RuleGroup>(definition);
      for (const auto& rule : definition.rules) {
        RunningRule running;
        running.rule = rule;
        running.source = std::to_string(groups_.size()) + ":" + std::to_string(group.rules.size());
        group.rules.push_back(std::move(running));
      }
      groups_.push_back(std::move(group));
    }
  }

  base::Duration LastEvalTime() const {
    base::Duration last{};
    for (const AlertTest& test : test_.alert_tests) last = std::max(last, test.eval_time);
    for (const ExpressionTest& test : test_.expression_tests) {
      last = std::max(last, test.eval_time);
    }
    return last;
  }

  void AppendUntil(base::Duration now) {
    const base::Duration interval = test_.interval.value_or(setup_.file.evaluation_interval);
    for (; interval * next_value_ <= now; ++next_value_) {
      std::vector<store::NewSample> samples;
      for (const promql::SeriesDescription& series : series_) {
        const auto i = static_cast<std::size_t>(next_value_);
        if (i >= series.values.size() || !series.values[i]) continue;
        samples.push_back({series.labels, *series.values[i]});
      }
      if (!samples.empty()) store_.Append(samples, test_.start + interval * next_value_);
      if (static_cast<std::size_t>(next_value_) > LongestSeries()) return;
    }
  }

  std::size_t LongestSeries() const {
    std::size_t longest = 0;
    for (const auto& series : series_) longest = std::max(longest, series.values.size());
    return longest;
  }

  bool Evaluate(base::Duration now) {
    const EvaluationWorld world{store_, engine_, clock_, test_.external_labels, test_.external_url};
    bool good = true;
    for (RunningGroup& group : groups_) {
      EvaluateGroupAt(group, test_.start + now, world);
      for (const RunningRule& rule : group.rules) {
        if (rule.health != RuleHealth::kError) continue;
        failures_.push_back("    rule: " + rule.rule->name +
                            ", time: " + base::FormatDuration(now) + ", err: " + rule.last_error);
        good = false;
      }
    }
    return good;
  }

  std::string NameLine() const {
    return test_.name.empty() ? "" : "    name: " + test_.name + ",\n";
  }

  void CheckAlerts(const AlertTest& test) {
    std::vector<ExpectedAlert> got;
    for (const RunningGroup& group : groups_) {
      for (const RunningRule& rule : group.rules) {
        if (rule.rule->kind != RuleKind::kAlerting || rule.rule->name != test.alertname) continue;
        for (const auto& [labels, instance] : rule.alerts) {
          if (instance.alert.state != model::AlertState::kFiring) continue;
          got.push_back({TextsOf(labels), AnnotationsOf(*rule.rule, instance.alert.annotations)});
        }
      }
    }
    std::vector<ExpectedAlert> expected = test.expected;
    for (ExpectedAlert& alert : expected) {
      std::erase_if(alert.labels,
                    [](const auto& label) { return label.first == model::kAlertName; });
      alert.labels.emplace_back(model::kAlertName, test.alertname);
      std::sort(alert.labels.begin(), alert.labels.end());
    }
    const auto sort = [](std::vector<ExpectedAlert>& alerts) {
      std::sort(alerts.begin(), alerts.end(), [](const auto& a, const auto& b) {
        return a.labels == b.labels ? a.annotations < b.annotations : a.labels < b.labels;
      });
    };
    sort(expected);
    sort(got);
    const bool equal = std::equal(expected.begin(), expected.end(), got.begin(), got.end(),
                                  [](const auto& a, const auto& b) {
                                    return a.labels == b.labels && a.annotations == b.annotations;
                                  });
    if (equal) return;
    std::string text = NameLine() + "    alertname: " + test.alertname +
                       ", time: " + base::FormatDuration(test.eval_time) + ", \n        ";
    if (setup_.differences == UnitTestOptions::Differences::kWhole) {
      text += "exp:" + Indent(PrintAlerts(expected), kDeepIndent) +
              ", \n        got:" + Indent(PrintAlerts(got), kDeepIndent);
    } else {
      text += Difference(Lines(expected, PrintAlert), Lines(got, PrintAlert));
    }
    failures_.push_back(std::move(text));
  }

  template <typename Item>
  static std::vector<std::string> Lines(const std::vector<Item>& items,
                                        std::string (*print)(const Item&)) {
    std::vector<std::string> lines;
    for (const Item& item : items) lines.push_back(print(item));
    return lines;
  }

  base::Result<std::vector<Sample>> Query(const ExpressionTest& test) const {
    const auto expr = promql::ParseExpr(test.expr);
    if (!expr) return base::Fail(expr.error());
    auto output = engine_.Instant(**expr, test_.start + test.eval_time);
    if (!output) return base::Fail(output.error().message);
    const auto vector = VectorOf(std::move(output->value));
    if (!vector) return base::Fail(vector.error());
    std::vector<Sample> samples;
    for (const auto& element : *vector) samples.push_back({element.labels, element.value});
    return samples;
  }

  static base::Result<std::vector<Sample>> Expected(const ExpressionTest& test) {
    std::vector<Sample> samples;
    for (const ExpectedSample& expected : test.expected) {
      model::Labels labels;
      if (!base::Trim(expected.labels).empty()) {
        const auto parsed = promql::ParseSeriesDescription(expected.labels);
        if (!parsed || !parsed->values.empty()) {
          return base::Fail("labels " + tmpl::GoQuote(expected.labels) + ": " +
                            (parsed ? "more than a series" : parsed.error().message));
        }
        labels = parsed->labels;
      }
      samples.push_back({labels, expected.value});
    }
    return samples;
  }

  void CheckExpression(const ExpressionTest& test) {
    const std::string head = "    expr: " + tmpl::GoQuote(test.expr) +
                             ", time: " + base::FormatDuration(test.eval_time) + ",";
    auto got = Query(test);
    auto expected = Expected(test);
    if (!got || !expected) {
      failures_.push_back(NameLine() + head +
                          " err: " + (got ? expected.error() : got.error()).message);
      return;
    }
    const auto sort = [](std::vector<Sample>& samples) {
      std::sort(samples.begin(), samples.end(),
                [](const Sample& a, const Sample& b) { return a.labels < b.labels; });
    };
    sort(*got);
    sort(*expected);
    const bool fuzzy = setup_.file.fuzzy_compare;
    const bool equal =
        std::equal(expected->begin(), expected->end(), got->begin(), got->end(),
                   [fuzzy](const Sample& a, const Sample& b) {
                     return a.labels == b.labels && SameValue(a.value, b.value, fuzzy);
                   });
    if (equal) return;
    const auto expected_lines = Lines(*expected, PrintSample);
    const auto got_lines = Lines(*got, PrintSample);
    const auto joined = [](const std::vector<std::string>& lines) {
      return lines.empty() ? "nil" : base::Join(lines, ", ");
    };
    if (setup_.differences == UnitTestOptions::Differences::kWhole) {
      failures_.push_back(NameLine() + head + "\n        exp: " + joined(expected_lines) +
                          "\n        got: " + joined(got_lines));
    } else {
      failures_.push_back(NameLine() + head + "\n        " + Difference(expected_lines, got_lines));
    }
  }

  const UnitTest& test_;
  const UnitTestSetup& setup_;
  store::Store store_;
  promql::Engine engine_;
  base::SystemClock clock_;  // only for durations nobody looks at
  std::vector<promql::SeriesDescription> series_;
  std::int64_t next_value_ = 0;
  std::vector<RunningGroup> groups_;
  std::vector<std::string> failures_;
};

}  // namespace

std::vector<std::string> RunUnitTest(const UnitTest& test, const UnitTestSetup& setup) {
  return Run(test, setup).Execute();
}

}  // namespace drwatch::rules
