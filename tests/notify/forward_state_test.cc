// What an Alertmanager is told, when, and what happens when it does not listen.
#include "notify/forward_state.h"

#include <gtest/gtest.h>

#include "fixtures.h"

namespace drwatch::notify {
namespace {

const std::string kFirst = "http://am1:9093/api/v2/alerts";
const std::string kSecond = "http://am2:9093/api/v2/alerts";

config::Config Peers(std::vector<std::string> targets) {
  config::Config config;
  config.alertmanagers.emplace_back();
  config.alertmanagers[0].targets = std::move(targets);
  return config;
}

ForwardState TwoPeers() {
  return ForwardState(Share(Peers({"am1:9093", "am2:9093"})), kForwardRepeat, kStart);
}

Verdict Rejected(std::string reason = "client_error") {
  Verdict verdict = Failed(std::move(reason));
  verdict.kind = Verdict::Kind::kRejected;
  verdict.minimal_may_help = verdict.reason == "client_error";
  return verdict;
}

// "A firing, B resolved" of what the peer is told at `now`, and that it takes it.
std::string Tell(ForwardState& state, const std::string& url, base::Timestamp now) {
  std::string told;
  for (int request = 0; request < 1000; ++request) {
    const std::vector<ForwardItem> items = state.Take(url, now);
    if (items.empty()) return told;
    for (const ForwardItem& item : items) {
      told += (told.empty() ? "" : ", ") + std::string(item.alert.labels.Get("alertname")) +
              (item.alert.resolved() ? " resolved" : " firing");
    }
    state.Settle(url, items, Delivered(), now);
  }
  ADD_FAILURE() << "it never ends";
  return told;
}

model::AlertEvent Updated(model::AlertEvent event, const std::string& text) {
  event.change = model::AlertChange::kUpdated;
  event.alert.annotations = {{"summary", text}};
  return event;
}

TEST(ForwardStateTest, EveryPeerIsToldOfEveryChangeAtOnce) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  EXPECT_EQ(Tell(state, kFirst, kStart), "A firing");
  EXPECT_EQ(Tell(state, kSecond, kStart), "A firing");
  EXPECT_EQ(Tell(state, kFirst, kStart + 1s), "");
  state.Apply({Resolved(Firing("A", "x", kStart), kStart + 5s)}, kStart + 5s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 5s), "A resolved");
  EXPECT_EQ(Tell(state, kSecond, kStart + 5s), "A resolved");
}

TEST(ForwardStateTest, RepeatsWhatFiresAndForAWhileItsEnd) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  Tell(state, kFirst, kStart);
  EXPECT_EQ(state.NextTake(kFirst), kStart + 1min);
  EXPECT_EQ(Tell(state, kFirst, kStart + 59s), "");
  EXPECT_EQ(Tell(state, kFirst, kStart + 1min), "A firing");
  EXPECT_EQ(Tell(state, kFirst, kStart + 2min), "A firing");
  const base::Timestamp end = kStart + 150s;
  state.Apply({Resolved(Firing("A", "x", kStart), end)}, end);
  int repeated = 0;
  for (base::Timestamp now = end; now < end + 1h; now += 1s) {
    repeated += Tell(state, kFirst, now).empty() ? 0 : 1;
  }
  EXPECT_EQ(repeated, 15) << "at once and then each minute for 15";
  EXPECT_FALSE(state.NextTake(kFirst)) << "forgotten";
}

TEST(ForwardStateTest, WhatTheRulesSayAgainIsNoNews) {
  ForwardState state = TwoPeers();
  const model::AlertEvent firing = Firing("A", "x", kStart);
  state.Apply({firing}, kStart);
  Tell(state, kFirst, kStart);
  state.Apply({firing, Updated(firing, "another text")}, kStart + 10s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 10s), "");
  const auto repeated = state.Take(kFirst, kStart + 1min);
  ASSERT_EQ(repeated.size(), 1U);
  EXPECT_EQ(repeated[0].alert.annotations.Get("summary"), "another text");
  const model::AlertEvent resolved = Resolved(firing, kStart + 70s);
  state.Apply({resolved}, kStart + 70s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 70s), "A resolved");
  state.Apply({resolved, firing}, kStart + 80s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 80s), "") << "an old event turns nothing back";
  state.Apply({resolved}, kStart + 20min);
  EXPECT_EQ(Tell(state, kFirst, kStart + 20min), "") << "over for good";
}

