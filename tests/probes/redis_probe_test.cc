#include "probes/redis_probe.h"

#include <gtest/gtest.h>

#include <fstream>

#include "probes/probe_result_access.h"
#include "probes/redis_info.h"
#include "probes/redis_report.h"
#include "support/eventually.h"
#include "support/fake_clock.h"
#include "support/fake_http_server.h"
#include "support/fake_stream_server.h"
#include "support/redis_server.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using testing::FakeStreamServer;
using testing::StreamStep;

constexpr const char* kMaster =
    "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:abc\r\n"
    "server_time_usec:1767225600000000\r\nuptime_in_seconds:100\r\n\r\n"
    "# Persistence\r\nloading:0\r\nrdb_changes_since_last_save:7\r\n"
    "rdb_last_save_time:1767225550\r\nrdb_last_bgsave_status:ok\r\nrdb_saves:1\r\n"
    "aof_enabled:1\r\naof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\n\r\n"
    "# Replication\r\nrole:master\r\nconnected_slaves:3\r\n"
    "slave0:ip=10.0.0.2,port=6379,state=online,offset=900,lag=0\r\n"
    "slave1:ip=::1,port=6380,state=online,offset=1100,lag=1\r\n"
    "slave2:ip=10.0.0.4,port=6379,state=wait_bgsave,offset=0,lag=0\r\n"
    "master_repl_offset:1000\r\n";

std::string Replica(const std::string& fields) {
  return "redis_version:7.0.15\r\nrun_id:r\r\nuptime_in_seconds:100\r\nrole:slave\r\n" + fields +
         "slave_repl_offset:5\r\nmaster_repl_offset:9\r\nrdb_last_bgsave_status:ok\r\n";
}

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

// Answers each command by its first word.
FakeStreamServer::Script Answers(std::map<std::string, std::string> answers) {
  return [answers](std::string& received, int) {
    StreamStep step;
    while (true) {
      const std::string command = testing::TakeRedisCommand(received);
      if (command.empty()) return step;
      const auto found = answers.find(command.substr(0, command.find(' ')));
      step.answer += found != answers.end() ? found->second : "-ERR unknown command\r\n";
    }
  };
}

class RedisProbeTest : public ::testing::Test {
 protected:
  config::Probe Config(const std::string& address) {
    config::Probe config;
    config.name = "cache";
    config.type = "redis";
    spec_.address = address;
    config.spec = spec_;
    return config;
  }
  model::ProbeResult Run(Probe& probe, base::Duration timeout = base::Duration(5000)) {
    model::ProbeResult result =
        probe.Run({base::Deadline::After(timeout), {}, clock_.Now(), &clock_});
    ExpectDistinctSeries(result);
    EXPECT_TRUE(ValueOf(result, "redis_up")) << "always there";
    EXPECT_EQ(Describe(result).find("hunter2"), std::string::npos);
    return result;
  }
  model::ProbeResult RunOn(std::map<std::string, std::string> answers) {
    const FakeStreamServer server(Answers(std::move(answers)));
    return Run(*MakeRedisProbe(Config(server.address()), {}));
  }
  config::RedisProbe spec_;
  testing::FakeClock clock_;
};

TEST(RedisInfoTest, ReadsAMaster) {
  const std::optional<RedisInfo> info = ParseRedisInfo(kMaster);
  ASSERT_TRUE(info);
  EXPECT_FALSE(info->is_replica);
  EXPECT_EQ(info->offset, 1000);
  ASSERT_EQ(info->replicas.size(), 3u);
  EXPECT_EQ(info->replicas[1].address, "[::1]:6380");
  EXPECT_FALSE(info->replicas[2].online);
  EXPECT_EQ(info->rdb_last_save_timestamp, 1767225550);
}

TEST(RedisInfoTest, ItsOwnStartIsNoSave) {
  EXPECT_EQ(ParseRedisInfo("role:master\r\nrdb_saves:0\r\nrdb_last_save_time:5\r\n")
                ->rdb_last_save_timestamp,
            std::nullopt);
  const std::string old = "role:master\r\nserver_time_usec:1000000000\r\nuptime_in_seconds:100\r\n";
  EXPECT_EQ(ParseRedisInfo(old + "rdb_last_save_time:901\r\n")->rdb_last_save_timestamp,
            std::nullopt);
  EXPECT_EQ(ParseRedisInfo(old + "rdb_last_save_time:950\r\n")->rdb_last_save_timestamp, 950);
}

