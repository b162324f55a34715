#include "web/dr_api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace drwatch::web {
namespace {

using nlohmann::json;
using std::chrono_literals::operator""h;

const base::Timestamp kNow = base::FromUnixMillis(1'775'822'400'000);

TEST(DrApiTest, NamesTheLatestGoodBackupAndWhereItLies) {
  recovery::BackupReport report;
  report.backup = "nightly";
  report.service = "shop";
  report.copies = 2;
  report.copies_target = 3;
  report.places.resize(2);
  report.places[0].location = "primary";
  model::StoredCopy broken;
  broken.name = "shop-3.dump";
  broken.point = kNow - 1h;
  broken.problem = "byte 5: \xff";
  model::StoredCopy older = broken;
  older.name = "shop-1.dump";
  older.point = kNow - 49h;
  older.good = true;
  report.places[0].copies = {broken, older};
  report.places[0].search = "the one after it is not proven good";
  report.places[1].location = "dr";
  report.places[1].target = "s3://bucket/daily";
  model::StoredCopy good = older;
  good.name = "shop-2.dump";
  good.point = kNow - 25h;
  good.level = 4;
  good.verified = kNow;
  report.places[1].copies = {good};
  const json answer = json::parse(BackupsJson({report}, kNow));
  EXPECT_EQ(answer["status"], "success");
  EXPECT_EQ(answer["data"]["generated_at"], "2026-04-10T12:00:00Z");
  const json& backup = answer["data"]["backups"][0];
  EXPECT_EQ(backup["latest_good"]["name"], "shop-2.dump");
  EXPECT_EQ(backup["latest_good"]["target"], "s3://bucket/daily");
  EXPECT_EQ(backup["latest_good"]["age_seconds"], 25 * 3600);
  EXPECT_EQ(backup["latest_good"]["verified"], "2026-04-10T12:00:00Z");
  EXPECT_EQ(backup["copies_target"], 3);
  EXPECT_TRUE(backup["offsite_copies_target"].is_null());
  EXPECT_TRUE(backup["identical"].is_null());
  EXPECT_EQ(backup["places"][0]["latest_good"]["name"], "shop-1.dump");
  EXPECT_EQ(backup["places"][0]["latest_good_detail"], "the one after it is not proven good");
  EXPECT_EQ(backup["places"][0]["stored"].size(), 2u);
  EXPECT_TRUE(backup["places"][0]["stored"][0]["verified"].is_null());
}

TEST(DrApiTest, TellsTheLossOfEachScenarioAndItsPaths) {
  recovery::ServiceReport report;
  report.service = "shop";
  report.target_seconds = 3600;
  report.scenarios.resize(2);
  report.scenarios[0].scenario = recovery::Scenario::kServerLost;
  report.scenarios[0].data = {
      {"database",
       {{recovery::PathKind::kStandby,
         kNow - base::Duration(3000),
         "pg-standby",
         "db2:5432",
         "",
         {}},
        {recovery::PathKind::kBackup, kNow - 2h, "nightly", "/backup", "shop.dump", {}}}}};
  report.scenarios[1].scenario = recovery::Scenario::kSiteLost;
  report.scenarios[1].data = report.scenarios[0].data;
  report.scenarios[1].data.push_back({"files", {}});
  report.scenarios.push_back(report.scenarios[0]);
  report.scenarios[2].data.push_back(
      {"files", {{recovery::PathKind::kBackup, kNow - 3h, "uploads", "/files", "f.tar", {}}}});
  report.scenarios[2].data[1].paths[0].presumed = true;
  const json answer = json::parse(RecoveryJson({report}, kNow));
  const json& scenarios = answer["data"]["services"][0]["scenarios"];
  EXPECT_TRUE(answer["data"]["services"][0]["rto_target_seconds"].is_null());
  EXPECT_EQ(scenarios[0]["scenario"], "server_lost");
  EXPECT_EQ(scenarios[0]["loss_seconds"], 3);
  EXPECT_EQ(scenarios[0]["within_target"], true);
  EXPECT_EQ(scenarios[0]["paths"][1]["artefact"], "shop.dump");
  EXPECT_EQ(scenarios[0]["paths"][1]["loss_seconds"], 7200);
  EXPECT_EQ(scenarios[1]["recoverable"], false);
  EXPECT_EQ(scenarios[1]["within_target"], false) << "nothing would come back";
  EXPECT_TRUE(scenarios[1]["point"].is_null());
  EXPECT_EQ(scenarios[1]["not_recoverable"], json::array({"files"}));
  EXPECT_EQ(scenarios[2]["loss_seconds"], 3 * 3600) << "the data that comes back oldest decides";
  EXPECT_EQ(scenarios[2]["paths"][2]["data"], "files");
  EXPECT_EQ(scenarios[2]["paths"][2]["proven"], false);
  EXPECT_EQ(scenarios[2]["paths"][1]["proven"], true);
}

TEST(DrApiTest, TellsHowLongComingBackTakesAtTheLeastAndWhatSaysSo) {
  recovery::RestoreStep base;
  base.probe = "base";
  base.artefact = "base-1";
  base.bytes = 100;
  base.reading = model::Reading{200, std::chrono::seconds(4)};
  base.retrieval = 1h;
  recovery::RestoreStep wal;
  wal.kind = recovery::RestoreStep::Kind::kWal;
  wal.probe = "wal";
  wal.bytes = 50;
  recovery::RecoveryPath path{
      recovery::PathKind::kWalArchive, kNow, "wal", "/wal", "base-1", {}, {}, false, {base, wal}};
  recovery::ServiceReport report;
  report.service = "shop";
  report.rto_target_seconds = 3600;
  report.scenarios = {{recovery::Scenario::kServerLost, {{"database", {path}}}}};
  const auto scenario = [&report] {
    const json answer = json::parse(RecoveryJson({report}, kNow));
    EXPECT_EQ(answer["data"]["services"][0]["rto_target_seconds"], 3600);
    return answer["data"]["services"][0]["scenarios"][0];
  };
  EXPECT_TRUE(scenario()["estimated_seconds"].is_null()) << "nobody read the WAL";
  EXPECT_TRUE(scenario()["estimate_beyond_target"].is_null());
  report.scenarios[0].data[0].paths[0].steps[1].reading =
      model::Reading{10, std::chrono::seconds(1)};
  const json known = scenario();
  EXPECT_EQ(known["estimated_seconds"], 3600 + 2 + 5);
  EXPECT_EQ(known["estimate_beyond_target"], true);
  const json& steps = known["paths"][0]["steps"];
  EXPECT_EQ(known["paths"][0]["at_least_seconds"], 3607);
  EXPECT_EQ(steps[0]["what"], "backup");
  EXPECT_EQ(steps[0]["artefact"], "base-1");
  EXPECT_EQ(steps[0]["bytes"], 100);
  EXPECT_EQ(steps[0]["measured_bytes"], 200);
  EXPECT_EQ(steps[0]["measured_seconds"], 4);
  EXPECT_EQ(steps[0]["retrieval_seconds"], 3600);
  EXPECT_EQ(steps[0]["at_least_seconds"], 3602);
  EXPECT_EQ(steps[1]["what"], "wal");
  EXPECT_EQ(steps[1]["at_least_seconds"], 5);
}

TEST(DrApiTest, TellsWhatTheLastDrillMeasured) {
  recovery::ServiceReport report;
  report.service = "shop";
  report.scenarios.resize(1);
  const auto scenario = [&report] {
    return json::parse(RecoveryJson({report}, kNow))["data"]["services"][0]["scenarios"][0];
  };
  for (const char* key : {"measured_seconds", "measured_at", "measured_beyond_target"}) {
    EXPECT_TRUE(scenario().at(key).is_null()) << key;
  }
  report.scenarios[0].measured =
      recovery::MeasuredTime{std::chrono::minutes(42), kNow - std::chrono::hours(24)};
  EXPECT_EQ(scenario()["measured_seconds"], 42 * 60);
  EXPECT_EQ(scenario()["measured_at"], "2026-04-09T12:00:00Z");
  EXPECT_TRUE(scenario()["measured_beyond_target"].is_null()) << "there is none";
  report.rto_target_seconds = 42 * 60;
  EXPECT_EQ(scenario()["measured_beyond_target"], false);
  report.rto_target_seconds = 30 * 60;
  EXPECT_EQ(scenario()["measured_beyond_target"], true);
}

}  // namespace
}  // namespace drwatch::web
