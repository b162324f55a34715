// `check rules` and `test rules`: the field's suites, and what the output looks like.
#include "rules/tools.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/strings.h"
#include "support/temp_dir.h"

namespace drwatch::rules {
namespace {

struct Row {
  std::string file;
  std::vector<std::string> arguments;
  std::string verdict;
};

std::vector<Row> ReadRows(const std::string& folder) {
  const std::string text =
      testing::ReadTestFile(testing::TestData("testdata/" + folder + "/expected.tsv"));
  std::vector<Row> rows;
  bool head = true;
  for (const std::string_view line : base::Split(text, '\n')) {
    const auto fields = base::Split(line, '\t');
    if (!head && fields.size() >= 3) {
      Row row{testing::TestData("testdata/" + folder + "/" + std::string(fields[0])),
              {},
              std::string(fields[2])};
      for (const std::string_view argument : base::Split(fields[1], ' ')) {
        if (!argument.empty()) row.arguments.emplace_back(argument);
      }
      rows.push_back(std::move(row));
    }
    head = false;
  }
  return rows;
}

bool Has(const Row& row, const std::string& argument) {
  return std::find(row.arguments.begin(), row.arguments.end(), argument) != row.arguments.end();
}

std::string TextOf(const ToolOutput& output) {
  std::string text;
  for (const ToolOutput::Chunk& chunk : output.chunks) text += chunk.text;
  return text;
}

TEST(CheckRulesTest, GivesTheVerdictsOfPromtool) {
  int count = 0;
  for (const Row& row : ReadRows("rules-check")) {
    CheckRulesOptions options;
    if (Has(row, "--lint-fatal")) options.lint = CheckRulesOptions::Lint::kFatal;
    const ToolOutput output = CheckRules({row.file}, options);
    EXPECT_EQ(output.status == 0 ? "valid" : "invalid", row.verdict) << row.file << "\n"
                                                                     << TextOf(output);
    ++count;
  }
  EXPECT_GT(count, 60);
}

TEST(CheckRulesTest, PrintsPlacesAndGoesOnAfterABadFile) {
  const testing::TempDir folder;
  const std::string bad =
      folder.Write("bad.yml", "groups:\n- name: g\n  rules:\n  - record: r\n    expr: up )\n");
  const std::string good =
      folder.Write("good.yml", "groups: [{name: g, rules: [{record: r, expr: up}]}]");
  const ToolOutput output = CheckRules({bad, good, folder.Path("none.yml")});
  const std::string text = TextOf(output);
  EXPECT_NE(text.find("Checking " + bad + "\n  FAILED:\n" + bad + ":5:14: cannot parse"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("Checking " + good + "\n  SUCCESS: 1 rules found\n"), std::string::npos);
  EXPECT_NE(text.find("none.yml"), std::string::npos);
  EXPECT_EQ(output.status, 1);
}

TEST(CheckRulesTest, CountsEveryDuplicateOnceAndFailsOnRequest) {
  const testing::TempDir folder;
  const std::string file = folder.Write(
      "r.yml",
      "groups: [{name: g, rules: [{record: r, expr: up}, {record: r, expr: up}, {record: r, expr: "
      "up}, {record: s, expr: up, labels: {a: b}}, {record: s, expr: up, labels: {a: b}}]}]");
  const std::string found =
      "lint error 2 duplicate rule(s) found.\nMetric: r\nLabel(s):\nMetric: s\nLabel(s):\n\ta: b\n"
      "Might cause inconsistency while recording expressions\n";
  using Lint = CheckRulesOptions::Lint;
  const ToolOutput warned = CheckRules({file}, {.lint = Lint::kWarn});
  EXPECT_EQ(TextOf(warned), "Checking " + file + "\n  FAILED:\n" + found + "\n");
  EXPECT_EQ(warned.status, 0);
  const ToolOutput failed = CheckRules({file}, {.lint = Lint::kFatal});
  EXPECT_EQ(TextOf(failed), "Checking " + file + "\n  FAILED:\n" + found + "\n");
  EXPECT_EQ(failed.status, 3);
  EXPECT_EQ(TextOf(CheckRules({file}, {.lint = Lint::kNone})),
            "Checking " + file + "\n  SUCCESS: 5 rules found\n\n");
}

TEST(CheckRulesTest, ReadsStandardInput) {
  const ToolOutput good = CheckStandardInput(std::string("groups: []"));
  EXPECT_EQ(TextOf(good), "Checking standard input\n  SUCCESS: 0 rules found\n\n");
  EXPECT_EQ(good.status, 0);
  const ToolOutput broken = CheckStandardInput(std::string("groups: 5"));
  EXPECT_NE(TextOf(broken).find("  FAILED:\n<stdin>:1:9: "), std::string::npos) << TextOf(broken);
  EXPECT_EQ(broken.status, 1);
  const ToolOutput unreadable = CheckStandardInput(base::Fail("cannot read it: bad file"));
  EXPECT_NE(TextOf(unreadable).find("<stdin>: cannot read it"), std::string::npos);
  EXPECT_EQ(unreadable.status, 1);
}

TEST(UnitTestsTest, GiveTheVerdictsOfPromtool) {
  int count = 0;
  for (const Row& row : ReadRows("rules-unit")) {
    if (row.verdict == "skip") continue;
    UnitTestOptions options;
    for (std::size_t i = 0; i + 1 < row.arguments.size(); ++i) {
      if (row.arguments[i] == "--run") options.run.push_back(row.arguments[i + 1]);
    }
    if (Has(row, "--ignore-unknown-fields")) options.unknown_fields = UnknownFields::kIgnore;
    const UnitTestOutput result = RunUnitTests({row.file}, options);
    EXPECT_EQ(result.output.status == 0 ? "pass" : "fail", row.verdict) << row.file << "\n"
                                                                        << TextOf(result.output);
    ++count;
  }
  EXPECT_GT(count, 60);
}

// "{a=\"b\"} 1E+00, {} 2E+00" -> labels and numbers.
std::vector<std::pair<std::string, double>> ParseSamples(std::string_view text) {
  std::vector<std::pair<std::string, double>> samples;
  while (true) {
    const std::size_t close = text.find("} ");
    if (close == std::string_view::npos) return samples;
    const std::string labels(text.substr(0, close));
    text.remove_prefix(close + 2);
    const std::size_t end = std::min(text.find(", {"), text.size());
    samples.emplace_back(labels, base::ParseDouble(text.substr(0, end)).value_or(std::nan("")));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
}

// Sums depend on the order of their parts; everything else has to be exact.
bool NearlyEqual(std::string_view expected, std::string_view got) {
  const auto a = ParseSamples(expected);
  const auto b = ParseSamples(got);
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
           return x.first == y.first &&
                  (x.second == y.second ||
                   std::abs(x.second - y.second) <=
                       1e-9 * std::max(std::abs(x.second), std::abs(y.second)));
         });
}

// Failures that are more than a rounding difference.
std::string RealFailures(const ToolOutput& output) {
  constexpr std::string_view kExpected = "\n        exp: ";
  constexpr std::string_view kGot = "\n        got: ";
  std::string failures;
  for (const ToolOutput::Chunk& chunk : output.chunks) {
    if (chunk.stream != ToolOutput::Stream::kErr || chunk.text == "  FAILED:\n") continue;
    const std::size_t expected = chunk.text.find(kExpected);
    const std::size_t got = chunk.text.find(kGot);
    const std::string_view text = chunk.text;
    if (expected == std::string::npos || got == std::string::npos ||
        !NearlyEqual(text.substr(expected + kExpected.size(), got - expected - kExpected.size()),
                     base::Trim(text.substr(got + kGot.size())))) {
      failures += chunk.text;
    }
  }
  return failures;
}

TEST(UnitTestsTest, PassRandomExpressions) {
  int count = 0;
  const std::string folder = testing::TestData("testdata/promql-random");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".yml") continue;
    const UnitTestOutput result = RunUnitTests({entry.path().string()});
    EXPECT_EQ(RealFailures(result.output), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 10);
}

constexpr const char* kRules = R"(groups:
- name: g
  rules:
  - {record: twice, expr: m * 2}
  - {alert: High, expr: m > 1, annotations: {s: "is {{ $value }}"}}
)";

