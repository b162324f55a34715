// Escalation policies: what they read as, what is wrong with them and where, and how they are
// shown.
#include <gtest/gtest.h>

#include "config/config.h"

namespace drwatch::config {
namespace {

struct Outcome {
  std::optional<Config> config;
  std::string errors, warnings;
};

// `steps` are lines of one policy that the only route uses; the first stands on line 6.
Outcome Load(const std::string& steps, const std::string& route = "escalation: p") {
  Problems problems;
  Outcome outcome;
  outcome.config = ParseConfig("route: {receiver: r, " + route +
                                   "}\n"
                                   "receivers: [{name: r, webhook_configs: [{url: 'http://a'}]}, "
                                   "{name: s, webhook_configs: [{url: 'http://a'}]}, {name: t}]\n"
                                   "escalation_policies:\n"
                                   "- name: p\n"
                                   "  steps:\n" +
                                   steps,
                               "/x.yml", problems);
  for (const Problem& problem : problems.all()) {
    std::string& into = problem.kind == Problem::Kind::kError ? outcome.errors : outcome.warnings;
    into += problem.ToString() + "\n";
  }
  return outcome;
}

TEST(EscalationConfigTest, ReadsEveryKey) {
  const Outcome outcome = Load(
      "  - {receivers: [r]}\n"
      "  - {after: 2m, within: 15m, unless: acknowledged, receivers: [r, s], updates_every: 30m,\n"
      "     repeat: {every: 10m, max: 3}}\n");
  ASSERT_TRUE(outcome.config) << outcome.errors;
  EXPECT_EQ(outcome.config->route.escalation, "p");
  const EscalationPolicy& policy = outcome.config->escalation_policies.at(0);
  EXPECT_EQ(policy.name, "p");
  const EscalationStep& first = policy.steps.at(0);
  EXPECT_EQ(first.after, 0s);
  EXPECT_FALSE(first.within || first.updates_every || first.repeat_every || first.repeat_max);
  EXPECT_EQ(first.unless, Unless::kResolved);
  const EscalationStep& second = policy.steps.at(1);
  EXPECT_EQ(second.after, 2min);
  EXPECT_EQ(second.within, 15min);
  EXPECT_EQ(second.unless, Unless::kAcknowledged);
  EXPECT_EQ(second.receivers, (std::vector<std::string>{"r", "s"}));
  EXPECT_EQ(second.updates_every, 30min);
  EXPECT_EQ(second.repeat_every, 10min);
  EXPECT_EQ(second.repeat_max, 3);
}

TEST(EscalationConfigTest, RoutesInheritIt) {
  const Outcome outcome = Load("  - {receivers: [r]}\n",
                               "escalation: p, routes: [{matchers: [a=b]}, {matchers: [a=c], "
                               "escalation: ''}]");
  ASSERT_TRUE(outcome.config) << outcome.errors;
  EXPECT_EQ(outcome.config->route.routes.at(0).escalation, "p");
  EXPECT_EQ(outcome.config->route.routes.at(1).escalation, "");
}

TEST(EscalationConfigTest, SaysWhatIsWrongAndWhere) {
  const struct {
    const char* steps;
    const char* place;
    const char* message;
    const char* hint;
  } kCases[] = {
      {"  - {receivers: [rr]}\n", "/x.yml:6:18", "unknown receiver \"rr\"", "did you mean \"r\"?"},
      {"  - {after: 1m}\n", "/x.yml:6:5", "\"receivers\"", ""},
      {"  - {receivers: []}\n", "/x.yml:6:17", "needs somebody to tell", "at least one"},
      {"  - {receivers: [r, r]}\n", "/x.yml:6:21", "receiver \"r\" stands twice", ""},
      {"  - {after: 5m, receivers: [r]}\n  - {after: 2m, receivers: [r]}\n", "/x.yml:7:13",
       "a step after 2m stands behind one after 5m", "in the order"},
      {"  - {after: 5m, within: 5m, receivers: [r]}\n", "/x.yml:6:25",
       "\"within\" 5m leaves no time after 5m", "must be the longer one"},
      {"  - {within: 5s, receivers: [r]}\n", "/x.yml:6:5",
       "\"within\" 5s cannot be kept: a route waits 5s", "line 1"},
      {"  - {unless: ack, receivers: [r]}\n", "/x.yml:6:14", "\"unless\"", "acknowledged"},
      {"  - {updates_every: 0s, receivers: [r]}\n", "/x.yml:6:21", "longer than 0", ""},
      {"  - {updates_every: 1ms, receivers: [r]}\n", "/x.yml:6:21", "at least 1s", ""},
      {"  - {receivers: [r], repeat: {every: 999ms}}\n", "/x.yml:6:38", "at least 1s", ""},
      {"  - {receivers: [r], repeat: {max: 1}}\n", "/x.yml:6:30", "\"every\"", ""},
      {"  - {receivers: [r], repeat: {every: 1m, max: 0}}\n", "/x.yml:6:47", "at least 1", ""},
      {"  - {receivers: [r], wihtin: 1m}\n", "/x.yml:6:22", "unknown key \"wihtin\"",
       "did you mean \"within\"?"},
      {"  []\n", "/x.yml:6:3", "at least one step", ""},
  };
  for (const auto& [steps, place, message, hint] : kCases) {
    const Outcome outcome = Load(steps);
    EXPECT_FALSE(outcome.config) << steps;
    EXPECT_NE(outcome.errors.find(place), std::string::npos) << steps << outcome.errors;
    EXPECT_NE(outcome.errors.find(message), std::string::npos) << steps << outcome.errors;
    EXPECT_NE(outcome.errors.find(hint), std::string::npos) << steps << outcome.errors;
  }
}

TEST(EscalationConfigTest, RefusesAnUnknownPolicyAndASecondOneOfTheName) {
  const Outcome unknown = Load("  - {receivers: [r]}\n", "escalation: pp");
  EXPECT_NE(unknown.errors.find("/x.yml:1:34: unknown escalation policy \"pp\""), std::string::npos)
      << unknown.errors;
  EXPECT_NE(unknown.errors.find("did you mean \"p\"?"), std::string::npos) << unknown.errors;
  const Outcome twice = Load("  - {receivers: [r]}\n- {name: p, steps: [{receivers: [r]}]}\n");
  EXPECT_NE(twice.errors.find("/x.yml:7:3: duplicate escalation policy name \"p\""),
            std::string::npos)
      << twice.errors;
}

TEST(EscalationConfigTest, WarnsOfWhatReachesNobody) {
  const Outcome unused = Load("  - {receivers: [t]}\n", "group_wait: 1s");
  ASSERT_TRUE(unused.config) << unused.errors;
  EXPECT_NE(unused.warnings.find("no route uses the escalation policy \"p\""), std::string::npos);
  EXPECT_NE(unused.warnings.find("tells \"t\", which reaches nobody"), std::string::npos);
  const Outcome fine = Load("  - {receivers: [s]}\n");
  EXPECT_EQ(fine.warnings.find("escalation"), std::string::npos) << fine.warnings;
}

TEST(EscalationConfigTest, IsShownInTheWholeConfigAndNotToAlertmanagersTools) {
  const Outcome outcome = Load(
      "  - {after: 2m, within: 15m, receivers: [r], updates_every: 30m, repeat: {every: 10m, "
      "max: 3}}\n");
  ASSERT_TRUE(outcome.config) << outcome.errors;
  const std::string text = DescribeConfig(*outcome.config);
  for (const char* part : {"escalation: p\n", "escalation_policies:\n", "after: 2m", "within: 15m",
                           "unless: resolved", "updates_every: 30m", "every: 10m", "max: 3"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(DescribeAlerting(*outcome.config).find("escalation"), std::string::npos);
  Problems problems;
  std::string replaced = text;
  for (std::size_t at; (at = replaced.find("<secret>")) != std::string::npos;) {
    replaced.replace(at, 8, "a");
  }
  const auto again = ParseConfig(replaced, "/y.yml", problems);
  ASSERT_TRUE(again) << problems.all().front().ToString() << "\n" << text;
  EXPECT_TRUE(again->escalation_policies.at(0).SameAs(outcome.config->escalation_policies.at(0)));
}

}  // namespace
}  // namespace drwatch::config
