// Statuspage: what is asked, what is made of the answer, what an answer means.
#include "notify/statuspage.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;
using Kind = Verdict::Kind;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);

config::StatuspageReceiver Page() {
  config::StatuspageReceiver receiver;
  receiver.page_id = "page1";
  receiver.component_ids = {"comp1"};
  return receiver;
}

Notification Make() {
  Notification notification;
  notification.dedup_key = "drwatch1-abc";
  notification.severity = PageSeverity::kCritical;
  model::Alert alert;
  alert.labels = {{"alertname", "Down"}, {"service", "shop"}, {"instance", "db1.internal"}};
  alert.annotations = {{"summary", "db1.internal is down"}};
  alert.fired_at = kNow;
  notification.alerts = {alert};
  return notification;
}

Notification Resolved() {
  Notification notification = Make();
  notification.occasion = Occasion::kResolve;
  notification.alerts[0].resolved_at = kNow + std::chrono::minutes(1);
  return notification;
}

BuiltRequest Built(const config::StatuspageReceiver& receiver, const Notification& notification) {
  auto built = BuildStatuspage(receiver, notification, base::Secret("key-geheim"));
  EXPECT_TRUE(built);
  return built ? std::move(*built) : BuiltRequest{};
}

net::HttpResponse Listing(const std::string& body) {
  net::HttpResponse response;
  response.status = 200;
  response.body = body;
  return response;
}

const std::string kOwn =
    R"([{"id": "other", "metadata": {}}, {"id": "inc7", "status": "identified",
        "metadata": {"drwatch": {"incident": "drwatch1-abc"}}}])";

TEST(StatuspageTest, LooksBeforeItOpens) {
  const BuiltRequest built = Built(Page(), Make());
  const auto& list = std::get<net::HttpRequest>(built.request);
  EXPECT_EQ(list.method, "GET");
  EXPECT_EQ(list.url.Reveal(), "https://api.statuspage.io/v1/pages/page1/incidents/unresolved");
  EXPECT_EQ(list.headers.back().second.Reveal(), "OAuth key-geheim");
  const auto create = built.then(Listing("[]"));
  ASSERT_TRUE(create && *create);
  EXPECT_EQ((*create)->method, "POST");
  EXPECT_EQ((*create)->url.Reveal(), "https://api.statuspage.io/v1/pages/page1/incidents");
  EXPECT_EQ(Json::parse((*create)->body), Json::parse(R"({"incident": {
    "name": "Disruption of shop", "metadata": {"drwatch": {"incident": "drwatch1-abc"}},
    "deliver_notifications": false, "status": "investigating",
    "body": "We are looking into a problem and will report here.", "impact_override": "critical",
    "components": {"comp1": "major_outage"}, "component_ids": ["comp1"]}})"));
  EXPECT_EQ((*create)->body.find("internal"), std::string::npos) << "no machine is named in public";
}

TEST(StatuspageTest, ChangesItsOwnIncident) {
  Notification update = Make();
  update.occasion = Occasion::kRepeat;
  const auto change = Built(Page(), update).then(Listing(kOwn));
  ASSERT_TRUE(change && *change);
  EXPECT_EQ((*change)->method, "PATCH");
  EXPECT_EQ((*change)->url.Reveal(), "https://api.statuspage.io/v1/pages/page1/incidents/inc7");
  const Json incident = Json::parse((*change)->body)["incident"];
  EXPECT_EQ(incident["status"], "identified") << "what people set stays";
  EXPECT_FALSE(incident.contains("name"));
  const auto resolve = Built(Page(), Resolved()).then(Listing(kOwn));
  ASSERT_TRUE(resolve && *resolve);
  const Json over = Json::parse((*resolve)->body)["incident"];
  EXPECT_EQ(over["status"], "resolved");
  EXPECT_EQ(over["components"]["comp1"], "operational");
}

TEST(StatuspageTest, AnAcknowledgedOneIsIdentified) {
  Notification update = Make();
  update.alerts[0].annotations = {{std::string(kAcknowledgedBy), "by ann"}};
  const auto change = Built(Page(), update).then(Listing(R"([{"id": "i", "status": "investigating",
                   "metadata": {"drwatch": {"incident": "drwatch1-abc"}}}])"));
  ASSERT_TRUE(change && *change);
  EXPECT_EQ(Json::parse((*change)->body)["incident"]["status"], "identified");
}

TEST(StatuspageTest, NothingIsResolvedTwice) {
  const auto nothing = Built(Page(), Resolved()).then(Listing("[]"));
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
}

TEST(StatuspageTest, WhatPeopleClosedIsOpenedAnewByNewsOnly) {
  Notification notification = Make();
  notification.occasion = Occasion::kRepeat;
  const auto nothing = Built(Page(), notification).then(Listing("[]"));
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  notification.occasion = Occasion::kUpdate;
  const auto create = Built(Page(), notification).then(Listing("[]"));
  ASSERT_TRUE(create && *create);
  EXPECT_EQ((*create)->method, "POST");
}

TEST(StatuspageTest, DoesNotTrustTheList) {
  for (const char* bad : {"", "{}", "<html>", "[", "null"}) {
    EXPECT_FALSE(Built(Page(), Make()).then(Listing(bad))) << bad;
  }
  for (const char* odd : {"[1, null, {}]", R"([{"id": 7, "metadata": 1}])",
                          R"([{"id": "x", "metadata": {"drwatch": "drwatch1-abc"}}])"}) {
    const auto create = Built(Page(), Make()).then(Listing(odd));
    ASSERT_TRUE(create && *create) << odd;
    EXPECT_EQ((*create)->method, "POST");
  }
  EXPECT_FALSE(Built(Page(), Make()).then(Listing(R"([{"id": "../../x",
                       "metadata": {"drwatch": {"incident": "drwatch1-abc"}}}])")));
}

TEST(StatuspageTest, TemplatesWordIt) {
  config::StatuspageReceiver receiver = Page();
  receiver.name = "{{ .CommonLabels.service }}: {{ .Status }}";
  receiver.body = "{{ .Nonsense.Field }}";
  receiver.deliver_notifications = true;
  const BuiltRequest built = Built(receiver, Make());
  EXPECT_EQ(built.template_errors.size(), 1u);
  const auto create = built.then(Listing("[]"));
  ASSERT_TRUE(create && *create);
  const Json incident = Json::parse((*create)->body)["incident"];
  EXPECT_EQ(incident["name"], "shop: firing");
  EXPECT_EQ(incident["body"], "We are looking into a problem and will report here.");
  EXPECT_EQ(incident["deliver_notifications"], true);
}

TEST(StatuspageTest, JudgesAnswers) {
  const auto judge = [](int status) {
    net::HttpOutcome outcome;
    outcome.response.emplace();
    outcome.response->status = status;
    outcome.response->body = "{}";
    return ClassifyStatuspage(outcome, kNow);
  };
  EXPECT_EQ(judge(201).kind, Kind::kDelivered);
  EXPECT_EQ(judge(420).kind, Kind::kRetry);
  EXPECT_EQ(judge(420).reason, "rate_limited");
  EXPECT_EQ(judge(429).kind, Kind::kRetry);
  EXPECT_EQ(judge(401).reason, "auth");
  EXPECT_TRUE(judge(422).minimal_may_help);
  EXPECT_EQ(judge(500).kind, Kind::kRetry);
}

}  // namespace
}  // namespace drwatch::notify
