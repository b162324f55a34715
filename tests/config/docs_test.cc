// The manual, the examples and the starter file are tested like code: every key the readers know is
// in the manual, every file loads.
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/duration.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "config/config.h"
#include "config/node.h"
#include "model/probe_result.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

using Environment = std::map<std::string, std::string>;

std::string SourceFile(const std::string& path) {
  return testing::ReadTestFile(testing::TestData("../" + path));
}

std::string Join(const Problems& problems) {
  std::string all;
  for (const Problem& problem : problems.all()) all += problem.ToString() + "\n";
  return all;
}

// A key nobody knows, in every map there is: each reader then lists the keys it does know.
constexpr std::string_view kEveryMap = R"yaml(
zzzzzzzzzzzzzzzzzz: 1
global: {zzzzzzzzzzzzzzzzzz: 1, deadman: {url: "http://a", zzzzzzzzzzzzzzzzzz: 1}}
storage: {zzzzzzzzzzzzzzzzzz: 1}
audit: {zzzzzzzzzzzzzzzzzz: 1, postgres: {dsn: a=b, zzzzzzzzzzzzzzzzzz: 1}}
levels: {L9: {zzzzzzzzzzzzzzzzzz: 1}}
services: [{name: s, zzzzzzzzzzzzzzzzzz: 1}]
probes:
- {name: a, type: postgres, dsn: a=b, zzzzzzzzzzzzzzzzzz: 1, expect: {zzzzzzzzzzzzzzzzzz: 1}}
- {name: b, type: redis, address: "a:1", zzzzzzzzzzzzzzzzzz: 1, expect: {zzzzzzzzzzzzzzzzzz: 1}}
- {name: c, type: http, url: "http://a", zzzzzzzzzzzzzzzzzz: 1, expect: {zzzzzzzzzzzzzzzzzz: 1},
   tls: {zzzzzzzzzzzzzzzzzz: 1}, basic_auth: {username: a, zzzzzzzzzzzzzzzzzz: 1}}
- {name: d, type: tcp, address: "a:1", zzzzzzzzzzzzzzzzzz: 1}
- {name: e, type: scrape, url: "http://a", zzzzzzzzzzzzzzzzzz: 1}
- {name: f, type: backup, path: "s3://b", max_age: 1d, zzzzzzzzzzzzzzzzzz: 1,
   verify: {zzzzzzzzzzzzzzzzzz: 1}, s3: {zzzzzzzzzzzzzzzzzz: 1}, expect: {zzzzzzzzzzzzzzzzzz: 1}}
- {name: g, type: wal_archive, path: /w, primary: a, zzzzzzzzzzzzzzzzzz: 1,
   acknowledged_gaps: [{first: "000000010000000000000001", until: 2026-12-31, zzzzzzzzzzzzzzzzzz: 1}],
   acknowledged_timelines: [{timeline: 3, until: 2026-12-31, zzzzzzzzzzzzzzzzzz: 1}]}
alerting: {zzzzzzzzzzzzzzzzzz: 1, alertmanagers: [{zzzzzzzzzzzzzzzzzz: 1,
  static_configs: [{targets: [a], zzzzzzzzzzzzzzzzzz: 1}]}]}
route: {receiver: r, zzzzzzzzzzzzzzzzzz: 1}
receivers:
- name: r
  zzzzzzzzzzzzzzzzzz: 1
  pagerduty_configs: [{routing_key: a, zzzzzzzzzzzzzzzzzz: 1}]
  slack_configs: [{api_url: "http://a", zzzzzzzzzzzzzzzzzz: 1, http_config: {zzzzzzzzzzzzzzzzzz: 1,
    basic_auth: {username: a, zzzzzzzzzzzzzzzzzz: 1}, tls_config: {zzzzzzzzzzzzzzzzzz: 1}}}]
  webhook_configs: [{url: "http://a", zzzzzzzzzzzzzzzzzz: 1, http_config: {
    oauth2: {client_id: a, token_url: "http://a", zzzzzzzzzzzzzzzzzz: 1},
    http_headers: {A: {zzzzzzzzzzzzzzzzzz: 1}}}}]
  email_configs: [{to: "a@b", from: "a@b", smarthost: "a:1", zzzzzzzzzzzzzzzzzz: 1}]
  statuspage_configs: [{api_key: a, page_id: a, publish: true, zzzzzzzzzzzzzzzzzz: 1}]
