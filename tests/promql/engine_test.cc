// What the scripts do not reach: limits, caches, threads, results as the API sees them.
#include "promql/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "base/strings.h"
#include "promql/parser.h"
#include "store/store.h"

namespace drwatch::promql {
namespace {

using model::Labels;

base::Timestamp At(std::int64_t seconds) { return base::FromUnixMillis(seconds * 1000); }

class EngineTest : public ::testing::Test {
 protected:
  void Append(const char* name, const char* id, double value, std::int64_t seconds) {
    store_.Append({{Labels{{"__name__", name}, {"id", id}}, value}}, At(seconds));
  }
  QueryResult Query(const std::string& text, std::int64_t seconds, QueryLimits limits = {}) {
    const auto expr = ParseExpr(text);
    EXPECT_TRUE(expr) << (expr ? "" : expr.error().message);
    limits.text = text;
    return engine_.Instant(**expr, At(seconds), limits);
  }
  QueryResult QueryRange(const std::string& text, std::int64_t from, std::int64_t to) {
    return engine_.Range(**ParseExpr(text), At(from), At(to), std::chrono::seconds(10));
  }
  // A vector as text, in its order: "a{id="1"} 2".
  std::string Show(const std::string& text, std::int64_t seconds) {
    const QueryResult result = Query(text, seconds);
    if (!result) return "error: " + result.error().message;
    std::vector<std::string> rows;
    for (const VectorElement& element : std::get<Vector>(result->value)) {
      EXPECT_EQ(element.time, At(seconds));
      rows.push_back(element.labels.ToString() + " " + base::FormatDouble(element.value));
    }
    return base::Join(rows, ", ");
  }

  store::Store store_{{.retention = std::chrono::seconds(1000)}};
  Engine engine_{store_};
};

TEST_F(EngineTest, SeesSeriesThatComeAndGoBetweenQueries) {
  Append("m", "1", 1, 10);
  EXPECT_EQ(Show("m * 2", 10), R"({id="1"} 2)");
  Append("other", "1", 5, 10);
  EXPECT_EQ(Show("m * 2", 10), R"({id="1"} 2)");
  Append("m", "2", 3, 20);
  EXPECT_EQ(Show("m * 2", 20), R"({id="1"} 2, {id="2"} 6)");
  EXPECT_EQ(Show("sum(m)", 20), "{} 4");
  Append("m", "2", 4, 1500);
  store_.DropExpired(At(1500));
  EXPECT_EQ(Show("m * 2", 1500), R"({id="2"} 8)");
  Append("m", "3", 7, 1500);
  EXPECT_EQ(Show("m * 2", 1500), R"({id="2"} 8, {id="3"} 14)");
}

TEST_F(EngineTest, ReadsTimesBeforeTheNewestSample) {
  for (int i = 0; i < 400; ++i) Append("m_total", "1", i, i);
  EXPECT_EQ(Show("m_total", 7), R"(m_total{id="1"} 7)");
  EXPECT_EQ(Show("m_total", 395), R"(m_total{id="1"} 395)");
  EXPECT_EQ(Show("m_total @ 100", 395), R"(m_total{id="1"} 100)");
  EXPECT_EQ(Show("rate(m_total[30s])", 200), R"({id="1"} 1)");
  EXPECT_EQ(Show("sum_over_time(m_total[4s])", 399), R"({id="1"} 1590)");
}

TEST_F(EngineTest, AStaleMarkerEndsASeriesAtOnce) {
  store_.AppendFrom("probe", {{Labels{{"__name__", "m"}}, 1}}, At(10));
  EXPECT_EQ(Show("m", 20), "m 1");
  store_.EndSource("probe", At(25));
  EXPECT_EQ(Show("m", 30), "");
  EXPECT_EQ(Show("m", 24), "m 1");
  EXPECT_EQ(Show("count_over_time(m[30s])", 30), "{} 1");
  EXPECT_EQ(Show("absent(m{a=\"b\"})", 30), R"({a="b"} 1)");
}

TEST_F(EngineTest, KeepsTheOrderOfSortAndTopk) {
  Append("m", "1", 2, 10);
  Append("m", "2", std::nan(""), 10);
  Append("m", "3", 9, 10);
  EXPECT_EQ(Show("sort(m)", 10), R"(m{id="1"} 2, m{id="3"} 9, m{id="2"} NaN)");
  EXPECT_EQ(Show("sort_desc(m)", 10), R"(m{id="3"} 9, m{id="1"} 2, m{id="2"} NaN)");
  EXPECT_EQ(Show("topk(2, m)", 10), R"(m{id="3"} 9, m{id="1"} 2)");
  EXPECT_EQ(Show("bottomk(1, m)", 10), R"(m{id="1"} 2)");
}

TEST_F(EngineTest, SaysWhichSeriesClash) {
  Append("a", "1", 1, 10);
  Append("a", "2", 2, 10);
  EXPECT_EQ(Show("a + on() a", 10),
            "error: found duplicate series for the match group {} on the right hand-side of the "
            R"(operation: [{__name__="a", id="2"}, {__name__="a", id="1"}];many-to-many matching )"
            "not allowed: matching labels must be unique on one side");
  EXPECT_EQ(Show("a + on() sum(a)", 10),
            "error: multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)");
  Append("b", "1", 1, 10);
  EXPECT_EQ(Show(R"(abs({__name__=~"a|b"}))", 10),
            "error: vector cannot contain metrics with the same labelset");
}

TEST_F(EngineTest, StopsAtTheLimitOfSamples) {
  Engine small(store_, {.max_samples = 50});
  for (int i = 0; i < 60; ++i) Append("m", "1", i, i);
  const auto few = small.Instant(**ParseExpr("sum_over_time(m[10s])"), At(59));
  EXPECT_TRUE(few);
  const auto many = small.Instant(**ParseExpr("sum_over_time(m[10m])"), At(59));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().kind, QueryErrorKind::kTooManySamples);
  const auto steps = small.Range(**ParseExpr("1"), At(0), At(100), std::chrono::seconds(1));
  ASSERT_FALSE(steps);
  EXPECT_EQ(steps.error().kind, QueryErrorKind::kTooManySamples);
}

TEST_F(EngineTest, AHugeSubqueryFailsAtOnce) {
  const QueryResult result = Query("sum_over_time(vector(time())[100y:1ms])", 10);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, QueryErrorKind::kTooManySamples);
}

