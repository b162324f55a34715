#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "base/sizes.h"
#include "config/config.h"
#include "config/node.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

using Environment = std::map<std::string, std::string>;

std::string Join(const Problems& problems) {
  std::string all;
  for (const Problem& problem : problems.all()) all += problem.ToString() + "\n";
  return all;
}

// A config that must load; warnings are fine.
Config Loaded(const std::string& text, const Environment& environment = {},
              const std::string& file = "/etc/drwatch/f.yml") {
  Problems problems;
  std::optional<Config> config = ParseConfig(text, file, problems, {&environment});
  EXPECT_TRUE(config.has_value()) << Join(problems);
  return config.value_or(Config());
}

// Everything that is said of a text.
std::string SaidOf(const std::string& text, const Environment& environment = {}) {
  Problems problems;
  const std::optional<Config> config =
      ParseConfig(text, "/etc/drwatch/f.yml", problems, {&environment});
  EXPECT_EQ(config.has_value(), !problems.HasErrors());
  return Join(problems);
}

const std::string kReceivers = "receivers: [{name: r}, {name: page}]\n";

template <typename Spec>
Spec OnlyProbe(const std::string& keys) {
  const Config config =
      Loaded("probes: [{name: p, " + keys + "}, {name: main, type: postgres, dsn: host=x}]\n");
  const Spec* spec = config.probes.empty() ? nullptr : std::get_if<Spec>(&config.probes[0].spec);
  EXPECT_NE(spec, nullptr);
  return spec == nullptr ? Spec() : *spec;
}

TEST(ParseConfigTest, ReadsTheSectionsOfTheWhole) {
  const Config config = Loaded(R"yaml(
global: {probe_interval: 30s, probe_timeout: 5s, evaluation_interval: 1m, max_concurrent_probes: 8,
         external_labels: {site: us-east-1}, external_url: "https://x.example.com/dr/",
         resolve_timeout: 10m}
storage: {path: state, retention: 1d, max_series: 5000}
services:
- {name: auth, level: L1, rpo: 5m}
- {name: shop, rto: 1h, depends_on: [auth]}
probes:
- {name: a, type: tcp, address: "h:1", service: shop, interval: 1m, labels: {team: x}}
builtin_rules: false
receivers: [{name: one}, {name: two}]
fallback_receiver: two
severity_map: {disaster: critical, notice: info}
)yaml");
  EXPECT_EQ(config.global.probe_timeout, 5s);
  EXPECT_EQ(config.global.max_concurrent_probes, 8);
  EXPECT_EQ(config.global.external_labels.Get("site"), "us-east-1");
  EXPECT_EQ(config.global.external_url, "https://x.example.com/dr");
  EXPECT_EQ(config.global.resolve_timeout, 10min);
  EXPECT_EQ(config.storage.path, "/etc/drwatch/state");
  EXPECT_EQ(config.storage.max_series, 5000);
  ASSERT_EQ(config.services.size(), 2u);
  EXPECT_EQ(config.services[0].rpo, base::Duration(5min));
  EXPECT_EQ(config.services[0].rto, base::Duration(1h)) << "the level's";
  EXPECT_EQ(config.services[1].depends_on, std::vector<std::string>{"auth"});
  ASSERT_EQ(config.probes.size(), 1u);
  EXPECT_EQ(config.probes[0].interval, 1min);
  EXPECT_EQ(config.probes[0].timeout, 5s);
  EXPECT_EQ(config.probes[0].service, "shop");
  EXPECT_EQ(config.probes[0].labels.Get("team"), "x");
  EXPECT_EQ(config.probes[0].position.line, 10);
  EXPECT_FALSE(config.builtin_rules);
  EXPECT_EQ(config.route.receiver, "one");
  EXPECT_EQ(config.fallback_receiver, "two");
  EXPECT_EQ(config.severity_map.at("disaster"), "critical");
}

