// Groups, reloads and restarts, statement by statement as Prometheus 3 has them, through the real
// manager. "Deviates" in a name: drwatch does something else on purpose, and docs/rules.md says
// why.
//
// 20 slots lie where a hash says; rules see the slot's time               Statement20...
// 21 missed slots are counted, not made up for                            Statement21...
// 22 rules run in order; later ones see what earlier ones wrote           Statement22...
// 23 a reload keeps the state of rules with the same name and labels      Statement23... (deviates)
// 24 series of removed rules end; a shutdown ends none                    Statement24... (deviates)
// 25 failing rules write no stale markers, succeeding ones do             Statement25...
// 26 what a rule file may not say                                         Statement26...
// 27-32 restoring `for`, and 33 what drwatch does instead: all state of
//    all alerts comes back, whatever `for` is and however long it was     Statement27..33...
//    (deviate)
#include <set>

#include "rules/world.h"
#include "support/log_check.h"

namespace drwatch::rules {
namespace {

using model::AlertState;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

TEST(PrometheusGroupsTest, Statement20RulesSeeTheTimeOfTheSlot) {
  World world("groups: [{name: g, interval: 1m, rules: [{record: t, expr: time()}]}]");
  const base::Timestamp due = world.manager_->NextDue();
  EXPECT_GT(due, world.clock_.Now()) << "the first evaluation waits for a slot";
  EXPECT_LE(due - world.clock_.Now(), 60s);
  const RuleGroup& group = *world.Group().group;
  EXPECT_EQ(SlotAtOrBefore(due, 60s, SlotOffset(group, 60s)), due);
  world.clock_.Advance(due - world.clock_.Now() + 7s);
  world.manager_->EvaluateDue(world.clock_.Now());
  EXPECT_EQ(world.Query("t"), base::ToUnixSeconds(due)) << "the slot's time, not the clock's";
  EXPECT_EQ(world.manager_->NextDue(), due + 60s);
}

TEST(PrometheusGroupsTest, Statement20SlotsDependOnFileAndNameAloneAndSpreadOut) {
  std::set<std::int64_t> tenths;
  for (int i = 0; i < 100; ++i) {
    RuleGroup group;
    group.name = "g" + std::to_string(i);
    const base::Duration offset = SlotOffset(group, 60s);
    EXPECT_LT(offset, 60s);
    tenths.insert(offset.count() / 6000);
  }
  EXPECT_EQ(tenths.size(), 10U);
  RuleGroup known;
  known.file = "f";
  known.name = "g";
  EXPECT_EQ(SlotOffset(known, 60s).count(), 47219) << "the same in every version";
  EXPECT_EQ(SlotAtOrBefore(base::FromUnixMillis(-1), 60s, 0s), base::FromUnixMillis(-60'000));
}

TEST(PrometheusGroupsTest, Statement21MissedSlotsAreCountedAndTheLatestIsEvaluated) {
  World world("groups: [{name: g, rules: [{record: t, expr: time()}]}]");
  world.Tick({});
  world.clock_.Advance(10min + 7s);
  world.manager_->EvaluateDue(world.clock_.Now());
  const GroupCounters& counters = world.Group().counters;
  EXPECT_EQ(counters.iterations_missed, 39);
  EXPECT_EQ(counters.iterations, 41);
  EXPECT_EQ(counters.evaluations, 2);
  EXPECT_EQ(world.Query("t"), base::ToUnixSeconds(world.clock_.Now() - 7s));
}

TEST(PrometheusGroupsTest, Statement22LaterRulesSeeWhatEarlierOnesWrote) {
  World world(R"(groups: [{name: g, rules: [
    {record: doubled, expr: m * 2},
    {alert: A, expr: doubled > 5},
    {alert: B, expr: 'ALERTS{alertname="A", alertstate="firing"}'}]}])");
  world.Run(15s, 3);
  EXPECT_EQ(world.Alerts().size(), 2U);
  world.Run(15s, 1);
  EXPECT_TRUE(world.Alerts().empty()) << "the stale marker counts in the same cycle";
}

TEST(PrometheusGroupsTest, Statement22EarlierRulesSeeLaterOnesAnEvaluationLate) {
  World world(R"(groups: [{name: g, rules: [
    {alert: B, expr: 'ALERTS{alertname="A"}'}, {alert: A, expr: m > 0}]}])");
  world.Run(15s, 1);
  EXPECT_EQ(world.Alerts().size(), 1U);
  world.Run(15s, 1);
  EXPECT_EQ(world.Alerts().size(), 2U);
}