TEST(ForwardStateTest, AnAlertThatComesBackIsANewOne) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  state.Apply({Resolved(Firing("A", "x", kStart), kStart + 10s)}, kStart + 10s);
  state.Apply({Firing("A", "x", kStart + 20s)}, kStart + 20s);
  const auto items = state.Take(kFirst, kStart + 20s);
  ASSERT_EQ(items.size(), 1U) << "the newest state only";
  EXPECT_EQ(items[0].alert.fired_at, kStart + 20s);
  EXPECT_FALSE(items[0].alert.resolved());
  state.Settle(kFirst, items, Delivered(), kStart + 20s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 20min), "A firing") << "not forgotten with its first end";
}

// It fired and ended while the clock was an hour ahead.
TEST(ForwardStateTest, AnAlertThatComesBackAfterTheClockWasSetBackIsANewOne) {
  ForwardState state = TwoPeers();
  const model::AlertEvent ahead = Firing("A", "x", kStart + 1h);
  state.Apply({ahead}, kStart + 1h);
  state.Apply({Resolved(ahead, kStart + 1h + 1min)}, kStart + 1h + 1min);
  EXPECT_EQ(Tell(state, kFirst, kStart + 1h + 1min), "A resolved");
  state.Shift(-1h);  // half a minute later
  const base::Timestamp now = kStart + 90s;
  // An old end that is offered again is no news.
  state.Apply({Resolved(Firing("A", "x", kStart), kStart + 1s)}, now);
  EXPECT_EQ(Tell(state, kFirst, now), "");
  const model::AlertEvent again = Firing("A", "x", kStart + 2min);
  state.Apply({again}, kStart + 2min);
  EXPECT_EQ(Tell(state, kFirst, kStart + 2min), "A firing");
  state.Apply({Resolved(again, kStart + 3min)}, kStart + 3min);
  EXPECT_EQ(Tell(state, kFirst, kStart + 3min), "A resolved");
}

TEST(ForwardStateTest, WhatWaitsGoesOnWaitingForAsLongAsBeforeWhenTheClockWasSet) {
  for (const base::Duration step : {base::Duration(-1h), base::Duration(1h)}) {
    ForwardState state = TwoPeers();
    state.Apply({Firing("A", "x", kStart), Firing("B", "x", kStart)}, kStart);
    state.Apply({Resolved(Firing("B", "x", kStart), kStart)}, kStart);
    EXPECT_EQ(Tell(state, kFirst, kStart), "A firing, B resolved");
    state.Settle(kSecond, state.Take(kSecond, kStart), Failed(), kStart);
    const auto again = state.NextTake(kSecond);
    ASSERT_TRUE(again);
    state.Shift(step);
    EXPECT_EQ(state.NextTake(kSecond), *again + step);
    EXPECT_EQ(state.Health(kStart + step + 2s)[1].oldest, base::Duration(2s));
    EXPECT_EQ(Tell(state, kFirst, kStart + step + kForwardRepeat - 1s), "");
    EXPECT_EQ(Tell(state, kFirst, kStart + step + kForwardRepeat), "A firing, B resolved");
    EXPECT_EQ(Tell(state, kFirst, kStart + step + kForwardEnds), "A firing") << "forgotten";
  }
}

