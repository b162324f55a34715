// Silences, inhibition and time intervals: what is held back, what passes, what is told afterwards.
#include <gtest/gtest.h>

#include "fixtures.h"
#include "notify/limits.h"

namespace drwatch::notify {
namespace {

config::Config SlackConfig() { return MakeConfig({{"team", {Slack()}, {}}}); }
config::Config PagerConfig() { return MakeConfig({{"pager", {PagerDuty()}, {}}}); }

Silence SilenceOf(const std::string& alertname, base::Duration duration,
                  base::Timestamp start = kStart) {
  Silence silence;
  silence.matchers = {model::Matcher::Equal("alertname", alertname)};
  silence.starts_at = start;
  silence.ends_at = start + duration;
  silence.created_by = "ann";
  silence.comment = "maintenance";
  return silence;
}

config::InhibitRule Inhibit(const std::string& source, const std::string& target) {
  config::InhibitRule rule;
  rule.source = {model::Matcher::Equal("alertname", source)};
  rule.target = {model::Matcher::Equal("alertname", target)};
  rule.equal = {"instance"};
  return rule;
}

// Mutes the routes' only child between 01:00 and 02:00 UTC.
config::Config NightConfig(config::Config config) {
  config::TimeInterval night;
  night.name = "night";
  night.periods.resize(1);
  night.periods[0].minutes = {{60, 119}};
  config.time_intervals = {night};
  config::Route child = config.route;
  child.mute_time_intervals = {"night"};
  config.route.routes = {child};
  return config;
}

TEST(SilenceTest, HoldsBackAndTellsAtItsEnd) {
  for (const config::Config& config : {SlackConfig(), PagerConfig()}) {
    Desk desk(Share(config));
    const std::string who = config.receivers[0].name;
    ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", 1h), "s1", desk.now));
    desk.Accept(Firing("Down", "a", desk.now));
    EXPECT_EQ(desk.Run(59min), Lines{});
    EXPECT_EQ(desk.Run(2min), Lines{who + " trigger 1/0"});
    EXPECT_EQ(desk.Run(1h), Lines{});
  }
}

TEST(SilenceTest, LetsTheEndOfWhatWasToldPass) {
  for (const config::Config& config : {SlackConfig(), PagerConfig()}) {
    Desk desk(Share(config));
    const std::string who = config.receivers[0].name;
    const model::AlertEvent event = Firing("Down", "a", desk.now);
    desk.Accept(event);
    EXPECT_EQ(desk.Run(10s), Lines{who + " trigger 1/0"});
    ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", 48h), "s1", desk.now));
    EXPECT_EQ(desk.Run(24h), Lines{});  // no repetitions
    desk.Accept(Resolved(event, desk.now));
    EXPECT_EQ(desk.Run(2min), Lines{who + " resolve 0/1"});
    EXPECT_TRUE(desk.ledger.records().deliveries.empty());
  }
}

TEST(SilenceTest, SaysNothingOfWhatBeganAndEndedUnderIt) {
  for (const config::Config& config : {SlackConfig(), PagerConfig()}) {
    Desk desk(Share(config));
    ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", 1h), "s1", desk.now));
    const model::AlertEvent event = Firing("Down", "a", desk.now);
    desk.Accept(event);
    EXPECT_EQ(desk.Run(10min), Lines{});
    desk.Accept(Resolved(event, desk.now));
    EXPECT_EQ(desk.Run(2h), Lines{});
    EXPECT_TRUE(desk.ledger.records().deliveries.empty());
    EXPECT_TRUE(desk.ledger.records().groups.empty());
  }
}

TEST(SilenceTest, DoesNotTellAgainWhatWasToldBefore) {
  Desk desk(Share(SlackConfig()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", 1h, desk.now), "s1", desk.now));
  EXPECT_EQ(desk.Run(3h), Lines{});
  EXPECT_EQ(desk.Run(1h), Lines{"team repeat 1/0"});
}

TEST(SilenceTest, RepeatsAtItsEndWhatWasDueMeanwhile) {
  Desk desk(Share(SlackConfig()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", 8h, desk.now), "s1", desk.now));
  EXPECT_EQ(desk.Run(8h - 1min), Lines{});
  EXPECT_EQ(desk.Run(2min), Lines{"team repeat 1/0"});
}

TEST(SilenceTest, LeavesTheRestOfAGroupAlone) {
  Desk desk(Share(SlackConfig()));
  Silence silence = SilenceOf("Down", 2h);
  silence.matchers.push_back(model::Matcher::Equal("instance", "a"));
  ASSERT_TRUE(desk.ledger.SetSilence(silence, "s1", desk.now));
  const model::AlertEvent quiet = Firing("Down", "a", desk.now);
  const model::AlertEvent loud = Firing("Down", "b", desk.now);
  desk.Accept(quiet);
  desk.Accept(loud);
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  EXPECT_EQ(desk.last.alerts.at(0).labels.Get("instance"), "b");
  // The loud one ends: for the receiver the incident is over, though the quiet one still fires.
  desk.Accept(Resolved(loud, desk.now));
  EXPECT_EQ(desk.Run(10min), Lines{"team resolve 0/1"});
  EXPECT_EQ(desk.Run(1h), Lines{});
  EXPECT_EQ(desk.Run(1h), Lines{"team trigger 1/0"});
  EXPECT_EQ(desk.last.alerts.at(0).labels.Get("instance"), "a");
}

TEST(SilenceTest, BeginsLater) {
  Desk desk(Share(SlackConfig()));
  ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", 1h, kStart + 1h), "s1", desk.now));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  desk.Run(1h);
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(desk.Run(50min), Lines{});
  EXPECT_EQ(desk.Run(20min), Lines{"team update 2/0"});
}

TEST(SilenceTest, EndsWhenItIsExpired) {
  Desk desk(Share(SlackConfig()));
  ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Down", 1h), "s1", desk.now));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(10min), Lines{});
  ASSERT_TRUE(desk.ledger.ExpireSilence("s1", desk.now));
  EXPECT_EQ(desk.Deliver(), Lines{"team trigger 1/0"});
  // Somebody who missed the answer asks again: nothing happens.
  const base::Timestamp end = desk.ledger.records().silences.at("s1").ends_at;
  desk.ledger.TakeChanges();
  desk.now += 1min;
  EXPECT_TRUE(desk.ledger.ExpireSilence("s1", desk.now));
  EXPECT_EQ(desk.ledger.records().silences.at("s1").ends_at, end);
  EXPECT_TRUE(desk.ledger.TakeChanges().happenings.empty());
  EXPECT_EQ(desk.ledger.ExpireSilence("s2", desk.now).error().message, kNoSuchSilence);
}

TEST(SilenceTest, ChangesInPlaceOrMakesANewOne) {
  Desk desk(Share(SlackConfig()));
  ASSERT_EQ(desk.ledger.SetSilence(SilenceOf("Down", 1h), "s1", desk.now), "s1");
  desk.Run(10min);
  Silence longer = SilenceOf("Down", 3h);
  longer.id = "s1";
  EXPECT_EQ(desk.ledger.SetSilence(longer, "s2", desk.now), "s1");
  EXPECT_EQ(desk.ledger.records().silences.at("s1").ends_at, kStart + 3h);
  Silence other = SilenceOf("Slow", 3h);
  other.id = "s1";
  EXPECT_EQ(desk.ledger.SetSilence(other, "s2", desk.now), "s2");
  EXPECT_EQ(desk.ledger.records().silences.at("s1").StateAt(desk.now), SilenceState::kExpired);
  EXPECT_EQ(desk.ledger.records().silences.at("s2").starts_at, desk.now);
  other.id = "nobody";
  EXPECT_EQ(desk.ledger.SetSilence(other, "s3", desk.now).error().message, kNoSuchSilence);
  // An expired one is kept for a while, then forgotten.
  desk.now += kKeepExpiredSilences + 10min;
  desk.Deliver();
  EXPECT_FALSE(desk.ledger.records().silences.contains("s1"));
}

TEST(SilenceTest, SaysWhatIsWrong) {
  Desk desk(Share(SlackConfig()));
  const auto problem = [&](Silence silence) {
    const base::Result<std::string> id = desk.ledger.SetSilence(std::move(silence), "s", desk.now);
    return id ? "none" : id.error().message;
  };
  Silence silence = SilenceOf("Down", 1h);
  silence.matchers.clear();
  EXPECT_EQ(problem(silence), "a silence needs at least one matcher");
  silence.matchers = {*model::Matcher::Make(model::MatchType::kRegex, "job", ".*")};
  EXPECT_EQ(problem(silence), "at least one matcher must not match the empty string");
  EXPECT_EQ(problem(SilenceOf("Down", 0h)), "a silence ends after it starts");
  EXPECT_EQ(problem(SilenceOf("Down", 1h, kStart - 2h)), "a silence ends after it starts");
  silence.matchers = {*model::Matcher::Make(model::MatchType::kEqual, "job", "")};
  EXPECT_EQ(problem(silence), "at least one matcher must not match the empty string");
  silence = SilenceOf("Down", 1h);
  silence.matchers.resize(kMaxSilenceMatchers + 1, silence.matchers[0]);
  EXPECT_EQ(problem(silence), "a silence has at most 100 matchers");
  EXPECT_TRUE(desk.ledger.records().silences.empty());
}

TEST(SilenceTest, TakesAllButWhatANegativeMatcherNames) {
  for (const auto& [type, value] : {std::pair{model::MatchType::kNotEqual, "b"},
                                    std::pair{model::MatchType::kNotRegex, "b|c"}}) {
    Desk desk(Share(SlackConfig()));
    Silence silence = SilenceOf("", 1h);
    silence.matchers = {*model::Matcher::Make(type, "instance", value)};
    ASSERT_TRUE(desk.ledger.SetSilence(silence, "s1", desk.now)) << "as in Alertmanager";
    model::AlertEvent unnamed = Firing("Down", "", desk.now);
    desk.Accept(unnamed);
    desk.Accept(Firing("Down", "a", desk.now));
    desk.Accept(Firing("Down", "b", desk.now));
    EXPECT_EQ(desk.Run(10min), Lines{"team trigger 1/0"});
    EXPECT_EQ(desk.last.alerts.at(0).labels.Get("instance"), "b");
  }
}

TEST(InhibitionTest, HoldsBackWhileTheSourceFires) {
  for (config::Config config : {SlackConfig(), PagerConfig()}) {
    config.inhibit_rules = {Inhibit("Down", "Slow")};
    Desk desk(Share(config));
    const std::string who = config.receivers[0].name;
    const model::AlertEvent source = Firing("Down", "a", desk.now);
    desk.Accept(Firing("Slow", "a", desk.now));
    desk.Accept(Firing("Slow", "b", desk.now));
    desk.Accept(source);
    EXPECT_EQ(desk.Run(1min), (Lines{who + " trigger 1/0", who + " trigger 1/0"}));
    desk.Accept(Resolved(source, desk.now));
    const Lines sent = desk.Run(3min);
    EXPECT_EQ(std::count(sent.begin(), sent.end(), who + " resolve 0/1"), 1);
    EXPECT_EQ(sent.size(), 2u);  // and now the slow one on "a"
  }
}

TEST(InhibitionTest, LetsTheEndOfWhatWasToldPass) {
  config::Config config = SlackConfig();
  config.inhibit_rules = {Inhibit("Down", "Slow")};
  Desk desk(Share(config));
  const model::AlertEvent slow = Firing("Slow", "a", desk.now);
  desk.Accept(slow);
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  desk.Accept(Resolved(slow, desk.now));
  EXPECT_EQ(desk.Run(2min), Lines{"team resolve 0/1"});
}

TEST(InhibitionTest, AlertsOnBothSidesDoNotSilenceEachOther) {
  config::InhibitRule rule;
  rule.source = {model::Matcher::Equal("severity", "critical")};
  rule.target = {*model::Matcher::Make(model::MatchType::kRegex, "alertname", "A|B")};
  config::Config config = SlackConfig();
  config.inhibit_rules = {rule};
  Desk desk(Share(config));
  desk.Accept(Firing("A", "a", desk.now));
  desk.Accept(Firing("B", "a", desk.now));
  EXPECT_EQ(desk.Run(10s).size(), 2u);
  desk.Accept(Firing("C", "a", desk.now));             // only a source
  desk.Accept(Firing("A", "z", desk.now, "warning"));  // only a target
  EXPECT_EQ(desk.Run(10min), Lines{"team trigger 1/0"});
}

TEST(InhibitionTest, SurvivesARestartAndAReload) {
  config::Config config = SlackConfig();
  config.inhibit_rules = {Inhibit("Down", "Slow")};
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  desk.Accept(Firing("Slow", "a", desk.now));
  ASSERT_TRUE(desk.ledger.SetSilence(SilenceOf("Other", 1h), "s1", desk.now));
  desk.Accept(Firing("Other", "a", desk.now));
  EXPECT_EQ(desk.Run(10s), Lines{"team trigger 1/0"});
  Desk next(Share(config), desk.ledger.records(), desk.now);
  EXPECT_EQ(next.Run(10min), Lines{});
  next.ledger.Reload(Share(SlackConfig()), next.now);
  EXPECT_EQ(next.Run(10min), Lines{"team trigger 1/0"});  // no rule inhibits it any more
  EXPECT_EQ(next.Run(1h), Lines{"team trigger 1/0"});     // the silence is over
}

TEST(InhibitionTest, OutagesAreToldOfTheServiceTheyBeginIn) {
  config::Config config = SlackConfig();
  config.services.resize(3);
  config.services[0].name = "disk";
  config.services[1].name = "auth";
  config.services[1].depends_on = {"disk"};
  config.services[2].name = "shop";
  config.services[2].depends_on = {"auth"};
  Desk desk(Share(config));
  const auto alert = [&](const std::string& name, const std::string& service) {
    model::AlertEvent event = Firing(name, "a", desk.now);
    event.alert.labels = event.alert.labels.With("service", service);
    return event;
  };
  const model::AlertEvent root = alert("DatabaseDown", "disk");
  desk.Accept(root);
  desk.Accept(alert("EndpointDown", "shop"));
  desk.Accept(alert("BackupFailed", "shop"));  // no outage
  EXPECT_EQ(desk.Run(10s).size(), 2u);
  desk.Accept(Resolved(root, desk.now));
  const Lines sent = desk.Run(2min);
  EXPECT_EQ(sent, (Lines{"team trigger 1/0", "team resolve 0/1"}));
}

// What depends on a database is found to be well some seconds after the database is.
TEST(InhibitionTest, WhatRecoversWithItsCauseIsNotTold) {
  for (config::Config config : {SlackConfig(), PagerConfig()}) {
    config.inhibit_rules = {Inhibit("Down", "Slow")};
    Desk desk(Share(config));
    const std::string who = config.receivers[0].name;
    const model::AlertEvent source = Firing("Down", "a", desk.now);
    const model::AlertEvent target = Firing("Slow", "a", desk.now);
    desk.Accept(source);
    desk.Accept(target);
    EXPECT_EQ(desk.Run(10min), Lines{who + " trigger 1/0"});
    desk.Accept(Resolved(source, desk.now));
    EXPECT_EQ(desk.Run(4s), Lines{});
    desk.Accept(Resolved(target, desk.now));
    EXPECT_EQ(desk.Run(10min), Lines{who + " resolve 0/1"});
  }
}

TEST(InhibitionTest, WhatGoesOnAfterItsCauseIsToldAfterGroupWait) {
  for (config::Config config : {SlackConfig(), PagerConfig()}) {
    config.inhibit_rules = {Inhibit("Down", "Slow")};
    Desk desk(Share(config));
    const std::string who = config.receivers[0].name;
    const model::AlertEvent source = Firing("Down", "a", desk.now);
    desk.Accept(source);
    desk.Accept(Firing("Slow", "a", desk.now));
    EXPECT_EQ(desk.Run(10min), Lines{who + " trigger 1/0"});
    desk.Accept(Resolved(source, desk.now));
    EXPECT_EQ(desk.Run(4s), Lines{});
    EXPECT_EQ(desk.Run(1s), (Lines{who + " trigger 1/0", who + " resolve 0/1"}));
  }
}

TEST(InhibitionTest, ManyAlertsCostWhatTheyTouch) {
  config::Config config = SlackConfig();
  config.inhibit_rules = {Inhibit("Down", "Slow")};
  config.inhibit_rules[0].equal.clear();
  Inhibitor inhibitor;
  inhibitor.SetRules(config.inhibit_rules);
  Inhibitor::Ids affected;
  for (int i = 0; i < 1000; ++i) inhibitor.Add(i, {{"alertname", "Slow"}}, affected);
  affected.clear();
  inhibitor.Add(1000, {{"alertname", "Down"}}, affected);
  EXPECT_EQ(affected.size(), 1001u);
  affected.clear();
  inhibitor.Add(1001, {{"alertname", "Down"}}, affected);
  EXPECT_EQ(affected.size(), 1u);  // the others are quiet already
  inhibitor.Remove(1000, {{"alertname", "Down"}}, affected);
  EXPECT_EQ(affected.size(), 2u);
  EXPECT_EQ(inhibitor.SourcesOf(5, {{"alertname", "Slow"}}), (std::vector<std::int64_t>{1001}));
  inhibitor.Remove(1001, {{"alertname", "Down"}}, affected);
  EXPECT_EQ(affected.size(), 1002u);
  EXPECT_TRUE(inhibitor.SourcesOf(5, {{"alertname", "Slow"}}).empty());
}

TEST(MuteTimeTest, HoldsBackAndTellsWhenTheWindowEnds) {
  for (const config::Config& base : {SlackConfig(), PagerConfig()}) {
    Desk desk(Share(NightConfig(base)));  // it is midnight
    const std::string who = base.receivers[0].name;
    const model::AlertEvent before = Firing("Down", "a", desk.now);
    desk.Accept(before);
    EXPECT_EQ(desk.Run(1h), Lines{who + " trigger 1/0"});
    desk.Accept(Firing("Slow", "a", desk.now));
    EXPECT_EQ(desk.Run(30min), Lines{});
    desk.Accept(Resolved(before, desk.now));
    EXPECT_EQ(desk.Run(25min), Lines{who + " resolve 0/1"});
    EXPECT_EQ(desk.Run(6min), Lines{who + " trigger 1/0"});
    EXPECT_EQ(desk.Run(3h), Lines{});
  }
}

TEST(MuteTimeTest, SpeaksOnlyAtActiveTimes) {
  config::Config config = NightConfig(SlackConfig());
  std::swap(config.route.routes[0].mute_time_intervals,
            config.route.routes[0].active_time_intervals);
  Desk desk(Share(config));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(59min), Lines{});
  EXPECT_EQ(desk.Run(2min), Lines{"team trigger 1/0"});
  EXPECT_EQ(desk.Run(2h), Lines{});
  desk.Accept(Firing("Slow", "a", desk.now));
  EXPECT_EQ(desk.Run(21h), Lines{});
  EXPECT_EQ(desk.Run(2h).size(), 2u);  // the new one, and the old one's repetition
}

}  // namespace
}  // namespace drwatch::notify
