// A template that fails when it runs never loses an alert: its error stands in the text's place,
// and state, samples, delivery, resolve and restart go on as if nothing had been.
#include "base/strings.h"
#include "rules/world.h"

namespace drwatch::rules {
namespace {

using model::AlertState;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

constexpr std::string_view kError = "<error expanding template: ";

// Nine loops of ten, one within the other.
std::string LongLoop() {
  std::string text;
  for (int i = 0; i < 9; ++i) text += "{{ range args 0 1 2 3 4 5 6 7 8 9 }}";
  text += "x";
  for (int i = 0; i < 9; ++i) text += "{{ end }}";
  return text;
}

// A text doubled thirty times.
std::string Explosion() {
  return "{{ $x := \"0123456789\" }}{{ range args 0 1 2 3 4 5 6 7 8 9 }}{{ range args 0 1 2 }}"
         "{{ $x = printf \"%s%s\" $x $x }}{{ end }}{{ end }}{{ $x }}";
}

std::vector<std::string> FailingTemplates() {
  return {
      "{{ .Nope }}",
      "{{ $value.Nope }}",
      "{{ index (args 1 2) \"arg5\" \"x\" }}",
      "{{ slice \"abc\" 7 }}",
      "{{ humanize \"one\" }}",
      "{{ parseDuration \"1 fortnight\" }}",
      "{{ reReplaceAll \"(\" \"\" $labels.i }}",
      "{{ call 5 }}",
      "{{ lt 1 \"a\" }}",
      "{{ first (query \"nothing\") }}",                         // no result
      "{{ query \"m(\" }}",                                      // cannot be parsed
      "{{ query \"m[5m]\" }}",                                   // neither vector nor scalar
      "{{ query \"m + on() group_left() (m or vector(1))\" }}",  // fails when it runs
      "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
      "{{ printf \"%900000d%900000d\" 1 2 }}",
      LongLoop(),
      Explosion(),
  };
}

// A world with one rule whose `fields` hold the template.
std::string Rule(const std::string& fields) {
  return "groups: [{name: g, rules: [{alert: A, expr: m > 0, for: 15s, " + fields + "}]}]";
}

// Pending, firing, told, resolved, and all of it again after a restart.
void ExpectWholeLife(World& world, const std::string& text, int failures_an_alert) {
  world.Tick({{"a", 1}});
  EXPECT_EQ(world.Only().state, AlertState::kPending) << text;
  EXPECT_EQ(world.manager_->Snapshot()->template_failures, failures_an_alert) << text;
  world.Tick({{"a", 2}});
  EXPECT_EQ(world.Only().state, AlertState::kFiring) << text;
  EXPECT_EQ(world.RuleAt().health, RuleHealth::kOk) << text;
  EXPECT_EQ(world.Query("count(ALERTS{alertstate=\"firing\"})"), 1) << text;
  EXPECT_EQ(world.Events(), "firing") << text;
  const model::Alert told = world.last_events_.at(0).alert;
  EXPECT_EQ(told.labels, world.Only().labels) << text;
  world.Restart(15s);
  world.Tick({{"a", 3}});
  EXPECT_EQ(world.Only().labels, told.labels) << text;
  EXPECT_EQ(world.Only().fired_at, told.fired_at) << text;
  world.Tick({{"a", 0}});
  EXPECT_EQ(world.Events(), "resolved") << text;
  EXPECT_EQ(world.last_events_.at(0).alert.labels, told.labels) << text;
}

TEST(TemplateFailureTest, FailingAnnotationLosesNothing) {
  for (const std::string& text : FailingTemplates()) {
    World world(Rule("annotations: {bad: " + base::Quote(text) + ", good: 'is {{ $value }}'}"));
    ExpectWholeLife(world, text, 1);
    const model::Alert& alert = world.last_events_.at(0).alert;
    EXPECT_EQ(alert.annotations.Get("bad").substr(0, kError.size()), kError) << text;
    EXPECT_LT(alert.annotations.Get("bad").size(), 500U) << text;
    EXPECT_EQ(alert.annotations.Get("good"), "is 3") << text;
  }
}

TEST(TemplateFailureTest, FailingLabelLosesNothing) {
  for (const std::string& text : FailingTemplates()) {
    World world(Rule("labels: {bad: " + base::Quote(text) + ", severity: page}"));
    ExpectWholeLife(world, text, 1);
    const model::Alert& alert = world.last_events_.at(0).alert;
    EXPECT_EQ(alert.labels.Get("bad").substr(0, kError.size()), kError) << text;
    EXPECT_EQ(alert.labels.Get("severity"), "page") << text;
    EXPECT_EQ(alert.labels.Get("i"), "a") << text;
  }
}

TEST(TemplateFailureTest, FailingTemplatesOfManyAlertsKeepThemApart) {
  World world(Rule("labels: {bad: '{{ .Nope }}'}, annotations: {bad: '{{ .Nope }}'}"));
  for (int i = 0; i < 2; ++i) world.Tick({{"a", 1}, {"b", 1}, {"c", 1}});
  EXPECT_EQ(world.Events(), "firing firing firing");
  EXPECT_EQ(world.manager_->Snapshot()->template_failures, 12);
}

TEST(TemplateFailureTest, TemplateThatStartsToFailKeepsItsAlert) {
  World world(
      Rule("annotations: {s: '{{ (query \"m\" | first).Value }}', "
           "t: '{{ if gt $value 5.0 }}{{ .Nope }}{{ else }}fine{{ end }}'}"));
  for (const double value : {1, 2}) world.Tick({{"a", value}});
  EXPECT_EQ(world.Only().annotations.Get("s"), "2");
  EXPECT_EQ(world.Only().annotations.Get("t"), "fine");
  const base::Timestamp fired_at = world.Only().fired_at;
  world.Tick({{"a", 9}});
  EXPECT_EQ(world.Only().fired_at, fired_at);
  EXPECT_EQ(world.Only().annotations.Get("t").substr(0, kError.size()), kError);
  world.Tick({{"a", 4}});
  EXPECT_EQ(world.Only().annotations.Get("t"), "fine");
  EXPECT_EQ(world.Only().fired_at, fired_at);
}

// Every look at it costs ten seconds.
class SlowClock final : public base::Clock {
 public:
  base::Timestamp Now() const override { return At(0); }
  base::SteadyTime Steady() const override { return steady_ += 10s; }