TEST(ForwardStateTest, APeerThatFailsOwesNothingToTheOtherAndIsToldTheNewestState) {
  ForwardState state = TwoPeers();
  base::Timestamp now = kStart;
  state.Apply({Firing("A", "x", now), Firing("B", "x", now)}, now);
  EXPECT_EQ(state.Settle(kFirst, state.Take(kFirst, now), Failed(), now), ForwardNews::kFails);
  EXPECT_TRUE(state.Take(kFirst, now).empty()) << "no hot loop";
  EXPECT_EQ(Tell(state, kSecond, now), "A firing, B firing");
  EXPECT_EQ(state.Health(now)[0].waiting, 2U);
  for (int i = 0; i < 1000; ++i) {
    now += 1s;
    state.Apply({Resolved(Firing("A", "x", kStart + i * 1s), now), Firing("A", "x", now)}, now);
  }
  EXPECT_EQ(state.Health(now)[0].waiting, 2U) << "no growing backlog";
  EXPECT_EQ(state.Health(now)[0].oldest, base::Duration(1000s));
  const auto items = state.Take(kFirst, now);
  EXPECT_EQ(state.Settle(kFirst, items, Delivered(), now), ForwardNews::kWorksAgain);
  EXPECT_EQ(items.size(), 2U);
  EXPECT_EQ(state.Health(now)[0].waiting, 0U);
}

TEST(ForwardStateTest, PausesGrowToALimitAndRetryAfterIsKept) {
  ForwardState state = TwoPeers();
  base::Timestamp now = kStart;
  state.Apply({Firing("A", "x", now)}, now);
  base::Duration pause{};
  for (int i = 0; i < 10; ++i) {
    state.Settle(kFirst, state.Take(kFirst, now), Failed(), now);
    const base::Duration next = *state.NextTake(kFirst) - now;
    EXPECT_GE(next, std::max(pause, base::Duration(800ms)));
    EXPECT_LE(next, kForwardMaxPause);
    pause = i < 3 ? next : pause;
    now += next;
  }
  Verdict later = Failed("rate_limited");
  later.retry_after = 5min;
  state.Settle(kFirst, state.Take(kFirst, now), later, now);
  EXPECT_EQ(state.NextTake(kFirst), now + 5min);
  EXPECT_FALSE(state.HasChanges(kFirst, now)) << "not worth waiting for at the end";
}

TEST(ForwardStateTest, AChangeDuringARequestIsTold) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  const auto items = state.Take(kFirst, kStart);
  state.Apply({Resolved(Firing("A", "x", kStart), kStart + 5s)}, kStart + 5s);
  state.Settle(kFirst, items, Delivered(), kStart + 6s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 6s), "A resolved");
}

TEST(ForwardStateTest, AChangeDuringARepetitionIsTold) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  Tell(state, kFirst, kStart);
  const auto items = state.Take(kFirst, kStart + 1min);
  ASSERT_EQ(items.size(), 1U);
  state.Apply({Resolved(Firing("A", "x", kStart), kStart + 61s)}, kStart + 61s);
  state.Settle(kFirst, items, Delivered(), kStart + 62s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 62s), "A resolved");
}

TEST(ForwardStateTest, RequestsHaveAtMostSixtyFourAlertsAndAMebibyte) {
  ForwardState state = TwoPeers();
  std::vector<model::AlertEvent> events;
  for (int i = 0; i < 150; ++i) events.push_back(Firing("A", std::to_string(i), kStart));
  state.Apply(events, kStart);
  std::vector<std::size_t> sizes;
  for (auto items = state.Take(kFirst, kStart); !items.empty();
       items = state.Take(kFirst, kStart)) {
    sizes.push_back(items.size());
    state.Settle(kFirst, items, Delivered(), kStart);
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{64, 64, 22}));
  model::AlertEvent huge = Firing("Huge", "1", kStart);
  huge.alert.annotations = {{"description", std::string(700 << 10, 'x')}};
  model::AlertEvent more = huge;
  more.alert.labels = more.alert.labels.With("instance", "2");
  state.Apply({huge, more}, kStart + 1s);
  EXPECT_EQ(state.Take(kFirst, kStart + 1s).size(), 1U);
}

TEST(ForwardStateTest, ChangesGoBeforeRepetitions) {
  ForwardState state = TwoPeers();
  std::vector<model::AlertEvent> events;
  for (int i = 0; i < 64; ++i) events.push_back(Firing("Old", std::to_string(i), kStart));
  state.Apply(events, kStart);
  Tell(state, kFirst, kStart);
  state.Apply({Firing("New", "x", kStart + 2min)}, kStart + 2min);
  const auto items = state.Take(kFirst, kStart + 2min);
  ASSERT_EQ(items.size(), 64U);
  EXPECT_EQ(items[0].alert.labels.Get("alertname"), "New");
  EXPECT_TRUE(items[0].change);
  EXPECT_FALSE(items[1].change);
}

