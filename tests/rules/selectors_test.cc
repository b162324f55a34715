#include "rules/selectors.h"

#include <gtest/gtest.h>

#include "rules/rule_file.h"

namespace drwatch::rules {
namespace {

class CheckJobsTest : public ::testing::Test {
 protected:
  void Scrape(const std::string& name, const std::string& job = "", bool honor_labels = false) {
    config::Probe probe;
    probe.name = name;
    probe.type = "scrape";
    config::ScrapeProbe spec;
    spec.job = job;
    spec.honor_labels = honor_labels;
    probe.spec = spec;
    config_.probes.push_back(probe);
  }
  // The warnings of a rule with that expression.
  std::vector<config::Problem> Check(const std::string& expression) const {
    config::Problems problems;
    const auto groups = ParseRuleFile(
        "groups: [{name: g, rules: [{record: job:up:sum, expr: vector(1)},\n"
        "  {alert: Down, expr: '" +
            expression + "'}]}]",
        "rules.yml", problems);
    EXPECT_TRUE(problems.all().empty());
    CheckJobs(config_, groups, problems);
    EXPECT_FALSE(problems.HasErrors());
    return problems.all();
  }
  config::Config config_;
};

TEST_F(CheckJobsTest, WarnsOfAJobThatNobodyScrapes) {
  config_.probes.emplace_back().spec = config::PostgresProbe();
  const auto warnings = Check(R"(up{job="postgres"} == 0)");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(
      warnings[0].message,
      R"(rule "Down": no series matches up{job="postgres"}: there is no probe of type scrape)");
  EXPECT_NE(warnings[0].hint.find("postgres_up"), std::string::npos);
  EXPECT_EQ(warnings[0].position.line, 2);
  EXPECT_EQ(Check("up == 0").size(), 1u);
  EXPECT_EQ(Check(R"(sum(rate({__name__="up", job=~"post.*"}[5m])) or absent(up))").size(), 2u);
  EXPECT_EQ(Check(R"(up{job="a"} == 0 or up{job="a"} == 1)").size(), 1u) << "said once";
  Scrape("app");
  Scrape("node", "node-exporter");
  EXPECT_EQ(Check(R"(pg_up{job="postgres"} == 0)")[0].hint,
            R"(add a probe of type scrape with that "job" (there are: app, node-exporter))");
}

TEST_F(CheckJobsTest, SaysNothingOfWhatMayBeThere) {
  for (const char* fine :
       {"postgres_up == 0", R"(x{job=""})", R"(x{job!="a"})", R"(x{job=~"a|"})",
        R"(job:up:sum{job="a"})", R"(ALERTS{job="a"})", R"({__name__=~"job.*",job="a"})"}) {
    EXPECT_TRUE(Check(fine).empty()) << fine;
  }
  Scrape("app");
  Scrape("node", "node-exporter");
  for (const char* fine :
       {"up == 0", R"(up{job="app"})", R"(up{job=~"node.*"})", R"(up{job!="app"})"}) {
    EXPECT_TRUE(Check(fine).empty()) << fine;
  }
  EXPECT_EQ(Check(R"(up{job="node"})").size(), 1u) << "the job is not the probe's name";
  EXPECT_EQ(Check(R"(up{job=~".+",job!~"app|node.*"})").size(), 1u);
  Scrape("federation", "", true);
  EXPECT_TRUE(Check(R"(up{job="postgres"})").empty());
}

}  // namespace
}  // namespace drwatch::rules
