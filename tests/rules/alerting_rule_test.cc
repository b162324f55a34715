#include "rules/alerting_rule.h"

#include "rules/rule_test_support.h"

namespace drwatch::rules {
namespace {

using model::AlertChange;
using model::AlertState;

constexpr base::Duration kResend = std::chrono::minutes(1);

// One rule and its state, driven evaluation by evaluation.
class Life {
 public:
  explicit Life(const std::string& fields) : rule_(ParseRule(fields)) {}

  AlertingOutput Step(std::int64_t second, const promql::Vector& result) {
    input_.time = At(second);
    auto output = EvaluateAlerting(*rule_, result, input_, candidates_, state_);
    EXPECT_TRUE(output.has_value()) << output.error().message;
    return output.value_or(AlertingOutput());
  }
  std::string ErrorAt(std::int64_t second, const promql::Vector& result) {
    input_.time = At(second);
    const auto output = EvaluateAlerting(*rule_, result, input_, candidates_, state_);
    return output ? "" : output.error().message;
  }
  // Changes of what is sent at the last step's time, as "firing updated resolved".
  std::string Send() {
    std::string text;
    for (const auto& event : DueEvents(state_, input_.time, kResend)) {
      text += text.empty() ? "" : " ";
      text += event.change == AlertChange::kFiring    ? "firing"
              : event.change == AlertChange::kUpdated ? "updated"
                                                      : "resolved";
    }
    MarkSent(state_, input_.time, kResend);
    return text;
  }
  const AlertInstance& only() const { return state_.begin()->second; }
  AlertState state() const { return only().alert.state; }
  AlertingState& all() { return state_; }
  AlertingInput& input() { return input_; }
  void Replace(const std::string& fields) {
    rule_ = ParseRule(fields);
    candidates_ = {};
  }

