// The life of one alerting rule, statement by statement as Prometheus 3 has it, through the real
// manager. "Deviates" in a name: drwatch does something else on purpose, and docs/rules.md says
// why.
//
//  1 a result is a vector or a scalar, queried at time - query_offset   Statement01...
//  2 identity: result labels, rule labels, alertname; "" removes a label Statement02...
//  3 two elements with one identity are an error that changes nothing   Statement03...
//  4 new alerts are pending since this evaluation; for: 0 fires in it    Statement04...
//  5 a `for` below the interval fires in the second evaluation           Statement05...
//  6 later evaluations replace value and annotations only                Statement06...
//  7 a pending alert that is absent is forgotten without a word          Statement07...
//  8 a firing alert that is absent is resolved and told at once          Statement08...
//  9 keep_firing_for holds firing alerts, from their first absence       Statement09...
// 10 resolved alerts are repeated for 15 minutes, and not shown          Statement10...
// 11 an alert that returns within them is a new one                      Statement11...
// 12 a reload that raises `for` sends an alert back to pending           Statement12...
// 13 more alerts than the limit are an error                             Statement13... (deviates)
// 14 an evaluation that fails freezes the state                          Statement14... (deviates)
// 15 a repetition is due strictly after resend_delay                     Statement15...
// 16 what is sent: when it fired, when it ended, where to look           Statement16... (deviates)
// 17 ALERTS and ALERTS_FOR_STATE, and their stale markers                Statement17...
// 18 the state of a rule is the highest of its alerts'                   Statement18...
// 19 the resolve carries the last firing value and annotations           Statement19...
#include "rules/world.h"
#include "support/log_check.h"

namespace drwatch::rules {
namespace {

using model::AlertState;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

// "groups: ..." with one group "g" of these rules.
std::string OneGroup(const std::string& rules, const std::string& fields = "") {
  return "groups: [{name: g, " + fields + "rules: [" + rules + "]}]";
}

TEST(PrometheusAlertsTest, Statement01VectorGivesOneAlertAnElementAndScalarOneWithoutLabels) {
  World world(OneGroup("{alert: V, expr: m > 0}, {alert: S, expr: 1 + 1}"));
  world.Tick({{"a", 1}, {"b", 2}, {"c", 0}});
  EXPECT_EQ(world.RuleAt(0).alerts.size(), 2U);
  ASSERT_EQ(world.RuleAt(1).alerts.size(), 1U);
  EXPECT_EQ(world.RuleAt(1).alerts[0].labels.ToString(), "{alertname=\"S\"}");
  EXPECT_EQ(world.RuleAt(1).alerts[0].value, 2);
}

TEST(PrometheusAlertsTest, Statement01RangesAndStringsAreErrors) {
  testing::ExpectLog("rule evaluation fails");
  testing::ExpectLog("rule evaluation fails");
  World world(OneGroup("{alert: M, expr: 'm[5m]'}, {alert: T, expr: '\"text\"'}"));
  world.Tick({{"a", 1}});
  for (const std::size_t rule : {0, 1}) {
    EXPECT_EQ(world.RuleAt(rule).health, RuleHealth::kError);
    EXPECT_EQ(world.RuleAt(rule).last_error, "rule result is not a vector or scalar");
  }
}

TEST(PrometheusAlertsTest, Statement01TheQueryLooksBackByTheOffset) {
  World world(OneGroup("{alert: T, expr: 'vector(time())'}", "query_offset: 1m, "));
  world.Tick({});
  EXPECT_EQ(world.Only().value, base::ToUnixSeconds(world.clock_.Now() - 1min));
}

TEST(PrometheusAlertsTest, Statement02IdentityIsResultLabelsThenRuleLabelsThenName) {
  World world(
      OneGroup("{alert: A, expr: m > 0, labels: {i: 'x{{ $labels.i }}', own: o, gone: "
               "'{{ $labels.none }}', alertname: no}}",
               "labels: {own: group, team: db}, "));
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().labels.ToString(), "{alertname=\"A\", i=\"xa\", own=\"o\", team=\"db\"}");
}

TEST(PrometheusAlertsTest, Statement02EmptyTemplateRemovesTheLabelOfTheResult) {
  World world(OneGroup("{alert: A, expr: m > 0, labels: {i: '{{ $labels.none }}'}}"));
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().labels.ToString(), "{alertname=\"A\"}");
}

