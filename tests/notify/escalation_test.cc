// Who is told next: escalation on a clock of the test.
#include "notify/escalation.h"

#include <gtest/gtest.h>

#include "fixtures.h"
#include "notify/journal.h"
#include "support/log_check.h"

namespace drwatch::notify {
namespace {

using config::EscalationStep;
using config::Unless;
using testing::ExpectLog;

EscalationStep Step(base::Duration after, std::vector<std::string> receivers,
                    Unless unless = Unless::kResolved) {
  EscalationStep step;
  step.after = after;
  step.receivers = std::move(receivers);
  step.unless = unless;
  return step;
}

EscalationStep Within(EscalationStep step, base::Duration within) {
  step.within = within;
  return step;
}

// Slack "team" is told by the route; the policy "p" has `steps` over "pager", "boss" and "chief".
config::Config WithSteps(std::vector<EscalationStep> steps) {
  config::Config config = MakeConfig({{"team", {Slack()}, {}},
                                      {"pager", {PagerDuty()}, {}},
                                      {"boss", {Webhook()}, {}},
                                      {"chief", {Slack("T1/B1/chiefchief")}, {}}});
  config.escalation_policies = {{"p", std::move(steps), {}}};
  config.route.escalation = "p";
  return config;
}

std::shared_ptr<const config::Config> Chain() {
  return Share(WithSteps(
      {Step(0s, {"pager"}), Step(2min, {"boss"}), Step(15min, {"chief"}, Unless::kAcknowledged)}));
}

AckRequest AckOf(const Desk& desk, base::Duration time, const std::string& alertname = "Down") {
  AckRequest request;
  request.selection.matchers = {model::Matcher::Equal("alertname", alertname)};
  request.by = "ann";
  request.comment = "on it";
  request.until = desk.now + time;
  return request;
}

// --- the clocks -----------------------------------------------------------------------------

TEST(EscalationClockTest, StandsStillWhileHeldAndWhileAcknowledged) {
  Escalation escalation;
  escalation.since = kStart;
  const EscalationStep always = Within(Step(10min, {"a"}), 20min);
  const EscalationStep unheeded = Within(Step(10min, {"a"}, Unless::kAcknowledged), 20min);
  const auto due = [&](const EscalationStep& step) {
    return TimesOf(step, escalation, {}, 0s).due;
  };
  EXPECT_EQ(due(always), kStart + 10min);
  EXPECT_TRUE(escalation.Enter(Situation::kAcknowledged, kStart + 4min));
  EXPECT_EQ(due(always), kStart + 10min);
  EXPECT_FALSE(due(unheeded));
  EXPECT_FALSE(TimesOf(unheeded, escalation, {}, 0s).deadline);
  EXPECT_TRUE(escalation.Enter(Situation::kHeld, kStart + 6min));
  EXPECT_FALSE(due(always));
  EXPECT_TRUE(escalation.Enter(Situation::kRunning, kStart + 60min));
  EXPECT_FALSE(escalation.Enter(Situation::kRunning, kStart + 61min));
  EXPECT_EQ(due(always), kStart + 64min) << "6 of 10 minutes had passed";
  EXPECT_EQ(due(unheeded), kStart + 66min) << "4 of 10 minutes had passed";
  EXPECT_EQ(TimesOf(unheeded, escalation, {}, 0s).deadline, kStart + 76min);
}

TEST(EscalationClockTest, IsNotTurnedBackByAWallClockThatWas) {
  Escalation escalation;
  escalation.since = kStart;
  escalation.elapsed = 5min;
  EXPECT_TRUE(escalation.Enter(Situation::kHeld, kStart - 1h));
  EXPECT_EQ(escalation.elapsed, 5min);
}

TEST(EscalationClockTest, RepeatsAreCounted) {
  Escalation escalation;
  escalation.since = kStart;
  EscalationStep step = Step(1min, {"a"});
  StepState state;
  EXPECT_EQ(TimesOf(step, escalation, state, 0s).due, kStart + 1min);
  EXPECT_EQ(TimesOf(step, escalation, state, 5min).due, kStart + 5min) << "group_wait";
  state = {1, kStart + 1min, {}, {}};
  EXPECT_FALSE(TimesOf(step, escalation, state, 0s).due);
  step.repeat_every = 10min;
  step.repeat_max = 2;
  EXPECT_EQ(TimesOf(step, escalation, state, 0s).due, kStart + 11min);
  state.times = 2;
  EXPECT_TRUE(TimesOf(step, escalation, state, 0s).due);
  state.times = 3;
  EXPECT_FALSE(TimesOf(step, escalation, state, 0s).due);
}

TEST(EscalationClockTest, KeysDoNotDependOnTimes) {
  config::EscalationPolicy policy;
  policy.steps = {Step(0s, {"a", "b"}), Step(1min, {"c"}), Step(5min, {"b", "a"})};
  const std::vector<std::string> before = StepKeys(policy);
  policy.steps[1].after = 3min;
  policy.steps[2].unless = Unless::kAcknowledged;
  EXPECT_EQ(StepKeys(policy), before);
  EXPECT_EQ(std::set<std::string>(before.begin(), before.end()).size(), 3U);
}

// --- steps ----------------------------------------------------------------------------------

TEST(EscalationTest, TellsOneAfterTheOtherAndAllOfTheEnd) {
  Desk desk(Chain());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  EXPECT_EQ(desk.Run(4500ms), Lines{}) << "group_wait";
  EXPECT_EQ(desk.Run(500ms), (Lines{"pager trigger 1/0", "team trigger 1/0"}));
  EXPECT_EQ(desk.Run(114500ms), Lines{});
  EXPECT_EQ(desk.Run(500ms), Lines{"boss trigger 1/0"});
  EXPECT_EQ(desk.last.note, "Escalation \"p\", step 2 of 3: 2m after it began to fire.");
  EXPECT_EQ(desk.Run(12min + 59500ms), Lines{});
  EXPECT_EQ(desk.Run(500ms), Lines{"chief trigger 1/0"});
  desk.Accept(Resolved(event, desk.now));
  Lines ends = desk.Run(2min);
  std::sort(ends.begin(), ends.end());
  EXPECT_EQ(ends, (Lines{"boss resolve 0/1", "chief resolve 0/1", "pager resolve 0/1",
                         "team resolve 0/1"}));
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
  EXPECT_TRUE(desk.ledger.records().groups.empty());
  EXPECT_TRUE(desk.ledger.records().escalations.empty());
}

TEST(EscalationTest, NobodyElseIsToldOnceItIsOver) {
  Desk desk(Chain());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  desk.Run(1min);
  desk.Accept(Resolved(event, desk.now));
  EXPECT_EQ(desk.Run(1h), (Lines{"pager resolve 0/1", "team resolve 0/1"}));
}

TEST(EscalationTest, ALaterAlertOfTheGroupIsToldToWhoeverWasAdded) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(3min);
  desk.Accept(Firing("Down", "b", desk.now));
  Lines told = desk.Run(2min);
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (Lines{"boss update 2/0", "pager trigger 1/0", "team update 2/0"}));
  EXPECT_EQ(desk.Run(9min + 59s), Lines{});
  EXPECT_EQ(desk.Run(1s), Lines{"chief trigger 2/0"}) << "counted from the first alert";
}

