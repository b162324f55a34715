#include "notify/route.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace drwatch::notify