TEST(PrometheusAlertsTest, Statement03EqualIdentitiesAreAnErrorThatChangesNothing) {
  testing::ExpectLog("rule evaluation fails");
  World world(OneGroup("{alert: A, expr: m > 0, labels: {i: ''}}"));
  world.Tick({{"a", 7}});
  world.Events();
  const model::Alert before = world.Only();
  const double written_at = world.Query("timestamp(ALERTS)");
  for (int i = 0; i < 10; ++i) world.Tick({{"a", 1}, {"b", 2}});
  EXPECT_EQ(world.Only().value, before.value);
  EXPECT_EQ(world.Only().active_at, before.active_at);
  EXPECT_EQ(world.Events(), "");
  EXPECT_EQ(world.Query("timestamp(ALERTS)"), written_at) << "neither samples nor stale markers";
  EXPECT_EQ(world.RuleAt().health, RuleHealth::kError);
  EXPECT_EQ(world.RuleAt().last_error,
            "vector contains metrics with the same labelset after applying alert labels");
}

TEST(PrometheusAlertsTest, Statement04ActiveSinceTheEvaluationNotTheOffset) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 1m}", "query_offset: 30s, "));
  world.Run(45s, 1);
  const base::Timestamp first = world.clock_.Now();
  EXPECT_EQ(world.Only().state, AlertState::kPending);
  EXPECT_EQ(world.Only().active_at, first);
  world.Run(1min, 1);
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
  EXPECT_EQ(world.Only().fired_at, first + 1min);
}

TEST(PrometheusAlertsTest, Statement04ZeroForFiresAtOnceAndIsNeverPending) {
  World world(OneGroup("{alert: A, expr: m > 0}"));
  world.Run(1min, 1);
  EXPECT_EQ(world.Events().substr(0, 6), "firing");
  EXPECT_EQ(world.Only().active_at, world.Only().fired_at);
  EXPECT_EQ(world.Query("count_over_time(ALERTS{alertstate=\"firing\"}[1h])"), 4);
  EXPECT_EQ(world.Query("count_over_time(ALERTS{alertstate=\"pending\"}[1h])"), -1);
}

TEST(PrometheusAlertsTest, Statement05ForBelowTheIntervalFiresInTheSecondEvaluation) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 15s}"), 30s);
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().state, AlertState::kPending);
  EXPECT_EQ(world.Events(), "");
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().state, AlertState::kFiring);
  EXPECT_EQ(world.Events(), "firing");
}

TEST(PrometheusAlertsTest, Statement06OnlyValueAndAnnotationsAreReplaced) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 15s, annotations: {v: '{{ $value }}'}}"));
  world.Tick({{"a", 1}});
  const model::Alert first = world.Only();
  EXPECT_EQ(first.annotations.Get("v"), "1");
  world.Tick({{"a", 2}});
  const model::Alert second = world.Only();
  world.Tick({{"a", 3}});
  EXPECT_EQ(world.Only().value, 3);
  EXPECT_EQ(world.Only().annotations.Get("v"), "3");
  EXPECT_EQ(world.Only().labels, first.labels);
  EXPECT_EQ(world.Only().active_at, first.active_at);
  EXPECT_EQ(world.Only().fired_at, second.fired_at);
}

TEST(PrometheusAlertsTest, Statement07AbsentPendingAlertIsForgottenSilently) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 1m}"));
  world.Run(30s, 1);
  world.Run(20min, 0);
  EXPECT_TRUE(world.Alerts().empty());
  EXPECT_EQ(world.Events(), "");
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().active_at, world.clock_.Now()) << "it waits from the beginning";
}

TEST(PrometheusAlertsTest, Statement08AbsentFiringAlertIsResolvedAndToldAtOnce) {
  World world(OneGroup("{alert: A, expr: m > 0}"));
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "firing");
  world.Tick({{"a", 0}});
  EXPECT_EQ(world.Events(), "resolved");
  EXPECT_EQ(world.last_events_.at(0).alert.resolved_at, world.clock_.Now());
  EXPECT_EQ(world.last_events_.at(0).alert.state, AlertState::kInactive);
}

TEST(PrometheusAlertsTest, Statement09KeepFiringForHoldsFromTheFirstAbsence) {
  World world(OneGroup("{alert: A, expr: m > 50, for: 1m, keep_firing_for: 1m}"), 1min);
  std::string states;
  for (const double value : {75, 85, 70, 70, 10, 10, 10}) {
    world.Tick({{"a", value}});
    const auto alerts = world.Alerts();
    states += alerts.empty() ? "- " : std::string(model::AlertStateName(alerts[0].state)) + " ";
  }
  EXPECT_EQ(states, "pending firing firing firing firing - - ");
  world.Events();
  EXPECT_EQ(world.last_events_.back().alert.resolved_at, world.clock_.Now() - 1min);
}

