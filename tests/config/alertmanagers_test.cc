// `alerting:` as Prometheus has it: what is taken, what is refused and where.
#include <gtest/gtest.h>

#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

std::optional<Config> Read(const std::string& alerting, std::string& problems) {
  Problems found;
  auto config = ParseConfig("alerting:\n" + alerting, "/f.yml", found);
  for (const Problem& problem : found.all()) problems += problem.ToString() + "\n";
  return config;
}

std::vector<Alertmanagers> Good(const std::string& alerting) {
  std::string problems;
  const auto config = Read(alerting, problems);
  EXPECT_TRUE(config) << problems;
  return config ? config->alertmanagers : std::vector<Alertmanagers>{};
}

std::string Bad(const std::string& alerting) {
  std::string problems;
  EXPECT_FALSE(Read(alerting, problems)) << alerting;
  return problems;
}

TEST(AlertmanagersTest, HasPrometheusDefaults) {
  const auto all = Good(
      "  alertmanagers:\n"
      "  - static_configs:\n"
      "    - targets: ['am1:9093', '[::1]:9093', am3]\n"
      "      labels: {site: here}\n"
      "    - targets: []\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].targets, (std::vector<std::string>{"am1:9093", "[::1]:9093", "am3"}));
  EXPECT_EQ(all[0].timeout, std::chrono::seconds(10));
  EXPECT_EQ(all[0].Url("am1:9093", "/api/v2/alerts"), "http://am1:9093/api/v2/alerts");
}

TEST(AlertmanagersTest, TakesWhatPrometheusKnowsOfTheWayThere) {
  const auto all = Good(
      "  alertmanagers:\n"
      "  - scheme: https\n"
      "    path_prefix: am/one/\n"
      "    timeout: 3s\n"
      "    api_version: v2\n"
      "    basic_auth: {username: u, password: geheim}\n"
      "    tls_config: {server_name: am, insecure_skip_verify: true}\n"
      "    static_configs: [{targets: ['am1:9093']}]\n"
      "  - bearer_token: geheimer\n"
      "    static_configs: [{targets: ['am2:9093']}]\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].Url("am1:9093", "/api/v2/alerts"), "https://am1:9093/am/one/api/v2/alerts");
  EXPECT_EQ(all[0].timeout, std::chrono::seconds(3));
  EXPECT_EQ(all[0].http.username, "u");
  EXPECT_EQ(all[0].http.secret().value.Reveal(), "geheim");
  EXPECT_EQ(all[0].http.tls.server_name, "am");
  EXPECT_EQ(all[1].http.credentials.value.Reveal(), "geheimer");
}

TEST(AlertmanagersTest, NothingIsForwardedWithoutOne) {
  EXPECT_TRUE(Good("  alertmanagers: []\n").empty());
  std::string problems;
  const auto config = Read("", problems);
  EXPECT_TRUE(config && config->alertmanagers.empty()) << problems;
}

TEST(AlertmanagersTest, NamesTheLineOfWhatIsNotSupported) {
  const struct {
    const char* yaml;
    const char* expected;
  } cases[] = {
      {"  alert_relabel_configs: []\n", "/f.yml:2:3: \"alert_relabel_configs\" in alerting is not"},
      {"  alertmanagers:\n  - static_configs: []\n    relabel_configs: []\n",
       "/f.yml:4:5: \"relabel_configs\""},
      {"  alertmanagers:\n  - static_configs: []\n    alert_relabel_configs: []\n",
       "/f.yml:4:5: \"alert_relabel_configs\""},
      {"  alertmanagers:\n  - dns_sd_configs: [{names: [am]}]\n    static_configs: []\n",
       "/f.yml:3:5: \"dns_sd_configs\""},
      {"  alertmanagers:\n  - static_configs: []\n    sigv4: {}\n", "/f.yml:4:5: \"sigv4\""},
      {"  alertmanagers:\n  - static_configs: []\n    oauth2: {}\n",
       "/f.yml:4:13: oauth2 needs the key \"client_id\""},
      {"  alertmanagers:\n  - static_configs: []\n    no_proxy: a\n",
       "/f.yml:4:15: \"no_proxy\" needs \"proxy_url\""},
      {"  alertmanagers:\n  - static_configs: []\n    api_version: v1\n", "must be v2"},
      {"  alertmanagers:\n  - static_configs: []\n    scheme: ftp\n", "one of http, https"},
      {"  alertmanagers:\n  - static_configs: []\n    path_prefix: '/a?b'\n", "must be a path"},
      {"  alertmanagers:\n  - static_configs: []\n    timeout: 0s\n", "longer than 0"},
      {"  alertmanagers:\n  - timeout: 1s\n", "needs the key \"static_configs\""},
      {"  alertmanagers:\n  - static_configs: [{}]\n", "needs the key \"targets\""},
      {"  alertmanagers:\n  - static_configs: [{targets: [a], lables: {}}]\n", "\"lables\""},
      {"  alertmanagers:\n  - static_cofigs: []\n", "unknown key \"static_cofigs\""},
      {"  alertmanagers:\n  - static_configs: [{targets: ['http://a:1']}]\n", "must be host:port"},
      {"  alertmanagers:\n  - static_configs: [{targets: ['a:1/path']}]\n", "must be host:port"},
      {"  alertmanagers:\n  - static_configs: [{targets: ['a:x']}]\n", "must be host:port"},
      {"  alertmanagers:\n  - static_configs: [{targets: ['']}]\n", "must be host:port"},
      {"  alertmanagers:\n  - static_configs: [{targets: ['u:geheim@a:1']}]\n",
       "must be host:port"},
  };
  for (const auto& [yaml, expected] : cases) {
    const std::string problems = Bad(yaml);
    EXPECT_NE(problems.find(expected), std::string::npos) << yaml << problems;
    EXPECT_EQ(problems.find("geheim"), std::string::npos) << problems;
  }
}

TEST(AlertmanagersTest, ATargetNamedTwiceIsToldOnce) {
  std::string problems;
  const auto config = Read(
      "  alertmanagers:\n"
      "  - static_configs: [{targets: ['a:1', 'a:1']}]\n"
      "  - static_configs: [{targets: ['a:1']}]\n"
      "  - path_prefix: /other\n"
      "    static_configs: [{targets: ['a:1']}]\n",
      problems);
  ASSERT_TRUE(config) << problems;
  EXPECT_EQ(config->alertmanagers[0].targets.size(), 1U);
  EXPECT_TRUE(config->alertmanagers[1].targets.empty());
  EXPECT_EQ(config->alertmanagers[2].targets.size(), 1U);
  EXPECT_NE(problems.find("named more than once"), std::string::npos) << problems;
}

TEST(AlertmanagersTest, DescribesItselfWithoutSecrets) {
  std::string problems;
  const auto config = Read(
      "  alertmanagers:\n"
      "  - scheme: https\n"
      "    path_prefix: /am\n"
      "    basic_auth: {username: u, password: geheim}\n"
      "    proxy_url: 'http://p:geheim@proxy:3128'\n"
      "    static_configs: [{targets: ['am1:9093', 'am2:9093']}]\n",
      problems);
  ASSERT_TRUE(config) << problems;
  const std::string shown = DescribeConfig(*config);
  EXPECT_EQ(shown.find("geheim"), std::string::npos) << shown;
  Problems found;
  const auto again = ParseConfig(shown, "/shown.yml", found);
  ASSERT_TRUE(again) << shown;
  ASSERT_EQ(again->alertmanagers.size(), 1U);
  EXPECT_EQ(again->alertmanagers[0].targets, config->alertmanagers[0].targets);
  EXPECT_EQ(again->alertmanagers[0].Url("am1", ""), "https://am1/am");
  EXPECT_EQ(again->alertmanagers[0].http.username, "u");
}

TEST(AlertmanagersTest, AtMostSixtyFour) {
  std::string targets;
  for (int i = 0; i < 65; ++i) targets += "am" + std::to_string(i) + ", ";
  EXPECT_NE(Bad("  alertmanagers: [{static_configs: [{targets: [" + targets + "]}]}]\n")
                .find("more than 64"),
            std::string::npos);
}

}  // namespace
}  // namespace drwatch::config
