#include "rules/manager.h"

#include <atomic>
#include <thread>

#include "rules/world.h"
#include "support/log_check.h"

namespace drwatch::rules {
namespace {

using model::AlertChange;
using model::AlertState;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

constexpr const char* kDown = "groups: [{name: g, rules: [{alert: Down, expr: m > 0}]}]";
constexpr const char* kPending =
    "groups: [{name: g, rules: [{alert: Down, expr: m > 0, for: 5m}]}]";

TEST(ManagerTest, FiresAndResolvesOnce) {
  World world(kDown);
  world.Run(30s, 1);
  EXPECT_EQ(world.Events(), "firing");
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
  world.Run(30s, 0);
  EXPECT_EQ(world.Events(), "resolved");
  EXPECT_TRUE(world.Alerts().empty());
}

TEST(ManagerTest, ErrorFreezesStateAndIsReported) {
  testing::ExpectLog("rule evaluation fails");
  World world(
      "groups: [{name: g, rules: [{alert: A, expr: 'm > on() n'}, {record: ok, expr: "
      "vector(1)}]}]");
  const auto append_n = [&](int count) {
    for (int i = 0; i < count; ++i) {
      world.Append({{"__name__", "n"}, {"i", std::to_string(i)}}, 0);
    }
  };
  world.clock_.Advance(15s);
  world.Append({{"__name__", "m"}}, 1);
  append_n(1);
  world.manager_->EvaluateDue(world.clock_.Now());
  EXPECT_EQ(world.Events(), "firing");
  for (int i = 0; i < 10; ++i) {
    world.clock_.Advance(15s);
    world.Append({{"__name__", "m"}}, 1);
    append_n(2);  // many-to-one without group_left
    world.manager_->EvaluateDue(world.clock_.Now());
  }
  EXPECT_EQ(world.Events(), "") << "neither a resolve nor a repetition";
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
  EXPECT_EQ(world.Group().rules[0].health, RuleHealth::kError);
  EXPECT_NE(world.Group().rules[0].last_error, "");
  EXPECT_EQ(world.Group().rules[1].health, RuleHealth::kOk);
  EXPECT_EQ(world.Group().counters.evaluation_failures, 10);
}

TEST(ManagerTest, EvaluateNowLeavesTheSlotsAlone) {
  World world("groups: [{name: g, interval: 1h, rules: [{alert: A, expr: m > 0}]}]");
  const base::Timestamp due = world.manager_->NextDue();
  world.clock_.Advance(1s);
  world.Append({{"__name__", "m"}}, 1);
  world.manager_->EvaluateNow(world.clock_.Now());
  EXPECT_EQ(world.Events(), "firing");
  EXPECT_EQ(world.manager_->NextDue(), due);
  world.manager_->EvaluateNow(world.clock_.Now());
  EXPECT_EQ(world.Query("ALERTS"), 1);
  EXPECT_EQ(world.Group().counters.iterations, 0);
}

TEST(ManagerTest, FiringThatNobodyTookIsOfferedAgainWithTheSameTime) {
  testing::ExpectLog("alert events were not accepted");
  World world(kDown);
  world.refuse_ = true;
  world.Run(15s, 1);
  const base::Timestamp fired_at = world.Only().fired_at;
  world.Restart(15s);
  world.refuse_ = false;
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing");
  EXPECT_EQ(world.last_events_.at(0).alert.fired_at, fired_at);
}

TEST(ManagerTest, RuleThatLooksBackIsNotResolvedForWantOfHistory) {
  World world("groups: [{name: g, rules: [{alert: D, expr: 'rate(m[5m]) > 0'}]}]");
  for (int i = 0; i < 8; ++i) world.Run(15s, i);
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
  world.Events();
  world.Restart(10s);
  world.Run(15s, 100);  // one sample has no rate
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
  world.Run(15s, 101);
  EXPECT_EQ(world.Events().find("resolved"), std::string::npos);
}

TEST(ManagerTest, RuleOnRecordedSeriesWaitsForTheRecording) {
  World world(R"(groups: [
    {name: slow, interval: 5m, rules: [{record: recorded, expr: m}]},
    {name: g, rules: [{alert: D, expr: 'recorded > 0'}, {alert: E, expr: 'ALERTS{alertname="D"}'}]}])");
  world.Run(6min, 1);
  EXPECT_EQ(world.Alerts().size(), 2U);
  world.Events();
  world.Restart(10s);
  world.Run(5min, 1);
  EXPECT_EQ(world.Alerts().size(), 2U);
  EXPECT_EQ(world.Events().find("resolved"), std::string::npos);
}

TEST(ManagerTest, QueryOffsetDelaysTheVerdictOnRestoredAlerts) {
  World world("groups: [{name: g, query_offset: 1m, rules: [{alert: D, expr: m > 0}]}]");
  world.Run(2min, 1);
  EXPECT_EQ(world.Events().substr(0, 6), "firing");
  world.ready_ = false;
  world.Restart(10s);
  world.Run(15s, 1);
  world.ready_ = true;
  world.Run(2min, 1);
  EXPECT_EQ(world.Events().find("resolved"), std::string::npos);
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
}

TEST(ManagerTest, ReachCountsRangesOffsetsSubqueriesAndRecordings) {
  const auto reach = [](const std::string& text) {
    const auto expr = promql::ParseExpr(text);
    return ExpressionReach(**expr, {{"recorded", base::Duration(7s)}});
  };
  EXPECT_EQ(reach("up"), 0s);
  EXPECT_EQ(reach("up offset 1m"), 60s);
  EXPECT_EQ(reach("sum(rate(up[5m])) / recorded"), 5min);
  EXPECT_EQ(reach("max_over_time(rate(up[5m])[1h:1m] offset 2h)"), 3h + 5min);
  EXPECT_EQ(reach("-(recorded) > 1"), 7s);
  EXPECT_EQ(reach("{__name__=\"recorded\", a=\"b\"}"), 7s);
}

TEST(ManagerTest, ReloadKeepsAlertsOfRulesThatStay) {
  World world(kDown);
  world.Run(15s, 1);
  const base::Timestamp fired_at = world.Only().fired_at;
  world.Events();
  world.SetText(
      "groups: [{name: other, interval: 10s, rules: [{record: x, expr: up},"
      "{alert: Down, expr: m > 0.5, annotations: {s: new}}]}]");
  world.SetGroups();
  EXPECT_EQ(world.Events(), "");
  EXPECT_EQ(world.Only().fired_at, fired_at);
  world.Run(30s, 1);
  EXPECT_EQ(world.Only().fired_at, fired_at);
  EXPECT_EQ(world.Only().annotations.Get("s"), "new");
  world.Run(30s, 0);
  EXPECT_EQ(world.Query("ALERTS"), -1) << "the series of the moved rule ends";
}

TEST(ManagerTest, ReloadResolvesWhatItOrphans) {
  World world(kDown);
  world.Run(15s, 1);
  world.Events();
  world.SetText("groups: [{name: g, rules: [{alert: Down, expr: m > 0, labels: {a: b}}]}]");
  world.SetGroups();
  EXPECT_EQ(world.Events(), "resolved(rule removed or changed)");
  world.clock_.Advance(base::Duration(1));
  EXPECT_EQ(world.Query("ALERTS"), -1);
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing");
}

TEST(ManagerTest, RuleGoneOverARestartIsResolved) {
  World world(kDown);
  world.Run(15s, 1);
  world.Events();
  world.SetText("groups: []");
  world.Restart(1min);
  EXPECT_EQ(world.Events(), "resolved(rule removed or changed)");
  world.Restart(1min);
  EXPECT_EQ(world.Events(), "");
}

TEST(ManagerTest, OrphanNobodyTookIsOfferedAgainEvenWithoutGroups) {
  testing::ExpectLog("alert events were not accepted");
  World world(kDown);
  world.Run(15s, 1);
  world.Events();
  world.refuse_ = true;
  world.SetText("groups: []");
  world.SetGroups();
  world.Restart(1min);
  EXPECT_EQ(world.Events(), "");
  world.refuse_ = false;
  const base::Timestamp due = world.manager_->NextDue();
  EXPECT_LE(due, world.clock_.Now() + 15s);
  world.clock_.Advance(15s);
  world.manager_->EvaluateDue(world.clock_.Now());
  EXPECT_EQ(world.Events(), "resolved(rule removed or changed)");
  EXPECT_EQ(world.manager_->NextDue(), base::Timestamp::max());
}

TEST(ManagerTest, ReloadKeepsEqualRulesApart) {
  World world(
      R"(groups: [{name: g, rules: [{alert: D, expr: m > 0}, {alert: D, expr: m > 10, labels: {}}]}])");
  world.Run(15s, 5);
  EXPECT_EQ(world.Group().rules[0].alerts.size(), 1U);
  EXPECT_EQ(world.Group().rules[1].alerts.size(), 0U);
  world.SetGroups();
  EXPECT_EQ(world.Group().rules[0].alerts.size(), 1U);
  world.Restart(15s);
  EXPECT_EQ(world.Group().rules[0].alerts.size(), 1U);
  EXPECT_EQ(world.Group().rules[1].alerts.size(), 0U);
}

TEST(ManagerTest, AlertingGoesOnWithoutADatabase) {
  testing::ExpectLog("alert state cannot be written");
  World world(kDown);
  ASSERT_TRUE(world.database_
                  ->Transact([](db::Database& database) {
                    return database.Prepare("ALTER TABLE rules_alerts RENAME TO gone").Run();
                  })
                  .has_value());
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing");
  EXPECT_FALSE(world.manager_->Snapshot()->state_writable);
  ASSERT_TRUE(world.database_
                  ->Transact([](db::Database& database) {
                    return database.Prepare("ALTER TABLE gone RENAME TO rules_alerts").Run();
                  })
                  .has_value());
  world.Run(15s, 1);
  EXPECT_TRUE(world.manager_->Snapshot()->state_writable);
  world.Restart(15s);
  EXPECT_EQ(world.Only().state, AlertState::kFiring) << "what was missed was written later";
}

TEST(ManagerTest, ClockSetBackDoesNotStall) {
  World world(kDown);
  world.Run(30s, 1);
  world.Events();
  world.clock_.StepWall(-1h);
  EXPECT_LE(world.manager_->NextDue(), world.clock_.Now());
  world.manager_->EvaluateDue(world.clock_.Now());
  EXPECT_EQ(world.Group().counters.iterations, 3);
  world.Run(15s, std::nullopt);
  EXPECT_EQ(world.Group().counters.iterations, 4);
  EXPECT_EQ(world.Group().counters.iterations_missed, 0);
}

TEST(ManagerTest, ClockSetForwardNeitherResolvesNorCatchesUp) {
  World world(kDown);
  world.Run(30s, 1);
  world.Events();
  world.clock_.StepWall(1h);
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "updated");
}