 private:
  std::shared_ptr<const Rule> rule_;
  AlertingInput input_;
  AlertCandidates candidates_;
  AlertingState state_;
};

const model::Labels kA = {{"__name__", "m"}, {"i", "a"}};
const model::Labels kB = {{"__name__", "m"}, {"i", "b"}};
const promql::Vector kNothing;
promql::Vector One(double value = 1) { return VectorAt({{kA, value}}); }

TEST(AlertingRuleTest, IdentityIsResultLabelsThenRuleLabelsThenName) {
  Life life(
      "alert: A, expr: m, labels: {i: 'x{{ $labels.i }}', gone: '{{ $labels.none }}', alertname: "
      "no}");
  life.Step(0, One());
  EXPECT_EQ(life.only().alert.labels.ToString(), "{alertname=\"A\", i=\"xa\"}");
}

TEST(AlertingRuleTest, EmptyTemplateRemovesTheLabel) {
  Life life("alert: A, expr: m, labels: {i: ''}");
  life.Step(0, One());
  EXPECT_EQ(life.only().alert.labels.ToString(), "{alertname=\"A\"}");
}

TEST(AlertingRuleTest, EqualIdentitiesChangeNothing) {
  Life life("alert: A, expr: m, labels: {i: ''}");
  life.Step(0, One(7));
  EXPECT_EQ(life.ErrorAt(60, VectorAt({{kA, 1}, {kB, 2}})),
            "vector contains metrics with the same labelset after applying alert labels");
  EXPECT_EQ(life.only().alert.value, 7);
  EXPECT_EQ(life.only().alert.active_at, At(0));
}

TEST(AlertingRuleTest, ZeroForFiresAtOnce) {
  Life life("alert: A, expr: m");
  life.Step(0, One());
  EXPECT_EQ(life.state(), AlertState::kFiring);
  EXPECT_EQ(life.only().alert.active_at, At(0));
  EXPECT_EQ(life.only().alert.fired_at, At(0));
  EXPECT_EQ(life.Send(), "firing");
}

TEST(AlertingRuleTest, ForShorterThanTheIntervalFiresAtTheSecondEvaluation) {
  Life life("alert: A, expr: m, for: 15s");
  life.Step(0, One());
  EXPECT_EQ(life.state(), AlertState::kPending);
  EXPECT_EQ(life.Send(), "");
  life.Step(30, One());
  EXPECT_EQ(life.state(), AlertState::kFiring);
  EXPECT_EQ(life.only().alert.fired_at, At(30));
}

TEST(AlertingRuleTest, LaterEvaluationsReplaceValueAndAnnotationsOnly) {
  Life life("alert: A, expr: m, for: 1m, annotations: {v: '{{ $value }}'}");
  life.Step(0, One(1));
  life.Step(60, One(2));
  life.Step(120, One(3));
  EXPECT_EQ(life.only().alert.value, 3);
  EXPECT_EQ(life.only().alert.annotations.Get("v"), "3");
  EXPECT_EQ(life.only().alert.active_at, At(0));
  EXPECT_EQ(life.only().alert.fired_at, At(60));
}

TEST(AlertingRuleTest, AbsentPendingAlertIsForgottenSilently) {
  Life life("alert: A, expr: m, for: 1m, keep_firing_for: 1h");
  life.Step(0, One());
  const auto output = life.Step(30, kNothing);
  EXPECT_TRUE(life.all().empty());
  EXPECT_TRUE(output.samples.empty());
  EXPECT_EQ(output.changed.size(), 1U);
  EXPECT_EQ(life.Send(), "");
}

TEST(AlertingRuleTest, AbsentFiringAlertIsResolvedAtOnceWithItsLastAnnotations) {
  Life life("alert: A, expr: m, annotations: {v: '{{ $value }}'}");
  life.Step(0, One(9));
  EXPECT_EQ(life.Send(), "firing");
  life.Step(30, kNothing);
  EXPECT_EQ(life.only().alert.resolved_at, At(30));
  EXPECT_EQ(life.only().alert.annotations.Get("v"), "9");
  EXPECT_EQ(life.Send(), "resolved");
}

TEST(AlertingRuleTest, KeepFiringForHoldsAFiringAlert) {
  Life life("alert: A, expr: m > 50, for: 1m, keep_firing_for: 1m");
  const double values[] = {75, 85, 70, 70, 10, 10};
  const AlertState expected[] = {AlertState::kPending, AlertState::kFiring, AlertState::kFiring,
                                 AlertState::kFiring,  AlertState::kFiring, AlertState::kInactive};
  for (int i = 0; i < 6; ++i) {
    life.Step(60 * i, values[i] > 50 ? One(values[i]) : kNothing);
    EXPECT_EQ(life.state(), expected[i]) << i;
  }
  EXPECT_EQ(life.only().alert.resolved_at, At(300));
}

TEST(AlertingRuleTest, ReappearingEndsTheKeeping) {
  Life life("alert: A, expr: m, keep_firing_for: 1m");
  life.Step(0, One());
  life.Step(30, kNothing);
  EXPECT_EQ(life.only().alert.keep_firing_since, At(30));
  life.Step(60, One());
  EXPECT_EQ(life.only().alert.keep_firing_since, base::Timestamp{});
  life.Step(120, kNothing);
  life.Step(150, kNothing);
  EXPECT_EQ(life.state(), AlertState::kFiring);
}

TEST(AlertingRuleTest, ResolvedAlertIsRememberedForFifteenMinutes) {
  Life life("alert: A, expr: m");
  life.Step(0, One());
  life.Send();
  life.Step(60, kNothing);
  life.Send();
  life.Step(60 + 900, kNothing);
  EXPECT_EQ(life.all().size(), 1U);
  EXPECT_EQ(life.Send(), "resolved");
  life.Step(60 + 901, kNothing);
  EXPECT_TRUE(life.all().empty());
}

TEST(AlertingRuleTest, OwedResolveIsNotForgotten) {
  Life life("alert: A, expr: m");
  life.Step(0, One());
  life.Send();
  life.Step(60, kNothing);
  life.Step(5000, kNothing);
  ASSERT_EQ(life.all().size(), 1U);
  EXPECT_EQ(life.Send(), "resolved");
  life.Step(5001, kNothing);
  EXPECT_TRUE(life.all().empty());
}

TEST(AlertingRuleTest, ReturningAlertIsAFreshOne) {
  Life life("alert: A, expr: m, for: 1m");
  life.Step(0, One());
  life.Step(60, One());
  life.Send();
  life.Step(120, kNothing);
  life.Send();
  const auto output = life.Step(180, One());
  EXPECT_EQ(life.state(), AlertState::kPending);
  EXPECT_EQ(life.only().alert.active_at, At(180));
  EXPECT_EQ(life.only().alert.fired_at, base::Timestamp{});
  EXPECT_EQ(life.only().alert.resolved_at, base::Timestamp{});
  EXPECT_TRUE(output.displaced.empty());
  EXPECT_EQ(life.Send(), "");
}

TEST(AlertingRuleTest, ReturningAlertDoesNotSwallowAnOwedResolve) {
  Life life("alert: A, expr: m");
  life.Step(0, One());
  life.Send();
  life.Step(60, kNothing);
  const auto output = life.Step(90, One());
  ASSERT_EQ(output.displaced.size(), 1U);
  EXPECT_EQ(output.displaced[0].alert.fired_at, At(0));
  EXPECT_EQ(output.displaced[0].owed, AlertChange::kResolved);
}

TEST(AlertingRuleTest, RaisedForSendsTheAlertBackToPending) {
  Life life("alert: A, expr: m, for: 1m");
  life.Step(0, One());
  life.Step(60, One());
  life.Send();
  life.Replace("alert: A, expr: m, for: 10m");
  life.Step(120, One());
  EXPECT_EQ(life.state(), AlertState::kFiring) << "only a reload may do it";
  life.all().begin()->second.recheck_hold = true;
  const auto output = life.Step(180, One());
  EXPECT_EQ(life.state(), AlertState::kPending);
  EXPECT_EQ(life.only().alert.fired_at, base::Timestamp{});
  EXPECT_EQ(life.only().last_sent, base::Timestamp{});
  ASSERT_EQ(output.displaced.size(), 1U);
  EXPECT_EQ(output.displaced[0].alert.resolved_at, At(180));
  EXPECT_NE(output.displaced[0].reason, "");
}

TEST(AlertingRuleTest, ExceededLimitKeepsTheState) {
  Life life("alert: A, expr: m");
  life.input().limit = 1;
  life.Step(0, One());
  EXPECT_EQ(life.ErrorAt(30, VectorAt({{kA, 1}, {kB, 1}})), "exceeded limit of 1 with 2 alerts");
  EXPECT_EQ(life.all().size(), 1U);
  EXPECT_EQ(life.state(), AlertState::kFiring);
}

TEST(AlertingRuleTest, KeptAlertsCountAgainstTheLimit) {
  Life life("alert: A, expr: m, keep_firing_for: 5m");
  life.input().limit = 1;
  life.Step(0, One());
  EXPECT_NE(life.ErrorAt(30, VectorAt({{kB, 1}})), "");
}

TEST(AlertingRuleTest, ResendsStrictlyAfterTheDelay) {
  Life thirty("alert: A, expr: m");
  std::string sends;
  for (int t = 0; t <= 180; t += 30) {
    thirty.Step(t, One());
    sends += std::to_string(t) + ":" + thirty.Send() + " ";
  }
  EXPECT_EQ(sends, "0:firing 30: 60: 90:updated 120: 150: 180:updated ");
}

TEST(AlertingRuleTest, RefusedEventsAreOwedUntilSomebodyTakesThem) {
  Life life("alert: A, expr: m");
  life.Step(0, One());
  life.Step(30, One());
  EXPECT_EQ(life.Send(), "firing");
  life.Step(60, kNothing);
  life.Step(90, kNothing);
  EXPECT_EQ(life.Send(), "resolved");
}

TEST(AlertingRuleTest, WritesSamplesForPendingAndFiring) {
  Life life("alert: A, expr: m, for: 1m, labels: {e: '{{ $labels.none }}', alertstate: x}");
  auto output = life.Step(0, One());
  ASSERT_EQ(output.samples.size(), 2U);
  EXPECT_EQ(
      output.samples[0].labels.ToString(),
      "ALERTS_FOR_STATE{alertname=\"A\", alertstate=\"x\", e=\"{{ $labels.none }}\", i=\"a\"}");
  EXPECT_EQ(output.samples[0].value, 1'700'000'000);
  EXPECT_EQ(output.samples[1].labels.ToString(),
            "ALERTS{alertname=\"A\", alertstate=\"pending\", e=\"{{ $labels.none }}\", i=\"a\"}");
  output = life.Step(60, One());
  EXPECT_EQ(output.samples[1].labels.Get("alertstate"), "firing");
  EXPECT_TRUE(life.Step(120, kNothing).samples.empty());
}

TEST(AlertingRuleTest, FailedTemplateShowsItsErrorAndStillFires) {
  Life life("alert: A, expr: m, labels: {x: '{{ first 1 }}'}, annotations: {s: '{{ .Nope }}'}");
  const auto output = life.Step(0, One());
  EXPECT_EQ(output.template_failures, 2);
  EXPECT_EQ(life.state(), AlertState::kFiring);
  EXPECT_TRUE(life.only().alert.annotations.Get("s").starts_with(
      "<error expanding template: error executing template __alert_A: template: __alert_A:1:"));
}

TEST(AlertingRuleTest, TemplatesSeeTheLabelsOfTheResult) {
  Life life(
      "alert: A, expr: m, labels: {i: rule}, annotations: {s: '{{ $labels.i }} {{ $labels.__name__ "
      "}} {{ $externalLabels.site }} {{ externalURL }}'}");
  life.input().external_labels = {{"site", "east"}};
  life.input().environment.external_url = "http://x";
  life.Step(0, One());
  EXPECT_EQ(life.only().alert.annotations.Get("s"), "a m east http://x");
  EXPECT_EQ(life.only().alert.generator_url, "http://x/graph?g0.expr=m&g0.tab=1");
}

TEST(AlertingRuleTest, RestoredAlertIsKeptUntilItsSeriesCouldBeSeen) {
  for (const AlertState state : {AlertState::kFiring, AlertState::kPending}) {
    Life life("alert: A, expr: m, for: 1m");
    AlertInstance instance;
    instance.alert.labels = {{"alertname", "A"}, {"i", "a"}};
    instance.alert.state = state;
    instance.alert.active_at = At(0);
    instance.alert.fired_at = state == AlertState::kFiring ? At(60) : base::Timestamp{};
    instance.restored = true;
    life.all().emplace(instance.alert.labels, instance);
    life.input().restored = AlertingInput::Restored::kKeep;
    EXPECT_EQ(life.Step(600, kNothing).samples.size(), 2U);
    EXPECT_EQ(life.state(), state) << "nobody saw it, so it neither fires nor ends";
    life.input().restored = AlertingInput::Restored::kJudge;
    life.Step(630, kNothing);
    if (state == AlertState::kFiring) {
      EXPECT_EQ(life.only().alert.resolved_at, At(630));
      EXPECT_EQ(life.only().alert.fired_at, At(60));
      EXPECT_EQ(life.Send(), "resolved");
    } else {
      EXPECT_TRUE(life.all().empty());
    }
  }
}

TEST(AlertingRuleTest, RestoredAlertThatIsSeenGoesOnAsBefore) {
  Life life("alert: A, expr: m, for: 1m");
  AlertInstance instance;
  instance.alert.labels = {{"alertname", "A"}, {"i", "a"}};
  instance.alert.state = AlertState::kFiring;
  instance.alert.active_at = At(0);
  instance.alert.fired_at = At(60);
  instance.restored = true;
  life.all().emplace(instance.alert.labels, instance);
  life.input().restored = AlertingInput::Restored::kKeep;
  life.Step(600, One());
  life.Step(630, kNothing);
  EXPECT_EQ(life.only().alert.resolved_at, At(630)) << "once seen, absence counts";
  EXPECT_EQ(life.only().alert.fired_at, At(60));
}

TEST(AlertingRuleTest, ClockSetBackNeitherFiresNorSilencesForEver) {
  Life life("alert: A, expr: m, for: 5m");
  life.Step(3600, One());
  life.Step(0, One());
  EXPECT_EQ(life.only().alert.active_at, At(0));
  life.Step(300, One());
  EXPECT_EQ(life.Send(), "firing");
  life.Step(-3600, One());
  EXPECT_EQ(life.state(), AlertState::kFiring);
  EXPECT_EQ(life.Send(), "");
  life.Step(-3500, One());
  EXPECT_EQ(life.Send(), "updated");
  life.Step(-3400, kNothing);
  EXPECT_EQ(life.Send(), "resolved");
}

TEST(AlertingRuleTest, OrphansAreResolvedWithAReason) {
  Life life("alert: A, expr: m");
  life.Step(0, VectorAt({{kA, 1}, {kB, 1}}));
  life.all().begin()->second.owed.reset();  // only the first one was sent
  const auto orphans = ResolveAll(life.all(), At(60), "rule removed");
  ASSERT_EQ(orphans.size(), 1U) << "nobody was told of the second";
  EXPECT_EQ(orphans[0].reason, "rule removed");
  EXPECT_EQ(orphans[0].alert.resolved_at, At(60));
}

}  // namespace
}  // namespace drwatch::rules
