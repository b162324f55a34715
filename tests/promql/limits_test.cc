// Every limit of parser and engine, each hit by a query that would do harm without it.
#include <gtest/gtest.h>

#include "promql/engine.h"
#include "promql/parser.h"
#include "store/store.h"

namespace drwatch::promql {
namespace {

using model::Labels;

base::Timestamp At(std::int64_t seconds) { return base::FromUnixMillis(seconds * 1000); }

class LimitsTest : public ::testing::Test {
 protected:
  LimitsTest() {
    for (int at = 0; at <= 100; ++at) {
      std::vector<store::NewSample> batch;
      for (int id = 0; id < 50; ++id) {
        batch.push_back({Labels{{"__name__", "m"}, {"id", std::to_string(id)}}, at * 100.0 + id});
      }
      store_.Append(batch, At(at));
    }
  }
  QueryError Fails(const std::string& text, QueryLimits limits = {}) {
    const auto expr = ParseExpr(text);
    EXPECT_TRUE(expr) << (expr ? "" : expr.error().message);
    const auto result = engine_.Range(**expr, At(0), At(100), std::chrono::seconds(1), limits);
    EXPECT_FALSE(result) << text;
    return result ? QueryError{} : result.error();
  }
  static std::string ParseError(const std::string& text) {
    const auto expr = ParseExpr(text);
    return expr ? "" : expr.error().message;
  }

