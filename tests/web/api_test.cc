// What the API answers: shapes, parameters and errors as Prometheus 3 has them.
#include "web/api.h"

#include "api_fixture.h"
#include "web/escaped_name.h"

namespace drwatch::web {
namespace {

TEST_F(ApiTest, AnswersInstantQueries) {
  const Json data = Data("query", {{"query", "m{id=\"3\"}"}});
  EXPECT_EQ(data["resultType"], "vector");
  EXPECT_EQ(data["result"][0]["metric"], (Json{{"__name__", "m"}, {"id", "3"}}));
  EXPECT_EQ(data["result"][0]["value"], (Json{start_ + 100, "1003"}));
  EXPECT_EQ(Data("query", {{"query", "1"}, {"time", "4"}})["result"], (Json{4, "1"}));
  EXPECT_EQ(Data("query", {{"query", "\"a\""}, {"time", "4.5"}})["result"], (Json{4.5, "a"}));
  EXPECT_EQ(Data("query", {{"query", "m[20s]"}})["result"][0]["values"].size(), 2U);
  EXPECT_EQ(Data("query", {{"query", "1"}, {"time", "2026-01-01T00:00:00.5+01:00"}})["result"][0],
            1767221999.5 + 1);
}

TEST_F(ApiTest, ReadsFormsAsItReadsUrls) {
  net::ServerRequest request = Request("query", {{"query", "1"}, {"time", "4"}});
  request.method = "POST";
  EXPECT_EQ(*api_->Handle(request).body, *Get("query", {{"query", "1"}, {"time", "4"}}).body);
}

TEST_F(ApiTest, AnswersRangeQueries) {
  const Json data = Data(
      "query_range", {{"query", "m"}, {"start", Second(0)}, {"end", Second(100)}, {"step", "50"}});
  EXPECT_EQ(data["resultType"], "matrix");
  ASSERT_EQ(data["result"].size(), 10U);
  EXPECT_EQ(data["result"][1]["values"],
            (Json{{start_, "1"}, {start_ + 50, "501"}, {start_ + 100, "1001"}}));
}

TEST_F(ApiTest, CutsResultsAtTheLimitAndSaysSo) {
  const Json warned = {"results truncated due to limit"};
  const Json vector = Whole("query", {{"query", "m"}, {"limit", "3"}});
  EXPECT_EQ(vector["data"]["result"].size(), 3U);
  EXPECT_EQ(vector["warnings"], warned);
  EXPECT_FALSE(Whole("query", {{"query", "m"}, {"limit", "10"}}).contains("warnings"));
  const Json matrix = Whole(
      "query_range",
      {{"query", "m"}, {"start", Second(0)}, {"end", Second(9)}, {"step", "1"}, {"limit", "9"}});
  EXPECT_EQ(matrix["data"]["result"].size(), 9U);
  EXPECT_EQ(matrix["warnings"], warned);
  EXPECT_EQ(Whole("series", {{"match[]", "m"}, {"limit", "1"}})["warnings"], warned);
  EXPECT_EQ(Whole("labels", {{"limit", "1"}})["data"], (Json{"__name__"}));
  EXPECT_EQ(Whole("label/id/values", {{"limit", "2"}})["data"], (Json{"0", "1"}));
  EXPECT_FALSE(Whole("label/id/values", {{"limit", "0"}}).contains("warnings"));
}

TEST_F(ApiTest, TellsStatisticsWhenAsked) {
  const Json data = Data("query", {{"query", "m"}, {"stats", "all"}});
  EXPECT_GE(data["stats"]["samples"]["totalQueryableSamples"], 10);
  EXPECT_GE(data["stats"]["timings"]["execTotalTime"], data["stats"]["timings"]["evalTotalTime"]);
  EXPECT_FALSE(Data("query", {{"query", "m"}}).contains("stats"));
}

TEST_F(ApiTest, LookbackCanBeChosen) {
  const std::string late = Second(130);
  EXPECT_EQ(Data("query", {{"query", "m"}, {"time", late}})["result"].size(), 10U);
  EXPECT_EQ(
      Data("query", {{"query", "m"}, {"time", late}, {"lookback_delta", "20s"}})["result"].size(),
      0U);
  EXPECT_EQ(Error("query", {{"query", "m"}, {"lookback_delta", "x"}}),
            "400 bad_data: error parsing lookback delta duration: cannot parse \"x\" to a valid "
            "duration");
}

TEST_F(ApiTest, BlamesTheParameterAsPrometheusDoes) {
  const std::string bad = "400 bad_data: invalid parameter ";
  EXPECT_EQ(Error("query"), bad + "\"query\": 1:1: parse error: no expression found in input");
  EXPECT_EQ(Error("query", {{"query", "1"}, {"time", "x"}}),
            bad +
                "\"time\": invalid time value for 'time': cannot parse \"x\" to a valid "
                "timestamp");
  EXPECT_EQ(Error("query", {{"query", "1"}, {"timeout", "1y2"}}),
            bad + "\"timeout\": cannot parse \"1y2\" to a valid duration");
  EXPECT_EQ(Error("query", {{"query", "1"}, {"timeout", "1e300"}}),
            bad + "\"timeout\": cannot parse \"1e300\" to a valid duration. It overflows int64");
  EXPECT_EQ(Error("query", {{"query", "1"}, {"limit", "-1"}}),
            bad + "\"limit\": limit must be non-negative");
  EXPECT_EQ(Error("query", {{"query", "1"}, {"limit", "x"}}),
            bad + "\"limit\": strconv.Atoi: parsing \"x\": invalid syntax");
  EXPECT_EQ(Error("query_range", {{"query", "1"}}),
            bad + "\"start\": cannot parse \"\" to a valid timestamp");
  const auto range = [this](const char* start, const char* end, const char* step) {
    return Error("query_range", {{"query", "1"}, {"start", start}, {"end", end}, {"step", step}});
  };
  EXPECT_EQ(range("2", "1", "1"), bad + "\"end\": end timestamp must not be before start time");
  EXPECT_EQ(range("1", "2", "0"),
            bad +
                "\"step\": zero or negative query resolution step widths are not accepted. Try "
                "a positive integer");
  EXPECT_EQ(range("0", "11001", "1"),
            "400 bad_data: exceeded maximum resolution of 11,000 points per timeseries. Try "
            "decreasing the query resolution (?step=XX)");
  EXPECT_EQ(range("0", "11000", "1"),
            "no error: " + *Get("query_range",
                                {{"query", "1"}, {"start", "0"}, {"end", "11000"}, {"step", "1"}})
                                .body);
  EXPECT_EQ(Error("series"), "400 bad_data: no match[] parameter provided");
  EXPECT_EQ(Error("series", {{"match[]", "{"}}).substr(0, 52), bad + "\"match[]\": 1:2: pars");
  EXPECT_EQ(Error("labels", {{"match[]", "{a=\"\"}"}}),
            "400 bad_data: match[] must contain at least one non-empty matcher");
  EXPECT_EQ(Error("labels", {{"start", "x"}}),
            bad +
                "\"start\": invalid time value for 'start': cannot parse \"x\" to a valid "
                "timestamp");
  EXPECT_EQ(Error("label/a\xff/values"), "400 bad_data: invalid label name: \"a\\xff\"");
  EXPECT_EQ(Error("metadata", {{"limit", "x"}}), "400 bad_data: limit must be a number");
  EXPECT_EQ(Error("status/tsdb", {{"limit", "0"}}),
            "400 bad_data: limit must be a positive number");
  EXPECT_EQ(Error("nowhere").substr(0, 14), "404 not_found:");
}

TEST_F(ApiTest, ExecutionErrorsAre422) {
  EXPECT_EQ(Error("query", {{"query", "m + on() m"}}).substr(0, 15), "422 execution: ");
  EXPECT_EQ(Error("query", {{"query", "m"}, {"timeout", "0"}}),
            "503 timeout: query timed out in expression evaluation");
}

TEST_F(ApiTest, TakesTheTimesOtherClientsSend) {
  for (const char* start : {"-9223309901257974", "-292273086-05-16T16:47:06Z", "-1e300", "0"}) {
    for (const char* end : {"9223309901257974", "292277025-08-18T07:12:54.999999999Z", "1e300"}) {
      EXPECT_EQ(Data("series", {{"match[]", "m"}, {"start", start}, {"end", end}}).size(), 10U)
          << start << " " << end;
    }
  }
  EXPECT_EQ(Data("query", {{"query", "m"}, {"time", "1e300"}})["result"].size(), 0U);
  EXPECT_EQ(Data("query", {{"query", "m offset -100y"}, {"time", "-1e300"}})["result"].size(), 0U);
}

TEST_F(ApiTest, ListsLabelsAndSeriesOfATime) {
  EXPECT_EQ(Data("labels"), (Json{"__name__", "id"}));
  EXPECT_EQ(Data("labels", {{"match[]", "none"}}), Json::array());
  EXPECT_EQ(Data("label/id/values", {{"match[]", "m{id=\"2\"}"}, {"match[]", "m{id=~\"[12]\"}"}}),
            (Json{"1", "2"}));
  EXPECT_EQ(Data("label/id/values", {{"end", Second(-1)}}), Json::array());
  EXPECT_EQ(Data("series", {{"match[]", "m{id=\"2\"}"}, {"match[]", "{id=~\"[12]\"}"}}),
            (Json{{{"__name__", "m"}, {"id", "1"}}, {{"__name__", "m"}, {"id", "2"}}}));
}

TEST_F(ApiTest, EscapedNamesInPaths) {
  store_.Append({{model::Labels{{"__name__", "n"}, {"a.b", "x"}, {"ä_", "y"}}, 1}}, clock_.Now());
  EXPECT_EQ(Data("label/U__a_2e_b/values"), (Json{"x"}));
  EXPECT_EQ(Data("label/a.b/values"), (Json{"x"}));
  EXPECT_EQ(Data("label/U___e4___/values"), (Json{"y"}));
}

TEST(EscapedNameTest, DecodesWhatIsEscapedAndLeavesTheRest) {
  EXPECT_EQ(UnescapeName("plain"), "plain");
  EXPECT_EQ(UnescapeName("U__a_2e_b"), "a.b");
  EXPECT_EQ(UnescapeName("U__a__b"), "a_b");
  EXPECT_EQ(UnescapeName("U___1f600_"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(UnescapeName("U__"), "");
  // Not escaped at all: no end, no hex, no code point.
  for (const char* name :
       {"U__a_2e", "U__a_xy_b", "U__a_110000_b", "U__a_d800_", "U__a_1234567_"}) {
    EXPECT_EQ(UnescapeName(name), name);
  }
}

TEST_F(ApiTest, Metadata) {
  const Json data = Data("metadata");
  EXPECT_EQ(data["m"][0], (Json{{"type", "gauge"}, {"help", "Help \"quoted\"."}, {"unit", ""}}));
  EXPECT_EQ(Data("metadata", {{"metric", "z"}}).size(), 1U);
  EXPECT_EQ(Data("metadata", {{"metric", "none"}}), Json::object());
  EXPECT_EQ(Data("metadata", {{"limit", "1"}}).size(), 1U);
  EXPECT_EQ(Data("metadata", {{"limit", "0"}}).size(), 0U);
}

TEST_F(ApiTest, FormatsAndParsesExpressions) {
  EXPECT_EQ(Data("format_query", {{"query", "sum(m)by(id)"}}), "sum by (id) (m)");
  EXPECT_EQ(Error("parse_query", {{"query", "sum("}}).substr(0, 45),
            "400 bad_data: invalid parameter \"query\": 1:5:");
  const Json tree = Data("parse_query", {{"query",
                                          "-sum by (a) (rate(m{b!~\"c\"}[5m] offset 1m)) "
                                          "> bool on(a) group_left(d) (n @ start())"}});
  EXPECT_EQ(tree["type"], "binaryExpr");
  EXPECT_EQ(tree["op"], ">");
  EXPECT_EQ(tree["bool"], true);
  EXPECT_EQ(tree["matching"],
            (Json{{"card", "many-to-one"}, {"labels", {"a"}}, {"on", true}, {"include", {"d"}}}));
  EXPECT_EQ(tree["lhs"]["type"], "unaryExpr");
  const Json& sum = tree["lhs"]["expr"];
  EXPECT_EQ(sum["op"], "sum");
  EXPECT_EQ(sum["grouping"], (Json{"a"}));
  EXPECT_EQ(sum["without"], false);
  EXPECT_EQ(sum["param"], nullptr);
  const Json& call = sum["expr"];
  EXPECT_EQ(
      call["func"],
      (Json{
          {"name", "rate"}, {"argTypes", {"matrix"}}, {"variadic", 0}, {"returnType", "vector"}}));
  const Json& range = call["args"][0];
  EXPECT_EQ(range["type"], "matrixSelector");
  EXPECT_EQ(range["range"], 300'000);
  EXPECT_EQ(range["offset"], 60'000);
  EXPECT_EQ(range["matchers"], (Json{{{"name", "b"}, {"value", "c"}, {"type", "!~"}},
                                     {{"name", "__name__"}, {"value", "m"}, {"type", "="}}}));
  const Json& paren = tree["rhs"];
  EXPECT_EQ(paren["type"], "parenExpr");
  EXPECT_EQ(paren["expr"]["startOrEnd"], "start");
  EXPECT_EQ(paren["expr"]["timestamp"], nullptr);
  const Json subquery = Data("parse_query", {{"query", "m[5m:30s] @ 1.5"}});
  EXPECT_EQ(subquery["step"], 30'000);
  EXPECT_EQ(subquery["timestamp"], 1500);
  EXPECT_EQ(Data("parse_query", {{"query", "1e3"}}),
            (Json{{"type", "numberLiteral"}, {"val", "1000"}}));
  EXPECT_EQ(Data("parse_query", {{"query", "1 + 2"}})["matching"], nullptr);
}

TEST_F(ApiTest, ShowsProbesAsTargets) {
  TargetView up;
  up.pool = "postgres";
  up.url = "postgres://db1:5432";
  up.labels = model::Labels{{"probe", "pg"}};
  up.discovered = model::Labels{{"__address__", "db1:5432"}, {"job", "postgres"}};
  up.health = TargetHealth::kUp;
  up.last_run = clock_.Now();
  up.last_duration = std::chrono::milliseconds(12);
  up.interval = std::chrono::seconds(30);
  up.timeout = std::chrono::seconds(10);
  up.metadata = {{"postgres_up", model::MetricType::kGauge, "1 if up.", ""}};
  TargetView down = up;
  down.pool = "redis";
  down.labels = model::Labels{{"probe", "cache"}};
  down.health = TargetHealth::kDown;
  down.last_error = "connection refused";
  down.last_run = {};
  targets_ = {up, down};
  const Json data = Data("targets");
  ASSERT_EQ(data["activeTargets"].size(), 2U);
  EXPECT_EQ(data["activeTargets"][0],
            (Json{{"discoveredLabels", {{"__address__", "db1:5432"}, {"job", "postgres"}}},
                  {"labels", {{"probe", "pg"}}},
                  {"scrapePool", "postgres"},
                  {"scrapeUrl", "postgres://db1:5432"},
                  {"globalUrl", "postgres://db1:5432"},
                  {"lastError", ""},
                  {"lastScrape", "2026-01-01T00:01:40Z"},
                  {"lastScrapeDuration", 0.012},
                  {"health", "up"},
                  {"scrapeInterval", "30s"},
                  {"scrapeTimeout", "10s"}}));
  EXPECT_EQ(data["activeTargets"][1]["lastError"], "connection refused");
  EXPECT_EQ(data["activeTargets"][1]["lastScrape"], "0001-01-01T00:00:00Z");
  EXPECT_EQ(data["droppedTargets"], Json::array());
  EXPECT_EQ(data["droppedTargetCounts"], Json::object());
  EXPECT_EQ(Data("targets", {{"state", "dropped"}})["activeTargets"], Json::array());
  EXPECT_EQ(Data("targets", {{"state", "Active"}})["droppedTargetCounts"], nullptr);
  EXPECT_EQ(Data("targets", {{"scrapePool", "redis"}})["activeTargets"].size(), 1U);
  EXPECT_EQ(Data("scrape_pools")["scrapePools"], (Json{"postgres", "redis"}));
  EXPECT_EQ(Data("targets/metadata", {{"match_target", "{probe=\"pg\"}"}}),
            (Json{{{"target", {{"probe", "pg"}}},
                   {"metric", "postgres_up"},
                   {"type", "gauge"},
                   {"help", "1 if up."},
                   {"unit", ""}}}));
  EXPECT_FALSE(Data("targets/metadata", {{"metric", "postgres_up"}})[0].contains("metric"));
  EXPECT_EQ(Data("targets/metadata", {{"limit", "1"}}).size(), 1U);
  EXPECT_EQ(Data("alertmanagers"), (Json{{"activeAlertmanagers", Json::array()},
                                         {"droppedAlertmanagers", Json::array()}}));
  alertmanagers_ = {"http://am1:9093/api/v2/alerts", "http://am2:9093/api/v2/alerts"};
  EXPECT_EQ(Data("alertmanagers")["activeAlertmanagers"],
            (Json{{{"url", "http://am1:9093/api/v2/alerts"}},
                  {{"url", "http://am2:9093/api/v2/alerts"}}}));
}

TEST_F(ApiTest, Status) {
  EXPECT_EQ(Data("status/config"), (Json{{"yaml", "probes: []\n"}}));
  EXPECT_EQ(Data("status/flags"), (Json{{"query.timeout", "2m"}}));
  runtime_.retention = std::chrono::hours(6);
  runtime_.reload_successful = false;
  const Json runtime = Data("status/runtimeinfo");
  EXPECT_EQ(runtime["storageRetention"], "6h");
  EXPECT_EQ(runtime["reloadConfigSuccess"], false);
  EXPECT_EQ(runtime["serverTime"], "2026-01-01T00:01:40Z");
  const Json build = Data("status/buildinfo");
  EXPECT_EQ(build["version"], "2.50.0+drwatch.1.2.3");
  EXPECT_FALSE(build.contains("features"));
  const Json tsdb = Data("status/tsdb", {{"limit", "3"}});
  EXPECT_EQ(tsdb["headStats"]["numSeries"], 10);
  EXPECT_EQ(tsdb["headStats"]["numLabelPairs"], 11);
  EXPECT_EQ(tsdb["seriesCountByMetricName"], (Json{{{"name", "m"}, {"value", 10}}}));
  EXPECT_EQ(tsdb["labelValueCountByLabelName"][0], (Json{{"name", "id"}, {"value", 10}}));
  EXPECT_EQ(tsdb["seriesCountByLabelValuePair"].size(), 3U);
  EXPECT_EQ(tsdb["seriesCountByLabelValuePair"][0], (Json{{"name", "__name__=m"}, {"value", 10}}));
}

TEST_F(ApiTest, MethodsAreThoseOfPrometheus) {
  for (const char* path : {"query", "query_range", "series", "labels", "format_query",
                           "parse_query", "query_exemplars"}) {
    net::ServerRequest request = Request(path, {{"query", "1"}});
    request.method = "POST";
    EXPECT_NE(api_->Handle(request).status, 405) << path;
    request.method = "DELETE";
    const net::ServerResponse refused = api_->Handle(request);
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(Header(refused, "Allow"), "GET, OPTIONS, POST");
  }
  for (const char* path : {"rules", "alerts", "targets", "metadata", "label/a/values",
                           "status/config", "status/buildinfo"}) {
    net::ServerRequest request = Request(path);
    request.method = "POST";
    const net::ServerResponse refused = api_->Handle(request);
    EXPECT_EQ(refused.status, 405) << path;
    EXPECT_EQ(Header(refused, "Allow"), "GET, OPTIONS");
  }
}

TEST_F(ApiTest, LetsOtherSitesPagesRead) {
  net::ServerRequest request = Request("query", {{"query", "1"}});
  EXPECT_EQ(Header(api_->Handle(request), "Access-Control-Allow-Origin"), "");
  request.headers["origin"] = "https://grafana.example.com";
  EXPECT_EQ(Header(api_->Handle(request), "Access-Control-Allow-Origin"), "*");
  request.method = "OPTIONS";
  const net::ServerResponse preflight = api_->Handle(request);
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(Header(preflight, "Access-Control-Allow-Methods"), "GET, POST, OPTIONS");
  EXPECT_EQ(Header(preflight, "Vary"), "Origin");
}

class NarrowCorsTest : public ApiTest {
 protected:
  NarrowCorsTest()
      : ApiTest([] {
          ApiLimits limits;
          limits.cors_origin = R"(https://[a-z]+\.example\.com)";
          return limits;
        }()) {}
};

TEST_F(NarrowCorsTest, OnlySitesThatMatchWhole) {
  net::ServerRequest request = Request("query", {{"query", "1"}});
  request.headers["origin"] = "https://grafana.example.com";
  EXPECT_EQ(Header(api_->Handle(request), "Access-Control-Allow-Origin"),
            "https://grafana.example.com");
  request.headers["origin"] = "https://grafana.example.com.evil.net";
  EXPECT_EQ(Header(api_->Handle(request), "Access-Control-Allow-Origin"), "");
}

TEST_F(ApiTest, AnnotationsAreCutAtTen) {
  std::string query = "quantile(2, m)";
  for (int i = 0; i < 14; ++i) query += " or quantile(2, m)";
  const Json warnings = Whole("query", {{"query", query}})["warnings"];
  ASSERT_EQ(warnings.size(), 11U);
  EXPECT_EQ(warnings[10], "5 more warning annotations omitted");
}

}  // namespace
}  // namespace drwatch::web