TEST(ParseConfigTest, ReadsPostgresProbes) {
  const auto probe = OnlyProbe<PostgresProbe>(
      "type: postgres, dsn: 'postgres://u@db/x', password: pw, primary: main, max_lag: 1m, "
      "connections_warning_ratio: 0.5, tls: {insecure_skip_verify: true, server_name: db1}, "
      "expect: {role: standby, standbys: 2, sync_standbys: 1, replication: archive, "
      "settings: {wal_level: logical, max_connections: 100}}");
  EXPECT_EQ(probe.dsn.Reveal(), "postgres://u@db/x");
  EXPECT_EQ(probe.password.value.Reveal(), "pw");
  EXPECT_EQ(probe.primary, "main");
  EXPECT_TRUE(probe.tls.insecure_skip_verify);
  EXPECT_EQ(probe.tls.server_name, "db1");
  EXPECT_EQ(probe.expect.role, PostgresProbe::Role::kStandby);
  EXPECT_EQ(probe.expect.standbys, 2);
  EXPECT_EQ(probe.expect.sync_standbys, 1);
  EXPECT_EQ(probe.expect.replication, PostgresProbe::Expect::Replication::kArchive);
  EXPECT_EQ(probe.expect.settings.at(1).second, "100");
  EXPECT_EQ(probe.max_lag, 1min);
  EXPECT_EQ(probe.archive_max_lag, 15min);
  EXPECT_EQ(probe.connections_warning_ratio, 0.5);
}

TEST(ParseConfigTest, ReadsRedisProbes) {
  const auto probe = OnlyProbe<RedisProbe>(
      "type: redis, address: 'rediss://cache:6380/0', username: u, password: pw, "
      "expect: {role: master, replicas: 1, aof: true, rdb: false}, max_lag: 10s");
  EXPECT_EQ(probe.address, "rediss://cache:6380");
  EXPECT_EQ(probe.username, "u");
  EXPECT_EQ(probe.expect.role, "master");
  EXPECT_EQ(probe.expect.replicas, 1);
  EXPECT_EQ(probe.expect.aof, true);
  EXPECT_EQ(probe.expect.rdb, false);
  const auto whole = OnlyProbe<RedisProbe>("type: redis, address: 'redis://u:p%40w@[::1]:7'");
  EXPECT_EQ(whole.address, "redis://[::1]:7");
  EXPECT_EQ(whole.username, "u");
  EXPECT_EQ(whole.password.value.Reveal(), "p@w");
  EXPECT_EQ(OnlyProbe<RedisProbe>("type: redis, address: 'cache:6379'").address, "cache:6379");
  EXPECT_FALSE(OnlyProbe<RedisProbe>("type: redis, address: 'c:1'").expect.aof.has_value());
}

TEST(ParseConfigTest, ReadsHttpProbes) {
  const auto probe = OnlyProbe<HttpProbe>(
      "type: http, url: 'https://u:p@h/x', method: POST, headers: {X-A: b}, body: '{}', "
      "basic_auth: {username: bu, password: bp}, follow_redirects: true, max_redirects: 2, "
      "ip_protocol: ip6, resolve_to: '10.0.0.1:443', max_body_size: 1KiB, failure_threshold: 2, "
      "certificate_warning: 30d, expect: {status: [200, 204], body_matches: [ok], "
      "body_not_matches: ['err.*'], json: {a.b: true}}");
  EXPECT_EQ(probe.url.Reveal(), "https://u:p@h/x");
  EXPECT_EQ(probe.method, "POST");
  EXPECT_EQ(probe.headers.at(0).second.Reveal(), "b");
  EXPECT_EQ(probe.body, "{}");
  EXPECT_EQ(probe.basic_username, "bu");
  EXPECT_EQ(probe.basic_password.value.Reveal(), "bp");
  EXPECT_TRUE(probe.follow_redirects);
  EXPECT_EQ(probe.max_redirects, 2);
  EXPECT_EQ(probe.ip_protocol, "ip6");
  EXPECT_EQ(probe.resolve_to, "10.0.0.1:443");
  EXPECT_EQ(probe.max_body_bytes, 1024);
  EXPECT_EQ(probe.failure_threshold, 2);
  EXPECT_EQ(probe.certificate_warning, 30 * 24h);
  EXPECT_EQ(probe.expect.status, (std::vector<int>{200, 204}));
  EXPECT_EQ(probe.expect.body_matches, std::vector<std::string>{"ok"});
  EXPECT_EQ(probe.expect.json.at(0).path, "a.b");
  EXPECT_EQ(
      OnlyProbe<HttpProbe>("type: http, url: 'http://h', expect: {status: 418}").expect.status,
      std::vector<int>{418});
  EXPECT_EQ(OnlyProbe<HttpProbe>("type: http, url: 'http://h', bearer_token: t")
                .bearer_token.value.Reveal(),
            "t");
}

