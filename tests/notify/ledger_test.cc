// When who is told what: the ledger's decisions on a clock of the test.
#include "notify/ledger.h"

#include <gtest/gtest.h>

#include "fixtures.h"
#include "notify/limits.h"
#include "support/log_check.h"

namespace drwatch::notify {
namespace {

using testing::ExpectLog;

std::shared_ptr<const config::Config> SlackOnly() {
  return Share(MakeConfig({{"team", {Slack()}, {}}}));
}
std::shared_ptr<const config::Config> PagerOnly() {
  return Share(MakeConfig({{"pager", {PagerDuty()}, {}}}));
}

TEST(LedgerTest, WaitsForTheGroupThenSendsOnce) {
  Desk desk(SlackOnly());
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(4s), Lines{});
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(desk.Run(2s), Lines{"team trigger 2/0"});
  EXPECT_EQ(desk.Run(1h), Lines{});
}

TEST(LedgerTest, SendsAtOnceWithoutAWait) {
  config::Config config = *SlackOnly();
  config.route.group_wait = 0s;
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
  // The end of it, long after the last message, does not wait either.
  EXPECT_EQ(desk.Run(10min), Lines{});
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team resolve 0/1"});
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
  EXPECT_TRUE(desk.ledger.records().groups.empty());
}

TEST(LedgerTest, DoesNotWaitForAnOldAlert) {
  Desk desk(SlackOnly());
  desk.Accept(Firing("Down", "a", desk.now - 1min));
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
}

TEST(LedgerTest, SaysNothingOfAnAlertThatEndsBeforeTheFirstMessage) {
  for (const auto& config : {SlackOnly(), PagerOnly()}) {
    Desk desk(config);
    const model::AlertEvent event = Firing("Down", "a", desk.now);
    desk.Accept(event);
    EXPECT_EQ(desk.Run(2s), Lines{});
    desk.Accept(Resolved(event, desk.now));
    EXPECT_EQ(desk.Run(10min), Lines{});
    EXPECT_TRUE(desk.ledger.records().deliveries.empty());
  }
}

TEST(LedgerTest, KeepsTheGroupInterval) {
  Desk desk(SlackOnly());
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(5s), Lines{"team trigger 1/0"});
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(desk.Run(59s), Lines{});
  EXPECT_EQ(desk.Run(1s), Lines{"team update 2/0"});
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  EXPECT_EQ(desk.Run(59s), Lines{});
  EXPECT_EQ(desk.Run(1s), Lines{"team update 1/1"});
  // The resolved one was told of; it is not told again.
  desk.Accept(Resolved(Firing("Down", "b", kStart + 5s), desk.now));
  EXPECT_EQ(desk.Run(2min), Lines{"team resolve 0/1"});
}

TEST(LedgerTest, Repeats) {
  Desk desk(SlackOnly());
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  EXPECT_EQ(desk.Run(3h + 59min), Lines{});
  EXPECT_EQ(desk.Run(2min), Lines{"team repeat 1/0"});
  EXPECT_EQ(desk.Run(3h + 50min), Lines{});
  EXPECT_EQ(desk.Run(10min), Lines{"team repeat 1/0"});
}

TEST(LedgerTest, AFlapBetweenFlushesIsNoNews) {
  for (const auto& config : {SlackOnly(), PagerOnly()}) {
    Desk desk(config);
    const model::AlertEvent event = Firing("Down", "a", desk.now);
    desk.Accept(event);
    EXPECT_EQ(desk.Run(10s).size(), 1U);
    desk.Accept(Resolved(event, desk.now));
    EXPECT_EQ(desk.Run(10s), Lines{});
    desk.Accept(Firing("Down", "a", desk.now));
    EXPECT_EQ(desk.Run(1h), Lines{});
  }
}

TEST(LedgerTest, PagesEachAlertOnItsOwn) {
  Desk desk(PagerOnly());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(desk.Run(6s), (Lines{"pager trigger 1/0", "pager trigger 1/0"}));
  desk.now += 1h;
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  EXPECT_EQ(desk.Run(6s), Lines{"pager resolve 0/1"});
  EXPECT_EQ(desk.last.alerts[0].labels.Get("instance"), "a");
  desk.now += 1h;
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(6s), Lines{"pager trigger 1/0"});
}