// One alert the Alertmanager does not like, among others: the others arrive, without a pause.
TEST(ForwardStateTest, ARefusedAlertHoldsUpNoOther) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart), Firing("Bad", "x", kStart), Firing("C", "x", kStart)},
              kStart);
  const auto round = [&](base::Timestamp now) {
    std::string told;
    for (int request = 0; request < 20; ++request) {
      const auto items = state.Take(kFirst, now);
      if (items.empty()) break;
      bool bad = false;
      std::string names;
      for (const ForwardItem& item : items) {
        bad = bad || item.alert.labels.Get("alertname") == "Bad";
        names += std::string(item.alert.labels.Get("alertname")) + " ";
      }
      told += bad ? "" : names;
      const ForwardNews news = state.Settle(kFirst, items, bad ? Rejected() : Delivered(), now);
      if (news == ForwardNews::kRefusesAlert) told += "refused " + names;
    }
    return told;
  };
  EXPECT_EQ(round(kStart), "A refused Bad C ");
  EXPECT_EQ(state.Health(kStart)[0].refused, 1);
  EXPECT_EQ(state.Health(kStart)[0].failures, 0);
  EXPECT_EQ(round(kStart + 1s), "") << "no hot loop";
  EXPECT_EQ(round(kStart + 1min), "A C ") << "once more, alone, and without another word";
  EXPECT_EQ(state.Health(kStart)[0].refused, 2);
  EXPECT_EQ(round(kStart + 61s), "");
}

TEST(ForwardStateTest, WhoRefusesEverythingIsLeftAlone) {
  ForwardState state = TwoPeers();
  std::vector<model::AlertEvent> events;
  for (int i = 0; i < 1000; ++i) events.push_back(Firing("A", std::to_string(i), kStart));
  state.Apply(events, kStart);
  int requests = 0;
  for (base::Timestamp now = kStart; now < kStart + 10min; now += 1s) {
    for (auto items = state.Take(kFirst, now); !items.empty(); items = state.Take(kFirst, now)) {
      state.Settle(kFirst, items, Rejected(), now);
      ++requests;
    }
  }
  EXPECT_LT(requests, 60);
  EXPECT_GT(requests, 30);
}

TEST(ForwardStateTest, WrongCredentialsAreAFailureOfThePeer) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  EXPECT_EQ(state.Settle(kFirst, state.Take(kFirst, kStart), Rejected("auth"), kStart),
            ForwardNews::kFails);
  const ForwardHealth health = state.Health(kStart)[0];
  EXPECT_EQ(health.failures, 1);
  EXPECT_EQ(health.errors.at("auth"), 1);
  EXPECT_EQ(health.refused, 0);
  EXPECT_EQ(health.waiting, 1U);
}

TEST(ForwardStateTest, AfterARestartNothingIsSaidBeforeTheRulesHaveLooked) {
  ForwardState state = TwoPeers();
  const base::Timestamp before = kStart - 5min;
  const model::AlertEvent again = Resolved(Firing("Again", "x", before), kStart - 1min);
  const model::AlertEvent over = Resolved(Firing("Over", "x", before), kStart - 1min);
  const model::AlertEvent ancient = Resolved(Firing("Ancient", "x", before), kStart - 20min);
  const model::AlertEvent holds = Firing("Holds", "x", before);
  const model::AlertEvent frozen = Firing("Frozen", "x", before);
  const model::AlertEvent ended = Firing("Ended", "x", before);
  state.Restore({again, over, ancient, holds, frozen, ended}, kStart);
  EXPECT_EQ(Tell(state, kFirst, kStart + 9s), "");
  state.Apply({Firing("Again", "x", kStart + 10s), Updated(holds, "still so"),
               Resolved(ended, kStart + 10s)},
              kStart + 10s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 10s), "Again firing, Holds firing, Ended resolved");
  state.Confirm(kStart + 11s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 11s), "Over resolved, Frozen firing")
      << "what no rule speaks of stays as it was";
  state.Confirm(kStart + 12s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 12s), "");
}

