#include "exporter/options.h"

#include <gtest/gtest.h>

#include "exporter/adhoc.h"

namespace drwatch::exporter {
namespace {

Command Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "drwatch");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

TEST(OptionsTest, ServesByDefault) {
  const Command command =
      Parse({"--config.file=x.yml", "--web.listen-address", "127.0.0.1:0", "--log.level=debug"});
  const auto& serve = std::get<ServeOptions>(command);
  EXPECT_EQ(serve.config_file, "x.yml");
  EXPECT_EQ(serve.listen_addresses, std::vector<std::string>{"127.0.0.1:0"});
  EXPECT_EQ(serve.log.level, base::LogLevel::kDebug);
}

TEST(OptionsTest, ListenAddressMayBeRepeated) {
  const Command command = Parse({"--web.listen-address=:1", "--web.listen-address=:2"});
  EXPECT_EQ(std::get<ServeOptions>(command).listen_addresses,
            (std::vector<std::string>{":1", ":2"}));
}

TEST(OptionsTest, OnceTakesSelectorsAndFormat) {
  const Command command = Parse({"--once", "pg-*", "/backup", "--format=json", "--timeout=5s"});
  const auto& once = std::get<OnceOptions>(command);
  EXPECT_EQ(once.selectors, (std::vector<std::string>{"pg-*", "/backup"}));
  EXPECT_EQ(once.format, OnceFormat::kJson);
  EXPECT_EQ(once.timeout, std::chrono::seconds(5));
}

TEST(OptionsTest, NonsenseEndsWithTheUsageCode) {
  for (const auto& arguments :
       std::vector<std::vector<const char*>>{{"--no-such"},
                                             {"--rules.alert.resend-delay=0s"},
                                             {"--once", "--format=xml"},
                                             {"stray"},
                                             {"check"},
                                             {"check", "config"},
                                             {"--timeout=x", "--once"}}) {
    const Command command = Parse(arguments);
    ASSERT_TRUE(std::holds_alternative<ExitNow>(command)) << arguments[0];
    EXPECT_EQ(std::get<ExitNow>(command).code, kUsageExitCode);
  }
}

TEST(OptionsTest, VersionAndHelpEndWell) {
  EXPECT_EQ(std::get<ExitNow>(Parse({"--version"})).text.find("drwatch, version "), 0U);
  EXPECT_EQ(std::get<ExitNow>(Parse({"--help"})).code, 0);
}

TEST(OptionsTest, VerifyTakesPathsAndArchives) {
  const auto verify = std::get<VerifyOptions>(
      Parse({"verify", "--wal", "/wal", "a", "--wal=/other", "b", "--format=json"}));
  EXPECT_EQ(verify.paths, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(verify.wal_folders, (std::vector<std::string>{"/wal", "/other"}));
  EXPECT_TRUE(verify.json);
  EXPECT_EQ(std::get<ExitNow>(Parse({"verify"})).code, kUsageExitCode);
}

TEST(OptionsTest, CommandsKeepTheirFiles) {
  EXPECT_EQ(std::get<CheckConfigOptions>(Parse({"check", "config", "a", "b"})).files.size(), 2U);
  EXPECT_EQ(std::get<CheckRulesOptions>(Parse({"check", "rules", "a"})).files.size(), 1U);
  const Command command = Parse({"test", "rules", "a", "--run", "x", "--diff"});
  EXPECT_TRUE(std::get<TestRulesOptions>(command).diff);
  EXPECT_TRUE(std::get<VerifyOptions>(Parse({"verify", "--format=json", "f"})).json);
  EXPECT_EQ(std::get<VerifyOptions>(Parse({"verify", "--jobs", "3", "f", "g"})).jobs, 3);
  EXPECT_GE(std::get<VerifyOptions>(Parse({"verify", "f"})).jobs, 1);
  EXPECT_EQ(std::get<VerifyOptions>(Parse({"verify", "f"})).level, 0);
  EXPECT_EQ(std::get<VerifyOptions>(Parse({"verify", "--level=4", "f"})).level, 4);
  EXPECT_EQ(std::get<ExitNow>(Parse({"verify", "--level=5", "f"})).code, kUsageExitCode);
  EXPECT_EQ(std::get<ExitNow>(Parse({"verify", "--jobs=0", "f"})).code, 1);
  EXPECT_EQ(std::get<InitOptions>(Parse({"init", "f"})).file, "f");
}

TEST(AdHocTest, NamesTheHostAndHidesCredentials) {
  const auto redis = MakeAdHocProbe("rediss://me:pw@cache.example:6380/0").value();
  EXPECT_EQ(redis.name, "cache.example");
  EXPECT_EQ(redis.type, "redis");
  const auto& spec = std::get<config::RedisProbe>(redis.spec);
  EXPECT_EQ(spec.address, "rediss://cache.example:6380/0");
  EXPECT_EQ(spec.username, "me");
  EXPECT_EQ(spec.password.value.Reveal(), "pw");
  EXPECT_EQ(MakeAdHocProbe("https://[::1]:8443/health").value().name, "::1");
}

TEST(OptionsTest, DrillsAreToldToARunningOne) {
  const Command stop = Parse({"drill", "stop", "shop", "--scenario=site_lost", "--result=pass",
                              "--by=ann", "--url=https://db1", "--user=me", "--ca-file=ca.pem"});
  const auto& stopped = std::get<DrillOptions>(stop);
  EXPECT_EQ(stopped.action, "stop");
  EXPECT_EQ(stopped.service, "shop");
  EXPECT_EQ(stopped.scenario, "site_lost");
  EXPECT_EQ(stopped.result, "pass");
  EXPECT_EQ(stopped.by, "ann");
  EXPECT_EQ(stopped.server.url, "https://db1");
  EXPECT_EQ(stopped.server.user, "me");
  EXPECT_EQ(stopped.server.ca_file, "ca.pem");
  const Command list = Parse({"drill", "list"});
  EXPECT_EQ(std::get<DrillOptions>(list).action, "list");
  EXPECT_EQ(std::get<DrillOptions>(list).server.url, "http://localhost:10911");
  for (const std::vector<const char*>& wrong : std::vector<std::vector<const char*>>{
           {"drill"},
           {"drill", "start", "--scenario=site_lost"},
           {"drill", "start", "shop"},
           {"drill", "start", "shop", "--scenario=site_lost", "--result=pass"},
           {"drill", "stop", "shop", "--scenario=site_lost"},
           {"drill", "stop", "shop", "--scenario=site_lost", "--result=ok"},
           {"drill", "record", "shop", "--scenario=site_lost", "--result=pass"}}) {
    EXPECT_EQ(std::get<ExitNow>(Parse(wrong)).code, kUsageExitCode);
  }
}

TEST(AdHocTest, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(MakeAdHocProbe("gopher://me:pw@x/").has_value());
  EXPECT_EQ(MakeAdHocProbe("gopher://me:pw@x/").error().message.find("pw"), std::string::npos);
  EXPECT_FALSE(MakeAdHocProbe("/no/such/path").has_value());
  EXPECT_TRUE(LooksLikeTarget("/backup"));
  EXPECT_TRUE(LooksLikeTarget("."));
  EXPECT_FALSE(LooksLikeTarget("pg-*"));
}

}  // namespace
}  // namespace drwatch::exporter