inhibit_rules: [{source_matchers: [a=b], target_matchers: [c=d], zzzzzzzzzzzzzzzzzz: 1}]
escalation_policies:
- name: p
  zzzzzzzzzzzzzzzzzz: 1
  steps: [{receivers: [r], zzzzzzzzzzzzzzzzzz: 1, repeat: {every: 1m, zzzzzzzzzzzzzzzzzz: 1}}]
time_intervals:
- name: n
  zzzzzzzzzzzzzzzzzz: 1
  time_intervals:
  - zzzzzzzzzzzzzzzzzz: 1
    times: [{start_time: "09:00", end_time: "10:00", zzzzzzzzzzzzzzzzzz: 1}]
)yaml";

// The manual from the line `heading` to the next one of at most its level.
std::string SectionOf(const std::string& manual, const std::string& heading) {
  const std::size_t begin = manual.find("\n" + heading + "\n");
  EXPECT_NE(begin, std::string::npos) << heading;
  if (begin == std::string::npos) return {};
  const std::size_t level = heading.find(' ');
  std::string section;
  std::istringstream lines(manual.substr(begin + 1));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const std::size_t hashes = line.find_first_not_of('#');
    if (hashes != std::string::npos && hashes > 0 && hashes <= level) break;
    section += line + "\n";
  }
  return section;
}

struct Place {
  std::string heading;
  std::string prefix;  // of the key in the table: "expect."
};

// Where the keys of a reader stand in the manual; `message` is its error.
Place PlaceOf(const std::string& message) {
  const std::string what = message.substr(message.find("\" in ") + 5);
  if (what == "the config") return {"", ""};
  if (what == "service") return {"## services", ""};
  if (what == "level") return {"## levels", ""};
  if (what == "probe") return {"## probes", ""};
  if (what == "an inhibit rule") return {"### inhibit_rules", ""};
  if (what == "an escalation policy" || what == "an escalation step") {
    return {"### escalation_policies", ""};
  }
  if (what == "repeat") return {"### escalation_policies", "repeat."};
  if (what == "a time interval" || what == "a time range") return {"### time_intervals", ""};
  if (what == "receiver") return {"### receivers", ""};
  if (what == "route" || what == "tls" || what == "basic_auth") return {"### " + what, ""};
  if (what == "expect of a postgres probe") return {"### type: postgres", "expect."};
  if (what == "expect of a redis probe") return {"### type: redis", "expect."};
  if (what == "expect of an http probe") return {"### type: http", "expect."};
  if (what == "expect of a backup probe") return {"### type: backup", "expect."};
  if (what == "acknowledged gap") return {"#### acknowledged_gaps", ""};
  if (what == "acknowledged timeline") return {"#### acknowledged_timelines", ""};
  if (what == "postgres") return {"### audit.postgres", ""};
  if (what == "deadman") return {"### Dead man's switch", ""};
  if (what == "alertmanagers" || what == "static_configs") return {"### alertmanagers", ""};
  if (what == "global" || what == "storage" || what == "audit" || what == "alerting") {
    return {"## " + what, ""};
  }
  return {"#### " + what, ""};
}

TEST(ManualTest, NamesEveryKeyTheReadersKnow) {
  const std::string manual = SourceFile("docs/configuration.md");
  const Environment environment;
  Problems problems;
  ParseConfig(kEveryMap, "/f.yml", problems, {&environment});
  int maps = 0;
  int keys = 0;
  for (const Problem& problem : problems.all()) {
    if (problem.kind != Problem::Kind::kError) continue;
    ASSERT_TRUE(problem.hint.starts_with("known keys: ")) << problem.ToString();
    ++maps;
    const Place place = PlaceOf(problem.message);
    const std::string section = place.heading.empty() ? manual : SectionOf(manual, place.heading);
    std::istringstream words(problem.hint.substr(12));
    std::string key;
    while (words >> key) {
      if (key.ends_with(',')) key.pop_back();
      // A key of the whole config is a row or has a section of its own.
      const bool found =
          section.find("`" + place.prefix + key + "`") != std::string::npos ||
          (place.heading.empty() && section.find("\n## " + key + "\n") != std::string::npos);
      EXPECT_TRUE(found) << key << " of " << problem.message;
      ++keys;
    }
  }
  EXPECT_EQ(maps, 47);
  EXPECT_GT(keys, 130);
}

