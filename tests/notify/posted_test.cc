// Alerts that others post.
#include <gtest/gtest.h>

#include <cmath>

#include "fixtures.h"

namespace drwatch::notify {
namespace {

std::shared_ptr<const config::Config> Slow() {
  config::Config config = MakeConfig({{"team", {Slack()}, {}}});
  config.route.group_wait = 0s;
  config.route.group_interval = 1s;
  return Share(config);
}

PostedAlert Post(const std::string& instance) {
  PostedAlert alert;
  alert.labels = {{"alertname", "Posted"}, {"instance", instance}, {"severity", "critical"}};
  return alert;
}

TEST(PostedTest, EndsWhenNobodyPostsItAgain) {
  Desk desk(Slow());
  ASSERT_TRUE(desk.ledger.Post({Post("a")}, desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
  EXPECT_TRUE(std::isnan(desk.last.alerts.at(0).value)) << "nobody said one";
  desk.Run(4min);
  ASSERT_TRUE(desk.ledger.Post({Post("a")}, desk.now));
  EXPECT_EQ(desk.Run(4min), Lines{});
  EXPECT_EQ(desk.Run(2min), Lines{"team resolve 0/1"});
}

TEST(PostedTest, EndsWhenItIsPostedAsEnded) {
  Desk desk(Slow());
  PostedAlert alert = Post("a");
  alert.starts_at = desk.now - 1h;
  ASSERT_TRUE(desk.ledger.Post({alert}, desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
  EXPECT_EQ(desk.last.alerts.at(0).fired_at, kStart - 1h);
  desk.Run(1min);
  alert.ends_at = desk.now;
  ASSERT_TRUE(desk.ledger.Post({alert}, desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team resolve 0/1"});
  EXPECT_EQ(desk.last.alerts.at(0).resolved_at, kStart + 1min);
  // The same end once more is no news; a new start is.
  ASSERT_TRUE(desk.ledger.Post({alert}, desk.now));
  EXPECT_EQ(desk.Run(1min), Lines{});
  ASSERT_TRUE(desk.ledger.Post({Post("a")}, desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
}

TEST(PostedTest, SaysNothingOfWhatIsOverAlready) {
  Desk desk(Slow());
  PostedAlert alert = Post("a");
  alert.ends_at = desk.now;
  ASSERT_TRUE(desk.ledger.Post({alert}, desk.now));
  EXPECT_EQ(desk.Run(1min), Lines{});
  EXPECT_TRUE(desk.ledger.records().alerts.empty());
}

TEST(PostedTest, SurvivesARestart) {
  Desk desk(Slow());
  ASSERT_TRUE(desk.ledger.Post({Post("a")}, desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
  Desk next(Slow(), desk.ledger.records(), desk.now);
  EXPECT_EQ(next.Run(4min), Lines{});
  EXPECT_EQ(next.Run(2min), Lines{"team resolve 0/1"});
}

TEST(PostedTest, LeavesAlertsOfOwnRulesAlone) {
  Desk desk(Slow());
  model::AlertEvent event = Firing("Posted", "a", desk.now);
  desk.Accept(event);
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
  PostedAlert alert = Post("a");
  alert.ends_at = desk.now;
  ASSERT_TRUE(desk.ledger.Post({alert}, desk.now));
  EXPECT_EQ(desk.Run(1h), Lines{});
}

TEST(PostedTest, SaysWhatIsWrong) {
  EXPECT_EQ(CheckPosted({}).error().message, "an alert needs at least one label");
  PostedAlert alert = Post("");
  EXPECT_EQ(CheckPosted(alert)->labels.Get("instance"), "");
  EXPECT_EQ(CheckPosted(alert)->labels.size(), 2u);  // an empty value is no label
  alert.starts_at = kStart;
  alert.ends_at = kStart - 1s;
  EXPECT_EQ(CheckPosted(alert).error().message, "the start time must be before the end time");
}

}  // namespace
}  // namespace drwatch::notify