TEST(PrometheusAlertsTest, Statement09ReappearingEndsTheKeeping) {
  World world(OneGroup("{alert: A, expr: m > 0, keep_firing_for: 1m}"));
  world.Tick({{"a", 1}});
  world.Run(45s, 0);
  EXPECT_EQ(world.Only().keep_firing_since, world.clock_.Now() - 30s);
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().keep_firing_since, base::Timestamp{});
  world.Run(1min, 0);
  EXPECT_EQ(world.Only().state, AlertState::kFiring) << "counted anew";
  world.Tick({{"a", 0}});
  EXPECT_TRUE(world.Alerts().empty());
}

TEST(PrometheusAlertsTest, Statement09PendingAlertsAreNotKept) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 1m, keep_firing_for: 1h}"));
  world.Run(45s, 1);
  world.Tick({{"a", 0}});
  EXPECT_TRUE(world.Alerts().empty());
}

TEST(PrometheusAlertsTest, Statement10ResolvedAlertsAreRepeatedForFifteenMinutesInclusive) {
  World world(OneGroup("{alert: A, expr: m > 0}"), 3min);
  world.Tick({{"a", 1}});
  world.Events();
  world.Tick({{"a", 0}});
  EXPECT_TRUE(world.Alerts().empty()) << "the API does not show it";
  world.Run(15min, 0);
  EXPECT_EQ(world.Events(), "resolved resolved resolved resolved resolved resolved");
  EXPECT_EQ(world.last_events_.front().alert.resolved_at,
            world.last_events_.back().alert.resolved_at);
  world.Run(30min, 0);
  EXPECT_EQ(world.Events(), "");
}

TEST(PrometheusAlertsTest, Statement11ReturningAlertIsANewOne) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 1m}"));
  world.Run(75s, 1);
  world.Tick({{"a", 0}});
  EXPECT_EQ(world.Events(), "firing resolved");
  const base::Timestamp old_fired_at = world.last_events_.back().alert.fired_at;
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().state, AlertState::kPending);
  EXPECT_EQ(world.Only().active_at, world.clock_.Now());
  EXPECT_EQ(world.Only().fired_at, base::Timestamp{});
  EXPECT_EQ(world.Only().resolved_at, base::Timestamp{});
  world.Run(45s, 1);
  EXPECT_EQ(world.Events(), "") << "no more resolves while it waits";
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "firing");
  EXPECT_GT(world.last_events_.back().alert.fired_at, old_fired_at);
}

TEST(PrometheusAlertsTest, Statement12RaisedForGoesBackToPending) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 15s, keep_firing_for: 1m}"));
  world.Run(30s, 1);
  world.Tick({{"a", 0}});  // firing, held
  world.Events();
  const base::Timestamp active_at = world.Only().active_at;
  world.SetText(OneGroup("{alert: A, expr: m > 0, for: 2m, keep_firing_for: 1m}"));
  world.SetGroups();
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().state, AlertState::kPending);
  EXPECT_EQ(world.Only().active_at, active_at);
  EXPECT_EQ(world.Only().fired_at, base::Timestamp{});
  EXPECT_EQ(world.Only().keep_firing_since, base::Timestamp{});
  world.Events();
  world.Run(1min, 1);
  EXPECT_EQ(world.Events(), "");
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "firing") << "2m after it became active";
}

TEST(PrometheusAlertsTest, Statement12DeviatesWhoeverWasPagedIsToldThatItStopped) {
  World world(OneGroup("{alert: A, expr: m > 0}"));
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "firing");
  const base::Timestamp fired_at = world.Only().fired_at;
  world.SetText(OneGroup("{alert: A, expr: m > 0, for: 10m}"));
  world.SetGroups();
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "resolved(rule changed: it has to hold for longer)");
  EXPECT_EQ(world.last_events_.at(0).alert.fired_at, fired_at);
}

TEST(PrometheusAlertsTest, Statement13DeviatesMoreAlertsThanTheLimitKeepTheState) {
  testing::ExpectLog("rule evaluation fails");
  World world(OneGroup("{alert: A, expr: m > 0}", "limit: 1, "));
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "firing");
  const base::Timestamp fired_at = world.Only().fired_at;
  world.Tick({{"a", 1}, {"b", 1}, {"c", 1}});
  EXPECT_EQ(world.RuleAt().last_error, "exceeded limit of 1 with 3 alerts");
  EXPECT_EQ(world.Only().fired_at, fired_at) << "Prometheus drops every alert of the rule";
  EXPECT_EQ(world.Events(), "");
  world.Tick({{"a", 0}, {"b", 0}, {"c", 0}});
  EXPECT_EQ(world.Events(), "resolved") << "the resolve is not lost";
}