// "1m" and "60s", "1MiB" and "1048576" are the same.
bool SameValue(const std::string& a, const std::string& b) {
  const base::Result<base::Duration> time_a = base::ParseDuration(a);
  const base::Result<base::Duration> time_b = base::ParseDuration(b);
  if (time_a && time_b) return *time_a == *time_b;
  const bool rate = a.ends_with("/s");
  const base::Result<std::int64_t> size_a = base::ParseSize(rate ? a.substr(0, a.size() - 2) : a);
  const base::Result<std::int64_t> size_b = base::ParseSize(b);
  return (size_a && size_b) ? *size_a == *size_b : a == b;
}

// Compares each "key: value" of `described` with the default the manual gives for the key.
void CheckDefaults(const Node& described, const std::string& section, int& compared,
                   const std::string& prefix = {}) {
  for (const auto& [key, value] : described.entries) {
    if (key.scalar == "expect") CheckDefaults(value, section, compared, "expect.");
    const std::size_t row = section.find("\n| `" + prefix + key.scalar + "` | ");
    if (row == std::string::npos || value.kind != NodeKind::kScalar) continue;
    const std::string line = section.substr(row + 1, section.find('\n', row + 1) - row - 1);
    const std::string cell(base::Trim(base::Split(line, '|').at(3)));
    if (cell.size() < 2 || cell.front() != '`' || cell.find("global.") != std::string::npos)
      continue;
    EXPECT_TRUE(SameValue(cell.substr(1, cell.size() - 2), value.scalar))
        << key.scalar << ": the manual says " << cell << ", drwatch " << value.scalar;
    ++compared;
  }
}

TEST(ManualTest, GivesTheDefaultsInForce) {
  const std::string manual = SourceFile("docs/configuration.md");
  const Environment environment;
  Problems problems;
  const auto config = ParseConfig(R"yaml(
probes:
- {name: a, type: postgres, dsn: a=b}
- {name: b, type: redis, address: "a:1"}
- {name: c, type: http, url: "http://a"}
- {name: d, type: tcp, address: "a:1"}
- {name: e, type: scrape, url: "http://a"}
- {name: f, type: backup, path: /b}
- {name: g, type: wal_archive, path: /w}
receivers: [{name: r, pagerduty_configs: [{routing_key: a}], webhook_configs: [{url: "http://a"}]}]
)yaml",
                                  "/f.yml", problems, {&environment});
  ASSERT_TRUE(config.has_value()) << Join(problems);
  Problems none;
  const auto root = ParseYaml(DescribeConfig(*config), "described", none);
  ASSERT_TRUE(root.has_value());
  int compared = 0;
  CheckDefaults(*root->Find("global"), SectionOf(manual, "## global"), compared);
  CheckDefaults(*root->Find("storage"), SectionOf(manual, "## storage"), compared);
  CheckDefaults(*root->Find("route"), SectionOf(manual, "### route"), compared);
  for (const Node& probe : root->Find("probes")->items) {
    const std::string heading = "### type: " + probe.Find("type")->scalar;
    const std::string section = SectionOf(manual, heading);
    CheckDefaults(probe, section.substr(0, section.find("\n#### ")), compared);
    const Node* verify = probe.Find("verify");
    if (verify != nullptr) CheckDefaults(*verify, SectionOf(manual, "#### verify"), compared);
  }
  const Node& pages = *root->Find("receivers")->items.at(0).Find("pagerduty_configs");
  CheckDefaults(pages.items.at(0), SectionOf(manual, "#### pagerduty_configs"), compared);
  EXPECT_GT(compared, 30);
}