constexpr const char* kDown = "groups: [{name: g, rules: [{alert: Down, expr: m > 0}]}]";

TEST(PrometheusGroupsTest, Statement23UnchangedGroupRunsOnUntouched) {
  World world("groups: [{name: g, interval: 1h, rules: [{record: t, expr: time()}]}]");
  const base::Timestamp due = world.manager_->NextDue();
  world.clock_.Advance(due - world.clock_.Now() + 1s);
  world.SetGroups();
  EXPECT_EQ(world.manager_->NextDue(), due) << "the slot that has come is not skipped";
  world.manager_->EvaluateDue(world.clock_.Now());
  world.SetGroups();
  EXPECT_EQ(world.Group().counters.iterations, 1);
}

TEST(PrometheusGroupsTest, Statement23ChangedExpressionForAndAnnotationsKeepTheAlerts) {
  World world("groups: [{name: g, rules: [{alert: D, expr: m > 0, for: 15s}]}]");
  world.Run(30s, 1);
  EXPECT_EQ(world.Events(), "firing");
  const base::Timestamp fired_at = world.Only().fired_at;
  world.SetText(
      "groups: [{name: g, interval: 15s, rules: [{record: x, expr: up},"
      "{alert: D, expr: m > 0.5, for: 10s, annotations: {s: new}}]}]");
  world.SetGroups();
  EXPECT_EQ(world.Events(), "");
  world.Run(15s, 1);
  EXPECT_EQ(world.Only().fired_at, fired_at);
  EXPECT_EQ(world.Only().annotations.Get("s"), "new");
}

TEST(PrometheusGroupsTest, Statement23EqualRulesAreMatchedInOrder) {
  World world(
      R"(groups: [{name: g, rules: [{alert: D, expr: m > 0}, {alert: D, expr: m > 10, labels: {}}]}])");
  world.Run(15s, 5);
  world.SetGroups();
  EXPECT_EQ(world.RuleAt(0).alerts.size(), 1U);
  EXPECT_EQ(world.RuleAt(1).alerts.size(), 0U);
}

TEST(PrometheusGroupsTest, Statement23DeviatesChangedLabelsResolveTheOldAlerts) {
  World world(kDown);
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing");
  world.SetText("groups: [{name: g, rules: [{alert: Down, expr: m > 0, labels: {a: b}}]}]");
  world.SetGroups();
  EXPECT_EQ(world.Events(), "resolved(rule removed or changed)") << "Prometheus says nothing";
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing");
}

TEST(PrometheusGroupsTest, Statement23DeviatesMovedRulesKeepTheirAlerts) {
  World world(kDown);
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing");
  world.SetText(
      "groups: [{name: g, rules: []}, {name: other, rules: [{alert: Down, expr: m > 0}]}]");
  world.SetGroups();
  world.Run(30s, 1);
  EXPECT_EQ(world.Events(), "") << "Prometheus forgets it and begins anew";
}

TEST(PrometheusGroupsTest, Statement24DeviatesSeriesOfRemovedRulesEndAtTheReload) {
  World world("groups: [{name: g, rules: [{record: r, expr: m}, {alert: D, expr: m > 0}]}]");
  world.Run(30s, 1);
  EXPECT_EQ(world.Query("r"), 1);
  world.SetText("groups: [{name: g, rules: [{record: other, expr: m}]}]");
  world.SetGroups();
  world.clock_.Advance(base::Duration(1));
  EXPECT_EQ(world.Query("r"), -1) << "Prometheus waits for two intervals";
  EXPECT_EQ(world.Query("ALERTS"), -1);
}

TEST(PrometheusGroupsTest, Statement24ShutdownEndsNoSeries) {
  World world("groups: [{name: g, rules: [{record: r, expr: m}, {alert: D, expr: m > 0}]}]");
  world.Run(30s, 1);
  world.manager_.reset();
  world.clock_.Advance(4min);
  EXPECT_EQ(world.Query("r"), 1);
  EXPECT_EQ(world.Query("ALERTS"), 1);
}