TEST(ParseConfigTest, ReadsJsonConditions) {
  using Op = JsonCondition::Op;
  const auto probe = OnlyProbe<HttpProbe>(
      "type: http, url: 'http://h', expect: {json: {a: true, b: 300, c: ok, d: '300', e: '< 5', "
      "f: ['>= 2', '!= 7'], g: '=~ ^v[0-9]+$', h: exists, i: null, j: '!= \"x\"', k: '== < 3', "
      "l: '<= 1e3', m: 007, /n/0: '> -1.5', 'say \"hi\"': 'a\"b'}}");
  struct Row {
    std::string path;
    Op op;
    std::string value;
  };
  const std::vector<Row> expected = {
      {"a", Op::kEqual, "true"},      {"b", Op::kEqual, "300"},
      {"c", Op::kEqual, "\"ok\""},    {"d", Op::kEqual, "\"300\""},
      {"e", Op::kLess, "5"},          {"f", Op::kGreaterEqual, "2"},
      {"f", Op::kNotEqual, "7"},      {"g", Op::kMatches, "^v[0-9]+$"},
      {"h", Op::kExists, ""},         {"i", Op::kEqual, "null"},
      {"j", Op::kNotEqual, "\"x\""},  {"k", Op::kEqual, "\"< 3\""},
      {"l", Op::kLessEqual, "1e3"},   {"m", Op::kEqual, "\"007\""},
      {"/n/0", Op::kGreater, "-1.5"}, {"say \"hi\"", Op::kEqual, "\"a\\\"b\""}};
  ASSERT_EQ(probe.expect.json.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(probe.expect.json[i].path, expected[i].path);
    EXPECT_EQ(probe.expect.json[i].op, expected[i].op) << expected[i].path;
    EXPECT_EQ(probe.expect.json[i].value, expected[i].value) << expected[i].path;
  }
}

TEST(ParseConfigTest, ReadsTcpAndScrapeProbes) {
  const auto tcp = OnlyProbe<TcpProbe>(
      "type: tcp, address: '[::1]:25', send: \"EHLO x\\r\\n\", expect: '^220 ', tls: true, "
      "failure_threshold: 3");
  EXPECT_EQ(tcp.address, "[::1]:25");
  EXPECT_TRUE(tcp.use_tls);
  EXPECT_EQ(tcp.send, "EHLO x\r\n");
  EXPECT_EQ(tcp.expect, "^220 ");
  EXPECT_EQ(tcp.failure_threshold, 3);
  EXPECT_TRUE(OnlyProbe<TcpProbe>("type: tcp, address: 'h:1', tls: {server_name: n}").use_tls);
  EXPECT_FALSE(OnlyProbe<TcpProbe>("type: tcp, address: 'h:1'").use_tls);
  const auto scrape = OnlyProbe<ScrapeProbe>("type: scrape, url: 'https://app/metrics'");
  EXPECT_EQ(scrape.job, "p");
  EXPECT_EQ(scrape.instance, "app:443");
  const auto named = OnlyProbe<ScrapeProbe>(
      "type: scrape, url: 'http://app:8080/m', job: j, instance: i, honor_labels: true, "
      "max_samples: 5, max_body_size: 1MiB, bearer_token: t, headers: {A: b}");
  EXPECT_EQ(named.job, "j");
  EXPECT_EQ(named.instance, "i");
  EXPECT_TRUE(named.honor_labels);
  EXPECT_EQ(named.max_samples, 5);
  EXPECT_EQ(named.max_body_bytes, 1 << 20);
}