TEST(PrometheusAlertsTest, Statement13PendingAndKeptAlertsCountTheResolvedDoNot) {
  testing::ExpectLog("rule evaluation fails");
  World world(OneGroup("{alert: A, expr: m > 0, for: 15s, keep_firing_for: 30s}", "limit: 2, "));
  world.Run(30s, 1);                 // a fires
  world.Tick({{"a", 0}, {"b", 1}});  // a kept, b pending
  EXPECT_EQ(world.RuleAt().last_error, "");
  world.Tick({{"a", 0}, {"b", 1}, {"c", 1}});  // one more
  EXPECT_EQ(world.RuleAt().last_error, "exceeded limit of 2 with 3 alerts");
  world.Tick({{"a", 0}, {"b", 1}, {"c", 1}});  // a is over
  EXPECT_EQ(world.RuleAt().last_error, "");
}

// A rule that fails while `n` has two series.
constexpr const char* kFragile = "{alert: A, expr: 'm > on() group_left() n'}";
void TickFragile(World& world, double m, int series_of_n) {
  for (int i = 0; i < 2; ++i) {
    // A stale marker ends the second one.
    const double value = i < series_of_n ? 0 : model::StaleNan();
    world.store_->Append({{{{"__name__", "n"}, {"i", std::to_string(i)}}, value}},
                         world.clock_.Now() + 15s);
  }
  world.Tick({{"a", m}});
}

TEST(PrometheusAlertsTest, Statement14ErrorFreezesTheStateAndSaysNothing) {
  testing::ExpectLog("rule evaluation fails");
  World world(OneGroup(kFragile));
  TickFragile(world, 1, 1);
  EXPECT_EQ(world.Events(), "firing");
  const double written_at = world.Query("timestamp(ALERTS)");
  const base::Timestamp fired_at = world.Only().fired_at;
  for (int i = 0; i < 4; ++i) TickFragile(world, 1, 2);
  EXPECT_EQ(world.RuleAt().health, RuleHealth::kError);
  EXPECT_EQ(world.Events(), "") << "neither a repetition nor a resolve";
  EXPECT_EQ(world.Query("timestamp(ALERTS)"), written_at) << "no samples, no stale markers";
  EXPECT_EQ(world.Only().fired_at, fired_at);
}

TEST(PrometheusAlertsTest, Statement14DeviatesLongFailureNeverBecomesAResolve) {
  testing::ExpectLog("rule evaluation fails");
  World world(OneGroup(kFragile));
  TickFragile(world, 1, 1);
  EXPECT_EQ(world.Events(), "firing");
  const base::Timestamp fired_at = world.Only().fired_at;
  for (int i = 0; i < 4 * 60; ++i) TickFragile(world, 1, 2);
  EXPECT_EQ(world.Events(), "") << "Alertmanager would have ended it after four minutes";
  TickFragile(world, 1, 1);
  EXPECT_EQ(world.Events(), "updated");
  EXPECT_EQ(world.last_events_.at(0).alert.fired_at, fired_at);
  TickFragile(world, 0, 1);
  EXPECT_EQ(world.Events(), "resolved");
}

TEST(PrometheusAlertsTest, Statement15RepetitionsAreDueStrictlyAfterTheDelay) {
  const std::pair<base::Duration, base::Duration> cases[] = {
      {15s, 75s}, {30s, 90s}, {1min, 2min}, {2min, 2min}};
  for (const auto& [interval, distance] : cases) {
    World world(OneGroup("{alert: A, expr: m > 0}"), interval);
    world.Tick({{"a", 1}});
    EXPECT_EQ(world.Events(), "firing");
    for (int repetition = 0; repetition < 3; ++repetition) {
      for (base::Duration waited = interval; waited < distance; waited += interval) {
        world.Tick({{"a", 1}});
        EXPECT_EQ(world.Events(), "") << base::ToSeconds(interval);
      }
      world.Tick({{"a", 1}});
      EXPECT_EQ(world.Events(), "updated") << base::ToSeconds(interval);
    }
  }
}