TEST(LedgerTest, ANewPageDoesNotWaitForTheInterval) {
  config::Config config = MakeConfig({{"all", {PagerDuty(), Slack()}, {}}});
  config.route.group_wait = 0s;
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Deliver(), (Lines{"all trigger 1/0", "all trigger 1/0"}));
  desk.now += 1s;
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"all trigger 1/0"});
  EXPECT_EQ(desk.Run(58s), Lines{});
  EXPECT_EQ(desk.Run(3s), Lines{"all update 2/0"});
}

TEST(LedgerTest, TheDedupKeyDoesNotDependOnRoutes) {
  Desk first(PagerOnly());
  first.Accept(Firing("Down", "a", first.now));
  first.Run(6s);
  const std::string key = first.last.dedup_key;
  EXPECT_EQ(key.size(), 9 + 64U);
  EXPECT_EQ(key.substr(0, 9), "drwatch1-");
  config::Config other = *PagerOnly();
  other.route.group_by_all = true;
  other.route.matchers = {model::Matcher::Equal("alertname", "Down")};
  Desk second(Share(other));
  second.now += 5min;
  second.Accept(Firing("Down", "a", second.now));
  second.Run(6s);
  EXPECT_EQ(second.last.dedup_key, key);
  other.global.external_labels = {{"site", "east"}};
  Desk third(Share(other));
  third.Accept(Firing("Down", "a", third.now));
  third.Run(6s);
  EXPECT_NE(third.last.dedup_key, key);
  EXPECT_EQ(third.last.alerts[0].labels.Get("site"), "east");
}

TEST(LedgerTest, SendResolvedFalseClosesQuietly) {
  config::SlackReceiver slack = Slack();
  slack.send_resolved = false;
  config::PagerDutyReceiver pager = PagerDuty();
  pager.send_resolved = false;
  Desk desk(Share(MakeConfig({{"team", {slack, pager}, {}}})));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(6s).size(), 2U);
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  EXPECT_EQ(desk.Run(2min), Lines{});
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(2min).size(), 2U);
}

TEST(LedgerTest, TakesAnEventTwiceAsOne) {
  Desk desk(PagerOnly());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  for (int i = 0; i < 3; ++i) desk.Accept(event);
  EXPECT_EQ(desk.Run(6s), Lines{"pager trigger 1/0"});
  desk.Accept(event);
  const model::AlertEvent end = Resolved(event, desk.now);
  desk.Accept(end);
  desk.Accept(end);
  desk.Accept(event);  // an old offer: it has ended since
  EXPECT_EQ(desk.Run(2min), Lines{"pager resolve 0/1"});
  desk.Accept(end);
  desk.Accept(event);
  EXPECT_EQ(desk.Run(10min), Lines{});
}

TEST(LedgerTest, ShowsTheLatestAnnotationsWhenItSends) {
  Desk desk(SlackOnly());
  model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  event.change = model::AlertChange::kUpdated;
  event.alert.annotations = {{"summary", "now worse"}};
  desk.Accept(event);
  EXPECT_EQ(desk.Run(6s).size(), 1U);
  EXPECT_EQ(desk.last.alerts[0].annotations.Get("summary"), "now worse");
}

TEST(LedgerTest, BacksOffAndDeliversSoonAfterRecovery) {
  Desk desk(PagerOnly());
  desk.Accept(Firing("Down", "a", desk.now));
  const std::size_t attempts = desk.Run(4min + 50s, Failed()).size();
  EXPECT_GE(attempts, 8U);
  EXPECT_LE(attempts, 14U);
  EXPECT_EQ(desk.Run(60s), Lines{"pager trigger 1/0"});
  EXPECT_EQ(desk.ledger.records().targets.begin()->second.failures, 0);
}

TEST(LedgerTest, NeverAsksBeforeRetryAfter) {
  Desk desk(PagerOnly());
  desk.Accept(Firing("Down", "a", desk.now - 1min));
  Verdict limited = Failed("rate_limited");
  limited.retry_after = 30s;
  EXPECT_EQ(desk.Deliver(limited).size(), 1U);
  // Another page to the same receiver waits, too.
  desk.Accept(Firing("Other", "a", desk.now - 1min));
  EXPECT_EQ(desk.Run(29s), Lines{});
  EXPECT_EQ(desk.Run(2s).size(), 2U);
}

TEST(LedgerTest, AResolveNeverOvertakesItsPage) {
  Desk desk(PagerOnly());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  EXPECT_FALSE(desk.Run(10s, Failed("timeout")).empty());  // it may have arrived
  desk.Accept(Resolved(event, desk.now));
  EXPECT_EQ(desk.Run(4min), (Lines{"pager trigger 1/0", "pager resolve 0/1"}));
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
}

