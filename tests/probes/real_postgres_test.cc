// The postgres probe on a real primary and standby. The long ways through faults and pages are in
// tests/e2e.
#include <gtest/gtest.h>

#include <thread>

#include "probes/position_ring.h"
#include "probes/postgres_probe.h"
#include "probes/postgres_sql.h"
#include "probes/probe_result_access.h"
#include "support/eventually.h"
#include "support/postgres_server.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using testing::Eventually;
using testing::PostgresServer;

class RealPostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(PostgresServer::Available()) << "install it: scripts/install-packages test";
  }
  config::Probe Config(const PostgresServer& server, const std::string& name) {
    config::Probe config;
    config.name = name;
    config.type = "postgres";
    config.service = "shop";
    config.interval = base::Duration(100);
    config.timeout = base::Duration(5000);
    config::PostgresProbe spec;
    spec.dsn = base::Secret(server.Url());
    config.spec = spec;
    return config;
  }
  config::PostgresProbe& Spec(config::Probe& config) {
    return std::get<config::PostgresProbe>(config.spec);
  }
  std::unique_ptr<Probe> Make(const config::Probe& config, PositionRing* ring = nullptr) {
    ProbeServices services;
    services.positions = ring != nullptr ? ring : &ring_;
    services.clock = &clock_;
    return MakePostgresProbe(config, services);
  }
  model::ProbeResult Run(Probe& probe, base::Duration timeout = base::Duration(5000)) {
    const base::SteadyTime begin = clock_.Steady();
    model::ProbeResult result =
        probe.Run({base::Deadline::After(timeout), {}, clock_.Now(), &clock_});
    EXPECT_LT(clock_.Steady() - begin, timeout + std::chrono::seconds(1));
    EXPECT_FALSE(result.checks.empty());
    ExpectDistinctSeries(result);
    return result;
  }
  // As `--once` does it: both run once, in whatever order.
  void ExpectTheFirstRunWaits(const PostgresServer& primary, const PostgresServer& standby,
                              const config::Probe& primary_config,
                              const config::Probe& standby_config) {
    PositionRing ring(nullptr);
    standby.Sql("SELECT pg_wal_replay_pause()");
    primary.Sql("CREATE TABLE first AS SELECT generate_series(1, 1000)");
    const auto primary_probe = Make(primary_config, &ring);
    const auto standby_probe = Make(standby_config, &ring);
    std::thread later([&] {
      base::StopToken().Wait(base::Deadline::After(base::Duration(100)));
      Run(*primary_probe);
    });
    const model::ProbeResult replica = Run(*standby_probe);
    later.join();
    EXPECT_GT(ValueOf(replica, "replication_lag_bytes"), 0) << Describe(replica);
    standby.Sql("SELECT pg_wal_replay_resume()");
    const std::string written = primary.Sql("SELECT pg_current_wal_lsn()");
    EXPECT_TRUE(Eventually([&] {
      return standby.Sql("SELECT pg_last_wal_replay_lsn() >= '" + written + "'") == "t";
    }));
  }
  base::SystemClock clock_;
  PositionRing ring_{nullptr};
};