TEST(ManagerTest, ATimeThatPassesIsNotChangedByAClockThatIsSet) {
  for (const base::Duration step : {base::Duration(1h), base::Duration(-1h)}) {
    World world(R"(groups: [{name: g, rules: [{alert: A, expr: m == 1, for: 2m}]}])");
    world.Run(1min, 1);
    ASSERT_EQ(world.Only().state, AlertState::kPending);
    const std::int64_t missed = world.Group().counters.iterations_missed;
    world.clock_.StepWall(step);
    world.store_->Shift(world.clock_.Now(), step);
    world.manager_->Shift(world.clock_.Now(), step);
    EXPECT_GT(world.manager_->NextDue(), world.clock_.Now());
    world.Run(45s, 1);
    EXPECT_EQ(world.Only().state, AlertState::kPending) << "an hour on the wall is none of `for`";
    world.Run(45s, 1);
    EXPECT_EQ(world.Only().state, AlertState::kFiring);
    EXPECT_EQ(world.Group().counters.iterations_missed, missed);
  }
}

TEST(ManagerTest, NothingIsWrittenWhileNothingChanges) {
  World world(kDown);
  world.Run(30s, 1);
  const auto version = [&] {
    std::int64_t value = 0;
    EXPECT_TRUE(world.database_
                    ->Transact([&](db::Database& database) -> base::Status {
                      db::Statement row = database.Prepare("SELECT total_changes()");
                      if (const auto more = row.Step(); !more) return base::Fail(more.error());
                      value = row.Int(0);
                      return {};
                    })
                    .has_value());
    return value;
  };
  const std::int64_t before = version();
  world.Run(10min, 1);
  EXPECT_EQ(version(), before);
}