TEST(PrometheusAlertsTest, Statement16WhatIsSentSaysWhenItFiredWhenItEndedAndWhereToLook) {
  World world(OneGroup("{alert: A, expr: 'm{i=~\"a|b\"} > 0', for: 15s}"));
  world.settings_.external_url = "https://drwatch.example.com/x";
  world.SetGroups();
  world.Run(30s, 1);
  const base::Timestamp fired_at = world.clock_.Now();
  EXPECT_EQ(world.Events(), "firing");
  const model::Alert firing = world.last_events_.at(0).alert;
  EXPECT_EQ(firing.fired_at, fired_at) << "startsAt is when it fired, not when it became active";
  EXPECT_FALSE(firing.resolved());
  EXPECT_EQ(firing.generator_url,
            "https://drwatch.example.com/x/graph?g0.expr="
            "m%7Bi%3D~%22a%7Cb%22%7D+%3E+0&g0.tab=1");
  world.Tick({{"a", 0}});
  EXPECT_EQ(world.Events(), "resolved");
  EXPECT_EQ(world.last_events_.at(0).alert.fired_at, fired_at);
  EXPECT_EQ(world.last_events_.at(0).alert.resolved_at, world.clock_.Now());
}

TEST(PrometheusAlertsTest, Statement16DeviatesWhatNobodyTookIsOfferedAgain) {
  testing::ExpectLog("alert events were not accepted");
  World world(OneGroup("{alert: A, expr: m > 0}"));
  world.refuse_ = true;
  world.Tick({{"a", 1}});
  const base::Timestamp fired_at = world.Only().fired_at;
  world.refuse_ = false;
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "firing") << "Prometheus would wait for resend_delay";
  EXPECT_EQ(world.last_events_.at(0).alert.fired_at, fired_at);
}

TEST(PrometheusAlertsTest, Statement17WritesAlertsAndTheirStateBackAtTheOffset) {
  World world(
      OneGroup("{alert: A, expr: m > 0, for: 15s, labels: {e: '{{ $labels.none }}', "
               "alertstate: x, __x: y}}",
               "query_offset: 30s, "));
  world.Run(45s, 1);
  const base::Timestamp active_at = world.Only().active_at;
  world.Run(30s, 1);  // what was written 30 s back can be seen now
  const std::string labels = "alertname=\"A\", i=\"a\", e=\"{{ $labels.none }}\", __x=\"y\"";
  EXPECT_EQ(world.Query("ALERTS{" + labels + ", alertstate=\"firing\"} offset 46s"), -1);
  EXPECT_EQ(world.Query("timestamp(ALERTS{" + labels + ", alertstate=\"firing\"})"),
            base::ToUnixSeconds(world.clock_.Now() - 30s));
  EXPECT_EQ(world.Query("ALERTS{" + labels + ", alertstate=\"firing\"}"), 1);
  EXPECT_EQ(world.Query("ALERTS_FOR_STATE{" + labels + ", alertstate=\"x\"}"),
            base::ToUnixSeconds(active_at));
}

TEST(PrometheusAlertsTest, Statement17TurningToFiringEndsThePendingSeriesInTheSameEvaluation) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 15s}"));
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Query("ALERTS{alertstate=\"pending\"}"), 1);
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Query("ALERTS{alertstate=\"pending\"}"), -1);
  EXPECT_EQ(world.Query("ALERTS{alertstate=\"firing\"}"), 1);
  world.Tick({{"a", 0}});
  EXPECT_EQ(world.Query("ALERTS"), -1) << "resolved alerts have no samples";
  EXPECT_EQ(world.Query("ALERTS_FOR_STATE"), -1);
}

TEST(PrometheusAlertsTest, Statement18StateOfARuleIsTheHighestOfItsAlerts) {
  World world(OneGroup("{alert: A, expr: m > 0, for: 15s}"));
  EXPECT_EQ(world.RuleAt().State(), std::nullopt) << "unknown before the first evaluation";
  world.Tick({{"a", 0}});
  EXPECT_EQ(world.RuleAt().State(), AlertState::kInactive);
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.RuleAt().State(), AlertState::kPending);
  world.Tick({{"a", 1}, {"b", 1}});
  EXPECT_EQ(world.RuleAt().State(), AlertState::kFiring);
  EXPECT_EQ(world.RuleAt().alerts.size(), 2U);
  world.Tick({{"a", 0}, {"b", 0}});
  EXPECT_EQ(world.RuleAt().State(), AlertState::kInactive);
}

TEST(PrometheusAlertsTest, Statement19ResolveCarriesTheLastFiringValueAndAnnotations) {
  World world(
      OneGroup("{alert: A, expr: m > 10, keep_firing_for: 30s, annotations: {v: 'is {{ "
               "$value }}'}}"));
  world.Tick({{"a", 12}});
  world.Tick({{"a", 99.5}});
  world.Run(45s, 3);
  EXPECT_EQ(world.Events(), "firing resolved");
  EXPECT_EQ(world.last_events_.at(1).alert.value, 99.5);
  EXPECT_EQ(world.last_events_.at(1).alert.annotations.Get("v"), "is 99.5");
}

}  // namespace
}  // namespace drwatch::rules