TEST(RedisInfoTest, KnowsValkeyAndTheNewWords) {
  const auto info = ParseRedisInfo(
      "valkey_version:8.1.0\nredis_version:7.2.4\nserver_mode:cluster\nrole:replica\n"
      "replica0:ip=a,port=1,state=online,offset=3\nreplica_announced:1\nslave_priority:100\n");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->version, "8.1.0");
  EXPECT_EQ(info->mode, "cluster");
  EXPECT_TRUE(info->is_replica);
  EXPECT_EQ(info->replicas.size(), 1u);
}

TEST(RedisInfoTest, SurvivesGarbage) {
  EXPECT_FALSE(ParseRedisInfo(""));
  EXPECT_FALSE(ParseRedisInfo("role:\r\n"));
  const auto info = ParseRedisInfo("role:slave\r\n:::\r\nslave0:\r\nslave1:,,=,ip\r\nslavex:a\r\n");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->replicas.size(), 2u);
  EXPECT_EQ(info->offset, std::nullopt);
}

TEST_F(RedisProbeTest, ReportsAMaster) {
  spec_.expect.role = "master";
  spec_.expect.replicas = 3;
  spec_.expect.aof = true;
  const auto result = RunOn({{"PING", "+PONG\r\n"}, {"INFO", Bulk(kMaster)}});
  EXPECT_EQ(ValueOf(result, "redis_up"), 1);
  EXPECT_EQ(ValueOf(result, "redis_role_expected"), 1);
  EXPECT_EQ(ValueOf(result, "redis_connected_replicas"), 2);
  EXPECT_EQ(ValueOf(result, "redis_replicas_expected"), 3);
  EXPECT_EQ(ValueOf(result, "redis_replica_lag_bytes", {{"replica", "10.0.0.2:6379"}}), 100);
  EXPECT_EQ(ValueOf(result, "redis_replica_lag_bytes", {{"replica", "[::1]:6380"}}), 0);
  EXPECT_EQ(ValueOf(result, "redis_replica_lag_bytes", {{"replica", "10.0.0.4:6379"}}),
            std::nullopt);
  EXPECT_EQ(ValueOf(result, "redis_start_timestamp_seconds"), 1767225500);
  EXPECT_EQ(ValueOf(result, "redis_rdb_changes_since_last_save"), 7);
  EXPECT_EQ(ValueOf(result, "redis_persistence_ok"), 1);
  EXPECT_EQ(ValueOf(result, "redis_master_link_up"), std::nullopt);
  EXPECT_EQ(ValueOf(result, "replication_lag_seconds"), std::nullopt);
  EXPECT_EQ(LabelOf(result, "redis_instance_info", "role"), "master");
  EXPECT_EQ(result.Headline().reason, Reason::kReplicaMissing) << Describe(result);
}

TEST_F(RedisProbeTest, AReplicasLagGrowsFromWhereTheLinkBroke) {
  std::string info = Replica("master_link_status:up\r\nmaster_last_io_seconds_ago:3\r\n");
  const FakeStreamServer server([&](std::string& received, int connection) {
    return Answers({{"PING", "+PONG\r\n"}, {"INFO", Bulk(info)}})(received, connection);
  });
  const auto probe = MakeRedisProbe(Config(server.address()), {});
  auto result = Run(*probe);
  EXPECT_EQ(ValueOf(result, "redis_master_link_up"), 1);
  EXPECT_EQ(ValueOf(result, "redis_master_last_io_seconds"), 3);
  EXPECT_EQ(ValueOf(result, "replication_lag_seconds"), 3);
  EXPECT_EQ(ValueOf(result, "replication_max_lag_seconds"), 300);
  EXPECT_EQ(ValueOf(result, "redis_replication_offset_bytes"), 5);
  EXPECT_EQ(result.severity(), Severity::kOk) << Describe(result);
  // Told to follow another master, Redis forgets since when it is alone.
  info = Replica(
      "master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n"
      "master_link_down_since_seconds:-1\r\n");
  clock_.Advance(std::chrono::seconds(400));
  result = Run(*probe);
  EXPECT_EQ(ValueOf(result, "redis_master_link_up"), 0);
  EXPECT_EQ(ValueOf(result, "redis_master_last_io_seconds"), std::nullopt);
  EXPECT_EQ(ValueOf(result, "replication_lag_seconds"), 403);
  EXPECT_EQ(CheckOf(result, "lag").message, "lag 6m43s > max_lag 5m");
  EXPECT_EQ(CheckOf(result, "link").severity, Severity::kWarning);
  // During a full sync the link is not up either.
  info = Replica("master_link_status:up\r\nmaster_sync_in_progress:1\r\n");
  EXPECT_EQ(ValueOf(Run(*probe), "redis_master_link_up"), 0);
}