TEST(ForwardStateTest, AfterARestartOldNewsWaitsNoLongerThanARepetition) {
  ForwardState state = TwoPeers();
  state.Restore({Firing("A", "x", kStart - 5min)}, kStart);
  EXPECT_EQ(Tell(state, kFirst, kStart + 59s), "");
  EXPECT_EQ(Tell(state, kFirst, kStart + 1min), "A firing");
}

TEST(ForwardStateTest, AReloadKeepsPeersAndTellsNewOnesEverything) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  Tell(state, kFirst, kStart);
  state.Settle(kSecond, state.Take(kSecond, kStart), Failed(), kStart);
  state.Reload(Share(Peers({"am1:9093", "am3:9093"})), kStart + 1s);
  EXPECT_EQ(Tell(state, kFirst, kStart + 1s), "") << "it knows";
  EXPECT_EQ(Tell(state, "http://am3:9093/api/v2/alerts", kStart + 1s), "A firing");
  EXPECT_TRUE(state.Take(kSecond, kStart + 1h).empty()) << "removed";
  EXPECT_FALSE(state.NextTake(kSecond));
  ASSERT_EQ(state.Health(kStart).size(), 2U);
  EXPECT_EQ(state.Health(kStart)[0].sent, 1) << "its counters go on";
  config::Config renamed = Peers({"am1:9093"});
  renamed.global.external_labels = {{"site", "b"}};
  state.Reload(Share(renamed), kStart + 2s);
  const auto items = state.Take(kFirst, kStart + 2s);
  ASSERT_EQ(items.size(), 1U) << "under another name it is unknown there";
  EXPECT_EQ(items[0].alert.labels.Get("site"), "b");
}

TEST(ForwardStateTest, SaysWhyAnAlertIsOver) {
  ForwardState state = TwoPeers();
  model::AlertEvent over = Resolved(Firing("A", "x", kStart), kStart + 5s);
  over.reason = "rule removed";
  state.Apply({Firing("A", "x", kStart), over}, kStart + 5s);
  EXPECT_EQ(state.Take(kFirst, kStart + 5s).at(0).alert.annotations.Get(kResolveReason),
            "rule removed");
}

TEST(ForwardStateTest, AlertsThatFireLastFourRepetitions) {
  config::Config config = Peers({"am1:9093"});
  config.global.evaluation_interval = 15s;
  EXPECT_EQ(ForwardState(Share(config), kForwardRepeat, kStart).Validity(), base::Duration(4min));
  config.global.evaluation_interval = 5min;
  EXPECT_EQ(ForwardState(Share(config), kForwardRepeat, kStart).Validity(), base::Duration(20min));
}

TEST(ForwardStateTest, CountsLatencyFromTheChange) {
  ForwardState state = TwoPeers();
  state.Apply({Firing("A", "x", kStart)}, kStart);
  state.Settle(kFirst, state.Take(kFirst, kStart), Failed(), kStart);
  Tell(state, kFirst, kStart + 3s);
  Tell(state, kFirst, kStart + 63s);
  const ForwardHealth health = state.Health(kStart)[0];
  EXPECT_EQ(health.sent, 2);
  EXPECT_DOUBLE_EQ(health.latency_sum_seconds, 3) << "a repetition is no change";
  const auto families = ForwardMetrics(state.Health(kStart));
  EXPECT_EQ(families.size(), 7U);
  for (const model::MetricFamily& family : families) {
    EXPECT_TRUE(family.name.starts_with("drwatch_alertmanager_")) << family.name;
    EXPECT_EQ(family.points.front().labels.Get("alertmanager"), kFirst);
  }
}

TEST(ForwardStateTest, NobodyToTellNoMetrics) {
  ForwardState state(Share(config::Config()), kForwardRepeat, kStart);
  state.Apply({Firing("A", "x", kStart)}, kStart);
  EXPECT_TRUE(state.Take(kFirst, kStart).empty());
  EXPECT_TRUE(ForwardMetrics(state.Health(kStart)).empty());
}

}  // namespace
}  // namespace drwatch::notify