 private:
  mutable base::SteadyTime steady_{};
};

TEST(TemplateFailureTest, SlowQueriesOfTemplatesEndAndTheAlertGoesOn) {
  store::Store store;
  const promql::Engine engine(store);
  const SlowClock clock;
  RunningGroup group;
  group.definition = std::make_shared<RuleGroup>(
      ParseGroups(
          "groups: [{name: g, rules: [{alert: A, expr: vector(1), annotations: {s: '{{ range "
          "args 0 1 2 3 4 5 6 7 8 9 }}{{ query \"1\" | len }}{{ end }}'}}]}]")
          .at(0));
  group.rules.emplace_back();
  group.rules[0].rule = group.definition->rules[0];
  const GroupReport report = EvaluateGroupAt(group, At(0), {store, engine, clock, {}, ""});
  EXPECT_EQ(report.template_failures, 1);
  ASSERT_EQ(group.rules[0].alerts.size(), 1U);
  const model::Alert& alert = group.rules[0].alerts.begin()->second.alert;
  EXPECT_EQ(alert.state, AlertState::kFiring);
  EXPECT_NE(alert.annotations.Get("s").find("took longer than 1m"), std::string::npos);
}

TEST(TemplateFailureTest, LongTextsWithinTheLimitAreDelivered) {
  const std::string text = "{{ printf \"%900000d\" 1 }}";
  World world(Rule("labels: {long: " + base::Quote(text) +
                   "}, annotations: {long: " + base::Quote(text) + "}"));
  for (int i = 0; i < 2; ++i) world.Tick({{"a", 1}});
  EXPECT_EQ(world.Events(), "firing");
  EXPECT_EQ(world.last_events_.at(0).alert.labels.Get("long").size(), 900'000U);
  world.Tick({{"a", 0}});
  EXPECT_EQ(world.Events(), "resolved");
}

}  // namespace
}  // namespace drwatch::rules