TEST_F(RedisProbeTest, BelievesRedisSinceWhenTheLinkIsDown) {
  const auto result =
      RunOn({{"PING", "+PONG\r\n"},
             {"INFO",
              Bulk(Replica("master_link_status:down\r\nmaster_link_down_since_seconds:77\r\n"))}});
  EXPECT_EQ(ValueOf(result, "replication_lag_seconds"), 77);
}

TEST_F(RedisProbeTest, LoadingIsUpButNotReady) {
  const auto result = RunOn({{"PING", "-LOADING Redis is loading the dataset in memory\r\n"},
                             {"INFO", Bulk("role:master\r\nloading:1\r\nloading_eta_seconds:90\r\n"
                                           "aof_enabled:0\r\n")}});
  EXPECT_EQ(ValueOf(result, "redis_up"), 1);
  EXPECT_EQ(ValueOf(result, "redis_loading"), 1);
  EXPECT_EQ(ValueOf(result, "redis_persistence_ok"), std::nullopt);
  EXPECT_EQ(result.Headline().reason, Reason::kStartingUp);
  EXPECT_NE(result.Headline().message.find("1m30s"), std::string::npos);
}

TEST_F(RedisProbeTest, RefusedWritesArePersistenceFailing) {
  const auto result = RunOn({{"PING", "-MISCONF Redis is configured to save RDB snapshots\r\n"},
                             {"INFO", Bulk(kMaster)}});
  EXPECT_EQ(ValueOf(result, "redis_up"), 1);
  EXPECT_EQ(ValueOf(result, "redis_persistence_ok"), 0);
  EXPECT_EQ(result.Headline().reason, Reason::kPersistenceFailing);
  EXPECT_NE(result.Headline().hint.find("disk space"), std::string::npos);
}

