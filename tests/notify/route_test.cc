#include "notify/route.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "config/node.h"
#include "support/temp_dir.h"

namespace drwatch::notify {
namespace {

config::Route Child(const std::string& receiver, const std::string& name,
                    const std::string& value) {
  config::Route route;
  route.receiver = receiver;
  route.matchers = {model::Matcher::Equal(name, value)};
  return route;
}

std::vector<std::string> Receivers(const config::Route& root, const model::Labels& labels) {
  std::vector<std::string> receivers;
  for (const RouteMatch& match : MatchRoutes(root, labels)) {
    receivers.push_back(match.route->receiver);
  }
  return receivers;
}

TEST(RouteTest, GoesDepthFirst) {
  config::Route root;
  root.receiver = "root";
  config::Route team = Child("team", "team", "db");
  team.routes = {Child("pager", "severity", "critical")};
  root.routes = {team, Child("never", "team", "db"), Child("web", "team", "web")};
  using List = std::vector<std::string>;
  EXPECT_EQ(Receivers(root, {}), List{"root"});
  EXPECT_EQ(Receivers(root, {{"team", "db"}}), List{"team"});
  EXPECT_EQ(Receivers(root, {{"team", "db"}, {"severity", "critical"}}), List{"pager"});
  EXPECT_EQ(Receivers(root, {{"team", "web"}}), List{"web"});
  EXPECT_EQ(Receivers(root, {{"team", "other"}}), List{"root"});
}

TEST(RouteTest, ContinuesWhereAsked) {
  config::Route root;
  root.receiver = "root";
  config::Route first = Child("first", "team", "db");
  first.continue_matching = true;
  root.routes = {first, Child("second", "team", "db"), Child("third", "team", "db")};
  EXPECT_EQ(Receivers(root, {{"team", "db"}}), (std::vector<std::string>{"first", "second"}));
  // A last child with continue leaves nothing for the parent.
  root.routes = {first};
  EXPECT_EQ(Receivers(root, {{"team", "db"}}), std::vector<std::string>{"first"});
}

TEST(RouteTest, SendsSeverityNoneOnlyWhereARouteAsksForIt) {
  config::Route root;
  root.receiver = "root";
  const model::Labels watchdog{{"alertname", "Watchdog"}, {"severity", "none"}};
  EXPECT_TRUE(Receivers(root, watchdog).empty());
  root.routes = {Child("switch", "alertname", "Watchdog")};
  EXPECT_EQ(Receivers(root, watchdog), std::vector<std::string>{"switch"});
}

TEST(RouteTest, MatchesAMissingLabelAsEmpty) {
  config::Route root;
  root.receiver = "root";
  config::Route child;
  child.receiver = "unowned";
  child.matchers = {*model::Matcher::Make(model::MatchType::kRegex, "team", "|nobody")};
  root.routes = {child};
  EXPECT_EQ(Receivers(root, {}), std::vector<std::string>{"unowned"});
  EXPECT_EQ(Receivers(root, {{"team", "db"}}), std::vector<std::string>{"root"});
}

TEST(RouteTest, NamesGroupsAsAlertmanagerDoes) {
  config::Route root;
  root.receiver = "root";
  config::Route child = Child("pager", "severity", "critical");
  child.group_by = {"alertname", "absent"};
  root.routes = {child};
  const model::Labels labels = {{"alertname", "X"}, {"severity", "critical"}, {"job", "y"}};
  const std::vector<RouteMatch> matches = MatchRoutes(root, labels);
  ASSERT_EQ(matches.size(), 1U);
  const model::Labels group = GroupLabels(*matches[0].route, labels);
  EXPECT_EQ(GroupKey(matches[0], group), "{}/{severity=\"critical\"}:{alertname=\"X\"}");
  child.group_by_all = true;
  EXPECT_EQ(GroupLabels(child, labels), labels);
  EXPECT_EQ(GroupKey(MatchRoutes(config::Route{}, labels)[0], {}), "{}:{}");
}

std::string Scalar(const config::Node& node, std::string_view key) {
  const config::Node* found = node.Find(key);
  return found == nullptr ? "" : found->scalar;
}

TEST(RouteTest, AgreesWithAmtool) {
  const std::string file = testing::TestData("testdata/alertmanager/routes.yaml");
  config::Problems problems;
  const auto root = config::ParseYaml(testing::ReadTestFile(file), file, problems);
  ASSERT_TRUE(root.has_value());
  std::map<std::string, config::Config> trees;
  for (const config::MapEntry& tree : root->Find("trees")->entries) {
    const auto parsed = config::ParseConfig(tree.value.scalar, "/tree.yml", problems);
    ASSERT_TRUE(parsed.has_value()) << tree.key.scalar << problems.all().back().ToString();
    trees[tree.key.scalar] = *parsed;
  }
  ASSERT_GT(root->Find("cases")->items.size(), 20u);
  for (const config::Node& row : root->Find("cases")->items) {
    std::vector<std::pair<std::string, std::string>> labels;
    for (const config::MapEntry& label : row.Find("labels")->entries) {
      labels.emplace_back(label.key.scalar, label.value.scalar);
    }
    std::vector<std::string> expected;
    for (const config::Node& name : row.Find("receivers")->items) expected.push_back(name.scalar);
    EXPECT_EQ(Receivers(trees.at(Scalar(row, "tree")).route, model::Labels(std::move(labels))),
              expected)
        << Scalar(row, "id");
  }
}

std::string Receivers(const config::Config& config, const model::Labels& labels) {
  std::string names;
  for (const RouteMatch& match : MatchRoutes(config, labels)) names += match.route->receiver + " ";
  return names;
}

TEST(RouteTest, AlertsOnDrwatchGoToTheFallbackReceiverToo) {
  config::Config config;
  config.route.receiver = "team";
  EXPECT_EQ(Receivers(config, {{"alertname", "OutboxOld"}}), "team ");
  config.own_route.emplace().receiver = "fallback";
  EXPECT_EQ(Receivers(config, {{"alertname", "OutboxOld"}}), "team fallback ");
  EXPECT_EQ(Receivers(config, {{"alertname", "DatabaseDown"}}), "team ");
  EXPECT_EQ(Receivers(config, {{"alertname", "Watchdog"}, {"severity", "none"}}), "");
  config.own_route->receiver = "team";
  EXPECT_EQ(Receivers(config, {{"alertname", "OutboxOld"}}), "team ") << "once is enough";
}

TEST(RouteTest, KnowsEveryAlertOnDrwatch) {
  std::istringstream rules(testing::ReadTestFile(testing::TestData("../rules/drwatch.yml")));
  std::string line;
  int count = 0;
  while (std::getline(rules, line)) {
    const std::size_t at = line.find("- alert: ");
    if (at == std::string::npos) continue;
    const std::string name = line.substr(at + 9);
    EXPECT_EQ(IsOnDrwatch(name), name != "Watchdog") << name;
    ++count;
  }
  EXPECT_EQ(count, 17);
}

}  // namespace
}  // namespace drwatch::notify