TEST(EscalationTest, AReceiverOfTheRouteIsNotToldTwiceByTheFirstStep) {
  config::Config config = WithSteps({Within(Step(0s, {"team"}), 1min), Step(10min, {"team"})});
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(9min + 59s), Lines{"team trigger 1/0"});
  EXPECT_EQ(desk.Run(1s), Lines{"team repeat 1/0"}) << "the second step tells it again";
  EXPECT_TRUE(desk.ledger.counters().deadlines_missed.empty());
}

TEST(EscalationTest, AReceiverThatAnotherRouteToldIsNotLate) {
  config::Config config = WithSteps({Within(Step(0s, {"pager"}), 1min), Step(10min, {"pager"})});
  config::Route escalating = config.route;
  config::Route direct = config.route;
  direct.receiver = "pager";
  direct.escalation.clear();
  direct.continue_matching = true;
  config.route.routes = {direct, escalating};
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(9min + 59s), (Lines{"pager trigger 1/0", "team trigger 1/0"}));
  EXPECT_EQ(desk.Run(1s), Lines{"pager repeat 1/0"});
  EXPECT_TRUE(desk.ledger.counters().deadlines_missed.empty());
}

TEST(EscalationTest, RepeatsAStepWhileNobodyAcknowledges) {
  EscalationStep step = Step(0s, {"boss"}, Unless::kAcknowledged);
  step.repeat_every = 10min;
  step.repeat_max = 2;
  Desk desk(Share(WithSteps({step})));
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(5s);
  EXPECT_EQ(desk.Run(10min), Lines{"boss repeat 1/0"});
  EXPECT_EQ(desk.Run(10min), Lines{"boss repeat 1/0"});
  EXPECT_EQ(desk.Run(1h), Lines{});
}

