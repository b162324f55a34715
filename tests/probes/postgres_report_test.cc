#include "probes/postgres_report.h"

#include <gtest/gtest.h>

#include "probes/postgres_settings.h"
#include "probes/postgres_sql.h"
#include "probes/probe_result_access.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

class PostgresReportTest : public ::testing::Test {
 protected:
  PostgresReportTest() {
    config_.name = "pg";
    config_.type = "postgres";
    config_.service = "shop";
    config_.labels = {{"team", "db"}};
    facts().version = "15.20";
    facts().monitor_granted = true;
    facts().system_identifier = "7000";
    findings_.server = "10.0.0.1:5432";
  }
  PostgresFacts& facts() { return findings_.facts; }
  model::ProbeResult Report() {
    findings_.standby_lag_seconds.resize(facts().standbys ? facts().standbys->size() : 0);
    ProbeReport report(config_, "postgres://db1:5432", {});
    AddPostgresAlways(spec_, PostgresUp::kYes, report);
    AddPostgresMetrics(spec_, findings_, report);
    AddPostgresChecks(spec_, findings_, report);
    model::ProbeResult result = report.Finish({});
    ExpectDistinctSeries(result);
    return result;
  }
  config::Probe config_;
  config::PostgresProbe spec_;
  PostgresFindings findings_;
};

TEST_F(PostgresReportTest, WhatIsNotKnownIsAbsent) {
  const model::ProbeResult result = Report();
  for (const char* name :
       {"postgres_timeline", "postgres_connections_used_ratio", "postgres_standbys",
        "postgres_slot_lost", "postgres_archiver_enabled", "postgres_archiver_failing",
        "postgres_role_expected", "replication_lag_seconds", "wal_archive_lag_seconds",
        "postgres_data_checksums_enabled", "postgres_checksum_failures_total"}) {
    EXPECT_EQ(ValueOf(result, name), std::nullopt) << name;
  }
  EXPECT_EQ(ValueOf(result, "postgres_up", {{"probe", "pg"}, {"service", "shop"}, {"team", "db"}}),
            1);
}

TEST_F(PostgresReportTest, CountsStreamingAndSynchronousStandbys) {
  spec_.expect.standbys = 3;
  spec_.expect.sync_standbys = 1;
  facts().standbys = {{{"a", "10.0.0.2", true, true, {}, 0.0},
                       {"b", "10.0.0.3", true, false, {}, 10.0},
                       {"c", "10.0.0.4", false, true, {}, 500.0}}};
  const model::ProbeResult result = Report();
  EXPECT_EQ(ValueOf(result, "postgres_standbys"), 2);
  EXPECT_EQ(ValueOf(result, "postgres_sync_standbys"), 1);
  EXPECT_EQ(CheckOf(result, "standbys").reason, Reason::kReplicaMissing);
  EXPECT_EQ(CheckOf(result, "standbys").message, "2 standbys stream, expected 3");
  EXPECT_EQ(CheckOf(result, "sync_standbys").severity, Severity::kOk);
  EXPECT_EQ(ValueOf(result, "probe_success"), 0);
}

TEST_F(PostgresReportTest, CommitsThatWaitForNobodyAreCritical) {
  facts().commits_wait = true;
  EXPECT_EQ(CheckOf(Report(), "commits").name, "") << "the standbys are not known";
  facts().standbys = {{{"a", "10.0.0.2", true, false, {}, 0.0}}};
  EXPECT_EQ(CheckOf(Report(), "commits").severity, Severity::kCritical);
  facts().standbys->front().synchronous = true;
  EXPECT_EQ(CheckOf(Report(), "commits").name, "");
}

TEST_F(PostgresReportTest, StandbysOfOneNameStayApart) {
  facts().standbys = {{{"walreceiver", "10.0.0.2", true, false, {}, 1.0},
                       {"walreceiver", "10.0.0.3", true, false, {}, 2.0},
                       {"walreceiver", "10.0.0.3", true, false, {}, 7.0},
                       {"", "", true, false, {}, 3.0}}};
  const model::ProbeResult result = Report();
  EXPECT_EQ(ValueOf(result, "postgres_standby_lag_bytes", {{"standby", "walreceiver@10.0.0.2"}}),
            1);
  EXPECT_EQ(ValueOf(result, "postgres_standby_lag_bytes", {{"standby", "walreceiver@10.0.0.3"}}),
            7);
  EXPECT_EQ(ValueOf(result, "postgres_standby_lag_bytes", {{"standby", "local"}}), 3);
}

TEST_F(PostgresReportTest, ALostSlotKeepsItsSeries) {
  facts().slots = {{{"cdc", false, true, std::nullopt, std::nullopt}}};
  const model::ProbeResult result = Report();
  EXPECT_EQ(ValueOf(result, "postgres_slot_lost", {{"slot", "cdc"}}), 1);
  EXPECT_EQ(ValueOf(result, "postgres_slot_retained_bytes"), std::nullopt);
  EXPECT_EQ(CheckOf(result, "slots").severity, Severity::kCritical);
}

TEST_F(PostgresReportTest, ChecksumFailuresAreCorruption) {
  facts().checksums_enabled = true;
  facts().checksum_failures = {{{"(shared)", 0}, {"app", 2}}};
  const model::ProbeResult result = Report();
  EXPECT_EQ(ValueOf(result, "postgres_checksum_failures_total", {{"datname", "app"}}), 2);
  EXPECT_EQ(CheckOf(result, "checksums").reason, Reason::kCorrupt);
}

