#include "exporter/audit_events.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace drwatch::exporter {
namespace {

using Json = nlohmann::json;
using notify::Happening;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'793'616'000'000);  // 2026-11-02T10:40:00Z

recovery::AuditRow Row(const std::string& type) {
  recovery::AuditRow row;
  row.event.type = type;
  row.event.time = kNow - 2h;
  return row;
}

TEST(AuditEventsTest, AnOpeningIsSaidOnlyWhereThereIsSomethingToSay) {
  EXPECT_FALSE(OpeningEvent(std::nullopt, false, kNow));
  EXPECT_FALSE(OpeningEvent(Row("STOP"), false, kNow));
  const auto unclean = OpeningEvent(Row("NOTIFICATION"), false, kNow);
  ASSERT_TRUE(unclean);
  EXPECT_EQ(unclean->type, "UNCLEAN_START");
  EXPECT_EQ(unclean->duration, base::Duration(2h));
  EXPECT_EQ(Json::parse(unclean->metrics)["last_row"], "2026-11-02T08:40:00Z");
  EXPECT_EQ(OpeningEvent(std::nullopt, true, kNow)->type, "LOG_RESTARTED");
}

TEST(AuditEventsTest, TheSameConfigurationHasTheSameDigest) {
  config::Config config;
  const auto digest = [&] {
    return Json::parse(StartEvent(config, kNow).metrics)["config_sha256"].get<std::string>();
  };
  const std::string before = digest();
  EXPECT_EQ(before.size(), 64);
  EXPECT_EQ(digest(), before);
  config.global.evaluation_interval = 1min;
  EXPECT_NE(digest(), before);
}

TEST(AuditEventsTest, AReloadSaysWhoAndWhyNot) {
  const auto taken = ReloadEvent({}, "ann, 10.0.0.1", {}, kNow);
  EXPECT_EQ(taken.initiated_by, "ann, 10.0.0.1");
  EXPECT_EQ(taken.success, true);
  const auto refused = ReloadEvent({}, "SIGHUP", base::Fail("f.yml:1:1: wrong"), kNow);
  EXPECT_EQ(refused.success, false);
  EXPECT_EQ(refused.notes, "f.yml:1:1: wrong");
}

TEST(AuditEventsTest, DrillsHaveTheirTimeAndWhatWasPromised) {
  config::Config config;
  config.services.resize(1);
  config.services[0].name = "shop";
  config.services[0].rto = 30min;
  recovery::Drill drill;
  drill.id = 7;
  drill.service = "shop";
  drill.scenario = recovery::Scenario::kSiteLost;
  drill.started = kNow - 42min;
  drill.by = "ann";
  drill.note = "quarterly";
  const auto started = DrillEvent(drill, config, kNow);
  EXPECT_EQ(started.type, "DRILL_STARTED");
  EXPECT_EQ(started.description, "drill of shop, site_lost started");
  EXPECT_EQ(started.initiated_by, "ann");
  EXPECT_EQ(started.success, std::nullopt);
  EXPECT_EQ(started.duration, std::nullopt);
  drill.ended = kNow;
  const auto failed = DrillEvent(drill, config, kNow);
  EXPECT_EQ(failed.type, "DRILL");
  EXPECT_EQ(failed.success, false);
  drill.result = recovery::DrillResult::kPass;
  const auto passed = DrillEvent(drill, config, kNow);
  EXPECT_EQ(passed.success, true);
  EXPECT_EQ(passed.duration, base::Duration(42min));
  EXPECT_EQ(passed.description,
            "drill of shop, site_lost: passed in 42m, ended 2026-11-02T10:40:00Z");
  EXPECT_EQ(passed.notes, "quarterly");
  const Json metrics = Json::parse(passed.metrics);
  EXPECT_EQ(metrics["drill"], 7);
  EXPECT_EQ(metrics["took_seconds"], 42 * 60);
  EXPECT_EQ(metrics["rto_target_seconds"], 30 * 60);
  EXPECT_EQ(metrics["started"], "2026-11-02T09:58:00Z");
}

TEST(AuditEventsTest, AlertsHaveTheirLabelsAndTimes) {
  Happening happening{kNow, Happening::Kind::kAlertResolved, "", "", "rule removed"};
  model::Alert& alert = happening.alert.emplace();
  alert.labels = {{"alertname", "Down"}, {"service", "shop"}};
  alert.annotations = {{"summary", "it is down"}};
  alert.active_at = kNow - 11min;
  alert.fired_at = kNow - 10min;
  alert.resolved_at = kNow;
  const auto event = EventOf(happening);
  EXPECT_EQ(event.type, "ALERT_RESOLVED");
  EXPECT_EQ(event.description, "Down resolved: it is down");
  EXPECT_EQ(event.duration, base::Duration(10min));
  EXPECT_EQ(event.notes, "rule removed");
  const Json metrics = Json::parse(event.metrics);
  EXPECT_EQ(metrics["labels"]["service"], "shop");
  EXPECT_EQ(metrics["fingerprint"], alert.FingerprintHex());
  EXPECT_EQ(metrics["fired_at"], "2026-11-02T10:30:00Z");
}