TEST(EscalationTest, UpdatesEverySoOften) {
  EscalationStep step = Step(1min, {"boss"});
  step.updates_every = 30min;
  Desk desk(Share(WithSteps({step})));
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(2min);
  ASSERT_TRUE(desk.ledger.Acknowledge(AckOf(desk, 5h), desk.now));
  EXPECT_EQ(desk.Run(28min), Lines{});
  EXPECT_EQ(desk.Run(2min), Lines{"boss repeat 1/0"}) << "whoever looks after it";
  EXPECT_EQ(desk.Run(31min), Lines{"boss repeat 1/0"});
}

TEST(EscalationTest, AnAlertOfThePastIsMeasuredFromItsFiring) {
  Desk desk(Chain());
  desk.Accept(Firing("Other", "a", desk.now));
  desk.Run(1min);
  desk.Accept(Firing("Down", "a", desk.now - 3min));
  EXPECT_EQ(desk.Deliver(), (Lines{"boss trigger 1/0", "pager trigger 1/0", "team trigger 1/0"}));
}

TEST(EscalationTest, AnAlertKnownElsewhereForDaysBeginsNow) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now - 48h));
  EXPECT_EQ(desk.Run(1min), (Lines{"team trigger 1/0", "pager trigger 1/0"}));
  EXPECT_EQ(desk.Run(61s), Lines{"boss trigger 1/0"});
}

TEST(EscalationTest, TheLatencyOfAStepIsCountedFromTheStep) {
  Desk desk(Share(WithSteps({Step(20min, {"pager", "boss"})})));
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(21min);
  EXPECT_LT(desk.ledger.counters().latency_sum_seconds, 10) << "5 s of them are group_wait";
}

// --- who is not to be told --------------------------------------------------------------------

TEST(EscalationTest, StandsStillWhileSilenced) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(1min);
  Silence silence;
  silence.matchers = {model::Matcher::Equal("alertname", "Down")};
  silence.starts_at = desk.now;
  silence.ends_at = desk.now + 2h;
  ASSERT_TRUE(desk.ledger.SetSilence(silence, "s", desk.now));
  EXPECT_EQ(desk.Run(2h), Lines{});
  EXPECT_EQ(desk.Run(59s), Lines{}) << "what is told already is not told again";
  EXPECT_EQ(desk.Run(1s), Lines{"boss trigger 1/0"}) << "one of two minutes was left";
}

TEST(EscalationTest, BeginsWhenASilenceEnds) {
  Desk desk(Chain());
  Silence silence;
  silence.matchers = {model::Matcher::Equal("alertname", "Down")};
  silence.starts_at = desk.now;
  silence.ends_at = desk.now + 2h;
  ASSERT_TRUE(desk.ledger.SetSilence(silence, "s", desk.now));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(2h - 1s), Lines{});
  EXPECT_EQ(desk.Run(10s), (Lines{"team trigger 1/0", "pager trigger 1/0"}));
  EXPECT_EQ(desk.Run(100s), Lines{});
  EXPECT_EQ(desk.Run(15s), Lines{"boss trigger 1/0"});
}

TEST(EscalationTest, StandsStillWhileInhibited) {
  config::Config config = *Chain();
  config.inhibit_rules = {{{model::Matcher::Equal("alertname", "Site")},
                           {model::Matcher::Equal("alertname", "Down")},
                           {},
                           {}}};
  config.route.routes = {config.route};
  config.route.escalation.clear();
  config.route.routes[0].matchers = {model::Matcher::Equal("alertname", "Down")};
  Desk desk(Share(config));
  const model::AlertEvent cause = Firing("Site", "a", desk.now);
  desk.Accept(cause);
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(1h), Lines{"team trigger 1/0"});
  desk.Accept(Resolved(cause, desk.now));
  const Lines told = desk.Run(3min);
  EXPECT_EQ(std::count(told.begin(), told.end(), "boss trigger 1/0"), 1);
  EXPECT_EQ(std::count(told.begin(), told.end(), "chief trigger 1/0"), 0);
}

