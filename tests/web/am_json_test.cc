// What the Alertmanager API reads and writes; a real amtool is in the end-to-end tests.
#include "web/am_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace drwatch::web {
namespace {

constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);

std::string ProblemOf(const std::string& silence) {
  const auto parsed = ParseSilence(silence);
  return parsed ? "none" : parsed.error().message;
}

TEST(AmJsonTest, SilenceComesBackAsItWasSent) {
  const auto silence =
      ParseSilence(R"({"id":"x","matchers":[{"name":"a","value":"b","isRegex":false},)"
                   R"({"name":"c","value":"d.*","isRegex":true,"isEqual":false}],)"
                   R"("startsAt":"2026-01-01T00:00:00.000Z","endsAt":"2026-01-01T02:00:00+01:00",)"
                   R"("createdBy":"ann","comment":"why"})");
  ASSERT_TRUE(silence) << silence.error().message;
  EXPECT_EQ(silence->ends_at, kNow + std::chrono::hours(1));
  EXPECT_EQ(silence->matchers.at(1).ToString(), "c!~\"d.*\"");
  const nlohmann::json json = SilenceJson(*silence, kNow);
  EXPECT_EQ(json["status"]["state"], "active");
  EXPECT_EQ(json["id"], "x");
  const auto again = ParseSilence(json.dump());
  ASSERT_TRUE(again);
  EXPECT_EQ(SilenceJson(*again, kNow), json);
}

TEST(AmJsonTest, SaysWhatIsWrongWithASilence) {
  EXPECT_EQ(ProblemOf(""), "the body is no JSON");
  EXPECT_EQ(ProblemOf("[]"), "the body must be a silence");
  EXPECT_EQ(ProblemOf("{}"), "\"matchers\" must be a list");
  EXPECT_EQ(ProblemOf(R"({"matchers":[{"value":"b"}]})"), "a matcher needs a \"name\"");
  EXPECT_EQ(ProblemOf(R"({"matchers":[{"name":"b"}]})"), "a matcher needs a \"value\"");
  EXPECT_EQ(ProblemOf(R"({"matchers":[{"name":"a","value":"b","isRegex":"true"}]})"),
            "\"isRegex\" must be true or false");
  EXPECT_EQ(ProblemOf(R"({"matchers":[{"name":"a","value":"b","isEqual":0}]})"),
            "\"isEqual\" must be true or false");
  EXPECT_EQ(ProblemOf(R"({"matchers":[]})"), "a silence needs \"startsAt\" and \"endsAt\"");
  const std::string times =
      R"({"matchers":[],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-02T00:00:00Z")";
  EXPECT_EQ(ProblemOf(times + R"(,"comment":""})"), "a silence needs \"createdBy\"");
  EXPECT_EQ(ProblemOf(times + R"(,"createdBy":"ann","comment":null})"),
            "a silence needs \"comment\"");
  EXPECT_EQ(ProblemOf(times + R"(,"createdBy":"","comment":""})"), "none");
  EXPECT_EQ(ProblemOf(R"({"matchers":[],"startsAt":"x"})"), "\"startsAt\" is no time: \"x\"");
  EXPECT_EQ(ProblemOf(std::string(100'000, '[')), "the JSON is nested too deeply");
}

TEST(AmJsonTest, TakesTheGoodAlertsOfAList) {
  std::string problems;
  const auto alerts = ParseAlerts(
      R"([{"labels":{"a":"b","empty":""},"annotations":{"s":"t"},"startsAt":"2026-01-01T00:00:00Z",)"
      R"("endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p"},{"labels":{"a":1}},5])",
      10, problems);
  ASSERT_TRUE(alerts);
  ASSERT_EQ(alerts->size(), 1u);
  EXPECT_EQ(alerts->at(0).labels, (model::Labels{{"a", "b"}}));
  EXPECT_EQ(alerts->at(0).starts_at, kNow);
  EXPECT_FALSE(alerts->at(0).ends_at);  // Go's zero time
  EXPECT_EQ(problems,
            "alert 2: the value of \"a\" in \"labels\" must be a string; alert 3: it must be an "
            "object");
  EXPECT_FALSE(ParseAlerts("{}", 10, problems));
  EXPECT_FALSE(ParseAlerts("[{},{}]", 1, problems));
}

TEST(AmJsonTest, AnAlertHasEveryList) {
  notify::Snapshot::AlertView view;
  view.alert.labels = {{"alertname", "X"}};
  view.alert.fired_at = kNow;
  const nlohmann::json json = AlertJson(view, kNow, std::chrono::minutes(5));
  EXPECT_EQ(json["status"]["state"], "active");
  for (const char* key : {"silencedBy", "inhibitedBy", "mutedBy"}) {
    EXPECT_TRUE(json["status"][key].is_array()) << key;
  }
  EXPECT_TRUE(json["receivers"].is_array());
  EXPECT_EQ(json["endsAt"], "2026-01-01T00:05:00Z");
  view.muted_by = {"nights"};
  view.expires_at = kNow + std::chrono::hours(1);
  const nlohmann::json muted = AlertJson(view, kNow, std::chrono::minutes(5));
  EXPECT_EQ(muted["status"]["state"], "suppressed");
  EXPECT_EQ(muted["endsAt"], "2026-01-01T01:00:00Z");
}

}  // namespace
}  // namespace drwatch::web