TEST_F(EngineTest, HonoursDeadlineAndStop) {
  Append("m", "1", 1, 10);
  QueryLimits late;
  late.deadline = base::Deadline::After(base::Duration(0));
  const QueryResult timed_out = Query("m", 10, late);
  ASSERT_FALSE(timed_out);
  EXPECT_EQ(timed_out.error().kind, QueryErrorKind::kTimeout);
  base::StopSource stop;
  stop.RequestStop();
  QueryLimits stopped;
  stopped.stop = stop.token();
  const QueryResult canceled = Query("m", 10, stopped);
  ASSERT_FALSE(canceled);
  EXPECT_EQ(canceled.error().kind, QueryErrorKind::kCanceled);
}

TEST_F(EngineTest, RangeQueriesTakeScalarsAndVectors) {
  Append("m", "2", 1, 0);
  Append("m", "1", 1, 10);
  const auto vectors = QueryRange("m", 0, 20);
  ASSERT_TRUE(vectors);
  const Matrix& matrix = std::get<Matrix>(vectors->value);
  ASSERT_EQ(matrix.size(), 2U);
  EXPECT_EQ(matrix[0].labels.Get("id"), "1");  // sorted
  EXPECT_EQ(matrix[0].samples.size(), 2U);
  EXPECT_EQ(matrix[1].samples.size(), 3U);
  const auto scalars = QueryRange("time()", 0, 20);
  ASSERT_TRUE(scalars);
  EXPECT_EQ(std::get<Matrix>(scalars->value)[0].samples[2].value, 20);
  const auto text = QueryRange("\"x\"", 0, 20);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message,
            "invalid expression type \"string\" for range query, must be Scalar or instant Vector");
  const auto backwards = QueryRange("m", 20, 0);
  ASSERT_TRUE(backwards);
  EXPECT_TRUE(std::get<Matrix>(backwards->value).empty());
}