TEST(LedgerTest, AGroupThatEndedUndeliveredIsOneMessage) {
  Desk desk(SlackOnly());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  EXPECT_FALSE(desk.Run(10s, Failed("timeout")).empty());
  desk.Accept(Resolved(event, desk.now));
  EXPECT_EQ(desk.Run(4min), Lines{"team resolve 0/1"});
}

TEST(LedgerTest, WhatHappensDuringAnAttemptIsToldAfterIt) {
  Desk desk(SlackOnly());
  const std::string target = desk.ledger.records().targets.begin()->first;
  const model::AlertEvent a = Firing("Down", "a", desk.now - 1min);
  desk.Accept(a);
  const std::optional<Job> job = desk.ledger.Take(target, desk.now);
  ASSERT_TRUE(job);
  desk.now += 3min;
  desk.Accept(Firing("Down", "b", desk.now));
  desk.now += 1min;
  desk.ledger.Tick(desk.now);
  EXPECT_FALSE(desk.ledger.Take(target, desk.now));  // one at a time
  desk.Accept(Resolved(a, desk.now));
  desk.ledger.Settle(*job, Delivered(), 1ms, desk.now);
  EXPECT_EQ(desk.Deliver(), Lines{"team update 1/1"});
  EXPECT_EQ(desk.Run(1h), Lines{});
}

TEST(LedgerTest, FiringAgainDuringItsResolveIsPaged) {
  for (const auto& config : {SlackOnly(), PagerOnly()}) {
    Desk desk(config);
    const std::string target = desk.ledger.records().targets.begin()->first;
    const model::AlertEvent event = Firing("Down", "a", desk.now - 1min);
    desk.Accept(event);
    EXPECT_EQ(desk.Deliver().size(), 1U);
    desk.now += 10min;
    desk.Accept(Resolved(event, desk.now));
    desk.now += 5s;
    desk.ledger.Tick(desk.now);
    const std::optional<Job> job = desk.ledger.Take(target, desk.now);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->occasion, Occasion::kResolve);
    desk.Accept(Firing("Down", "a", desk.now));
    desk.now += 10s;
    desk.ledger.Tick(desk.now);
    desk.ledger.Settle(*job, Delivered(), 1ms, desk.now);
    const Lines sent = desk.Run(2min);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_NE(sent[0].find("trigger 1/0"), std::string::npos) << sent[0];
  }
}

TEST(LedgerTest, ARefusedEventGoesOutInItsMinimalFormOnce) {
  ExpectLog("a notification was given up");
  Desk desk(Share(MakeConfig({{"pager", {PagerDuty()}, {}}, {"team", {Slack()}, {}}})));
  const std::string target = TargetId("pager", PagerDuty());
  desk.Accept(Firing("Down", "a", desk.now - 1min));
  std::optional<Job> job = desk.ledger.Take(target, desk.now);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->notification.form, Form::kFull);
  desk.ledger.Settle(*job, Refused(true), 1ms, desk.now);
  job = desk.ledger.Take(target, desk.now);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->notification.form, Form::kMinimal);
  desk.ledger.Settle(*job, Refused(true), 1ms, desk.now);
  EXPECT_EQ(desk.ledger.counters().dead_letters.at("pager"), 1);
  EXPECT_FALSE(desk.ledger.Take(target, desk.now));
  // The other receiver is told at once, and why.
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
  EXPECT_NE(desk.last.note.find("Not delivered to receiver \"pager\" (pagerduty)"),
            std::string::npos);
  // Not again and again; but again after the repeat interval: the configuration may be repaired.
  EXPECT_EQ(desk.Run(3h), Lines{});
  EXPECT_EQ(desk.Run(2h), Lines{"pager trigger 1/0"});
  desk.Accept(Resolved(Firing("Down", "a", kStart - 1min), desk.now));
  EXPECT_EQ(desk.Run(2min), (Lines{"team resolve 0/1", "pager resolve 0/1"}));
}