TEST(ManualTest, HasARowForEveryReason) {
  const std::string manual = SourceFile("docs/reasons.md");
  const int count = static_cast<int>(model::Reason::kInternal) + 1;
  for (int i = 0; i < count; ++i) {
    const std::string name(model::ReasonName(static_cast<model::Reason>(i)));
    EXPECT_NE(manual.find("\n| `" + name + "` | "), std::string::npos) << name;
  }
  EXPECT_EQ(base::Split(manual, '\n').size(), static_cast<std::size_t>(count) + 8);
}

TEST(StarterConfigTest, LoadsWithItsVariablesSet) {
  const Environment environment = {{"PAGERDUTY_ROUTING_KEY", "k"},
                                   {"SLACK_WEBHOOK_URL", "https://hooks.example.com/x"}};
  Problems problems;
  const auto config = ParseConfig(StarterConfig(), "drwatch.yml", problems, {&environment});
  EXPECT_TRUE(config.has_value());
  EXPECT_EQ(Join(problems), "");
}

// What is commented out must be right, too: the first thing people do is to take the # away.
TEST(StarterConfigTest, LoadsWithItsProbesUncommented) {
  const Environment environment = {{"PAGERDUTY_ROUTING_KEY", "k"},
                                   {"SLACK_WEBHOOK_URL", "https://hooks.example.com/x"}};
  const testing::TempDir dir;
  dir.Write("secret", "s\n");
  std::istringstream lines(StarterConfig());
  std::string text;
  std::string line;
  int uncommented = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with("# - {") || line.starts_with("#    ")) {
      line = line.substr(2);
      ++uncommented;
    }
    for (const std::string_view file :
         {"/etc/drwatch/pg-password", "/etc/drwatch/redis-password"}) {
      const std::size_t at = line.find(file);
      if (at != std::string::npos) line.replace(at, file.size(), "secret");
    }
    text += line + "\n";
  }
  EXPECT_GE(uncommented, 8);
  Problems problems;
  const auto config = ParseConfig(text, dir.Path("drwatch.yml"), problems, {&environment});
  ASSERT_TRUE(config.has_value()) << Join(problems);
  EXPECT_EQ(config->probes.size(), 8u);
  EXPECT_EQ(Join(problems), "");
}

TEST(ExamplesTest, LoadWithoutAWord) {
  const testing::TempDir dir;
  for (const std::string_view name : {"pg-password", "redis-password", "pagerduty-key"}) {
    dir.Write("secrets/" + std::string(name), "s\n");
  }
  dir.Write("secrets/slack-url", "https://hooks.example.com/x\n");
  dir.Write("rules/own.yml", "groups: []\n");
  const Environment environment = {{"SLACK_WEBHOOK_URL", "https://hooks.example.com/x"},
                                   {"REPORTS_WEBHOOK", "http://127.0.0.1:1/"},
                                   {"DEMO", "/demo"},
                                   {"PRIMARY_PORT", "1"},
                                   {"STANDBY_PORT", "2"},
                                   {"REDIS_PORT", "3"},
                                   {"REDIS_REPLICA_PORT", "4"},
                                   {"NGINX_PORT", "5"},
                                   {"RECEIVER_URL", "http://127.0.0.1:6"}};
  for (const char* file : {"minimal.yml", "production.yml", "quickstart.yml"}) {
    const std::string name = file;
    Problems problems;
    const auto config =
        ParseConfig(SourceFile("examples/" + name), dir.Path(name), problems, {&environment});
    EXPECT_TRUE(config.has_value()) << name;
    EXPECT_EQ(Join(problems), "") << name;
  }
}

// The whole configuration of the README, with its secrets in other files.
TEST(ExamplesTest, TheReadmesConfigurationLoadsWithoutAWord) {
  const std::string readme = SourceFile("README.md");
  const std::string start = "A whole configuration:\n\n```yaml\n";
  const std::size_t begin = readme.find(start);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = readme.find("```", begin + start.size());
  std::string text = readme.substr(begin + start.size(), end - begin - start.size());
  const testing::TempDir dir;
  for (const std::string_view name : {"pg", "redis", "pagerduty", "slack"}) {
    dir.Write(std::string(name), "https://hooks.example.com/x\n");
  }
  for (std::size_t at = 0; (at = text.find("/etc/drwatch/")) != std::string::npos;) {
    text.replace(at, std::string_view("/etc/drwatch/").size(), dir.Path(""));
  }
  Problems problems;
  const Environment environment;
  const auto config = ParseConfig(text, dir.Path("drwatch.yml"), problems, {&environment});
  EXPECT_TRUE(config.has_value());
  EXPECT_EQ(Join(problems), "");
}