TEST(EscalationTest, StandsStillOutsideTheRoutesTimes) {
  config::Config config = *Chain();
  config::TimeInterval night;
  night.name = "night";
  night.periods.resize(1);
  night.periods[0].minutes = {{0, 59}};  // the first hour of the test
  config.time_intervals = {night};
  config.route.mute_time_intervals = {"night"};
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(1h - 1s), Lines{});
  const Lines told = desk.Run(3min);
  EXPECT_EQ(std::count(told.begin(), told.end(), "boss trigger 1/0"), 1);
  EXPECT_EQ(std::count(told.begin(), told.end(), "chief trigger 1/0"), 0);
}

// --- deadlines ------------------------------------------------------------------------------

TEST(EscalationTest, CountsADeadlineOnceAndTellsTheFallback) {
  ExpectLog("missed its deadline");
  config::Config config = WithSteps({Within(Step(1min, {"boss"}), 3min)});
  config.fallback_receiver = "chief";
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now, "warning"));
  desk.Run(30s);
  Lines told;
  const base::Timestamp end = desk.now + 3min;
  while (desk.now < end) {
    desk.now += 1s;
    desk.ledger.Tick(desk.now);
    for (const auto& [id, target] : desk.ledger.records().targets) {
      const auto job = desk.ledger.Take(id, desk.now);
      if (!job) continue;
      const bool fails = job->notification.receiver == "boss";
      if (!fails) told.push_back(Desk::Describe(*job) + " " + job->notification.note);
      desk.ledger.Settle(*job, fails ? Failed() : Delivered(), 1ms, desk.now);
    }
  }
  EXPECT_EQ(told,
            Lines{"chief trigger 1/0 Not delivered to receiver \"boss\" (webhook): it was to be "
                  "told within 3m (escalation policy \"p\")"});
  using Key = std::pair<std::string, std::string>;
  EXPECT_EQ(desk.ledger.counters().deadlines_missed,
            (std::map<Key, std::int64_t>{{{"boss", "warning"}, 1}}));
  desk.Run(1h);
  EXPECT_EQ(desk.ledger.counters().deadlines_missed.begin()->second, 1);
}

TEST(EscalationTest, ADeadlineIsKeptByWhoeverWasToldAndMissedByTheRest) {
  ExpectLog("missed its deadline");
  config::Config config = WithSteps({Within(Step(1min, {"boss", "chief"}), 3min)});
  config.receivers[2].integrations.emplace_back(Webhook("second.example.com"));
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(30s);
  while (desk.now < kStart + 3min) {
    desk.now += 1s;
    desk.ledger.Tick(desk.now);
    bool first = true;  // of the two integrations of "boss" one fails
    for (const auto& [id, target] : desk.ledger.records().targets) {
      const bool fails = target.receiver == "boss" && std::exchange(first, false);
      if (const auto job = desk.ledger.Take(id, desk.now)) {
        desk.ledger.Settle(*job, fails ? Failed() : Delivered(), 1ms, desk.now);
      }
    }
  }
  EXPECT_EQ(desk.ledger.counters().deadlines_missed.size(), 1U);
  EXPECT_EQ(desk.ledger.counters().deadlines_missed.begin()->first.first, "boss");
}

TEST(EscalationTest, AnAlertThatEndsInTimeMissesNothing) {
  Desk desk(Share(WithSteps({Within(Step(1min, {"boss"}), 3min)})));
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  desk.Run(90s, Delivered());
  desk.Accept(Resolved(event, desk.now));
  desk.Run(1h);
  EXPECT_TRUE(desk.ledger.counters().deadlines_missed.empty());
}

// --- acknowledgement --------------------------------------------------------------------------

