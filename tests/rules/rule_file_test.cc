#include "rules/rule_file.h"

#include "rules/rule_test_support.h"

namespace drwatch::rules {
namespace {

TEST(RuleFileTest, ReadsEveryField) {
  const auto groups = ParseGroups(R"(
groups:
- name: g
  interval: 30s
  limit: 5
  query_offset: 1m
  labels: {team: db, severity: low}
  rules:
  - alert: Down
    expr: up==0
    for: 5m
    keep_firing_for: 10m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.job }} is down"}
  - record: job:up:sum
    expr: sum by (job) (up)
)");
  ASSERT_EQ(groups.size(), 1U);
  const RuleGroup& group = groups[0];
  EXPECT_EQ(group.Key(), "test.rules.yml;g");
  EXPECT_EQ(group.interval, std::chrono::seconds(30));
  EXPECT_EQ(group.limit, 5);
  EXPECT_EQ(group.query_offset, std::chrono::minutes(1));
  const Rule& alert = *group.rules.at(0);
  EXPECT_EQ(alert.query, "up == 0");
  EXPECT_EQ(alert.hold, std::chrono::minutes(5));
  EXPECT_EQ(alert.keep_firing, std::chrono::minutes(10));
  EXPECT_EQ(alert.RawLabels().ToString(), "{severity=\"page\", team=\"db\"}");
  EXPECT_EQ(alert.position.line, 9);
  const Rule& record = *group.rules.at(1);
  EXPECT_EQ(record.kind, RuleKind::kRecording);
  EXPECT_EQ(record.RawLabels().ToString(), "{severity=\"low\", team=\"db\"}");
}

TEST(RuleFileTest, FindsEveryErrorAtOnce) {
  const std::string errors = ErrorsOf(R"(groups:
- name: g
  rules:
  - alert: A
    expr: sum(
  - record: r
    expr: up
    for: 5m
  - expr: up
  - alert: B
    record: b
    expr: up
    labels: {__name__: x}
    annotations: {s: "{{ $x }}"}
  intervall: 5s
- name: g
  rules: [{alert: C}]
)");
  for (const std::string part :
       {"f.yml:5:", "f.yml:8:10: a recording rule cannot have \"for\"",
        "f.yml:9:5: one of \"record\" or \"alert\"", "f.yml:10:5: only one of",
        "f.yml:13:14: not a valid name", "undefined variable \"$x\"", "unknown key \"intervall\"",
        "group name \"g\" is repeated", "\"expr\" must be set"}) {
    EXPECT_NE(errors.find(part), std::string::npos) << part << "\n" << errors;
  }
}

TEST(RuleFileTest, PointsIntoExpressions) {
  EXPECT_NE(ErrorsOf("groups: [{name: g, rules: [{record: r, expr: 'up and'}]}]").find("f.yml:1:"),
            std::string::npos);
  const std::string quoted = "groups: [{name: g, rules: [{record: r, expr: \"up + ))\"}]}]";
  EXPECT_NE(ErrorsOf(quoted).find("f.yml:1:52: "), std::string::npos) << ErrorsOf(quoted);
  const std::string block =
      "groups:\n- name: g\n  rules:\n  - record: r\n    expr: |\n      up\n        + ))\n";
  EXPECT_NE(ErrorsOf(block).find("f.yml:7:11: "), std::string::npos) << ErrorsOf(block);
  const std::string folded =
      "groups:\n- name: g\n  rules:\n  - record: r\n    expr: >\n      up\n      + ))\n";
  EXPECT_NE(ErrorsOf(folded).find("f.yml:7:9: "), std::string::npos) << ErrorsOf(folded);
}

TEST(RuleFileTest, PointsIntoTemplates) {
  const std::string text =
      "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n"
      "      s: 'ok {{ nosuch 1 }}'\n      t: |\n        one\n        {{ $z }}\n";
  const std::string errors = ErrorsOf(text);
  EXPECT_NE(errors.find("f.yml:7:17: cannot parse the template of \"s\": function \"nosuch\" not"),
            std::string::npos)
      << errors;
  EXPECT_NE(errors.find("f.yml:10:12: cannot parse the template of \"t\": undefined variable"),
            std::string::npos)
      << errors;
}

TEST(RuleFileTest, ChecksGroupLabelsOnlyWhereTheyAreTemplates) {
  EXPECT_EQ(ErrorsOf("groups: [{name: g, labels: {a: '{{'}, rules: [{record: r, expr: up}]}]"), "");
  EXPECT_NE(ErrorsOf("groups: [{name: g, labels: {a: '{{'}, rules: [{alert: r, expr: up}]}]"), "");
}

TEST(RuleFileTest, IgnoresUnknownKeysOnRequest) {
  config::Problems problems;
  const auto groups =
      ParseRuleFile("groups: [{name: g, x: 1, rules: [{record: r, expr: up, y: 2}]}]\nz: 3", "f",
                    problems, {.unknown_keys = RuleFileOptions::UnknownKeys::kIgnore});
  EXPECT_FALSE(problems.HasErrors());
  EXPECT_EQ(groups.size(), 1U);
}

TEST(RuleFileTest, ComparesDefinitions) {
  const auto a = ParseRule("alert: A, expr: up==0, for: 5m, labels: {a: b}");
  const auto same = ParseRule("alert: A, expr: up == 0, for: 5m, labels: {a: b}");
  const auto longer = ParseRule("alert: A, expr: up == 0, for: 6m, labels: {a: b}");
  const auto other = ParseRule("alert: A, expr: up == 0, for: 5m, labels: {a: c}");
  EXPECT_TRUE(SameDefinition(*a, *same));
  EXPECT_FALSE(SameDefinition(*a, *longer));
  EXPECT_TRUE(SameIdentity(*a, *longer));
  EXPECT_FALSE(SameIdentity(*a, *other));
}

}  // namespace
}  // namespace drwatch::rules