TEST_F(RedisProbeTest, ComparesPersistenceWithThePromise) {
  spec_.expect.aof = false;
  spec_.expect.rdb = true;
  auto result = RunOn({{"PING", "+PONG\r\n"},
                       {"INFO", Bulk(kMaster)},
                       {"CONFIG", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"}});
  EXPECT_EQ(ValueOf(result, "redis_persistence_ok"), 0);
  EXPECT_EQ(CheckOf(result, "persistence").message,
            "AOF is on, expected off, RDB is off, expected on");
  EXPECT_EQ(CheckOf(result, "persistence").hint.find("disk"), std::string::npos);
  EXPECT_NE(CheckOf(result, "persistence").hint.find("CONFIG SET"), std::string::npos);
  spec_.expect.aof.reset();
  result = RunOn({{"PING", "+PONG\r\n"}, {"INFO", Bulk(kMaster)}, {"CONFIG", "-NOPERM no\r\n"}});
  EXPECT_EQ(ValueOf(result, "redis_persistence_ok"), 1);
  EXPECT_EQ(CheckOf(result, "persistence").severity, Severity::kUnknown);
}

TEST_F(RedisProbeTest, NamesWhyItIsDown) {
  const std::vector<std::pair<std::string, Reason>> cases = {
      {"-NOAUTH Authentication required.\r\n", Reason::kAuth},
      {"-DENIED Redis is running in protected mode\r\n", Reason::kPermission},
      {"-BUSY Redis is busy running a script\r\n", Reason::kTimeout},
      {"-ERR max number of clients reached\r\n", Reason::kTooManyConnections},
      {":1\r\n", Reason::kProtocol}};
  for (const auto& [answer, reason] : cases) {
    const auto result = RunOn({{"PING", answer}});
    EXPECT_EQ(ValueOf(result, "redis_up"), 0) << answer;
    EXPECT_EQ(ValueOf(result, "probe_success"), 0);
    EXPECT_EQ(result.Headline().reason, reason) << answer;
  }
  const auto probe =
      MakeRedisProbe(Config("127.0.0.1:" + std::to_string(testing::ClosedPort())), {});
  EXPECT_EQ(Run(*probe).Headline().reason, Reason::kConnectionRefused);
  EXPECT_EQ(Run(*MakeRedisProbe(Config("http://x"), {})).Headline().reason, Reason::kConfig);
  spec_.password.file = "/no/such/file";
  EXPECT_EQ(Run(*MakeRedisProbe(Config("127.0.0.1:1"), {})).Headline().reason, Reason::kConfig);
}

TEST_F(RedisProbeTest, ASentinelIsNoRedis) {
  for (const char* mode : {"redis_mode", "server_mode"}) {
    const auto result =
        RunOn({{"PING", "+PONG\r\n"},
               {"INFO", Bulk("redis_version:7.0.15\r\n" + std::string(mode) +
                             ":sentinel\r\nuptime_in_seconds:5\r\n"
                             "master0:name=shop,status=ok,address=10.0.0.2:6379\r\n")}});
    EXPECT_EQ(ValueOf(result, "redis_up"), 0) << "nothing is known of the server";
    EXPECT_EQ(ValueOf(result, "probe_success"), 0);
    EXPECT_EQ(result.Headline().severity, Severity::kCritical);
    EXPECT_EQ(result.Headline().reason, Reason::kProtocol);
    EXPECT_NE(result.Headline().message.find("a Sentinel answers at 127.0.0.1:"), std::string::npos)
        << Describe(result);
    EXPECT_NE(result.Headline().hint.find("6379"), std::string::npos);
  }
}

TEST_F(RedisProbeTest, WithoutInfoItIsStillUp) {
  const auto result = RunOn({{"PING", "+PONG\r\n"}, {"INFO", "-NOPERM no permission\r\n"}});
  EXPECT_EQ(ValueOf(result, "redis_up"), 1);
  EXPECT_EQ(CheckOf(result, "info").reason, Reason::kPermission);
  EXPECT_EQ(result.severity(), Severity::kUnknown);
}

TEST_F(RedisProbeTest, HasItsSeriesBeforeTheFirstRun) {
  spec_.expect.replicas = 2;
  const auto probe = MakeRedisProbe(Config("redis://cache"), {});
  const auto waiting = probe->NotRun(Reason::kUnverified, "has not run yet");
  EXPECT_EQ(ValueOf(waiting, "redis_up"), 0);
  EXPECT_EQ(ValueOf(waiting, "probe_success"), 0);
  EXPECT_EQ(ValueOf(waiting, "redis_replicas_expected"), 2);
  EXPECT_EQ(waiting.severity(), Severity::kUnknown);
  EXPECT_EQ(waiting.target, "redis://cache:6379");
  EXPECT_EQ(probe->NotRun(Reason::kTimeout, "late").severity(), Severity::kCritical);
}

TEST_F(RedisProbeTest, ARealMasterAndReplica) {
  ASSERT_TRUE(testing::RedisServer::Available()) << "install it: scripts/install-packages test";
  testing::RedisServer master(
      {"--appendonly", "yes", "--requirepass", "hunter2", "--masterauth", "hunter2"});
  const testing::RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port()),
                                      "--requirepass", "hunter2", "--masterauth", "hunter2"});
  spec_.password.value = base::Secret("hunter2");
  spec_.expect.replicas = 1;
  spec_.expect.aof = true;
  const auto master_probe = MakeRedisProbe(Config("redis://" + master.address()), {});
  spec_.expect = {};
  spec_.expect.role = "replica";
  const auto replica_probe = MakeRedisProbe(Config(replica.address()), {});
  model::ProbeResult seen;
  EXPECT_TRUE(testing::Eventually([&] {
    seen = Run(*master_probe);
    return seen.ok();
  })) << Describe(seen);
  EXPECT_EQ(ValueOf(seen, "redis_aof_enabled"), 1);
  EXPECT_EQ(ValueOf(seen, "redis_rdb_last_save_timestamp_seconds"), std::nullopt)
      << "a full sync writes no RDB here";
  EXPECT_TRUE(testing::Eventually([&] {
    seen = Run(*replica_probe);
    return ValueOf(seen, "redis_master_link_up") == 1;
  })) << Describe(seen);
  EXPECT_LT(ValueOf(seen, "replication_lag_seconds"), 10);
  master.Stop();
  EXPECT_TRUE(testing::Eventually(
      [&] { return ValueOf(Run(*replica_probe), "redis_master_link_up") == 0; }));
  EXPECT_EQ(Run(*master_probe).Headline().reason, Reason::kConnectionRefused);
}

}  // namespace
}  // namespace drwatch::probes