TEST(AcknowledgeTest, StopsWhatWaitsForItAndNothingElse) {
  Desk desk(Chain());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  desk.Run(1min);
  EXPECT_EQ(*desk.ledger.Acknowledge(AckOf(desk, 1h), desk.now), 1U);
  EXPECT_EQ(desk.Run(10s), Lines{"pager acknowledge 1/0"}) << "PagerDuty stops calling";
  EXPECT_EQ(desk.Run(2min), Lines{"boss trigger 1/0"}) << "told either way";
  EXPECT_EQ(desk.last.alerts.front().annotations.Get("acknowledged"),
            "by ann at 2026-01-01T00:01:00Z until 2026-01-01T01:01:00Z: on it");
  EXPECT_EQ(desk.Run(50min), Lines{});
  desk.Accept(Resolved(event, desk.now));
  Lines ends = desk.Run(2min);
  std::sort(ends.begin(), ends.end());
  EXPECT_EQ(ends, (Lines{"boss resolve 0/1", "pager resolve 0/1", "team resolve 0/1"}));
}

TEST(AcknowledgeTest, EscalationGoesOnWhenItExpires) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(5min);
  ASSERT_TRUE(desk.ledger.Acknowledge(AckOf(desk, 1h), desk.now));
  EXPECT_EQ(desk.Run(1h), Lines{"pager acknowledge 1/0"});
  EXPECT_FALSE(desk.ledger.records().alerts.begin()->second.acknowledged);
  EXPECT_EQ(desk.Run(9min + 59s), Lines{});
  EXPECT_EQ(desk.Run(1s), Lines{"chief trigger 1/0"}) << "10 of 15 minutes were left";
}

TEST(AcknowledgeTest, IsOfTheAlertsThatFiredThen) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(5min);
  ASSERT_TRUE(desk.ledger.Acknowledge(AckOf(desk, 5h), desk.now));
  desk.Run(1min);
  desk.Accept(Firing("Down", "b", desk.now));
  const Lines told = desk.Run(10min + 10s);
  EXPECT_EQ(std::count(told.begin(), told.end(), "chief trigger 2/0"), 1);
}

TEST(AcknowledgeTest, CanBeWithdrawn) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(5min);
  AckRequest request = AckOf(desk, 5h);
  ASSERT_TRUE(desk.ledger.Acknowledge(request, desk.now));
  desk.Run(1h);
  request.until.reset();
  EXPECT_EQ(*desk.ledger.Acknowledge(request, desk.now), 1U);
  EXPECT_EQ(desk.ledger.Acknowledge(request, desk.now).error().message,
            "none of these alerts is acknowledged");
  EXPECT_EQ(desk.Run(10min + 1s), Lines{"chief trigger 1/0"});
}

TEST(AcknowledgeTest, SurvivesAFlapAndNotANewFiring) {
  Desk desk(Chain());
  model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  desk.Run(5min);
  ASSERT_TRUE(desk.ledger.Acknowledge(AckOf(desk, 5h), desk.now));
  desk.Accept(Resolved(event, desk.now));
  desk.Run(1min);
  event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  EXPECT_TRUE(desk.ledger.records().alerts.begin()->second.acknowledged);
  const Lines again = desk.Run(1min);
  EXPECT_EQ(std::count(again.begin(), again.end(), "pager acknowledge 1/0"), 1)
      << "the new incident is acknowledged as well";
  desk.Accept(Resolved(event, desk.now));
  desk.Run(6min);
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_FALSE(desk.ledger.records().alerts.begin()->second.acknowledged);
}

TEST(AcknowledgeTest, RefusesWhatMakesNoSense) {
  Desk desk(Chain());
  EXPECT_EQ(desk.ledger.Acknowledge(AckOf(desk, 1h), desk.now).error().message, kNothingFires);
  desk.Accept(Firing("Down", "a", desk.now));
  AckRequest request = AckOf(desk, 1h);
  request.by = " \n ";
  EXPECT_FALSE(desk.ledger.Acknowledge(request, desk.now));
  EXPECT_FALSE(desk.ledger.Acknowledge(AckOf(desk, 0s), desk.now));
  EXPECT_FALSE(desk.ledger.Acknowledge(AckOf(desk, 169h), desk.now));
  request = AckOf(desk, 1h);
  request.selection = {};
  EXPECT_EQ(desk.ledger.Acknowledge(request, desk.now).error().message, kNothingFires)
      << "no selection is not everything";
  EXPECT_FALSE(desk.ledger.records().alerts.begin()->second.acknowledged);
}