TEST(AuditEventsTest, AttemptsHaveTheirOutcome) {
  Happening happening{kNow, Happening::Kind::kAttempted, "", "group", ""};
  happening.attempt = notify::AttemptRecord{kNow,    "team", "slack", notify::Occasion::kTrigger,
                                            "group", "Down", "retry", "timeout: slow",
                                            2s,      3};
  happening.waited = 7s;
  happening.fingerprints = {"00ff"};
  const auto event = EventOf(happening);
  EXPECT_EQ(event.type, "NOTIFICATION");
  EXPECT_EQ(event.success, false);
  EXPECT_EQ(event.notes, "timeout: slow");
  const Json metrics = Json::parse(event.metrics);
  EXPECT_EQ(metrics["attempt"], 3);
  EXPECT_EQ(metrics["waited_seconds"], 7);
  EXPECT_EQ(metrics["alerts"], Json::array({"00ff"}));
}

TEST(AuditEventsTest, PeopleAreNamed) {
  Happening set{kNow, Happening::Kind::kSilenceSet, "", "", ""};
  notify::Silence& silence = set.silence.emplace();
  silence.id = "1";
  silence.created_by = "ann";
  silence.comment = "planned";
  silence.starts_at = kNow;
  silence.ends_at = kNow + 1h;
  EXPECT_EQ(EventOf(set).initiated_by, "ann");
  EXPECT_EQ(EventOf(set).duration, base::Duration(1h));
  const Happening acknowledged{kNow, Happening::Kind::kAcknowledged, "bob", "Down", "on it"};
  EXPECT_EQ(EventOf(acknowledged).initiated_by, "bob");
  EXPECT_EQ(EventOf(acknowledged).type, "ACKNOWLEDGED");
  const Happening missed{kNow, Happening::Kind::kDeadlineMissed, "", "Down", ""};
  EXPECT_EQ(EventOf(missed).initiated_by, "drwatch");
  EXPECT_EQ(EventOf(missed).success, false);
}

model::StoredCopy Copy(const std::string& name, base::Timestamp verified, bool good = true) {
  model::StoredCopy copy;
  copy.name = name;
  copy.verified = verified;
  copy.good = good;
  if (!good) copy.problem = "CRC differs";
  return copy;
}

model::ProbeResult Result(std::vector<model::StoredCopy> copies) {
  model::ProbeResult result;
  result.probe = "nightly";
  result.copies = std::move(copies);
  return result;
}

TEST(ProofWatchTest, TellsEachProofOnce) {
  ProofWatch watch(kNow - 1h);
  EXPECT_TRUE(watch.Look(Result({Copy("old", kNow - 2h), Copy("never", {})}), kNow).empty());
  const auto events = watch.Look(Result({Copy("new", kNow - 1min), Copy("old", kNow - 2h)}), kNow);
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].success, true);
  EXPECT_EQ(events[0].time, kNow - 1min);
  EXPECT_EQ(Json::parse(events[0].metrics)["artefact"], "new");
  EXPECT_TRUE(watch.Look(Result({Copy("new", kNow - 1min)}), kNow).empty());
  EXPECT_TRUE(watch.Look(Result({}), kNow).empty()) << "the place is not visible";
  EXPECT_TRUE(watch.Look(Result({Copy("new", kNow - 1min)}), kNow).empty());
  const auto again = watch.Look(Result({Copy("new", kNow, false)}), kNow);
  ASSERT_EQ(again.size(), 1);
  EXPECT_EQ(again[0].success, false);
  EXPECT_EQ(again[0].notes, "CRC differs");
}

std::vector<model::MetricFamily> Counted(double observed, double violated) {
  const model::Labels labels{{"service", "shop"}, {"scenario", "site_lost"}};
  model::FamilySet families;
  families.Counter("dr_rpo_observed_seconds_total", "", labels, observed);
  families.Counter("dr_rpo_violation_seconds_total", "", labels, violated);
  families.Gauge("dr_rpo_target_seconds", "", {{"service", "shop"}}, 900);
  families.Gauge("dr_rpo_achieved_seconds", "", labels, 100);
  return families.Take();
}

TEST(RpoEventTest, CountsWhatWasAdded) {
  EXPECT_FALSE(RpoEvent({}, {}, kNow - 1h, kNow));
  EXPECT_FALSE(RpoEvent(Counted(5, 1), Counted(5, 1), kNow - 1h, kNow)) << "nothing was watched";
  const auto event = RpoEvent(Counted(1000, 200), Counted(4600, 300), kNow - 1h, kNow);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->success, false);
  const Json shop = Json::parse(event->metrics)["services"][0];
  EXPECT_EQ(shop["observed_seconds"], 3600);
  EXPECT_EQ(shop["violated_seconds"], 100);
  EXPECT_EQ(shop["target_seconds"], 900);
  EXPECT_EQ(shop["loss_seconds"], 100);
  const auto anew = RpoEvent(Counted(1000, 200), Counted(60, 0), kNow - 1min, kNow);
  EXPECT_EQ(Json::parse(anew->metrics)["services"][0]["observed_seconds"], 60);
  EXPECT_EQ(anew->success, true);
}

}  // namespace
}  // namespace drwatch::exporter