TEST(LedgerTest, WhatEverybodyRefusesLeavesNothingBehind) {
  ExpectLog("a notification was given up");
  Desk desk(Share(MakeConfig({{"pager", {PagerDuty()}, {}}, {"team", {Slack()}, {}}})));
  const model::AlertEvent event = Firing("Down", "a", desk.now - 1min);
  desk.Accept(event);
  EXPECT_EQ(desk.Deliver(Refused()), (Lines{"pager trigger 1/0", "team trigger 1/0"}));
  EXPECT_EQ(desk.ledger.counters().dead_letters.size(), 2U);
  desk.Accept(Resolved(event, desk.now));
  EXPECT_EQ(desk.Run(5min), Lines{});
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
}

TEST(LedgerTest, AReceiverThatRefusesEverythingIsOneStoryForTheFallback) {
  ExpectLog("a notification was given up");
  Desk desk(Share(MakeConfig({{"pager", {PagerDuty()}, {}}, {"team", {Slack()}, {}}})));
  std::vector<model::AlertEvent> events;
  for (int i = 0; i < 30; ++i) {
    events.push_back(Firing("Down", std::to_string(i), desk.now - 1min));
  }
  ASSERT_TRUE(desk.ledger.Apply(events, desk.now));
  const std::string pager = TargetId("pager", PagerDuty());
  const std::string team = TargetId("team", Slack());
  int told = 0;
  while (const std::optional<Job> job = desk.ledger.Take(pager, desk.now)) {
    desk.ledger.Settle(*job, Refused(), 1ms, desk.now);
    while (const std::optional<Job> other = desk.ledger.Take(team, desk.now)) {
      desk.ledger.Settle(*other, Delivered(), 1ms, desk.now);
      ++told;
    }
  }
  EXPECT_EQ(told, 1);
  EXPECT_EQ(desk.Run(2min), Lines{"team update 30/0"});
}

TEST(LedgerTest, SaysWhyAnAlertEndedThatDidNotRecover) {
  Desk desk(SlackOnly());
  const model::AlertEvent event = Firing("Down", "a", desk.now - 1min);
  desk.Accept(event);
  EXPECT_EQ(desk.Deliver().size(), 1U);
  model::AlertEvent end = Resolved(event, desk.now);
  end.reason = "rule removed";
  desk.Accept(end);
  EXPECT_EQ(desk.Run(2min), Lines{"team resolve 0/1"});
  EXPECT_EQ(desk.last.alerts[0].annotations.Get(kResolveReason), "rule removed");
}

TEST(LedgerTest, ABadCertificateTellsTheFallbackAtOnce) {
  Desk desk(Share(MakeConfig({{"pager", {PagerDuty()}, {}}, {"team", {Slack()}, {}}})));
  const std::string pager = TargetId("pager", PagerDuty());
  Verdict tls = Failed("tls");
  tls.hopeless = true;
  std::vector<model::AlertEvent> events;
  for (int i = 0; i < 50; ++i) {
    events.push_back(Firing("Down", std::to_string(i), desk.now - 1min));
  }
  ASSERT_TRUE(desk.ledger.Apply(events, desk.now));
  const std::optional<Job> job = desk.ledger.Take(pager, desk.now);
  desk.ledger.Settle(*job, tls, 1ms, desk.now);
  // One message for all of them, though only one was tried.
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 50/0"});
  // The receiver gets them when it works again; the fallback is told of the end, too.
  EXPECT_EQ(desk.Run(1min).size(), 50U);
  for (int i = 0; i < 50; ++i) {
    desk.Accept(Resolved(Firing("Down", std::to_string(i), kStart - 1min), desk.now));
  }
  Lines sent = desk.Run(2min);
  EXPECT_EQ(std::count(sent.begin(), sent.end(), "team resolve 0/50"), 1);
  EXPECT_EQ(std::count(sent.begin(), sent.end(), "pager resolve 0/1"), 50);
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
}

TEST(LedgerTest, TheFallbackHearsOfALongOutage) {
  Desk desk(Share(MakeConfig({{"pager", {PagerDuty()}, {}}, {"team", {Slack()}, {}}})));
  desk.Accept(Firing("Down", "a", desk.now));
  const std::string team = TargetId("team", Slack());
  desk.Run(4min, Failed());
  EXPECT_FALSE(desk.ledger.NextAttempt(team));
  desk.now += 1min + 10s;
  desk.ledger.Tick(desk.now);
  EXPECT_TRUE(desk.ledger.NextAttempt(team));
  const Lines sent = desk.Run(2min);
  EXPECT_EQ(std::count(sent.begin(), sent.end(), "team trigger 1/0"), 1);
  EXPECT_EQ(std::count(sent.begin(), sent.end(), "pager trigger 1/0"), 1);
}