TEST(AcknowledgeTest, APageUnderWayIsAcknowledgedOnceItArrived) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.now += 5s;
  desk.ledger.Tick(desk.now);
  std::string pager;
  for (const auto& [id, target] : desk.ledger.records().targets) {
    if (target.receiver == "pager") pager = id;
  }
  const auto job = desk.ledger.Take(pager, desk.now);
  ASSERT_TRUE(job);
  ASSERT_TRUE(desk.ledger.Acknowledge(AckOf(desk, 1h), desk.now));
  EXPECT_FALSE(desk.ledger.Take(pager, desk.now));
  desk.ledger.Settle(*job, Delivered(), 1ms, desk.now);
  EXPECT_EQ(desk.Deliver(), (Lines{"pager acknowledge 1/0", "team trigger 1/0"}));
}

TEST(AcknowledgeTest, PagerDutyRefusingItTellsNobody) {
  ExpectLog("an acknowledgement was not passed on");
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(10s);
  ASSERT_TRUE(desk.ledger.Acknowledge(AckOf(desk, 1h), desk.now));
  EXPECT_EQ(desk.Deliver(Refused()), Lines{"pager acknowledge 1/0"});
  EXPECT_EQ(desk.Run(1min), Lines{});
  EXPECT_TRUE(desk.ledger.counters().dead_letters.empty());
}

// --- links ----------------------------------------------------------------------------------

TEST(AckLinkTest, IsOnWhatEscalatesAndNotYetAcknowledged) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.now += 5s;
  desk.ledger.Tick(desk.now);
  std::map<std::string, AckLink> links;
  for (const auto& [id, target] : desk.ledger.records().targets) {
    if (const auto job = desk.ledger.Take(id, desk.now)) {
      ASSERT_TRUE(job->link) << id;
      links[target.receiver] = *job->link;
      desk.ledger.Settle(*job, Delivered(), 1ms, desk.now);
    }
  }
  EXPECT_EQ(links["pager"].kind, AckLink::Kind::kAlert);
  EXPECT_EQ(links["team"].kind, AckLink::Kind::kGroup);
  AckRequest request;
  request.by = "bob";
  request.until = desk.now + 1h;
  request.selection.link = links["team"];
  desk.now += 1min;
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(*desk.ledger.Acknowledge(request, desk.now), 1U) << "not the one that came later";
  EXPECT_EQ(desk.ledger.Acknowledge(request, desk.now).error().message, kLinkUsed);
  request.selection.link = links["pager"];
  EXPECT_EQ(*desk.ledger.Acknowledge(request, desk.now), 1U) << "each link is good for one use";
  request.selection.link->nonce = "0000000000000000";
  request.selection.link->expires = desk.now;
  EXPECT_EQ(desk.ledger.Acknowledge(request, desk.now).error().message, kLinkExpired);
}

// A receiver that took the message and seemed not to has two links of one notification.
TEST(AckLinkTest, OneUseIsOneUseOfAllAttempts) {
  Desk desk(Chain());
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(5min);
  AckRequest request = AckOf(desk, 1h);
  request.selection.link = AckLink{AckLink::Kind::kGroup, GroupScope("{}:{alertname=\"Down\"}"),
                                   desk.now, desk.now + kLinkLifetime, "00112233445566ff"};
  ASSERT_TRUE(desk.ledger.Acknowledge(request, desk.now));
  request.selection.link->expires += 1h;
  desk.now += kLinkLifetime + 10min;
  desk.Deliver();
  request.until = desk.now + 1h;
  EXPECT_EQ(desk.ledger.Acknowledge(request, desk.now).error().message, kLinkUsed);
}