TEST_F(RealPostgresTest, APairThroughItsLife) {
  const auto primary = PostgresServer::StartPrimary();
  const auto standby = PostgresServer::StartStandby(*primary);
  config::Probe primary_config = Config(*primary, "pg-primary");
  Spec(primary_config).expect.role = config::PostgresProbe::Role::kPrimary;
  Spec(primary_config).expect.standbys = 1;
  Spec(primary_config).expect.settings = {{"wal_level", "logical"}, {"archive_mode", "true"}};
  config::Probe standby_config = Config(*standby, "pg-standby");
  Spec(standby_config).expect.role = config::PostgresProbe::Role::kStandby;
  Spec(standby_config).primary = "pg-primary";
  const auto primary_probe = Make(primary_config);
  const auto standby_probe = Make(standby_config);
  ExpectTheFirstRunWaits(*primary, *standby, primary_config, standby_config);

  // The primary's facts.
  model::ProbeResult seen = Run(*primary_probe);
  EXPECT_EQ(ValueOf(seen, "postgres_up"), 1) << Describe(seen);
  EXPECT_EQ(ValueOf(seen, "postgres_in_recovery"), 0);
  EXPECT_EQ(ValueOf(seen, "postgres_timeline"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_role_expected"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_monitor_granted"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_data_checksums_enabled"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_standbys"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_standbys_expected"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_setting_expected", {{"setting", "wal_level"}}), 0);
  EXPECT_EQ(ValueOf(seen, "postgres_setting_expected", {{"setting", "archive_mode"}}), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_archiver_enabled"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_connections_limit"), 17);
  EXPECT_EQ(ValueOf(seen, "replication_lag_seconds"), std::nullopt);
  EXPECT_EQ(LabelOf(seen, "postgres_primary_info", "system_identifier"),
            primary->Sql("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(LabelOf(seen, "postgres_primary_info", "server"),
            "127.0.0.1:" + std::to_string(primary->port()));
  EXPECT_EQ(CheckOf(seen, "settings").reason, Reason::kWrongSetting);
  EXPECT_EQ(CheckOf(seen, "settings").message, "wal_level is \"replica\", expected \"logical\"");
  EXPECT_EQ(seen.severity(), Severity::kWarning) << Describe(seen);
  EXPECT_EQ(ValueOf(seen, "probe_success"), 1);

  // An idle standby has no lag, also right after the primary wrote.
  model::ProbeResult replica = Run(*standby_probe);
  EXPECT_EQ(ValueOf(replica, "postgres_up"), 1) << Describe(replica);
  EXPECT_EQ(ValueOf(replica, "postgres_in_recovery"), 1);
  EXPECT_EQ(ValueOf(replica, "replication_lag_seconds"), 0) << Describe(replica);
  EXPECT_EQ(ValueOf(replica, "replication_lag_bytes"), 0);
  EXPECT_EQ(ValueOf(replica, "postgres_wal_receiver_streaming"), 1);
  EXPECT_EQ(ValueOf(replica, "postgres_replay_paused"), 0);
  EXPECT_EQ(ValueOf(replica, "postgres_primary_info"), std::nullopt);
  EXPECT_EQ(replica.severity(), Severity::kOk) << Describe(replica);
  primary->Sql("CREATE TABLE t AS SELECT generate_series(1, 1000)");
  Run(*primary_probe);
  EXPECT_TRUE(
      Eventually([&] { return ValueOf(Run(*standby_probe), "replication_lag_seconds") == 0; }));

  // Replay is paused: the lag grows with what the primary writes, not before.
  standby->Sql("SELECT pg_wal_replay_pause()");
  Run(*primary_probe);
  EXPECT_EQ(ValueOf(Run(*standby_probe), "replication_lag_seconds"), 0);
  primary->Sql("INSERT INTO t SELECT generate_series(1, 1000)");
  Run(*primary_probe);
  std::optional<double> before;
  EXPECT_TRUE(Eventually([&] {
    replica = Run(*standby_probe);
    before = ValueOf(replica, "replication_lag_seconds");
    return before > 0 && ValueOf(replica, "postgres_replay_paused") == 1;
  }));
  EXPECT_GT(ValueOf(replica, "replication_lag_bytes"), 0);
  EXPECT_EQ(CheckOf(replica, "replay").severity, Severity::kWarning);
  seen = Run(*primary_probe);
  EXPECT_GT(ValueOf(seen, "postgres_standby_lag_bytes", {{"standby", "walreceiver"}}), 0);
  EXPECT_GT(ValueOf(seen, "postgres_standby_lag_seconds", {{"standby", "walreceiver"}}), 0);

  // The link is cut and the primary writes on.
  standby->Sql("SELECT pg_wal_replay_resume()");
  const auto settled = [&] {
    Run(*primary_probe);
    return ValueOf(Run(*standby_probe), "replication_lag_seconds") == 0;
  };
  EXPECT_TRUE(Eventually(settled));
  primary->Sql("SELECT pg_switch_wal()");
  EXPECT_TRUE(Eventually(settled)) << "the rest of a switched segment is no lag";
  standby->Sql("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
  standby->Sql("SELECT pg_reload_conf()");
  EXPECT_TRUE(
      Eventually([&] { return standby->Sql("SELECT count(*) FROM pg_stat_wal_receiver") == "0"; }));
  EXPECT_TRUE(settled()) << "nothing was written since";
  primary->Sql("INSERT INTO t SELECT generate_series(1, 1000)");
  Run(*primary_probe);
  replica = Run(*standby_probe);
  before = ValueOf(replica, "replication_lag_seconds");
  EXPECT_GT(before, 0) << Describe(replica);
  EXPECT_GT(ValueOf(replica, "replication_lag_bytes"), 0);
  EXPECT_EQ(ValueOf(replica, "postgres_wal_receiver_streaming"), 0);
  EXPECT_EQ(CheckOf(replica, "receiver").reason, Reason::kReplicationBroken);

  // The primary ends: what is known stays, and the lag goes on growing.
  primary->Stop();
  seen = Run(*primary_probe);
  EXPECT_EQ(ValueOf(seen, "postgres_up"), 0);
  EXPECT_EQ(ValueOf(seen, "probe_success"), 0);
  EXPECT_EQ(seen.Headline().reason, Reason::kConnectionRefused) << Describe(seen);
  EXPECT_GT(ValueOf(Run(*standby_probe), "replication_lag_seconds"), *before);

  // Promotion ends the series.
  standby->Sql("SELECT pg_promote()");
  replica = Run(*standby_probe);
  EXPECT_EQ(ValueOf(replica, "replication_lag_seconds"), std::nullopt);
  EXPECT_EQ(ValueOf(replica, "postgres_timeline"), 2);
  EXPECT_EQ(ValueOf(replica, "postgres_primary_info"), 1);
  EXPECT_EQ(replica.Headline().reason, Reason::kWrongRole) << Describe(replica);
}

TEST_F(RealPostgresTest, OnlyTheEndOfATransactionWaitsInTheOpenSegment) {
  const auto primary = PostgresServer::StartPrimary(
      {"archive_timeout = 0", "autovacuum = off", "max_prepared_transactions = 2"});
  primary->Sql("CREATE TABLE t(i int)");
  primary->Sql("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'long'");
  primary->Sql("INSERT INTO t VALUES (2)");
  const auto probe = Make(Config(*primary, "pg"));
  Run(*probe);
  const std::string name = primary->Sql("SELECT pg_walfile_name(pg_switch_wal() - 1)");
  EXPECT_TRUE(Eventually(
      [&] { return primary->Sql("SELECT last_archived_wal FROM pg_stat_archiver") == name; }));
  primary->Sql("CHECKPOINT");
  model::ProbeResult seen = Run(*probe);
  EXPECT_GT(ValueOf(seen, "wal_archive_lag_bytes"), 0);
  EXPECT_EQ(ValueOf(seen, "wal_archive_lag_seconds"), 0) << "a checkpoint is no loss";
  // It began before others that have ended long since.
  primary->Sql("COMMIT PREPARED 'long'");
  Run(*probe);
  primary->Sql("CHECKPOINT");
  seen = Run(*probe);
  EXPECT_GT(ValueOf(seen, "wal_archive_lag_seconds"), 0) << Describe(seen);
  // What is archived while it stops its statistics do not tell.
  primary->Stop();
  primary->Start();
  seen = Run(*probe);
  EXPECT_LT(ValueOf(seen, "wal_archive_lag_bytes"), 1 << 20);
  EXPECT_EQ(ValueOf(seen, "wal_archive_lag_seconds"), 0) << Describe(seen);
  // Servers before 13 have other names for it; 15 knows both.
  const std::string old = PostgresPositionSql(120000);
  const auto transactions = [&](const std::string& sql) {
    return primary->Sql("SELECT transactions FROM (" + sql + ") AS asked");
  };
  EXPECT_EQ(transactions(old), transactions(PostgresPositionSql(150000)));
}

TEST_F(RealPostgresTest, SlotsArchiverPrivilegesAndRefusals) {
  const auto primary = PostgresServer::StartPrimary({"archive_command = '/bin/false'"});
  primary->Sql("SELECT pg_create_physical_replication_slot('spare', true)");
  primary->Sql("CREATE TABLE t AS SELECT 1");
  primary->Sql("SELECT pg_switch_wal()");
  primary->Sql("CREATE ROLE nobody LOGIN");
  const auto probe = Make(Config(*primary, "pg"));
  model::ProbeResult seen;
  EXPECT_TRUE(Eventually([&] {
    seen = Run(*probe);
    return ValueOf(seen, "postgres_archiver_failing") == 1;
  })) << Describe(seen);
  EXPECT_EQ(CheckOf(seen, "archiver").severity, Severity::kCritical);
  EXPECT_GE(ValueOf(seen, "postgres_archiver_ready_segments"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_archiver_last_success_timestamp_seconds"), std::nullopt);
  EXPECT_GE(ValueOf(seen, "wal_archive_lag_bytes"), 16 << 20) << "nothing was ever archived";
  EXPECT_GT(ValueOf(seen, "wal_archive_lag_seconds"), 0);
  EXPECT_EQ(ValueOf(seen, "postgres_slot_active", {{"slot", "spare"}}), 0);
  EXPECT_EQ(ValueOf(seen, "postgres_slot_lost", {{"slot", "spare"}}), 0);
  EXPECT_GE(ValueOf(seen, "postgres_slot_retained_bytes", {{"slot", "spare"}}), 0);

  primary->Sql("ALTER SYSTEM SET archive_command = '/bin/true'");
  primary->Sql("SELECT pg_reload_conf()");
  primary->Sql("SELECT pg_switch_wal()");
  EXPECT_TRUE(Eventually([&] {
    seen = Run(*probe);
    return ValueOf(seen, "postgres_archiver_failing") == 0 &&
           ValueOf(seen, "postgres_archiver_ready_segments") == 0;
  })) << Describe(seen);
  EXPECT_LT(ValueOf(seen, "wal_archive_lag_bytes"), 16 << 20);
  EXPECT_LT(ValueOf(seen, "wal_archive_lag_seconds"), 20);

  // A role without privileges still sees that the server is up, and says what it cannot see.
  config::Probe config = Config(*primary, "pg");
  Spec(config).dsn = base::Secret(primary->Url("nobody"));
  Spec(config).expect.standbys = 1;
  seen = Run(*Make(config));
  EXPECT_EQ(ValueOf(seen, "postgres_up"), 1);
  EXPECT_EQ(ValueOf(seen, "postgres_monitor_granted"), 0);
  EXPECT_EQ(ValueOf(seen, "postgres_standbys"), std::nullopt) << "not seen is not zero";
  EXPECT_EQ(CheckOf(seen, "standbys").severity, Severity::kUnknown);
  EXPECT_EQ(CheckOf(seen, "privileges").reason, Reason::kPermission);
  EXPECT_EQ(ValueOf(seen, "probe_success"), 1) << Describe(seen);
  for (const model::CheckOutcome& check : seen.checks) {
    EXPECT_EQ(check.message.find("not known"), std::string::npos) << Describe(seen);
  }

  // Refusals and hangs.
  Spec(config).dsn = base::Secret(primary->Url("stranger:hunter2"));
  seen = Run(*Make(config));
  EXPECT_EQ(ValueOf(seen, "postgres_up"), 0);
  EXPECT_EQ(seen.Headline().reason, Reason::kAuth) << Describe(seen);
  EXPECT_EQ(Describe(seen).find("hunter2"), std::string::npos);
  Spec(config).dsn = base::Secret(primary->Url() + "_missing");
  EXPECT_EQ(Run(*Make(config)).Headline().reason, Reason::kNotFound);

  primary->Freeze();
  seen = Run(*probe, base::Duration(300));
  EXPECT_EQ(seen.Headline().reason, Reason::kTimeout) << Describe(seen);
  primary->Thaw();
  EXPECT_EQ(ValueOf(Run(*probe), "postgres_up"), 1);
}

}  // namespace
}  // namespace drwatch::probes