TEST(DescribeConfigTest, ShowsWhatIsInForceWithoutSecrets) {
  const Environment environment;
  const std::string text = R"yaml(
global: {external_labels: {site: x}}
services: [{name: shop, level: L1, rpo: 15m, rto: 1h}, {name: web, depends_on: [shop]}]
probes:
- {name: pg, type: postgres, dsn: "postgres://u:geheim@db/x", labels: {team: dba},
   expect: {role: primary, standbys: 2, settings: {wal_level: logical}}}
- {name: kv, type: postgres, dsn: "host=db password='geheim x' user=u", primary: pg}
- {name: cache, type: redis, address: "rediss://u:geheim@c:1", expect: {aof: true}}
- {name: api, type: http, url: "https://u:geheim@h/x?token=geheim", headers: {A: geheim},
   body: geheim, bearer_token: geheim, expect: {status: [200, 204], body_matches: ["a$"],
   json: {a.b: true, "c d": ["> 1", "< 3"], e: "=~ ^x"}}}
- {name: auth, type: http, url: "http://h", basic_auth: {username: u, password: geheim}}
- {name: port, type: tcp, address: "h:1", tls: true, send: "geheim"}
- {name: app, type: scrape, url: "http://h/metrics", tls: {server_name: n}}
- {name: "night: ly", type: backup, path: /b, schedule: "0 2 * * *", timezone: Europe/Berlin,
   max_age: 26h, retention: 30d}
- {name: wal, type: wal_archive, path: /w, primary: pg, base_backups: ["night: ly"], window: 7d,
   repository: pgbackrest, stanza: main, region: r, read_rate: unlimited, verify: false,
   acknowledged_gaps: [{first: "000000010000000A000000FE", until: 2026-12-31}],
   acknowledged_timelines: [{timeline: 3, until: 2026-12-31}]}
receivers:
- name: r
  pagerduty_configs: [{routing_key: geheim}, {routing_key: geheim, details: {a: "{{ .X }}"}}]
  slack_configs: [{api_url: "https://hooks/geheim"}]
  webhook_configs: [{url: "https://geheim"}]
route: {receiver: r, group_by: [a], routes: [{matchers: [x="y"], continue: true, group_by: ['...']}]}
severity_map: {P1: critical}
)yaml";
  Problems problems;
  const auto config = ParseConfig(text, "/f.yml", problems, {&environment});
  ASSERT_TRUE(config.has_value()) << Join(problems);
  const std::string described = DescribeConfig(*config);
  EXPECT_EQ(described.find("geheim"), std::string::npos) << described;
  EXPECT_NE(described.find("postgres://u:<secret>@db/x"), std::string::npos) << described;
  // Loading the description gives the same description: nothing is lost, defaults are filled in.
  std::string loadable = described;
  constexpr std::string_view kKey = "api_url: \"<secret>\"";
  const std::size_t at = loadable.find(kKey);
  ASSERT_NE(at, std::string::npos) << described;
  loadable.replace(at, kKey.size(), "api_url: \"http://x\"");
  // amtool would not read a webhook's address that is none.
  EXPECT_NE(described.find("- url: \"http://<secret>\""), std::string::npos) << described;
  Problems again;
  const auto reloaded = ParseConfig(loadable, "/f.yml", again, {&environment});
  ASSERT_TRUE(reloaded.has_value()) << Join(again) << described;
  EXPECT_EQ(DescribeConfig(*reloaded), described);
}

TEST(DescribeConfigTest, DescribesAnEmptyConfig) {
  const std::string described = DescribeConfig(Config());
  Problems problems;
  EXPECT_TRUE(ParseConfig(described, "/f.yml", problems).has_value())
      << Join(problems) << described;
}

}  // namespace
}  // namespace drwatch::config
