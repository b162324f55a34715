// /api/v1/rules and /api/v1/alerts: shape, filters, pages.
#include "api_fixture.h"
#include "config/problem.h"
#include "rules/rule_file.h"

namespace drwatch::web {
namespace {

class ApiRulesTest : public ApiTest {
 protected:
  ApiRulesTest() {
    Add("one",
        "- {alert: Down, expr: up == 0, for: 1m, labels: {severity: critical}, "
        "annotations: {summary: 's {{ $value }}'}}\n"
        "  - {record: 'job:up:sum', expr: sum by (job) (up), labels: {team: a}}");
    Add("two", "- {alert: Slow, expr: latency > 1, labels: {severity: warning}}");
    Add("three", "- {alert: Down, expr: vector(1)}");
  }
  void Add(const std::string& name, const std::string& rules) {
    config::Problems problems;
    auto groups = rules::ParseRuleFile("groups:\n- name: " + name + "\n  rules:\n  " + rules + "\n",
                                       name + ".yml", problems);
    EXPECT_TRUE(problems.all().empty());
    auto snapshot = std::make_shared<rules::GroupSnapshot>();
    snapshot->group = std::make_shared<const rules::RuleGroup>(std::move(groups.at(0)));
    snapshot->interval = std::chrono::seconds(15);
    for (const auto& rule : snapshot->group->rules) {
      rules::RuleSnapshot one;
      one.rule = rule;
      one.health = rules::RuleHealth::kOk;
      one.last_evaluation = clock_.Now();
      if (rule->name == "Slow") {
        model::Alert alert;
        alert.labels = model::Labels{{"alertname", "Slow"}};
        alert.state = model::AlertState::kFiring;
        alert.active_at = clock_.Now();
        alert.value = 12;
        one.alerts = {alert};
      }
      snapshot->rules.push_back(std::move(one));
    }
    rules_.groups.push_back(std::move(snapshot));
  }
  // "one: Down job:up:sum; two: Slow".
  std::string Names(const Parameters& parameters) const {
    std::string names;
    const Json data = Data("rules", parameters);
    for (const Json& group : data["groups"]) {
      names += (names.empty() ? "" : "; ") + group["name"].get<std::string>() + ":";
      for (const Json& rule : group["rules"]) names += " " + rule["name"].get<std::string>();
    }
    return names;
  }
};

TEST_F(ApiRulesTest, ShowsRulesAsPrometheusDoes) {
  const Json groups = Data("rules")["groups"];
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0]["interval"], 15);
  EXPECT_EQ(groups[0]["file"], "one.yml");
  const Json& alert = groups[0]["rules"][0];
  EXPECT_EQ(alert["type"], "alerting");
  EXPECT_EQ(alert["duration"], 60);
  EXPECT_EQ(alert["annotations"], (Json{{"summary", "s {{ $value }}"}}));
  EXPECT_EQ(alert["alerts"], Json::array());
  const Json& record = groups[0]["rules"][1];
  EXPECT_EQ(record["type"], "recording");
  EXPECT_EQ(record["query"], "sum by (job) (up)");
  EXPECT_FALSE(record.contains("alerts"));
  EXPECT_EQ(groups[1]["rules"][0]["alerts"][0]["value"], "1.2e+01");
  EXPECT_EQ(Data("alerts")["alerts"][0]["activeAt"], "2026-01-01T00:01:40Z");
}

TEST_F(ApiRulesTest, Filters) {
  EXPECT_EQ(Names({}), "one: Down job:up:sum; two: Slow; three: Down");
  EXPECT_EQ(Names({{"type", "record"}}), "one: job:up:sum");
  EXPECT_EQ(Names({{"type", "Alert"}}), "one: Down; two: Slow; three: Down");
  EXPECT_EQ(Names({{"rule_name[]", "Slow"}, {"rule_name[]", "job:up:sum"}}),
            "one: job:up:sum; two: Slow");
  EXPECT_EQ(Names({{"rule_group[]", "two"}}), "two: Slow");
  EXPECT_EQ(Names({{"file[]", "three.yml"}, {"rule_name[]", "Down"}}), "three: Down");
  EXPECT_EQ(Names({{"match[]", "{severity=~\"crit.*\"}"}, {"match[]", "{team=\"a\"}"}}),
            "one: Down job:up:sum");
  EXPECT_EQ(Names({{"rule_name[]", "none"}}), "");
  EXPECT_EQ(Data("rules", {{"rule_name[]", "Slow"},
                           {"exclude_alerts", "true"}})["groups"][0]["rules"][0]["alerts"],
            nullptr);
  EXPECT_EQ(Error("rules", {{"type", "x"}}),
            "400 bad_data: invalid parameter \"type\": not supported value \"x\"");
  EXPECT_EQ(Error("rules", {{"exclude_alerts", "maybe"}}).substr(0, 49),
            "400 bad_data: invalid parameter \"exclude_alerts\":");
  EXPECT_EQ(Error("rules", {{"match[]", "{a=\"\"}"}}),
            "400 bad_data: match[] must contain at least one non-empty matcher");
}

TEST_F(ApiRulesTest, Pages) {
  const Json first = Data("rules", {{"group_limit", "2"}});
  EXPECT_EQ(first["groups"].size(), 2U);
  const std::string token = first["groupNextToken"];
  // sha1("three.yml;three").
  EXPECT_EQ(token, "0a858785e28ea1d7be54d5b9f2f543b84ab9fd27");
  const Json second = Data("rules", {{"group_limit", "2"}, {"group_next_token", token}});
  ASSERT_EQ(second["groups"].size(), 1U);
  EXPECT_EQ(second["groups"][0]["name"], "three");
  EXPECT_FALSE(second.contains("groupNextToken"));
  EXPECT_FALSE(Data("rules", {{"group_limit", "3"}}).contains("groupNextToken"));
  const std::string bad = "400 bad_data: invalid parameter ";
  EXPECT_EQ(Error("rules", {{"group_next_token", token}}),
            bad +
                "\"group_next_token\": group_limit needs to be present in order to paginate over "
                "the groups");
  EXPECT_EQ(Error("rules", {{"group_limit", "0"}}),
            bad + "\"group_limit\": group_limit needs to be greater than 0");
  EXPECT_EQ(Error("rules", {{"group_limit", "x"}}),
            bad +
                "\"group_limit\": group_limit needs to be a valid number: strconv.ParseInt: "
                "parsing \"x\": invalid syntax");
  EXPECT_EQ(Error("rules", {{"group_limit", "1"}, {"group_next_token", "beef"}}),
            bad +
                "\"group_next_token\": invalid group_next_token 'beef'. were rule groups "
                "changed?");
}

}  // namespace
}  // namespace drwatch::web