TEST(PrometheusGroupsTest, Statement25FailureWritesNoStaleMarkersSuccessDoes) {
  testing::ExpectLog("rule evaluation fails");
  World world("groups: [{name: g, limit: 2, rules: [{record: r, expr: m > 0}]}]");
  world.Tick({{"a", 1}, {"b", 1}});
  EXPECT_EQ(world.Query("count(r)"), 2);
  world.Tick({{"a", 1}, {"b", 0}, {"c", 1}, {"d", 1}});
  EXPECT_EQ(world.RuleAt().last_error, "exceeded limit of 2 with 3 series");
  EXPECT_EQ(world.Query("count(r)"), 2) << "what it wrote before lives on";
  world.Tick({{"a", 1}, {"b", 0}, {"c", 0}, {"d", 0}});
  EXPECT_EQ(world.Query("count(r)"), 1);
  EXPECT_EQ(world.Query("r{i=\"b\"}"), -1) << "seen before the failure, and gone after it";
}

TEST(PrometheusGroupsTest, Statement25StaleMarkersGoBackByTheOffset) {
  World world("groups: [{name: g, query_offset: 30s, rules: [{record: r, expr: m > 0}]}]");
  world.Run(1min, 1);
  world.Run(45s, 0);
  EXPECT_EQ(world.Query("r"), -1);
  EXPECT_EQ(world.Query("r offset 45s"), 1);
}

TEST(PrometheusGroupsTest, Statement26NamesGroupsOnceAndRulesEitherWay) {
  const auto group = [](const std::string& rule) {
    return ErrorsOf("groups: [{name: g, rules: [" + rule + "]}]");
  };
  EXPECT_NE(ErrorsOf("groups: [{name: g}, {name: g}]").find("is repeated"), std::string::npos);
  EXPECT_NE(group("{record: r, alert: a, expr: up}").find("only one of"), std::string::npos);
  EXPECT_NE(group("{expr: up}").find("must be set"), std::string::npos);
  for (const std::string field : {"for: 1m", "keep_firing_for: 1m", "annotations: {a: b}"}) {
    EXPECT_NE(group("{record: r, expr: up, " + field + "}").find("cannot have"), std::string::npos);
  }
  EXPECT_NE(group("{alert: a, expr: up, labels: {__name__: x}}").find("not a valid name"),
            std::string::npos);
  EXPECT_NE(group("{alert: a, expr: up, labels: {a: '{{ $x }}'}}").find("undefined variable"),
            std::string::npos);
}

TEST(PrometheusGroupsTest, Statement26TemplatesThatFailWhenTheyRunAreNoErrorOfTheFile) {
  EXPECT_EQ(ErrorsOf("groups: [{name: g, rules: [{alert: a, expr: up, annotations: "
                     "{s: '{{ first (query \"nothing\") }}'}}]}]"),
            "");
}

constexpr const char* kWaits = "groups: [{name: g, rules: [{alert: D, expr: m > 0, for: 25m}]}]";

TEST(PrometheusGroupsTest, Statement27DeviatesStateIsBackBeforeTheFirstEvaluation) {
  World world(kDown);
  world.Run(15s, 1);
  world.Restart(1min);
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
  world.Run(15s, 1);
  EXPECT_EQ(world.Query("ALERTS{alertstate=\"firing\"}"), 1)
      << "Prometheus writes no ALERTS in its first two evaluations";
}

TEST(PrometheusGroupsTest, Statement28DeviatesShortForIsNotWaitedForAgain) {
  World world("groups: [{name: g, rules: [{alert: D, expr: m > 0, for: 5m}]}]");
  world.Run(6min, 1);
  world.Events();
  const base::Timestamp fired_at = world.Only().fired_at;
  world.Restart(30s);
  world.Run(1min, 1);
  EXPECT_EQ(world.Only().state, AlertState::kFiring) << "in Prometheus it is pending for 5m";
  EXPECT_EQ(world.Only().fired_at, fired_at);
  EXPECT_EQ(world.Events().find("firing"), std::string::npos) << "and nobody is paged again";
}

TEST(PrometheusGroupsTest, Statement29DeviatesStateOutlivesAnyOutage) {
  World world(kDown);
  world.Run(15s, 1);
  world.Events();
  const base::Timestamp fired_at = world.Only().fired_at;
  world.Restart(72h);
  world.Run(15s, 1);
  EXPECT_EQ(world.Only().fired_at, fired_at) << "Prometheus looks back by an hour";
  EXPECT_EQ(world.Events(), "updated");
}

