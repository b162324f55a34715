#include "rules/alert_candidates.h"

#include "rules/rule_test_support.h"

namespace drwatch::rules {
namespace {

model::Labels Series(const std::string& instance) { return {{"__name__", "m"}, {"i", instance}}; }

// One rule, evaluated again and again.
class Evaluations {
 public:
  explicit Evaluations(const std::string& fields) : rule_(ParseRule(fields)) {
    environment_.query = [this](const std::string&) -> base::Result<tmpl::Value> {
      const std::vector<std::pair<std::string_view, std::string_view>> labels;
      return tmpl::MakeQueryResult({tmpl::MakeSample(labels, ++queries_)});
    };
  }
  // The annotation `a` of each candidate, by labels.
  std::string Step(const promql::Vector& result) {
    failures_ = 0;
    const model::Labels external{{"site", "x"}};
    const base::Status status =
        candidates_.Update(*rule_, result, {external, environment_}, failures_);
    if (!status) return status.error().message;
    std::string text;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      text += (i == 0 ? "" : " ") + std::string(candidates_[i].labels.Get("i")) + "=" +
              std::string(candidates_[i].annotations.Get("a"));
    }
    return text;
  }
  std::int64_t failures() const { return failures_; }
  const AlertCandidates& candidates() const { return candidates_; }
  tmpl::Environment& environment() { return environment_; }

 private:
  std::shared_ptr<const Rule> rule_;
  tmpl::Environment environment_;
  AlertCandidates candidates_;
  double queries_ = 0;
  std::int64_t failures_ = 0;
};

TEST(AlertCandidatesTest, FollowsValuesAndLabels) {
  Evaluations rule("alert: A, expr: m, annotations: {a: '{{ $labels.i }}:{{ $value }}'}");
  EXPECT_EQ(rule.Step(VectorAt({{Series("b"), 1}, {Series("a"), 2}})), "a=a:2 b=b:1");
  EXPECT_EQ(rule.Step(VectorAt({{Series("b"), 1}, {Series("a"), 3}})), "a=a:3 b=b:1");
  EXPECT_EQ(rule.Step(VectorAt({{Series("a"), 3}, {Series("b"), 1}})), "a=a:3 b=b:1");
  EXPECT_EQ(rule.Step(VectorAt({{Series("b"), 1}})), "b=b:1");
  EXPECT_EQ(rule.Step(VectorAt({{Series("c"), 4}, {Series("b"), 1}})), "b=b:1 c=c:4");
  EXPECT_EQ(rule.Step({}), "");
}

TEST(AlertCandidatesTest, FindsElementsAfterManyWent) {
  Evaluations rule("alert: A, expr: m, annotations: {a: '{{ $value }}'}");
  promql::Vector all;
  for (int i = 0; i < 100; ++i) {
    all.push_back({Series(std::to_string(1000 + i)), At(0), static_cast<double>(i)});
  }
  rule.Step(all);
  all.erase(all.begin(), all.begin() + 60);
  all[39].value = -1;
  rule.Step(all);
  ASSERT_EQ(rule.candidates().size(), 40U);
  EXPECT_EQ(rule.candidates()[0].annotations.Get("a"), "60");
  EXPECT_EQ(rule.candidates()[39].annotations.Get("a"), "-1");
}

TEST(AlertCandidatesTest, WhatLooksAtTheTimeIsExpandedEachTime) {
  Evaluations rule(
      "alert: A, expr: m, annotations: {a: '{{ query \"q\" | first | value }} {{ now }}'}");
  const promql::Vector result = VectorAt({{Series("x"), 1}});
  EXPECT_EQ(rule.Step(result), "x=1 0");
  rule.environment().now = base::FromUnixMillis(5000);
  EXPECT_EQ(rule.Step(result), "x=2 5");
}

TEST(AlertCandidatesTest, AFailedTemplateCountsEachTime) {
  Evaluations broken("alert: A, expr: m, annotations: {a: '{{ $labels.i | first }}'}");
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(broken.Step(VectorAt({{Series("x"), 1}})).find("error"), std::string::npos);
    EXPECT_EQ(broken.failures(), 1);
  }
}

TEST(AlertCandidatesTest, LabelsThatFollowTheValueMoveTheAlert) {
  Evaluations rule("alert: A, expr: m, labels: {i: '{{ $value }}'}, annotations: {a: text}");
  EXPECT_EQ(rule.Step(VectorAt({{Series("x"), 2}, {Series("y"), 1}})), "1=text 2=text");
  EXPECT_EQ(rule.Step(VectorAt({{Series("x"), 3}, {Series("y"), 4}})), "3=text 4=text");
  EXPECT_NE(rule.Step(VectorAt({{Series("x"), 3}, {Series("y"), 3}})).find("same labelset"),
            std::string::npos);
  EXPECT_EQ(rule.Step(VectorAt({{Series("x"), 3}, {Series("y"), 1}})), "1=text 3=text");
}

TEST(AlertCandidatesTest, ValuesAreComparedToTheBit) {
  Evaluations rule("alert: A, expr: m, annotations: {a: '{{ $value }}'}");
  EXPECT_EQ(rule.Step(VectorAt({{Series("x"), 0.0}})), "x=0");
  EXPECT_EQ(rule.Step(VectorAt({{Series("x"), -0.0}})), "x=-0");
}

TEST(AlertCandidatesTest, KnowsWhichAlertsAreAsked) {
  Evaluations rule("alert: A, expr: m, labels: {severity: page}");
  rule.Step(VectorAt({{Series("b"), 1}, {Series("a"), 2}}));
  const model::Labels a{{"alertname", "A"}, {"i", "a"}, {"severity", "page"}};
  EXPECT_TRUE(rule.candidates().Contains(a));
  EXPECT_FALSE(rule.candidates().Contains(a.With("i", "c")));
}

}  // namespace
}  // namespace drwatch::rules
