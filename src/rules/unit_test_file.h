// A file of rule unit tests, as promtool reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/problem.h"
#include "model/labels.h"

namespace drwatch::rules {

struct InputSeries {
  std::string series;
  std::string values;
};
// Sorted by name. Unlike a label set it keeps empty values: an annotation may be empty, and a label
// that is expected to be empty never is.
using Texts = std::vector<std::pair<std::string, std::string>>;
struct ExpectedAlert {
  Texts labels;  // without alertname
  Texts annotations;
};
struct AlertTest {
  base::Duration eval_time{};
  std::string alertname;
  std::vector<ExpectedAlert> expected;
};
struct ExpectedSample {
  std::string labels;
  double value = 0;
};
struct ExpressionTest {
  std::string expr;
  base::Duration eval_time{};
  std::vector<ExpectedSample> expected;
};
struct UnitTest {
  std::string name;  // may be empty
  std::optional<base::Duration> interval;
  base::Timestamp start{};
  std::vector<InputSeries> input_series;
  std::vector<AlertTest> alert_tests;
  std::vector<ExpressionTest> expression_tests;
  model::Labels external_labels;
  std::string external_url;
};
struct UnitTestFile {
  std::vector<std::string> rule_files;  // patterns as written
  base::Duration evaluation_interval = std::chrono::minutes(1);
  std::vector<std::string> group_eval_order;
  bool fuzzy_compare = false;
  std::vector<UnitTest> tests;
};

// Adds what is wrong to `problems`; use the result only if nothing was added.
UnitTestFile ParseUnitTestFile(std::string_view text, const std::string& file,
                               config::Problems& problems);

}  // namespace drwatch::rules
