#include <gtest/gtest.h>

#include <unordered_set>

#include "model/labels.h"
#include "model/matcher.h"
#include "model/metric_family.h"
#include "model/probe_result.h"

namespace drwatch::model {
namespace {

TEST(LabelsTest, SortsAndDropsEmptyValues) {
  const Labels labels{{"b", "2"}, {"a", "1"}, {"c", ""}, {"b", "3"}};
  EXPECT_EQ(labels.ToString(), "{a=\"1\", b=\"3\"}");
  EXPECT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels.Get("c"), "");
}

TEST(LabelsTest, EqualSetsAreEqualHoweverTheyWereMade) {
  const Labels one{{"__name__", "up"}, {"job", "x"}};
  const Labels two = LabelsBuilder().Set("job", "y").Set("__name__", "up").Set("job", "x").Build();
  EXPECT_EQ(one, two);
  EXPECT_EQ(one.Hash(), two.Hash());
  EXPECT_EQ(one.ToString(), "up{job=\"x\"}");
  EXPECT_EQ(Labels(), one.Without("job").Without("__name__"));
}

TEST(LabelsTest, OrdersAsPrometheusDoes) {
  EXPECT_LT(Labels(), (Labels{{"a", "1"}}));
  EXPECT_LT((Labels{{"a", "1"}}), (Labels{{"a", "1"}, {"b", "1"}}));
  EXPECT_LT((Labels{{"a", "1"}, {"b", "9"}}), (Labels{{"a", "2"}}));
}

TEST(LabelsTest, FingerprintIsAlertmanagers) {
  // FNV-1a over "alertname\xffx\xff", computed by hand from the published constants.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const unsigned char c : std::string("alertname\xff"
                                           "x\xff"))
    hash = (hash ^ c) * 1099511628211ULL;
  EXPECT_EQ((Labels{{"alertname", "x"}}).Fingerprint(), hash);
}

TEST(MatcherTest, RegexesAreAnchoredAndDotMatchesNewlines) {
  const Matcher matcher = Matcher::Make(MatchType::kRegex, "code", "5..").value();
  EXPECT_TRUE(matcher.Matches("503"));
  EXPECT_FALSE(matcher.Matches("1503"));
  EXPECT_TRUE(Matcher::Make(MatchType::kRegex, "a", "x.y").value().Matches("x\ny"));
  EXPECT_FALSE(Matcher::Make(MatchType::kRegex, "a", "(").has_value());
  EXPECT_TRUE(Matcher::Make(MatchType::kNotRegex, "a", "x|y").value().MatchesEmpty());
}

TEST(ReasonTest, EveryReasonHasItsOwnName) {
  std::unordered_set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Reason::kInternal); ++i) {
    EXPECT_TRUE(names.insert(ReasonName(static_cast<Reason>(i))).second);
  }
}

TEST(ProbeResultTest, HeadlineIsTheFirstWorstCheck) {
  ProbeResult result;
  result.checks = {{"connect", Severity::kOk, Reason::kNone, "", ""},
                   {"lag", Severity::kCritical, Reason::kReplicationBroken, "first", ""},
                   {"role", Severity::kCritical, Reason::kWrongRole, "second", ""}};
  EXPECT_EQ(result.Headline().message, "first");
  EXPECT_FALSE(result.ok());
}

}  // namespace
}  // namespace drwatch::model