TEST(ParseConfigTest, ReadsBackupProbes) {
  const auto probe = OnlyProbe<BackupProbe>(
      "type: backup, backup: nightly, location: dr, offsite: true, path: /b, pattern: 'x-*', "
      "recursive: true, kind: dump, schedule: '0 2 * * *', timezone: Europe/Berlin, grace: 2h, "
      "max_age: 26h, min_size: 1MiB, retention: 30d, quiet_time: 5s, require_checksum: true, "
      "free_space_warning_ratio: 0.2, verify: {every: 12h, kept_every: 30d, read_rate: 5MiB/s, "
      "timeout: 1h, jobs: "
      "3}");
  EXPECT_EQ(probe.backup, "nightly");
  EXPECT_EQ(probe.location, "dr");
  EXPECT_TRUE(probe.offsite);
  EXPECT_EQ(probe.place.path, "/b");
  EXPECT_EQ(probe.pattern, "x-*");
  EXPECT_TRUE(probe.recursive);
  EXPECT_EQ(probe.kind, "dump");
  ASSERT_TRUE(probe.schedule.has_value());
  EXPECT_EQ(probe.schedule->line(), "0 2 * * *");
  EXPECT_EQ(probe.schedule->zone(), "Europe/Berlin");
  EXPECT_EQ(probe.timezone, "Europe/Berlin");
  EXPECT_EQ(probe.grace, 2h);
  EXPECT_EQ(probe.max_age, base::Duration(26h));
  EXPECT_EQ(probe.min_size_bytes, 1 << 20);
  EXPECT_EQ(probe.retention, base::Duration(30 * 24h));
  EXPECT_EQ(probe.quiet_time, 5s);
  EXPECT_TRUE(probe.require_checksum);
  EXPECT_EQ(probe.verify.every, 12h);
  EXPECT_EQ(probe.verify.read_rate_bytes, 5 << 20);
  EXPECT_EQ(probe.verify.timeout, 1h);
  EXPECT_EQ(probe.verify.jobs, 3);
  EXPECT_EQ(probe.verify.kept_every, base::Duration(std::chrono::hours(30 * 24)));
  const auto other = OnlyProbe<BackupProbe>("type: backup, path: b, verify: false, max_age: 1d");
  EXPECT_EQ(other.backup, "p");
  EXPECT_EQ(other.place.path, "/etc/drwatch/b");
  EXPECT_FALSE(other.verify.enabled);
  EXPECT_EQ(OnlyProbe<BackupProbe>("type: backup, path: b, verify: {read_rate: unlimited}")
                .verify.read_rate_bytes,
            0);
}

// The zone of dates in names and dumps.
TEST(ParseConfigTest, ABackupMayHaveAZoneWithoutASchedule) {
  const std::string keys = "type: backup, path: /b, max_age: 1d, timezone: ";
  const auto probe = OnlyProbe<BackupProbe>(keys + "Europe/Berlin");
  EXPECT_EQ(probe.timezone, "Europe/Berlin");
  EXPECT_FALSE(probe.schedule);
  const std::string rest = "}]\nroute: {receiver: r}\nreceivers: [{name: r}]\n";
  Problems problems;
  const auto known =
      ParseConfig("probes: [{name: p, " + keys + "Europe/Berlin" + rest, "/f.yml", problems);
  ASSERT_TRUE(known);
  EXPECT_NE(DescribeConfig(*known).find("timezone: Europe/Berlin"), std::string::npos);
  EXPECT_FALSE(
      ParseConfig("probes: [{name: p, " + keys + "Europe/Berlim" + rest, "/f.yml", problems));
  ASSERT_FALSE(problems.all().empty());
  EXPECT_NE(problems.all().back().message.find("unknown time zone \"Europe/Berlim\""),
            std::string::npos)
      << problems.all().back().message;
}