TEST_F(EngineTest, RangeVectorsAndStringsAreInstantResults) {
  for (int i = 0; i < 100; ++i) Append("m", "1", i, i);
  const QueryResult window = Query("m[5s]", 50);
  ASSERT_TRUE(window);
  const Matrix& matrix = std::get<Matrix>(window->value);
  ASSERT_EQ(matrix.size(), 1U);
  ASSERT_EQ(matrix[0].samples.size(), 5U);
  EXPECT_EQ(matrix[0].samples[0].time, At(46));
  const QueryResult subquery = Query("m[30s:10s]", 55);
  ASSERT_TRUE(subquery);
  EXPECT_EQ(std::get<Matrix>(subquery->value)[0].samples.size(), 3U);
  const QueryResult text = Query("\"hello\"", 50);
  ASSERT_TRUE(text);
  EXPECT_EQ(std::get<String>(text->value).value, "hello");
}

TEST_F(EngineTest, AnnotationsSayLineAndColumn) {
  Append("m", "1", 1, 0);
  Append("m", "1", 2, 10);
  const QueryResult result = Query("1 +\n  rate(m[1m])", 10);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->annotations.infos.size(), 1U);
  EXPECT_EQ(result->annotations.infos[0],
            "PromQL info: metric might not be a counter, name does not end in "
            "_total/_sum/_count/_bucket: \"m\" (2:8)");
  EXPECT_TRUE(result->annotations.warnings.empty());
}

TEST_F(EngineTest, NativeHistogramFunctionsFindNone) {
  Append("m", "1", 1, 10);
  EXPECT_EQ(Show("histogram_count(m)", 10), "");
  EXPECT_EQ(Show("histogram_sum(m)", 10), "");
}

TEST_F(EngineTest, LabelReplaceExpandsGroupsAsGoDoes) {
  Append("m", "ab-cd", 1, 10);
  const auto replaced = [this](const std::string& replacement) {
    return Show(
        "label_replace(m, \"x\", \"" + replacement + "\", \"id\", \"(?P<first>[a-z]+)-([a-z]+)\")",
        10);
  };
  EXPECT_EQ(replaced("$2/$1"), R"(m{id="ab-cd", x="cd/ab"} 1)");
  EXPECT_EQ(replaced("${1}x$first"), R"(m{id="ab-cd", x="abxab"} 1)");
  EXPECT_EQ(replaced("$1x"), R"(m{id="ab-cd"} 1)");  // a group called 1x
  EXPECT_EQ(replaced("$$1 $"), R"(m{id="ab-cd", x="$1 $"} 1)");
  EXPECT_EQ(replaced("a${"), R"(m{id="ab-cd", x="a${"} 1)");
}

TEST_F(EngineTest, EvaluatesTheDeepestNesting) {
  Append("m", "1", 1, 10);
  std::string text = "m";
  for (int i = 0; i < 450; ++i) text = "abs(-" + text + ")";
  EXPECT_EQ(Show(text, 10), R"({id="1"} 1)");
}

TEST_F(EngineTest, DroppedNamesClashOnlyWhereBothHaveAValue) {
  Append("a", "1", 1, 0);
  Append("b", "1", 2, 400);
  const auto apart = QueryRange(R"(-{__name__=~"a|b"})", 0, 400);
  ASSERT_TRUE(apart);
  EXPECT_EQ(std::get<Matrix>(apart->value).size(), 1U);
  const auto windows = QueryRange(R"(max_over_time({__name__=~"a|b"}[1m]))", 0, 400);
  ASSERT_FALSE(windows);
  EXPECT_EQ(windows.error().message, "vector cannot contain metrics with the same labelset");
}

TEST_F(EngineTest, QueriesRunBesideWriters) {
  store_.AppendFrom(
      "pair", {{Labels{{"__name__", "a_total"}}, 0}, {Labels{{"__name__", "b_total"}}, 0}}, At(0));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 1; i < 2000; ++i) {
      store_.AppendFrom(
          "pair",
          {{Labels{{"__name__", "a_total"}}, 1. * i}, {Labels{{"__name__", "b_total"}}, 1. * i}},
          At(i));
      Append("churn", std::to_string(i).c_str(), i, i);
      if (i % 200 == 0) store_.DropExpired(At(i));
    }
    done = true;
  });
  while (!done) {
    const QueryResult result = Query(R"(max({__name__=~"a_total|b_total"}) - )"
                                     R"(min({__name__=~"a_total|b_total"}))",
                                     3000);
    ASSERT_TRUE(result);
    ASSERT_TRUE(Query("sum(rate(a_total[5m])) + count(churn)", 1000));
  }
  writer.join();
  EXPECT_EQ(Show("sum(a_total == b_total)", 1999), "{} 1999");
}

}  // namespace
}  // namespace drwatch::promql