TEST_F(PostgresReportTest, WarnsBeforeConnectionsRunOut) {
  facts().connections = 81;
  facts().connections_limit = 100;
  const model::ProbeResult result = Report();
  EXPECT_EQ(ValueOf(result, "postgres_connections_used_ratio"), 0.81);
  EXPECT_EQ(CheckOf(result, "connections").message, "81 of 100 connections (81% > 80%)");
  EXPECT_EQ(CheckOf(result, "connections").severity, Severity::kWarning);
  EXPECT_EQ(ValueOf(result, "probe_success"), 1);
}

TEST_F(PostgresReportTest, SaysHowFarAStandbyIsBehind) {
  facts().in_recovery = true;
  findings_.lag_seconds = 1337;
  findings_.lag_bytes = 2048;
  model::ProbeResult result = Report();
  EXPECT_EQ(ValueOf(result, "replication_max_lag_seconds"), 300);
  EXPECT_EQ(CheckOf(result, "lag").severity, Severity::kWarning);
  EXPECT_NE(CheckOf(result, "lag").message.find("22m17s"), std::string::npos);
  EXPECT_NE(CheckOf(result, "lag").message.find("max_lag 5m"), std::string::npos);
  EXPECT_FALSE(CheckOf(result, "lag").hint.empty());
  findings_.lag_seconds.reset();
  result = Report();
  EXPECT_EQ(CheckOf(result, "lag").severity, Severity::kUnknown);
  EXPECT_EQ(ValueOf(result, "replication_lag_seconds"), std::nullopt);
}

TEST_F(PostgresReportTest, AnArchiveStandbyNeedsNoReceiver) {
  facts().in_recovery = true;
  facts().receiver = PostgresReceiver{};
  findings_.lag_seconds = 1;
  EXPECT_EQ(CheckOf(Report(), "receiver").severity, Severity::kWarning);
  spec_.expect.replication = config::PostgresProbe::Expect::Replication::kArchive;
  EXPECT_EQ(Report().severity(), Severity::kOk);
}

TEST_F(PostgresReportTest, NeverShowsSettingsThatMayHoldSecrets) {
  spec_.expect.settings = {{"primary_conninfo", "host=a password=hunter2"},
                           {"work_mem", "4MB"},
                           {"no_such_setting", "on"}};
  facts().settings = {{{"primary_conninfo", "host=b password=hunter3"}, {"work_mem", "8MB"}}};
  const model::ProbeResult result = Report();
  const std::string message = CheckOf(result, "settings").message;
  EXPECT_EQ(message.find("hunter"), std::string::npos) << message;
  EXPECT_NE(message.find("primary_conninfo is not what is expected"), std::string::npos);
  EXPECT_NE(message.find("work_mem is \"8MB\", expected \"4MB\""), std::string::npos);
  EXPECT_NE(message.find("no_such_setting does not exist"), std::string::npos);
  facts().monitor_granted = false;
  EXPECT_EQ(ValueOf(Report(), "postgres_setting_expected", {{"setting", "no_such_setting"}}),
            std::nullopt)
      << "hidden is not wrong";
}

TEST_F(PostgresReportTest, LabelsThatAreNoUtf8AreQuoted) {
  facts().slots = {{{"\xff", true, false, std::nullopt, std::nullopt}}};
  EXPECT_EQ(ValueOf(Report(), "postgres_slot_active", {{"slot", "\"\\xff\""}}), 1);
}

TEST(PostgresSettingsTest, ComparesValuesNotSpellings) {
  EXPECT_TRUE(SameSetting("on", "on"));
  EXPECT_TRUE(SameSetting("true", "on"));
  EXPECT_TRUE(SameSetting("0", "off"));
  EXPECT_TRUE(SameSetting("Logical", "logical"));
  EXPECT_TRUE(SameSetting("1GB", "1024MB"));
  EXPECT_TRUE(SameSetting("300s", "5min"));
  EXPECT_TRUE(SameSetting("0s", "0"));
  EXPECT_TRUE(SameSetting("10", " 10 "));
  EXPECT_FALSE(SameSetting("10", "10MB"));
  EXPECT_FALSE(SameSetting("1GB", "1GBs"));
  EXPECT_FALSE(SameSetting("1ms", "1MB"));
  EXPECT_FALSE(SameSetting("on", "off"));
  EXPECT_FALSE(SameSetting("replica", "logical"));
  EXPECT_FALSE(SameSetting("", "on"));
}

TEST(PostgresSqlTest, AsksOnlyWhatTheVersionKnows) {
  EXPECT_EQ(PostgresSlotsSql(120000).find("wal_status"), std::string::npos);
  EXPECT_NE(PostgresSlotsSql(130000).find("wal_status"), std::string::npos);
  EXPECT_EQ(PostgresSlotsSql(160000).find("synced"), std::string::npos);
  EXPECT_NE(PostgresSlotsSql(170000).find("synced"), std::string::npos);
  EXPECT_EQ(PostgresPositionSql(120000).find("pg_current_snapshot"), std::string::npos);
  EXPECT_EQ(PostgresPositionSql(130000).find("txid_"), std::string::npos);
  for (const std::string& sql :
       {PostgresCoreSql(), PostgresPositionSql(180000), PostgresReceiverSql(),
        PostgresStandbysSql(), PostgresSlotsSql(180000), PostgresArchiverSql()}) {
    EXPECT_EQ(sql.find("conninfo"), std::string::npos) << sql;
  }
}

}  // namespace
}  // namespace drwatch::probes