TEST(ParseConfigTest, ReadsRoutesThatInherit) {
  const Config config = Loaded(R"yaml(
route:
  receiver: r
  group_by: [alertname, service]
  group_wait: 0s
  repeat_interval: 1h
  routes:
  - matchers: ['severity="critical"', 'team=~"a|b",env!=test']
    receiver: page
    continue: true
    group_by: ['...']
    routes: [{match: {a: b}, match_re: {c: d.*}, group_by: []}]
  - {group_interval: 30s}
)yaml" + kReceivers);
  ASSERT_EQ(config.route.routes.size(), 2u);
  const Route& first = config.route.routes[0];
  EXPECT_EQ(first.receiver, "page");
  ASSERT_EQ(first.matchers.size(), 3u);
  EXPECT_EQ(first.matchers[1].ToString(), "team=~\"a|b\"");
  EXPECT_EQ(first.matchers[2].ToString(), "env!=\"test\"");
  EXPECT_TRUE(first.continue_matching);
  EXPECT_TRUE(first.group_by_all);
  EXPECT_EQ(first.group_wait, 0s);
  ASSERT_EQ(first.routes.size(), 1u);
  EXPECT_EQ(first.routes[0].receiver, "page");
  EXPECT_EQ(first.routes[0].matchers.size(), 2u);
  EXPECT_FALSE(first.routes[0].continue_matching);
  EXPECT_FALSE(first.routes[0].group_by_all);
  EXPECT_TRUE(first.routes[0].group_by.empty());
  const Route& second = config.route.routes[1];
  EXPECT_EQ(second.receiver, "r");
  EXPECT_EQ(second.group_by, (std::vector<std::string>{"alertname", "service"}));
  EXPECT_EQ(second.group_interval, 30s);
  EXPECT_EQ(second.repeat_interval, 1h);
}

TEST(ParseConfigTest, NothingIsRepeatedMoreOftenThanItsGroupIsLookedAt) {
  Problems problems;
  const std::optional<Config> config = ParseConfig(R"yaml(
route:
  receiver: r
  group_interval: 5m
  repeat_interval: 1m
  routes: [{group_interval: 30s}]
)yaml" + kReceivers,
                                                   "/etc/drwatch/drwatch.yml", problems);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->route.repeat_interval, 5min);
  EXPECT_EQ(config->route.routes.at(0).repeat_interval, 1min) << "as it was written";
  int warnings = 0;
  for (const Problem& problem : problems.all()) {
    if (problem.message == "repeat_interval 1m is shorter than group_interval 5m") ++warnings;
  }
  EXPECT_EQ(warnings, 1);
}

TEST(ParseConfigTest, ThePrimaryKnowsHowLongItsArchivesLetWalWait) {
  const Config config = Loaded(R"yaml(
probes:
- {name: near, type: wal_archive, path: /w, primary: pg, max_lag: 5m}
- {name: pg, type: postgres, dsn: host=x}
- {name: far, type: wal_archive, path: /f, primary: pg, max_lag: 2h}
- {name: other, type: postgres, dsn: host=y}
- {name: alone, type: wal_archive, path: /a, max_lag: 3h}
)yaml");
  EXPECT_EQ(std::get<PostgresProbe>(config.probes[1].spec).archive_max_lag, base::Duration(2h));
  EXPECT_EQ(std::get<PostgresProbe>(config.probes[3].spec).archive_max_lag, base::Duration(15min));
}