TEST(AckLinkTest, TokensOfOthersAndChangedOnesAreNone) {
  const base::Secret key("0123456789abcdef");
  AckLink link;
  link.scope = GroupScope("{}:{}");
  link.issued = kStart + 5ms;
  link.expires = kStart + 24h;
  link.nonce = "00112233445566ff";
  const std::string token = MakeToken(key, link);
  const auto read = ReadToken(key, token);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->scope, link.scope);
  EXPECT_EQ(read->issued, link.issued);
  EXPECT_EQ(read->expires, link.expires);
  EXPECT_EQ(read->nonce, link.nonce);
  EXPECT_FALSE(ReadToken(base::Secret("another"), token));
  EXPECT_FALSE(ReadToken(base::Secret(), token));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(ReadToken(key, changed)) << i;
    EXPECT_FALSE(ReadToken(key, token.substr(0, i))) << i;
  }
  EXPECT_FALSE(ReadToken(key, token + "0"));
  EXPECT_FALSE(ReadToken(key, std::string(100'000, '.')));
}

// --- restarts and reloads -----------------------------------------------------------------------

struct Disk {
  std::unique_ptr<db::Database> database = *db::Database::OpenInMemory(Migrations());
  void Save(Ledger& ledger) { ASSERT_TRUE(SaveChanges(*database, ledger, ledger.TakeChanges())); }
  Records Load(base::Timestamp now) {
    auto stored = LoadState(*database, now);
    EXPECT_TRUE(stored);
    return std::move(*stored);
  }
};

TEST(EscalationRestartTest, GoesOnWhereItWas) {
  Disk disk;
  Desk before(Chain());
  before.Accept(Firing("Down", "a", before.now));
  before.Run(3min);
  disk.Save(before.ledger);
  Desk after(Chain(), disk.Load(before.now + 1min), before.now + 1min);
  EXPECT_EQ(after.Run(10min + 59s), Lines{}) << "nobody is told again";
  EXPECT_EQ(after.Run(1s), Lines{"chief trigger 1/0"});
}

TEST(EscalationRestartTest, AStepDueMeanwhileIsTakenAtOnceAndLate) {
  ExpectLog("missed its deadline");
  const auto config =
      Share(WithSteps({Within(Step(2min, {"boss"}), 5min), Within(Step(3min, {"pager"}), 1h)}));
  Disk disk;
  Desk before(config);
  before.Accept(Firing("Down", "a", before.now));
  before.Run(1min);
  disk.Save(before.ledger);
  Desk after(config, disk.Load(before.now + 10min), before.now + 10min);
  EXPECT_EQ(after.Deliver(), (Lines{"boss trigger 1/0", "pager trigger 1/0"}));
  EXPECT_EQ(after.ledger.counters().deadlines_missed.size(), 1U);
  EXPECT_EQ(after.ledger.counters().deadlines_missed.begin()->first.first, "boss");
  disk.Save(after.ledger);
  Desk again(config, disk.Load(after.now + 1h), after.now + 1h);
  again.Run(1min);
  EXPECT_TRUE(again.ledger.counters().deadlines_missed.empty()) << "counted once";
}

TEST(EscalationRestartTest, AnAcknowledgementAndAUsedLinkAreRemembered) {
  Disk disk;
  Desk before(Chain());
  before.Accept(Firing("Down", "a", before.now));
  before.Run(5min);
  AckRequest request = AckOf(before, 1h);
  request.selection.link = AckLink{AckLink::Kind::kGroup, GroupScope("{}:{alertname=\"Down\"}"),
                                   before.now, before.now + 24h, "00112233445566ff"};
  ASSERT_TRUE(before.ledger.Acknowledge(request, before.now));
  EXPECT_EQ(before.Deliver(), Lines{"pager acknowledge 1/0"});
  disk.Save(before.ledger);
  Desk after(Chain(), disk.Load(before.now + 30min), before.now + 30min);
  const auto& known = after.ledger.records().alerts.begin()->second.acknowledged;
  ASSERT_TRUE(known);
  EXPECT_EQ(known->ToString(), "by ann at 2026-01-01T00:05:00Z until 2026-01-01T01:05:00Z: on it");
  EXPECT_EQ(after.Run(30min - 1s), Lines{}) << "and PagerDuty is not told again";
  EXPECT_EQ(after.ledger.Acknowledge(request, after.now).error().message, kLinkUsed);
  EXPECT_EQ(after.Run(10min), Lines{});
  EXPECT_EQ(after.Run(2s), Lines{"chief trigger 1/0"});
}

TEST(EscalationRestartTest, AnAcknowledgementThatEndedMeanwhileEndedThen) {
  Disk disk;
  Desk before(Chain());
  before.Accept(Firing("Down", "a", before.now));
  before.Run(5min);
  ASSERT_TRUE(before.ledger.Acknowledge(AckOf(before, 1h), before.now));
  before.Run(1min);
  disk.Save(before.ledger);
  Desk after(Chain(), disk.Load(before.now + 68min), before.now + 68min);
  EXPECT_EQ(after.Run(59s), Lines{}) << "9 of the 10 minutes that were left have passed";
  EXPECT_EQ(after.Run(2s), Lines{"chief trigger 1/0"});
  disk.Save(before.ledger);
  Desk late(Chain(), disk.Load(before.now + 3h), before.now + 3h);
  EXPECT_EQ(late.Deliver(), Lines{"chief trigger 1/0"}) << "at once";
}

TEST(EscalationRestartTest, AClockSetBackNeitherRepeatsNorLosesAStep) {
  Disk disk;
  Desk before(Chain());
  before.Accept(Firing("Down", "a", before.now));
  before.Run(14min);
  disk.Save(before.ledger);
  Desk after(Chain(), disk.Load(kStart - 1h), kStart - 1h);
  EXPECT_EQ(after.Run(14min), Lines{});
  EXPECT_EQ(after.Run(2min), Lines{"chief trigger 1/0"});
}

TEST(EscalationReloadTest, APolicyThatComesLaterBeginsThen) {
  config::Config config = *Chain();
  config.route.escalation.clear();
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(2h), Lines{"team trigger 1/0"});
  desk.ledger.Reload(Chain(), desk.now);
  EXPECT_EQ(desk.Run(10s), Lines{"pager trigger 1/0"});
  EXPECT_EQ(desk.Run(109s), Lines{});
  EXPECT_EQ(desk.Run(1s), Lines{"boss trigger 1/0"});
}

TEST(EscalationReloadTest, AChangedPolicyKeepsWhatWasDone) {
  Desk desk(Chain());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  desk.Run(10min);
  // The boss's step moves, the chief's comes earlier, with a deadline that has passed.
  desk.ledger.Reload(Share(WithSteps({Step(0s, {"pager"}), Step(5min, {"boss"}),
                                      Within(Step(6min, {"chief"}), 7min)})),
                     desk.now);
  EXPECT_EQ(desk.Deliver(), Lines{"chief trigger 1/0"});
  EXPECT_EQ(desk.Run(1h), Lines{});
  EXPECT_TRUE(desk.ledger.counters().deadlines_missed.empty()) << "promised to nobody";
  // A receiver that leaves the policy is still told of the end.
  desk.ledger.Reload(Share(WithSteps({Step(0s, {"pager"})})), desk.now);
  EXPECT_EQ(desk.Run(1h), Lines{});
  desk.Accept(Resolved(event, desk.now));
  Lines ends = desk.Run(2min);
  std::sort(ends.begin(), ends.end());
  EXPECT_EQ(ends, (Lines{"boss resolve 0/1", "chief resolve 0/1", "pager resolve 0/1",
                         "team resolve 0/1"}));
  EXPECT_TRUE(desk.ledger.records().escalations.empty());
}

TEST(EscalationReloadTest, ARenamedPolicyBeginsAgain) {
  Desk desk(Share(WithSteps({Within(Step(1min, {"pager", "boss"}), 5min)})));
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Run(10min);
  config::Config config = WithSteps({Within(Step(1min, {"pager", "boss"}), 5min)});
  config.escalation_policies[0].name = config.route.escalation = "q";
  desk.ledger.Reload(Share(config), desk.now);
  EXPECT_EQ(desk.Run(59s), Lines{});
  EXPECT_EQ(desk.Run(2s), (Lines{"boss repeat 1/0", "pager repeat 1/0"}));
  desk.Run(1h);
  EXPECT_TRUE(desk.ledger.counters().deadlines_missed.empty());
}

TEST(EscalationReloadTest, APolicyThatGoesLeavesTheEndsOwed) {
  Desk desk(Chain());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  desk.Run(3min);
  config::Config config = *Chain();
  config.route.escalation.clear();
  config.escalation_policies.clear();
  desk.ledger.Reload(Share(config), desk.now);
  EXPECT_EQ(desk.Run(1h), Lines{});
  EXPECT_TRUE(desk.ledger.records().escalations.empty());
  desk.Accept(Resolved(event, desk.now));
  Lines ends = desk.Run(2min);
  std::sort(ends.begin(), ends.end());
  EXPECT_EQ(ends, (Lines{"boss resolve 0/1", "pager resolve 0/1", "team resolve 0/1"}));
}

}  // namespace
}  // namespace drwatch::notify