TEST(ManagerTest, QueryOffsetLooksBackAndStampsBack) {
  World world(
      "groups: [{name: g, query_offset: 1m, interval: 15s, rules: [{record: r, expr: m}]}]");
  world.Run(45s, 7);
  EXPECT_EQ(world.Query("r"), -1);
  world.Run(1min, 8);
  EXPECT_EQ(world.Query("r"), 7);
}

TEST(ManagerTest, SnapshotTellsWhatTheApiNeeds) {
  World world(
      "groups: [{name: g, rules: [{alert: D, expr: m > 0, annotations: {v: '{{ $value }}'}}]}]");
  EXPECT_EQ(world.Group().rules[0].health, RuleHealth::kUnknown);
  EXPECT_EQ(world.Group().rules[0].State(), std::nullopt);
  world.Run(15s, 3);
  const RuleSnapshot& rule = world.Group().rules[0];
  EXPECT_EQ(rule.State(), AlertState::kFiring);
  EXPECT_EQ(rule.alerts.at(0).value, 3);
  EXPECT_EQ(rule.alerts.at(0).annotations.Get("v"), "3");
  EXPECT_EQ(world.manager_->Snapshot()->firing, 1);
  EXPECT_EQ(world.Group().interval, 15s);
  EXPECT_EQ(world.Group().last_evaluation, rule.last_evaluation);
}

TEST(ManagerTest, SnapshotsMayBeReadWhileRulesRun) {
  World world(kDown);
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const auto snapshot = world.manager_->Snapshot();
      for (const auto& group : snapshot->groups) EXPECT_EQ(group->rules.size(), 1U);
    }
  });
  for (int i = 0; i < 50; ++i) world.Run(15s, i % 2);
  done = true;
  reader.join();
}

}  // namespace
}  // namespace drwatch::rules