TEST(ParseConfigTest, LevelsAreTheObjectivesOfServicesThatGiveNone) {
  const Config config = Loaded(R"yaml(
levels: {L1: {rpo: 5m}, batch: {rpo: 24h}}
services:
- {name: auth, level: L1}
- {name: shop, level: L2, rto: 3h, region: us-east-1, copies: 3, offsite_copies: 1}
- {name: report, level: batch}
- {name: other, level: gold}
)yaml");
  EXPECT_EQ(config.services[0].rpo, base::Duration(5min));
  EXPECT_EQ(config.services[0].rto, base::Duration(1h)) << "a level keeps what is not given";
  EXPECT_EQ(config.services[1].rpo, base::Duration(30min));
  EXPECT_EQ(config.services[1].rto, base::Duration(3h));
  EXPECT_EQ(config.services[1].region, "us-east-1");
  EXPECT_EQ(config.services[1].copies, 3);
  EXPECT_EQ(config.services[1].offsite_copies, 1);
  EXPECT_EQ(config.services[2].rpo, base::Duration(24h));
  EXPECT_FALSE(config.services[2].rto.has_value());
  EXPECT_FALSE(config.services[3].rpo.has_value());
}

TEST(ParseConfigTest, ALevelThatNobodyDefinedIsNoted) {
  const std::string services =
      "services:\n- {name: a, level: l1}\n- {name: b, level: gold, rpo: 1h}\n"
      "- {name: c, level: L1}\n- {name: d}\n- {name: e, level: bronze}\n";
  Problems problems;
  ASSERT_TRUE(ParseConfig(services, "drwatch.yml", problems));
  std::vector<std::string> noted;
  for (const Problem& problem : problems.all()) {
    if (problem.message.find("level") != std::string::npos) {
      noted.push_back(problem.message + "; " + problem.hint);
    }
  }
  EXPECT_EQ(noted, std::vector<std::string>(
                       {"service \"a\" has no rpo: there is no level \"l1\"; did you mean \"L1\"?",
                        "service \"e\" has no rpo: there is no level \"bronze\"; known levels: "
                        "L1, L2, L3, L4"}));
}

TEST(ParseConfigTest, ReadsReceiversWithGlobalDefaults) {
  const Config config = Loaded(R"yaml(
global: {slack_api_url: "https://hooks.example/T", pagerduty_url: "https://eu.example/v2"}
receivers:
- name: r
  pagerduty_configs:
  - {routing_key: key, severity: warning, description: d, client: c, client_url: cu,
     component: co, group: g, class: cl, details: {a: b}, send_resolved: false}
  - {routing_key: key2, url: "http://own/"}
  slack_configs: [{channel: "#x", title: t, text: te}, {api_url: "http://own/s"}]
  webhook_configs: [{url: "http://hook/"}]
)yaml");
  const std::vector<Integration>& all = config.receivers.at(0).integrations;
  ASSERT_EQ(all.size(), 5u);
  const std::vector<TemplateText>& templates = config.receivers.at(0).templates;
  ASSERT_EQ(templates.size(), 11u);  // seven fields, one of the details, Slack's three
  EXPECT_EQ(templates[7].field, "pagerduty_configs: details.a");
  EXPECT_EQ(templates[7].text, "b");
  EXPECT_EQ(templates[10].field, "slack_configs: text");
  EXPECT_EQ(templates[10].position.line, 9);
  const auto& first = std::get<PagerDutyReceiver>(all[0]);
  EXPECT_EQ(first.routing_key.value.Reveal(), "key");
  EXPECT_EQ(first.url, "https://eu.example/v2");
  EXPECT_EQ(first.event_class, "cl");
  EXPECT_EQ(first.details.at(0).first, "a");
  EXPECT_FALSE(first.send_resolved);
  EXPECT_EQ(std::get<PagerDutyReceiver>(all[1]).url, "http://own/");
  EXPECT_EQ(std::get<SlackReceiver>(all[2]).api_url.value.Reveal(), "https://hooks.example/T");
  EXPECT_EQ(std::get<SlackReceiver>(all[2]).channel, "#x");
  EXPECT_EQ(std::get<SlackReceiver>(all[3]).api_url.value.Reveal(), "http://own/s");
  EXPECT_EQ(std::get<WebhookReceiver>(all[4]).url.value.Reveal(), "http://hook/");
}

