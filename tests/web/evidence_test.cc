#include "web/evidence.h"

#include <gtest/gtest.h>

namespace drwatch::web {
namespace {

using Json = nlohmann::json;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'793'616'000'000);  // 2026-11-02T10:40:00Z

recovery::AuditRow Row(const std::string& type, const std::string& metrics,
                       base::Timestamp time = kNow) {
  recovery::AuditRow row;
  row.id = 1;
  row.event.type = type;
  row.event.description = "what happened";
  row.event.initiated_by = "drwatch";
  row.event.time = time;
  row.event.metrics = metrics;
  return row;
}

std::string AlertMetrics(const std::string& resolved = "null") {
  return R"({"fingerprint":"00ff","labels":{"alertname":"DatabaseDown","service":"shop",)"
         R"("severity":"critical","probe":"pg"},"active_at":"2026-11-02T10:00:00Z",)"
         R"("fired_at":"2026-11-02T10:00:30Z","resolved_at":)" +
         resolved + "}";
}

recovery::AuditRow Told(base::Duration after, const std::string& occasion, bool success) {
  recovery::AuditRow row = Row("NOTIFICATION",
                               R"({"receiver":"on-call","integration":"pagerduty","occasion":")" +
                                   occasion + R"(","waited_seconds":2.5,"alerts":["00ff"]})",
                               base::FromUnixMillis(1'793'613'630'000) + after);  // after it fired
  row.event.success = success;
  row.event.notes = success ? "" : "server_error: 500";
  return row;
}

Json Report(const std::vector<recovery::AuditRow>& rows) {
  return Json::parse(EvidenceJson(MakeEvidence(rows, kNow - std::chrono::hours(1), kNow)));
}

TEST(EvidenceTest, AnIncidentHasItsTimes) {
  using std::chrono::seconds;
  const Json report =
      Report({Row("ALERT_FIRING", AlertMetrics()), Told(seconds(1), "trigger", false),
              Told(seconds(3), "trigger", true), Told(seconds(60), "repeat", true),
              Row("ALERT_RESOLVED", AlertMetrics("\"2026-11-02T10:10:30Z\"")),
              Told(seconds(700), "resolve", true)});
  ASSERT_EQ(report["incidents"].size(), 1);
  const Json& incident = report["incidents"][0];
  EXPECT_EQ(incident["alert"], "DatabaseDown");
  EXPECT_EQ(incident["labels"], "probe=pg");
  EXPECT_EQ(incident["detect_seconds"], 30);
  EXPECT_EQ(incident["notify_seconds"], 3);
  EXPECT_EQ(incident["resolve_seconds"], 600);
  EXPECT_EQ(incident["receivers"], "on-call");
  const Json& sent = report["notifications"][0];
  EXPECT_EQ(sent["attempts"], 4);
  EXPECT_EQ(sent["delivered"], 3);
  EXPECT_EQ(sent["failed"], 1);
  EXPECT_EQ(sent["median_delay_seconds"], 2.5);
  EXPECT_EQ(sent["last_failure"], "server_error: 500");
}

TEST(EvidenceTest, AnIncidentThatBeganEarlierIsThereByItsEnd) {
  const Json report = Report({Row("ALERT_RESOLVED", AlertMetrics("\"2026-11-02T10:10:30Z\""))});
  ASSERT_EQ(report["incidents"].size(), 1);
  EXPECT_EQ(report["incidents"][0]["resolve_seconds"], 600);
  EXPECT_EQ(report["incidents"][0]["notify_seconds"], nullptr);
}

TEST(EvidenceTest, ObjectivesAreSummedUp) {
  const auto hour = [](double violated, const std::string& loss) {
    return Row("RPO_KEPT",
               R"({"services":[{"service":"shop","scenario":"site_lost","target_seconds":900,)"
               R"("observed_seconds":3600,"violated_seconds":)" +
                   std::to_string(violated) + ",\"loss_seconds\":" + loss + "}]}");
  };
  const Json report = Report({hour(0, "300"), hour(1800, "2700"), hour(0, "null")});
  ASSERT_EQ(report["rpo"].size(), 1);
  EXPECT_EQ(report["rpo"][0]["observed_seconds"], 10800);
  EXPECT_NEAR(report["rpo"][0]["kept_ratio"], 1 - 1800.0 / 10800, 1e-9);
  EXPECT_EQ(report["rpo"][0]["worst_loss_seconds"], 2700);
}

TEST(EvidenceTest, WhatHasNoSectionIsStillReported) {
  const Json report =
      Report({Row("FAILOVER_TEST", ""), Row("RELOAD", "{}"), Row("SILENCE_SET", "")});
  ASSERT_EQ(report["drills"].size(), 1);
  EXPECT_EQ(report["drills"][0]["type"], "FAILOVER_TEST");
  EXPECT_EQ(report["operation"].size(), 1);
  EXPECT_EQ(report["silences"].size(), 1);
}

TEST(EvidenceTest, WrongMetricsHurtNothing) {
  for (const char* metrics :
       {"", "no json", "[1]", R"({"services":7,"labels":[],"alerts":{}})",
        R"({"alerts":[1,null],"services":[3,{"service":{}}],"fingerprint":5})"}) {
    for (const char* type : {"ALERT_FIRING", "NOTIFICATION", "RPO_KEPT", "BACKUP_VERIFIED"}) {
      recovery::AuditRow row = Row(type, metrics);
      row.event.success = true;
      EXPECT_TRUE(Report({row}).is_object()) << type << metrics;
    }
  }
}

TEST(EvidenceTest, TextIsEscaped) {
  recovery::AuditRow row = Row("SILENCE_SET", "");
  row.event.initiated_by = "<script>alert(1)</script>";
  row.event.notes = "a|b\nc \"quoted\" *bold* & more";
  const Evidence evidence = MakeEvidence({row}, kNow, kNow);
  const std::string html = EvidenceHtml(evidence);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
  EXPECT_NE(html.find("&amp; more"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos) << "needs nothing from elsewhere";
  const std::string markdown = EvidenceMarkdown(evidence);
  EXPECT_NE(markdown.find("| a\\|b c \"quoted\" \\*bold\\* &amp; more |"), std::string::npos)
      << markdown;
  EXPECT_EQ(markdown.find("<script"), std::string::npos);
}

TEST(EvidenceTest, ABrokenChainIsSaid) {
  Evidence evidence = MakeEvidence({}, kNow, kNow);
  evidence.chain.problems = {"row 2 is missing"};
  EXPECT_NE(EvidenceHtml(evidence).find("BROKEN: row 2 is missing"), std::string::npos);
  EXPECT_NE(EvidenceMarkdown(evidence).find("BROKEN: row 2 is missing"), std::string::npos);
  EXPECT_EQ(Json::parse(EvidenceJson(evidence))["chain"]["intact"], false);
}

TEST(EvidenceTest, RowsAreShownAsTheyAreStored) {
  recovery::AuditRow row = Row("STOP", R"({"a":1})");
  row.event.duration = std::chrono::minutes(3);
  const Json answer = Json::parse(AuditRowsJson({row}, MoreRows::kYes));
  EXPECT_EQ(answer["data"]["next_after"], 1);
  EXPECT_EQ(answer["data"]["rows"][0]["event_type"], "STOP");
  EXPECT_EQ(answer["data"]["rows"][0]["duration_minutes"], 3);
  EXPECT_EQ(answer["data"]["rows"][0]["metrics"]["a"], 1);
  EXPECT_EQ(answer["data"]["rows"][0]["success"], nullptr);
}

}  // namespace
}  // namespace drwatch::web