  store::Store store_;
  Engine engine_{store_};
};

TEST_F(LimitsTest, ValuesThatBecomeRowsCountTheirCells) {
  QueryLimits limits;
  limits.max_samples = 50'000;  // enough to read, not for 5000 rows of 101 cells
  EXPECT_EQ(Fails("count_values(\"v\", m)", limits).kind, QueryErrorKind::kTooManySamples);
}

TEST_F(LimitsTest, TextThatDoublesIsStopped) {
  std::string text = "m";
  for (int i = 0; i < 40; ++i) {
    text = "label_replace(" + text + R"x(, "id", "$1$1", "id", "(.*)"))x";
  }
  EXPECT_EQ(Fails(text).message, "label value longer than 65536 bytes");
  text = "m";
  for (int i = 0; i < 40; ++i) text = "label_join(" + text + R"x(, "id", "", "id", "id"))x";
  EXPECT_EQ(Fails(text).message, "label value longer than 65536 bytes");
}

TEST_F(LimitsTest, TextThatIsMadeCountsAsSamples) {
  QueryLimits limits;
  limits.max_samples = 40'000;
  const std::string long_text(20'000, 'x');
  EXPECT_EQ(Fails("label_replace(m, \"long\", \"" + long_text + "\", \"id\", \".*\")", limits).kind,
            QueryErrorKind::kTooManySamples);
}

TEST_F(LimitsTest, AFailureIsNotKeptForTheNextQuery) {
  const std::string text = R"(label_replace(m, "a", "b", "id", ".*"))";
  QueryLimits limits;
  limits.caches = QueryCaches::kOwn;
  const auto expr = ParseExpr(text);
  const auto whole = engine_.Range(**expr, At(0), At(100), std::chrono::seconds(1), limits);
  ASSERT_TRUE(whole);
  limits.max_samples = whole->samples - 1;
  limits.caches = QueryCaches::kShared;
  EXPECT_EQ(Fails(text, limits).kind, QueryErrorKind::kTooManySamples);
  const auto again = engine_.Instant(**expr, At(100));
  ASSERT_TRUE(again);
  EXPECT_EQ(std::get<Vector>(again->value).size(), 50U);
}

TEST_F(LimitsTest, ResultsMayBeSmallerThanWhatIsRead) {
  QueryLimits limits;
  limits.max_result_samples = 1000;
  EXPECT_EQ(Fails("m", limits).kind, QueryErrorKind::kResultTooLarge);
  EXPECT_TRUE(
      engine_.Range(**ParseExpr("sum(m)"), At(0), At(100), std::chrono::seconds(1), limits));
  EXPECT_TRUE(engine_.Instant(**ParseExpr("m"), At(100), limits));
  const auto matrix = engine_.Instant(**ParseExpr("m[1m]"), At(100), limits);
  ASSERT_FALSE(matrix);
  EXPECT_EQ(matrix.error().kind, QueryErrorKind::kResultTooLarge);
}

TEST_F(LimitsTest, AsksWhetherItIsStillWanted) {
  QueryLimits limits;
  int asked = 0;
  limits.canceled = [&asked] { return ++asked == 3; };
  EXPECT_EQ(Fails("m + m + m + m", limits).kind, QueryErrorKind::kCanceled);
  EXPECT_EQ(asked, 3);
}

TEST_F(LimitsTest, ANodeThatReadsNothingLooksAtTheClock) {
  QueryLimits limits;
  int asked = 0;
  limits.canceled = [&asked] { return ++asked > 20; };
  std::string text = "vector(1)";
  for (int i = 0; i < 500; ++i) text = "abs(" + text + ")";
  EXPECT_EQ(Fails(text, limits).kind, QueryErrorKind::kCanceled);
}

TEST_F(LimitsTest, LookbackOfOneQuery) {
  QueryLimits limits;
  EXPECT_EQ(std::get<Vector>(engine_.Instant(**ParseExpr("m"), At(130), limits)->value).size(),
            50U);
  limits.lookback = std::chrono::seconds(20);
  EXPECT_TRUE(std::get<Vector>(engine_.Instant(**ParseExpr("m"), At(130), limits)->value).empty());
}

TEST_F(LimitsTest, OwnCachesGiveTheSameAndCountTheSame) {
  QueryLimits own;
  own.caches = QueryCaches::kOwn;
  for (const char* text : {"sum by (id) (m)", "m + on(id) m", "rate(m[10s])"}) {
    const auto expr = ParseExpr(text);
    const auto a = engine_.Instant(**expr, At(100));
    const auto b = engine_.Instant(**expr, At(100), own);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->samples, b->samples);
    EXPECT_GE(a->samples, 50);
    EXPECT_EQ(std::get<Vector>(a->value).size(), std::get<Vector>(b->value).size());
  }
}

TEST_F(LimitsTest, SelectorsHaveABoundedNumberOfMatchers) {
  std::string plain;
  for (int i = 0; i < kMaxMatchers; ++i) plain += "a!=\"" + std::to_string(i) + "\",";
  EXPECT_EQ(ParseError("m{" + plain + "}"), "");
  EXPECT_NE(ParseError("m{" + plain + "b=\"c\"}").find("too many label matchers, the limit is 100"),
            std::string::npos);
  EXPECT_FALSE(ParseSelector("m{" + plain + "b=\"c\"}"));
}

TEST_F(LimitsTest, ExpressionsHaveABoundedNumberOfRegexes) {
  std::string text = "m{id=~\"x.*\"}";
  for (int i = 1; i < kMaxRegexMatchers; ++i) text += " or m{id=~\"x.*\"}";
  EXPECT_EQ(ParseError(text), "");
  EXPECT_NE(ParseError(text + " or m{id!~\"y.*\"}").find("too many regular expressions"),
            std::string::npos);
}

TEST_F(LimitsTest, ARegexHasABoundedSize) {
  EXPECT_EQ(ParseError("m{id=~\"(a{500})\"}"), "");
  EXPECT_NE(ParseError("m{id=~\"(\\\\pL{1000})(\\\\pL{1000})(\\\\pL{1000})\"}")
                .find("invalid regular expression"),
            std::string::npos);
}

TEST_F(LimitsTest, GroupingListsAreBounded) {
  std::string labels;
  for (int i = 0; i < kMaxLabelList; ++i) labels += "l" + std::to_string(i) + ",";
  EXPECT_EQ(ParseError("sum by (" + labels + ") (m)"), "");
  EXPECT_NE(ParseError("sum by (" + labels + "x) (m)").find("too many labels"), std::string::npos);
}

}  // namespace
}  // namespace drwatch::promql