TEST(ParseConfigTest, ExpandsTheEnvironment) {
  const Config config = Loaded(
      "probes: [{name: 'a${X}', type: tcp, address: '${HOST}:${PORT}', expect: 'a$|$${X}|$$', "
      "failure_threshold: '${N}'}]\n",
      {{"X", "x: [y"}, {"HOST", "h"}, {"PORT", "5"}, {"N", "3"}});
  ASSERT_EQ(config.probes.size(), 1u);
  EXPECT_EQ(config.probes[0].name, "ax: [y");
  const auto& tcp = std::get<TcpProbe>(config.probes[0].spec);
  EXPECT_EQ(tcp.address, "h:5");
  EXPECT_EQ(tcp.expect, "a$|${X}|$");
  EXPECT_EQ(tcp.failure_threshold, 3);
}

TEST(ParseConfigTest, UsesTheProcessEnvironmentByDefault) {
  ::setenv("DRWATCH_CONFIG_TEST", "from-process", 1);
  Problems problems;
  const auto config = ParseConfig("storage: {path: '/${DRWATCH_CONFIG_TEST}'}", "f.yml", problems);
  ::unsetenv("DRWATCH_CONFIG_TEST");
  ASSERT_TRUE(config.has_value()) << Join(problems);
  EXPECT_EQ(config->storage.path, "/from-process");
}

TEST(ParseConfigTest, SaysOneThingOfAVariableThatIsNotSet) {
  const std::string said = SaidOf("probes: [{name: p, type: http, url: '${NOPE}'}]\n" + kReceivers);
  EXPECT_EQ(said,
            "/etc/drwatch/f.yml:1:37: environment variable \"NOPE\" is not set\n"
            "  hint: set it, or write $${ for a literal ${\n");
  EXPECT_NE(SaidOf("storage: {path: 'a${B'}").find(":1:17: \"${\" without"), std::string::npos);
  EXPECT_NE(SaidOf("storage: {path: 'a${}'}").find(":1:17: \"${\" without"), std::string::npos);
}

TEST(ParseConfigTest, NeverRepeatsAValueFromTheEnvironment) {
  const Environment secrets = {{"PW", "hunter2"}};
  const std::string said = SaidOf(
      "global: {probe_interval: '${PW}', external_url: 'ftp://u:${PW}@h'}\n"
      "probes:\n"
      "- {name: a, type: http, url: 'x:${PW}', method: '${PW}', failure_threshold: '${PW}'}\n"
      "- {name: b, type: redis, address: 'redis://:${PW}@h:x'}\n"
      "- {name: c, type: postgres, dsn: 'mysql://u:${PW}@h'}\n"
      "- {name: d, type: tcp, address: '${PW}', tls: '${PW}'}\n"
      "receivers: [{name: r, webhook_configs: [{url: '${PW}', send_resolved: '${PW}'}]}]\n",
      secrets);
  EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
  EXPECT_GE(std::count(said.begin(), said.end(), '\n'), 10) << said;
}

TEST(ParseConfigTest, ShowsNamesInPlaceOfValuesThatParsersQuote) {
  const std::string said = SaidOf(
      "services: [{name: a, depends_on: ['${LONG}']}]\n"
      "probes:\n"
      "- {name: b, type: '${LONG}'}\n"
      "- {name: c, type: backup, path: /b, schedule: '${PW} ${LONG}'}\n"
      "- {name: d, type: http, url: 'http://h/', expect: {json: {x: '< ${PW}'}}}\n"
      "- {name: e, type: tcp, address: 'h:1', send: x, expect: '(${PW}'}\n"
      "route:\n"
      "  receiver: '${PW}'\n"
      "  routes: [{matchers: ['a=${PW}\"', '${LONG}']}, {match_re: {a: '(${PW}'}}]\n"
      "  group_by: ['${PW}-', '${LONG}!']\n"
      "receivers: [{name: '${LONG}'}, {name: '${LONG}'}]\n",
      {{"PW", "hunter2"}, {"LONG", "hunter2" + std::string(100, 'x') + "\"y"}});
  EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
  EXPECT_NE(said.find("unknown receiver \"${PW}\""), std::string::npos) << said;
  EXPECT_NE(said.find("bad matcher: a value from the environment"), std::string::npos) << said;
  EXPECT_GE(std::count(said.begin(), said.end(), '\n'), 12) << said;
}

