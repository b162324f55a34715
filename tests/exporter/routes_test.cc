#include "exporter/routes.h"

#include <gtest/gtest.h>

#include <map>

#include "exporter/embedded.h"
#include "rules/rule_file.h"

namespace drwatch::exporter {
namespace {

using std::chrono_literals::operator""min;

config::Config Load() {
  config::Problems problems;
  const auto config = config::ParseConfig(
      "route: {receiver: team, group_by: [alertname], routes: [\n"
      "  {receiver: pager, matchers: ['severity=~\"critical|disaster\"'], group_wait: 0s,\n"
      "   continue: true}, {receiver: mail, matchers: ['team=dba'], mute_time_intervals: "
      "[nights]}]}\n"
      "receivers:\n"
      "- {name: team, slack_configs: [{api_url: 'https://hooks.slack.com/services/x'}]}\n"
      "- {name: pager, pagerduty_configs: [{routing_key: a}], webhook_configs: [{url: "
      "'http://a'}]}\n"
      "- {name: mail}\n"
      "time_intervals: [{name: nights, time_intervals: [{}]}]\n",
      "/f.yml", problems);
  EXPECT_TRUE(config) << problems.all().front().ToString();
  return config.value_or(config::Config());
}

TEST(RoutesTest, ShowsEveryRouteThatTakesTheAlert) {
  EXPECT_EQ(
      DescribeRoutes(Load(), {{"alertname", "X"}, {"severity", "disaster"}, {"team", "dba"}}),
      "RECEIVER  TELLS               ROUTE                               GROUP            "
      "FIRST AFTER  CHANGES EVERY  REPEATED EVERY  MUTED\n"
      "pager     pagerduty, webhook  {}/{severity=~\"critical|disaster\"}  {alertname=\"X\"}  "
      "0s           1m             4h              -\n"
      "mail      nobody              {}/{team=\"dba\"}                     {alertname=\"X\"}  "
      "5s           1m             4h              during nights\n");
}

TEST(RoutesTest, SaysWhenNobodyIsTold) {
  EXPECT_EQ(DescribeRoutes(Load(), {{"severity", "none"}}).find("nobody is told: "), 0u);
  EXPECT_EQ(DescribeRoutes(Load(), {{"severity", "x"}}).find("RECEIVER"), 0u);
}

TEST(RoutesTest, TellsTheTimelineOfEachSeverity) {
  const std::string timeline = DescribeTimeline(Load(), {});
  EXPECT_EQ(timeline.find("  severity disaster: after 0s pager (pagerduty, webhook), again every "
                          "4h\n  severity critical: after 0s pager (pagerduty, webhook)"),
            0u);
  EXPECT_NE(timeline.find("severity warning: after 5s team (slack), again every 4h\n"),
            std::string::npos);
}

TEST(RoutesTest, TellsTheTimelineOfTheSeveritiesThatOnlyRulesHave) {
  config::Problems problems;
  const auto groups = rules::ParseRuleFile(
      "groups: [{name: g, rules: [\n"
      "{alert: A, expr: up == 0, labels: {severity: bad}},\n"
      "{alert: B, expr: up == 0, labels: {severity: none}},\n"
      "{alert: C, expr: up == 0, labels: {severity: '{{ $labels.job }}'}},\n"
      "{alert: D, expr: up == 0},\n"
      "{record: e, expr: up, labels: {severity: recorded}},\n"
      "{alert: F, expr: up == 0, labels: {severity: warning}}]}]\n",
      "/r.yml", problems);
  ASSERT_TRUE(problems.all().empty()) << problems.all().front().ToString();
  const std::string timeline = DescribeTimeline(Load(), groups);
  EXPECT_EQ(timeline.substr(timeline.find("  severity info")),
            "  severity info: after 5s team (slack), again every 4h\n"
            "  no severity: after 5s team (slack), again every 4h\n"
            "  severity bad: after 5s team (slack), again every 4h\n"
            "  severity none: nobody\n");
}

TEST(RoutesTest, TheTimelineSaysWhenNobodyIsTold) {
  config::Config config = Load();
  for (config::Route& route : config.route.routes) route.mute_time_intervals = {"nights"};
  const std::string timeline = DescribeTimeline(config, {});
  EXPECT_EQ(
      timeline.substr(0, timeline.find('\n')),
      "  severity disaster: after 0s pager (pagerduty, webhook), again every 4h, muted during "
      "nights");
}

TEST(RoutesTest, ShowsEachStepOfAnEscalation) {
  config::Config config = Load();
  config::EscalationPolicy policy;
  policy.name = "p1";
  config::EscalationStep first;
  first.within = 1min;
  first.receivers = {"pager"};
  first.repeat_every = 10min;
  first.repeat_max = 6;
  config::EscalationStep second;
  second.after = 15min;
  second.within = 30min;
  second.unless = config::Unless::kAcknowledged;
  second.receivers = {"team", "mail"};
  second.updates_every = 30min;
  policy.steps = {first, second};
  config.escalation_policies = {policy};
  config.route.escalation = "p1";
  const std::string steps =
      "after 5s, within 1m: pager (pagerduty, webhook), updates every 4h, again every 10m at most "
      "6 times\n";
  const std::string timeline = DescribeTimeline(config, {});
  EXPECT_NE(timeline.find("  severity warning: after 5s team (slack), again every 4h\n"
                          "    escalation p1:\n      " +
                          steps +
                          "      after 15m, within 30m, unless acknowledged: team (slack), mail "
                          "(nobody), updates every 30m\n"),
            std::string::npos)
      << timeline;
  EXPECT_NE(DescribeRoutes(config, {{"severity", "x"}}).find("\nescalation p1:\n  " + steps),
            std::string::npos);
}

TEST(RoutesTest, NamesTheAlertmanagersThatHearOfEverything) {
  config::Config config = Load();
  EXPECT_EQ(DescribeForwarding(config), "");
  config.alertmanagers.emplace_back();
  config.alertmanagers[0].path_prefix = "/am";
  config.alertmanagers[0].targets = {"am1:9093", "am2:9093"};
  EXPECT_EQ(DescribeForwarding(config),
            "  every alert of the rules: at once Alertmanager http://am1:9093/am, "
            "http://am2:9093/am, again every 1m\n");
  config.receivers.clear();
  EXPECT_NE(DescribeForwarding(config).find("nobody else: there are no receivers\n"),
            std::string::npos);
}

TEST(RoutesTest, ReadsLabels) {
  EXPECT_EQ(*ParseLabelArguments({"a=b=c", "d=\"e f\""}),
            (model::Labels{{"a", "b=c"}, {"d", "e f"}}));
  EXPECT_FALSE(ParseLabelArguments({"a"}));
  EXPECT_FALSE(ParseLabelArguments({"=a"}));
}

TEST(RoutesTest, IsACommand) {
  const char* arguments[] = {"drwatch",         "routes", "test",
                             "--config.file=f", "a=b",    "--verify.receivers=x,y"};
  const auto options = std::get<TestRoutesOptions>(ParseCommandLine(6, arguments));
  EXPECT_EQ(options.config_file, "f");
  EXPECT_EQ(options.labels, std::vector<std::string>{"a=b"});
  EXPECT_EQ(options.expected, "x,y");
}

// What must wake somebody by the rules that are always there does so with the file to start from.
TEST(RoutesTest, TheStarterPagesForEachBuiltInAlertThatIsCriticalOrWorse) {
  config::Problems problems;
  const std::map<std::string, std::string> environment = {
      {"PAGERDUTY_ROUTING_KEY", "k"}, {"SLACK_WEBHOOK_URL", "https://hooks.example.com/x"}};
  const auto config =
      config::ParseConfig(config::StarterConfig(), "/drwatch.yml", problems, {&environment});
  ASSERT_TRUE(config);
  int paged = 0;
  for (const EmbeddedFile& file : BuiltinRuleFiles()) {
    for (const auto& group : rules::ParseRuleFile(file.contents, "rules", problems)) {
      for (const auto& rule : group.rules) {
        const model::Labels labels = rule->RawLabels();
        const std::string_view severity = labels.Get("severity");
        if (severity != "critical" && severity != "disaster") continue;
        EXPECT_NE(DescribeRoutes(*config, labels).find("pagerduty"), std::string::npos)
            << rule->name;
        ++paged;
      }
    }
  }
  EXPECT_GT(paged, 20);
}

}  // namespace
}  // namespace drwatch::exporter
