// The clock of the machine is set while alerts wait: delivery follows it, and nothing is hurried or
// held up.
#include <gtest/gtest.h>

#include "fixtures.h"
#include "notify/dispatcher.h"
#include "notify/journal.h"
#include "support/fake_clock.h"
#include "support/log_check.h"

namespace drwatch::notify {
namespace {

using testing::ExpectLog;

config::Config SlackConfig() { return MakeConfig({{"team", {Slack()}, {}}}); }
config::Config PagerConfig() { return MakeConfig({{"pager", {PagerDuty()}, {}}}); }

Silence SilenceOf(const std::string& alertname, base::Timestamp start, base::Duration duration) {
  Silence silence;
  silence.matchers = {model::Matcher::Equal("alertname", alertname)};
  silence.starts_at = start;
  silence.ends_at = start + duration;
  return silence;
}

void Step(Desk& desk, base::Duration step) {
  desk.now += step;
  desk.ledger.Shift(step, desk.now);
}

TEST(ClockStepTest, WhatWaitsGoesOnWaiting) {
  for (const base::Duration step : {base::Duration(1h), base::Duration(-1h)}) {
    for (const config::Config& config : {SlackConfig(), PagerConfig()}) {
      Desk desk(Share(config));
      const std::string who = config.receivers[0].name;
      const model::AlertEvent event = Firing("Down", "a", desk.now);
      desk.Accept(event);
      EXPECT_EQ(desk.Run(3s), Lines{});
      Step(desk, step);
      EXPECT_EQ(desk.Run(1s), Lines{});
      EXPECT_EQ(desk.Run(1s), Lines{who + " trigger 1/0"});
      Step(desk, step);
      EXPECT_EQ(desk.Run(4h - 1min), Lines{});
      EXPECT_EQ(desk.Run(1min), Lines{who + " repeat 1/0"});
      desk.Accept(Resolved(event, desk.now));
      EXPECT_EQ(desk.Run(1min), Lines{who + " resolve 0/1"});
      EXPECT_TRUE(desk.ledger.records().deliveries.empty());
    }
  }
}

TEST(ClockStepTest, PausesOfAFailingReceiverAreAsLongAsTheyWere) {
  for (const base::Duration step : {base::Duration(1h), base::Duration(-1h)}) {
    Desk desk(Share(PagerConfig()));
    desk.Accept(Firing("Down", "a", desk.now));
    EXPECT_EQ(desk.Run(5s, Failed()), Lines{"pager trigger 1/0"});
    Step(desk, step);
    EXPECT_EQ(desk.Deliver(), Lines{});
    EXPECT_EQ(desk.Run(1s), Lines{"pager trigger 1/0"});
  }
}

TEST(ClockStepTest, WhatFiresAgainOnAClockSetBackIsTold) {
  for (const config::Config& config : {SlackConfig(), PagerConfig()}) {
    Desk desk(Share(config));
    const std::string who = config.receivers[0].name;
    const model::AlertEvent first = Firing("Down", "a", desk.now);
    desk.Accept(first);
    EXPECT_EQ(desk.Run(5s), Lines{who + " trigger 1/0"});
    const model::AlertEvent end = Resolved(first, desk.now);
    desk.Accept(end);
    EXPECT_EQ(desk.Run(1min), Lines{who + " resolve 0/1"});
    Step(desk, -1h);
    desk.Accept(end);  // rules send it again now and then
    desk.Accept(Firing("Down", "a", desk.now));
    EXPECT_EQ(desk.Run(5s), Lines{who + " trigger 1/0"});
  }
}

TEST(ClockStepTest, ASilenceThatHoldsGoesOnHolding) {
  Desk desk(Share(SlackConfig()));
  ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", desk.now, 2h), "s1", desk.now));
  desk.Accept(Firing("Down", "a", desk.now));
  Step(desk, -1h);
  EXPECT_EQ(desk.Run(3h - 1min), Lines{});
  EXPECT_EQ(desk.Run(2min), Lines{"team trigger 1/0"}) << "its end is a time on the wall";
}

TEST(ClockStepTest, StepsOfAnEscalationKeepTheirDistance) {
  config::Config config = MakeConfig({{"team", {Slack()}, {}}, {"boss", {Webhook()}, {}}});
  config::EscalationStep step;
  step.after = 10min;
  step.receivers = {"boss"};
  config.escalation_policies = {{"p", {step}, {}}};
  config.route.escalation = "p";
  for (const base::Duration moved : {base::Duration(1h), base::Duration(-1h)}) {
    Desk desk(Share(config));
    desk.Accept(Firing("Down", "a", desk.now));
    EXPECT_EQ(desk.Run(5min), Lines{"team trigger 1/0"});
    Step(desk, moved);
    EXPECT_EQ(desk.Run(5min - 1s), Lines{});
    EXPECT_EQ(desk.Run(1s), Lines{"boss trigger 1/0"});
  }
}

TEST(ClockStepTest, ALinkMadeAfterwardsHolds) {
  config::Config config = SlackConfig();
  config.escalation_policies = {{"p", {}, {}}};
  config.route.escalation = "p";
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  Step(desk, -1h);
  desk.now += 5s;
  desk.ledger.Tick(desk.now);
  const auto job = desk.ledger.Take(desk.ledger.records().targets.begin()->first, desk.now);
  ASSERT_TRUE(job && job->link);
  AckRequest request;
  request.by = "ann";
  request.until = desk.now + 1h;
  request.selection.link = job->link;
  const auto count = desk.ledger.Acknowledge(request, desk.now);
  EXPECT_TRUE(count) << count.error().message;
}

// The program as a whole, on a clock that is set.
class FollowingTest : public ::testing::Test {
 protected:
  FollowingTest() : database_(*db::Database::OpenInMemory(Migrations())) {
    auto made = Dispatcher::Create({&clock_, database_.get(), Share(SlackConfig()), {}, {}});
    dispatcher_ = std::move(*made);
    ExpectLog("which was set");
  }
  // The only alert's view.
  Snapshot::AlertView Only() const { return dispatcher_->TakeSnapshot().alerts.at(0); }

  testing::FakeClock clock_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

TEST_F(FollowingTest, ASilenceBeginsWhenItsAuthorSays) {
  clock_.StepWall(8h);  // it was asleep
  ASSERT_TRUE(dispatcher_->Accept({Firing("Down", "a", clock_.Now())}));
  ASSERT_TRUE(dispatcher_->SetSilence(SilenceOf("Down", clock_.Now(), 2h)));
  EXPECT_EQ(Only().silenced_by.size(), 1U);
  EXPECT_EQ(dispatcher_->TakeSnapshot().now, clock_.Now());
}

TEST_F(FollowingTest, PostedAlertsEndWhenTheirSenderSays) {
  for (const base::Duration step : {base::Duration(8h), base::Duration(-4h)}) {
    clock_.StepWall(step);
    PostedAlert alert;
    alert.labels = {{"alertname", "Posted"}};
    alert.starts_at = clock_.Now();
    alert.ends_at = clock_.Now() + 4min;
    ASSERT_TRUE(dispatcher_->Post({alert}));
    EXPECT_EQ(Only().expires_at, clock_.Now() + 4min);
    clock_.Advance(1min);
    alert.ends_at = clock_.Now();
    ASSERT_TRUE(dispatcher_->Post({alert}));
    EXPECT_TRUE(dispatcher_->TakeSnapshot().alerts.empty()) << "it is over";
  }
}

}  // namespace
}  // namespace drwatch::notify