TEST(LedgerTest, GivesUpAfterADay) {
  ExpectLog("a notification was given up");
  Desk desk(PagerOnly());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(24h + 5min, Failed());
  EXPECT_EQ(desk.ledger.counters().dead_letters.at("pager"), 1);
}

TEST(LedgerTest, SevereOnesGoFirst) {
  Desk desk(PagerOnly());
  for (const char* severity : {"info", "warning", "critical", "error"}) {
    desk.Accept(Firing(severity, "a", desk.now - 1min, severity));
  }
  std::vector<std::string> order;
  const std::string target = desk.ledger.records().targets.begin()->first;
  while (const std::optional<Job> job = desk.ledger.Take(target, desk.now)) {
    order.emplace_back(PageSeverityName(job->notification.severity));
    desk.ledger.Settle(*job, Delivered(), 1ms, desk.now);
  }
  EXPECT_EQ(order, (Lines{"critical", "error", "warning", "info"}));
}

TEST(LedgerTest, OneIndigestibleEventHoldsUpNobody) {
  Desk desk(PagerOnly());
  const std::string target = desk.ledger.records().targets.begin()->first;
  desk.Accept(Firing("Poison", "a", desk.now - 1min, "critical"));
  for (int i = 0; i < 20; ++i) {
    desk.Accept(Firing("Fine", std::to_string(i), desk.now - 1min, "warning"));
  }
  int fine = 0;
  for (int second = 0; second < 30; ++second) {
    while (const std::optional<Job> job = desk.ledger.Take(target, desk.now)) {
      const bool poison = job->notification.alerts[0].labels.Get("alertname") == "Poison";
      fine += poison ? 0 : 1;
      desk.ledger.Settle(*job, poison ? Failed() : Delivered(), 1ms, desk.now);
    }
    desk.now += 1s;
  }
  EXPECT_EQ(fine, 20);
}

TEST(LedgerTest, TenThousandAlertsStayCheapAndOrdered) {
  Desk desk(PagerOnly());
  std::vector<model::AlertEvent> events;
  for (int i = 0; i < 10'000; ++i) {
    events.push_back(
        Firing("Down", std::to_string(i), desk.now - 1min, i % 1000 == 999 ? "critical" : "info"));
  }
  ASSERT_TRUE(desk.ledger.Apply(events, desk.now));
  const std::string target = desk.ledger.records().targets.begin()->first;
  for (int i = 0; i < 20; ++i) {
    const std::optional<Job> job = desk.ledger.Take(target, desk.now);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->notification.severity, i < 10 ? PageSeverity::kCritical : PageSeverity::kInfo);
    desk.ledger.Settle(*job, Delivered(), 1ms, desk.now);
  }
}

TEST(LedgerTest, RefusesAlertsBeyondTheLimitAndKeepsTheRest) {
  Desk desk(SlackOnly());
  std::vector<model::AlertEvent> events;
  for (std::size_t i = 0; i < kMaxAlerts + 5; ++i) {
    events.push_back(Firing("Down", std::to_string(i), desk.now));
  }
  const base::Status status = desk.ledger.Apply(events, desk.now);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("5 alerts are not delivered"), std::string::npos);
  EXPECT_EQ(desk.ledger.records().alerts.size(), kMaxAlerts);
  EXPECT_EQ(desk.ledger.counters().refused_alerts, 5);
}

TEST(LedgerTest, ForgetsWhatIsOver) {
  Desk desk(PagerOnly());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(10s);
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  desk.Run(10min);
  EXPECT_EQ(desk.ledger.records().alerts.size(), 1U);
  desk.Run(10min);
  EXPECT_TRUE(desk.ledger.records().alerts.empty());
}

TEST(LedgerTest, AFlappingAlertIsBounded) {
  Desk desk(PagerOnly());
  std::size_t sent = 0;
  for (int i = 0; i < 120; ++i) {
    const model::AlertEvent event = Firing("Down", "a", desk.now);
    desk.Accept(event);
    sent += desk.Run(15s).size();
    desk.Accept(Resolved(event, desk.now));
    sent += desk.Run(15s).size();
  }
  EXPECT_LE(sent, 120U);  // two in a group_interval
  sent = desk.Run(5min).size();
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());  // the end is told, whatever came before
}

}  // namespace
}  // namespace drwatch::notify