std::string RunOne(const testing::TempDir& folder, const std::string& expectations,
                   const UnitTestOptions& options = {}, std::string* junit = nullptr) {
  folder.Write("rules.yml", kRules);
  const std::string file = folder.Write(
      "test.yml",
      "rule_files: [rules.yml]\ntests:\n- input_series: [{series: 'm{i=\"a\"}', values: 1 2 3}]\n" +
          expectations);
  const UnitTestOutput result = RunUnitTests({file}, options);
  if (junit != nullptr) *junit = result.junit;
  std::string text = TextOf(result.output);
  const std::size_t at = text.find(file);
  return at == std::string::npos ? text : text.replace(at, file.size(), "FILE");
}

TEST(UnitTestsTest, PrintSuccess) {
  const testing::TempDir folder;
  EXPECT_EQ(RunOne(folder,
                   "  promql_expr_test: [{expr: twice, eval_time: 1m, exp_samples: "
                   "[{labels: 'twice{i=\"a\"}', value: 4}]}]\n"),
            "Unit Testing:  FILE\n  SUCCESS\n\n");
}

TEST(UnitTestsTest, PrintFailedExpressionsAsPromtool) {
  const testing::TempDir folder;
  EXPECT_EQ(
      RunOne(folder,
             "  promql_expr_test:\n"
             "  - {expr: 'm / 3', eval_time: 1m, exp_samples: [{labels: '{i=\"a\"}', value: 1}, "
             "{labels: '{i=\"b\"}', value: .inf}]}\n"
             "  - {expr: 'absent(\"', eval_time: 3723500ms}\n"
             "  - {expr: 'm{i=\"x\"}', eval_time: 0, exp_samples: [{labels: m, value: 1}]}\n"),
      "Unit Testing:  FILE\n"
      "  FAILED:\n"
      "    expr: \"m / 3\", time: 1m,\n"
      "        exp: {i=\"a\"} 1E+00, {i=\"b\"} +Inf\n"
      "        got: {i=\"a\"} 6.666666666666666E-01\n"
      "\n"
      "    expr: \"absent(\\\"\", time: 1h2m3s500ms, err: 1:8: parse error: unterminated quoted "
      "string\n"
      "\n"
      "    expr: \"m{i=\\\"x\\\"}\", time: 0s,\n"
      "        exp: {__name__=\"m\"} 1E+00\n"
      "        got: nil\n"
      "\n\n");
}

