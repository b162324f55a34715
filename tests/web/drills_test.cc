#include "web/drills.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace drwatch::web {
namespace {

using nlohmann::json;

// 2026-04-10 12:00 UTC.
const base::Timestamp kNow = base::FromUnixMillis(1'775'822'400'000);

class WebDrillsTest : public ::testing::Test {
 protected:
  WebDrillsTest() : drilling_(Sources()) {}
  DrillSources Sources() {
    DrillSources sources;
    sources.services = [] { return std::vector<std::string>{"shop", "wiki"}; };
    sources.apply = [this](const recovery::DrillRequest& request) {
      return log_.Apply(request, kNow);
    };
    sources.list = [this](std::int64_t limit) { return log_.List(limit); };
    return sources;
  }
  net::ServerResponse Post(const std::string& body) {
    net::ServerRequest request;
    request.method = "POST";
    request.path = "/api/dr/drills";
    request.body = body;
    request.user = user_;
    request.remote_address = "10.0.0.1";
    return drilling_.Api(request);
  }
  std::string Refusal(const std::string& body) {
    const net::ServerResponse response = Post(body);
    const json answer = json::parse(*response.body);
    return response.status == 400 ? answer["error"].get<std::string>() : *response.body;
  }
  json List() {
    net::ServerRequest request;
    request.method = "GET";
    return json::parse(*drilling_.Api(request).body)["data"]["drills"];
  }

  std::unique_ptr<db::Database> database_ =
      *db::Database::OpenInMemory(recovery::DrillLog::Migrations());
  recovery::DrillLog log_{*database_};
  Drilling drilling_;
  std::string user_ = "ann";
};

TEST_F(WebDrillsTest, RecordsAndLists) {
  EXPECT_EQ(List(), json::array());
  const net::ServerResponse response = Post(
      R"({"action":"record","service":"shop","scenario":"site_lost","result":"pass","took":"42m",)"
      R"("at":"2026-04-09T10:00:00Z","note":"quarterly"})");
  ASSERT_EQ(response.status, 200) << *response.body;
  const json drill = json::parse(*response.body)["data"]["drill"];
  EXPECT_EQ(drill["started"], "2026-04-09T09:18:00Z");
  EXPECT_EQ(drill["ended"], "2026-04-09T10:00:00Z");
  EXPECT_EQ(drill["took_seconds"], 42 * 60);
  EXPECT_EQ(drill["result"], "pass");
  EXPECT_EQ(drill["by"], "ann") << "who signed in";
  EXPECT_EQ(drill["note"], "quarterly");
  EXPECT_EQ(List(), json::array({drill}));
  user_.clear();
  ASSERT_EQ(Post(R"({"action":"start","service":"shop","scenario":"site_lost"})").status, 200);
  EXPECT_EQ(List()[0]["by"], "API, 10.0.0.1");
}

TEST_F(WebDrillsTest, StartsAndStops) {
  const std::string shop = R"("service":"shop","scenario":"server_lost")";
  ASSERT_EQ(Post(R"({"action":"start","by":"bob",)" + shop + "}").status, 200);
  EXPECT_TRUE(List()[0]["ended"].is_null());
  EXPECT_TRUE(List()[0]["result"].is_null());
  EXPECT_EQ(Refusal(R"({"action":"start",)" + shop + "}"),
            "a drill of \"shop\", server_lost has been running since 2026-04-10T12:00:00Z; stop it "
            "first, with result fail if nobody finished it");
  ASSERT_EQ(Post(R"({"action":"stop","result":"fail",)" + shop + "}").status, 200);
  EXPECT_EQ(List()[0]["result"], "fail");
}

TEST_F(WebDrillsTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Refusal("[]"), "the body must be an object");
  EXPECT_EQ(Refusal(R"({"acton":"start"})"), "unknown key \"acton\"");
  EXPECT_EQ(Refusal(R"({"action":5})"), "\"action\" must be a string");
  EXPECT_EQ(Refusal("{}"), "\"action\" must be start, stop or record");
  EXPECT_EQ(Refusal(R"({"action":"start"})"), "\"service\" is missing");
  EXPECT_EQ(Refusal(R"({"action":"start","service":"shap","scenario":"site_lost"})"),
            "there is no service \"shap\"; there are shop, wiki");
  EXPECT_EQ(Refusal(R"({"action":"start","service":"shop","scenario":"flood"})"),
            "there is no scenario \"flood\"; there are database_corrupted, server_lost, site_lost, "
            "region_lost");
  EXPECT_EQ(Refusal(R"({"action":"start","took":"5m","service":"shop","scenario":"site_lost"})"),
            "\"took\" is not for action \"start\"");
  const std::string record = R"({"action":"record","service":"shop","scenario":"site_lost",)";
  EXPECT_EQ(Refusal(record + R"("result":"ok","took":"5m"})"), "\"result\" must be pass or fail");
  EXPECT_EQ(Refusal(record + R"("result":"pass","took":"-5m"})"),
            "\"took\": not a valid duration: \"-5m\"");
  EXPECT_EQ(Refusal(record + R"("result":"pass","took":"99999999999999999999y"})"),
            "\"took\": not a valid duration: \"99999999999999999999y\"");
  EXPECT_EQ(Refusal(record + R"("result":"pass","took":"5m","at":"now"})"),
            "\"at\": cannot parse \"now\" to a valid timestamp");
  EXPECT_EQ(Refusal(record + R"("result":"pass","took":"5m","at":"9999-01-01T00:00:00Z"})"),
            "\"at\" is in the future: 9999-01-01T00:00:00Z, and it is 2026-04-10T12:00:00Z");
  EXPECT_EQ(Refusal(record + R"("result":"pass","took":"5m","at":"0001-01-01T00:00:00Z"})"),
            "\"at\" is before 1970");
  EXPECT_EQ(List(), json::array());
}

TEST_F(WebDrillsTest, OtherSitesAndOtherMethodsAreRefused) {
  net::ServerRequest request;
  request.method = "DELETE";
  EXPECT_EQ(drilling_.Api(request).status, 405);
  request.method = "POST";
  request.headers["sec-fetch-site"] = "cross-site";
  EXPECT_EQ(drilling_.Api(request).status, 403);
}

TEST_F(WebDrillsTest, AStateThatCannotBeWrittenIsNobodysMistake) {
  DrillSources sources = Sources();
  sources.apply = [](const recovery::DrillRequest&) -> base::Result<recovery::Drill> {
    return base::Fail(std::string(recovery::kDrillNotKept) + "disk full");
  };
  net::ServerRequest request;
  request.method = "POST";
  request.body = R"({"action":"start","service":"shop","scenario":"site_lost"})";
  EXPECT_EQ(Drilling(sources).Api(request).status, 500);
  sources.list = [](std::int64_t) -> base::Result<std::vector<recovery::Drill>> {
    return base::Fail("disk I/O error");
  };
  request.method = "GET";
  EXPECT_EQ(Drilling(sources).Api(request).status, 500);
}

}  // namespace
}  // namespace drwatch::web