TEST(PrometheusGroupsTest, Statement30DeviatesDowntimeCountsForFor) {
  World world(kWaits);
  world.Run(5min, 1);
  const base::Timestamp active_at = world.Only().active_at;
  world.Restart(10min);
  world.Run(9min, 1);
  EXPECT_EQ(world.Only().state, AlertState::kPending);
  EXPECT_EQ(world.Only().active_at, active_at) << "Prometheus moves it by the downtime";
  world.Run(75s, 1);
  EXPECT_EQ(world.Only().fired_at, active_at + 25min);
}

TEST(PrometheusGroupsTest, Statement31DeviatesPastForFiresInTheFirstEvaluation) {
  World world(kWaits);
  world.Run(20min, 1);
  world.Restart(6min);
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing") << "Prometheus grants ten minutes of grace";
}

TEST(PrometheusGroupsTest, Statement31ConditionGoneOverTheDowntimeRestoresNothing) {
  World world(kWaits);
  world.Run(20min, 1);
  world.Restart(6min);
  world.Run(15s, 0);
  EXPECT_TRUE(world.Alerts().empty());
  EXPECT_EQ(world.Events(), "");
}

TEST(PrometheusGroupsTest, Statement32GroupsAddedByAReloadStartFromNothing) {
  World world(kWaits);
  world.Run(20min, 1);
  world.SetText("groups: [{name: g, rules: [{alert: Other, expr: m > 0, for: 25m}]}]");
  world.SetGroups();
  world.Run(15s, 1);
  EXPECT_EQ(world.Only().labels.Get("alertname"), "Other");
  EXPECT_EQ(world.Only().active_at, world.clock_.Now());
}

TEST(PrometheusGroupsTest, Statement33DeviatesAlertThatClearedWhileDownIsResolved) {
  World world(kDown);
  world.Run(30s, 1);
  const base::Timestamp fired_at = world.Only().fired_at;
  world.Events();
  world.Restart(10min);
  world.Run(30s, 0);
  EXPECT_EQ(world.Events(), "resolved");
  EXPECT_EQ(world.last_events_.at(0).alert.fired_at, fired_at);
}

TEST(PrometheusGroupsTest, Statement33DeviatesFiringAlertSurvivesKillNine) {
  World world(
      "groups: [{name: g, rules: [{alert: D, expr: m > 0, for: 5m, annotations: {v: '{{ "
      "$value }}'}}]}]");
  world.Run(6min, 7);
  EXPECT_EQ(world.Events(), "firing");
  const model::Alert before = world.Only();
  world.ready_ = false;
  world.Restart(30s);
  world.Run(30s, std::nullopt);
  EXPECT_EQ(world.Only().state, AlertState::kFiring) << "the probes did not run yet";
  EXPECT_EQ(world.Only().value, 7);
  EXPECT_EQ(world.Only().annotations.Get("v"), "7");
  world.ready_ = true;
  world.Run(1min, 7);
  EXPECT_EQ(world.Only().fired_at, before.fired_at);
  EXPECT_EQ(world.Only().active_at, before.active_at);
  for (const std::string event : {"firing", "resolved"}) {
    EXPECT_EQ(world.Events().find(event), std::string::npos) << "no page twice, no false resolve";
  }
}

TEST(PrometheusGroupsTest, Statement33DeviatesKeepFiringForGoesOn) {
  World world("groups: [{name: g, rules: [{alert: D, expr: m > 0, keep_firing_for: 5m}]}]");
  world.Run(15s, 1);
  world.Run(2min, 0);
  const base::Timestamp since = world.Only().keep_firing_since;
  world.Events();
  world.Restart(1min);
  world.Run(1min, 0);
  EXPECT_EQ(world.Only().keep_firing_since, since);
  world.Events();
  world.Run(75s, 0);
  EXPECT_NE(world.Events().find("resolved"), std::string::npos) << "5m after it was first absent";
}

TEST(PrometheusGroupsTest, Statement33DeviatesUntoldResolveIsToldAfterTheRestart) {
  testing::ExpectLog("alert events were not accepted");
  World world(kDown);
  world.Run(15s, 1);
  EXPECT_EQ(world.Events(), "firing");
  world.refuse_ = true;
  world.Run(30s, 0);
  world.Restart(1h);
  world.refuse_ = false;
  world.Run(15s, 0);
  EXPECT_EQ(world.Events(), "resolved");
}

}  // namespace
}  // namespace drwatch::rules