TEST(UnitTestsTest, PrintFailedAlertsAsPromtool) {
  const testing::TempDir folder;
  EXPECT_EQ(RunOne(folder,
                   "  name: named\n"
                   "  alert_rule_test:\n"
                   "  - {alertname: High, eval_time: 0, exp_alerts: [{exp_labels: {i: a}}]}\n"
                   "  - {alertname: High, eval_time: 90s}\n"),
            "Unit Testing:  FILE\n"
            "  FAILED:\n"
            "    name: named,\n"
            "    alertname: High, time: 0s, \n"
            "        exp:[\n"
            "            0:\n"
            "              Labels:{alertname=\"High\", i=\"a\"}\n"
            "              Annotations:{}\n"
            "            ], \n"
            "        got:[]\n"
            "\n"
            "    name: named,\n"
            "    alertname: High, time: 1m30s, \n"
            "        exp:[], \n"
            "        got:[\n"
            "            0:\n"
            "              Labels:{alertname=\"High\", i=\"a\"}\n"
            "              Annotations:{s=\"is 2\"}\n"
            "            ]\n"
            "\n\n");
}

TEST(UnitTestsTest, PrintDifferencesByLine) {
  const testing::TempDir folder;
  UnitTestOptions options;
  options.differences = UnitTestOptions::Differences::kByLine;
  EXPECT_EQ(RunOne(folder,
                   "  promql_expr_test: [{expr: '{i=\"a\"}', eval_time: 0, exp_samples: "
                   "[{labels: 'm{i=\"a\"}', value: 1}, {labels: 'twice{i=\"a\"}', value: 5}]}]\n",
                   options),
            "Unit Testing:  FILE\n"
            "  FAILED:\n"
            "    expr: \"{i=\\\"a\\\"}\", time: 0s,\n"
            "        diff:\n"
            "            - {__name__=\"twice\", i=\"a\"} 5E+00\n"
            "            + {__name__=\"twice\", i=\"a\"} 2E+00\n"
            "\n\n");
}

TEST(UnitTestsTest, WriteJunit) {
  const testing::TempDir folder;
  std::string junit;
  RunOne(folder, "  promql_expr_test: [{expr: 'm > 5', eval_time: 0, exp_samples: [{value: 1}]}]\n",
         {}, &junit);
  EXPECT_NE(junit.find("tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\">\n"
                       "    <testcase name=\"unnamed#0\">\n"
                       "      <failure>    expr: &#34;m &gt; 5&#34;, time: 0s,"),
            std::string::npos)
      << junit;
}