TEST(LoadConfigTest, FindsRuleFilesBesideTheConfig) {
  const testing::TempDir dir;
  const std::string first = dir.Write("rules/a.yml", "groups: []\n");
  const std::string second = dir.Write("rules/b.yml", "groups: []\n");
  const std::string file = dir.Write(
      "drwatch.yml", "rule_files: [rules/b.yml, 'rules/*.yml', 'none/*.yml']\n" + kReceivers);
  Problems problems;
  const std::optional<Config> config = LoadConfig(file, problems);
  ASSERT_TRUE(config.has_value()) << Join(problems);
  EXPECT_EQ(config->rule_files, (std::vector<std::string>{second, first}));
  EXPECT_NE(Join(problems).find(":1:42: warning: no rule file matches \"none/*.yml\""),
            std::string::npos)
      << Join(problems);
}

TEST(LoadConfigTest, PatternsOfFilesEnd) {
  Problems problems;
  EXPECT_FALSE(
      ParseConfig("rule_files: ['/*/../*/../*.yml']\ntemplates: ['*/*/*/*.tmpl']\n" + kReceivers,
                  "/f.yml", problems, {})
          .has_value());
  EXPECT_NE(Join(problems).find(":1:14: the pattern \"/*/../*/../*.yml\" goes up"),
            std::string::npos)
      << Join(problems);
  EXPECT_NE(Join(problems).find(":2:13: the pattern \"/*/*/*/*.tmpl\" has wildcards in 3 folders"),
            std::string::npos)
      << Join(problems);
}

TEST(LoadConfigTest, ReadsSecretsFromFiles) {
  const testing::TempDir dir;
  dir.Write("key", "sesame\n");
  const std::string file =
      dir.Write("drwatch.yml",
                "receivers: [{name: r, pagerduty_configs: [{routing_key_file: key}], "
                "webhook_configs: [{url_file: absent}], slack_configs: [{api_url: 'http://x', "
                "api_url_file: key}]}]\n");
  Problems problems;
  EXPECT_FALSE(LoadConfig(file, problems).has_value());
  const std::string said = Join(problems);
  EXPECT_NE(said.find(":1:98: \"url_file\": cannot read \"" + dir.Path("absent") +
                      "\": no such file or directory"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("\"api_url\" and \"api_url_file\" are both given"), std::string::npos);
  EXPECT_EQ(said.find("sesame"), std::string::npos);
}

TEST(LoadConfigTest, WarnsOfSecretsEverybodyCanRead) {
  const testing::TempDir dir;
  const std::string file = dir.Write(
      "drwatch.yml", "receivers: [{name: r, webhook_configs: [{url: 'http://x/secret'}]}]\n");
  ::chmod(file.c_str(), 0644);
  Problems open;
  EXPECT_TRUE(LoadConfig(file, open).has_value());
  EXPECT_NE(Join(open).find(":1:47: warning: a secret stands in a file that every user"),
            std::string::npos)
      << Join(open);
  EXPECT_EQ(Join(open).find("http://x"), std::string::npos);
  ::chmod(file.c_str(), 0640);
  Problems closed;
  EXPECT_TRUE(LoadConfig(file, closed).has_value());
  EXPECT_EQ(Join(closed).find("a secret stands"), std::string::npos);
}

TEST(LoadConfigTest, SaysWhyAFileCannotBeRead) {
  Problems problems;
  EXPECT_FALSE(LoadConfig("/nonexistent/drwatch.yml", problems).has_value());
  EXPECT_EQ(Join(problems),
            "cannot read \"/nonexistent/drwatch.yml\": no such file or directory\n"
            "  hint: drwatch init prints a file to start from\n");
  EXPECT_NE(SaidOf("").find("the config is empty"), std::string::npos);
}

}  // namespace
}  // namespace drwatch::config