TEST(UnitTestsTest, CompareEmptyAnnotationsAndLabelsToo) {
  const testing::TempDir folder;
  folder.Write("r.yml",
               "groups: [{name: g, rules: [{alert: A, expr: vector(1), labels: {e: ''}, "
               "annotations: {s: '', t: x}}]}]");
  const auto status = [&](const std::string& alert) {
    const std::string file = folder.Write(
        "t.yml",
        "rule_files: [r.yml]\ntests: [{alert_rule_test: [{alertname: A, eval_time: 0, exp_alerts: "
        "[{" +
            alert + "}]}]}]");
    return RunUnitTests({file}).output.status;
  };
  EXPECT_EQ(status("exp_annotations: {s: '', t: x}"), 0);
  EXPECT_EQ(status("exp_annotations: {t: x}"), 1) << "the alert has an empty annotation";
  EXPECT_EQ(status("exp_annotations: {s: '', t: x, u: ''}"), 1);
  EXPECT_EQ(status("exp_labels: {e: ''}, exp_annotations: {s: '', t: x}"), 1)
      << "an empty label is none";
  EXPECT_EQ(status("exp_labels: {alertname: A}, exp_annotations: {s: '', t: x}"), 0);
}

TEST(UnitTestsTest, ReadARuleFileOnceHoweverManyPatternsMatchIt) {
  const testing::TempDir folder;
  folder.Write("r.yml", "groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]");
  const std::string file =
      folder.Write("t.yml",
                   "rule_files: [r.yml, 'r*.yml', ./r.yml]\n"
                   "tests: [{alert_rule_test: [{alertname: A, eval_time: 0, exp_alerts: [{}]}]}]");
  EXPECT_EQ(TextOf(RunUnitTests({file}).output), "Unit Testing:  " + file + "\n  SUCCESS\n\n");
}

TEST(UnitTestsTest, RejectUnknownFieldsAndBadValues) {
  const testing::TempDir folder;
  for (const std::string text :
       {"  alert_tests: []\n", "  start_timestamp: tomorrow\n", "  interval: 5\n",
        "  promql_expr_test: [{expr: m, exp_samples: [{value: x}]}]\n",
        "  promql_expr_test: [{expr: m*Inf, exp_samples: [{value: +Inf}]}]\n",
        "  alert_rule_test: {}\n"}) {
    EXPECT_NE(RunOne(folder, text).find("FAILED"), std::string::npos) << text;
  }
}

TEST(UnitTestsTest, ReadTimesWithOffsets) {
  const testing::TempDir folder;
  EXPECT_EQ(RunOne(folder,
                   "  start_timestamp: '2026-01-01T02:00:00.5+02:00'\n"
                   "  promql_expr_test: [{expr: time(), eval_time: 1m, exp_samples: "
                   "[{value: 1767225660.5}]}]\n"),
            "Unit Testing:  FILE\n  SUCCESS\n\n");
}

TEST(UnitTestsTest, EvaluateGroupsInTheGivenOrder) {
  const testing::TempDir folder;
  folder.Write("r.yml",
               "groups: [{name: a, rules: [{record: x, expr: y}]}, "
               "{name: b, rules: [{record: y, expr: vector(1)}]}]");
  const std::string head = "rule_files: ['r*.yml']\n";
  const std::string tests =
      "tests: [{promql_expr_test: [{expr: x, eval_time: 0, exp_samples: "
      "[{labels: x, value: 1}]}]}]\n";
  const std::string ordered = folder.Write("o.yml", head + "group_eval_order: [b, a]\n" + tests);
  EXPECT_EQ(RunUnitTests({ordered}).output.status, 0);
  const std::string plain = folder.Write("p.yml", head + tests);
  EXPECT_EQ(RunUnitTests({plain}).output.status, 1);
  const std::string twice = folder.Write("t.yml", head + "group_eval_order: [b, b]\n" + tests);
  EXPECT_NE(TextOf(RunUnitTests({twice}).output).find("repeated in evaluation order: b"),
            std::string::npos);
}

}  // namespace
}  // namespace drwatch::rules
