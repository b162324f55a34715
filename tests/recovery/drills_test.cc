#include "recovery/drills.h"

#include <gtest/gtest.h>

#include "support/log_check.h"

namespace drwatch::recovery {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;
using Action = DrillRequest::Action;

// 2026-04-10 12:00 UTC.
const base::Timestamp kNow = base::FromUnixMillis(1'775'822'400'000);

DrillRequest Request(Action action, std::optional<DrillResult> result = std::nullopt,
                     std::optional<base::Duration> took = std::nullopt,
                     std::optional<base::Timestamp> at = std::nullopt) {
  DrillRequest request;
  request.action = action;
  request.service = "shop";
  request.scenario = Scenario::kServerLost;
  request.result = result;
  request.took = took;
  request.at = at;
  request.by = "ann";
  return request;
}

class DrillsTest : public ::testing::Test {
 protected:
  DrillsTest() {
    config_.services.resize(2);
    config_.services[0].name = "shop";
    config_.services[1].name = "wiki";
  }
  std::string Refusal(const DrillRequest& request) {
    const auto drill = log_.Apply(request, kNow);
    return drill ? "" : drill.error().message;
  }
  std::vector<Drill> List(std::int64_t limit) const {
    auto list = log_.List(limit);
    EXPECT_TRUE(list);
    return list.value_or(std::vector<Drill>());
  }
  std::optional<double> Value(std::string_view name, std::string_view result = {}) const {
    for (const model::MetricFamily& family : log_.Families(config_)) {
      if (family.name != name) continue;
      for (const model::MetricPoint& point : family.points) {
        EXPECT_EQ(point.labels.Get("service"), "shop");
        EXPECT_EQ(point.labels.Get("scenario"), "server_lost");
        if (point.labels.Get("result") == result) return point.value;
      }
    }
    return std::nullopt;
  }

  std::unique_ptr<db::Database> database_ = *db::Database::OpenInMemory(DrillLog::Migrations());
  DrillLog log_{*database_};
  config::Config config_;
};

TEST_F(DrillsTest, TheLastOneThatPassedIsTheMeasure) {
  EXPECT_TRUE(log_.Families(config_).empty());
  ASSERT_TRUE(log_.Apply(Request(Action::kRecord, DrillResult::kPass, 42min, kNow - 48h), kNow));
  ASSERT_TRUE(log_.Apply(Request(Action::kRecord, DrillResult::kFail, 90min, kNow - 1h), kNow));
  // Told late: it was before the others.
  ASSERT_TRUE(
      log_.Apply(Request(Action::kRecord, DrillResult::kPass, 7min, kNow - 90 * 24h), kNow));
  EXPECT_EQ(Value("dr_rto_measured_seconds"), 42 * 60);
  EXPECT_EQ(Value("dr_drill_last_timestamp_seconds"), base::ToUnixSeconds(kNow - 1h));
  EXPECT_EQ(Value("dr_drill_last_success"), 0);
  EXPECT_EQ(Value("dr_drills_total", "pass"), 2);
  EXPECT_EQ(Value("dr_drills_total", "fail"), 1);
  const auto list = List(2);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].ended, kNow - 1h);
  EXPECT_EQ(list[1].started, kNow - 48h - 42min);
}

TEST_F(DrillsTest, AFailedOneMeasuresNothing) {
  ASSERT_TRUE(log_.Apply(Request(Action::kRecord, DrillResult::kFail, 90min), kNow));
  EXPECT_EQ(Value("dr_rto_measured_seconds"), std::nullopt);
  EXPECT_EQ(Value("dr_drills_total", "pass"), 0) << "counted from the first drill on";
}

TEST_F(DrillsTest, MeasuresBetweenStartAndStop) {
  EXPECT_EQ(Refusal(Request(Action::kStop, DrillResult::kPass)),
            "no drill of \"shop\", server_lost is running");
  auto start = Request(Action::kStart);
  start.note = "quarterly";
  ASSERT_TRUE(log_.Apply(start, kNow));
  EXPECT_EQ(Refusal(Request(Action::kStart)),
            "a drill of \"shop\", server_lost has been running since 2026-04-10T12:00:00Z");
  EXPECT_EQ(Value("dr_drills_total", "pass"), 0) << "counted from here on";
  EXPECT_EQ(Value("dr_drills_total", "fail"), 0);
  EXPECT_EQ(Value("dr_drill_last_success"), std::nullopt) << "it is not over";
  EXPECT_EQ(Refusal(Request(Action::kStop)), "\"result\" must be pass or fail");
  const auto stopped = log_.Apply(Request(Action::kStop, DrillResult::kPass), kNow + 25min);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->note, "quarterly");
  EXPECT_EQ(Value("dr_rto_measured_seconds"), 25 * 60);
  EXPECT_EQ(List(10).size(), 1u);
  EXPECT_FALSE(log_.Apply(Request(Action::kStop, DrillResult::kPass), kNow + 26min));
}

TEST_F(DrillsTest, EachScenarioOfEachServiceHasItsOwn) {
  ASSERT_TRUE(log_.Apply(Request(Action::kStart), kNow));
  auto other = Request(Action::kStart);
  other.scenario = Scenario::kSiteLost;
  ASSERT_TRUE(log_.Apply(other, kNow));
  other.service = "wiki";
  ASSERT_TRUE(log_.Apply(other, kNow));
  EXPECT_TRUE(log_.Apply(Request(Action::kStop, DrillResult::kPass), kNow + 1min));
  other.action = Action::kStop;
  other.result = DrillResult::kFail;
  const auto stopped = log_.Apply(other, kNow + 2min);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->service, "wiki");
  const auto list = List(10);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].ended, kNow + 2min) << "of those that began at once the one told last";
  EXPECT_EQ(list[1].ended, std::nullopt);
  EXPECT_EQ(list[2].result, DrillResult::kPass);
}

TEST_F(DrillsTest, ReportsGetWhatWasMeasured) {
  ServiceReport report;
  report.service = "shop";
  report.scenarios.resize(2);
  report.scenarios[0].scenario = Scenario::kServerLost;
  report.scenarios[1].scenario = Scenario::kSiteLost;
  std::vector<ServiceReport> reports = {report};
  ASSERT_TRUE(log_.Apply(Request(Action::kRecord, DrillResult::kPass, 42min, kNow - 48h), kNow));
  ASSERT_TRUE(log_.Apply(Request(Action::kRecord, DrillResult::kFail, 1min), kNow));
  log_.AddMeasured(reports);
  ASSERT_TRUE(reports[0].scenarios[0].measured);
  EXPECT_EQ(reports[0].scenarios[0].measured->took, 42min);
  EXPECT_EQ(reports[0].scenarios[0].measured->ended, kNow - 48h);
  EXPECT_FALSE(reports[0].scenarios[1].measured);
}

TEST_F(DrillsTest, ARunningOneOutlastsARestart) {
  ASSERT_TRUE(log_.Apply(Request(Action::kStart), kNow));
  DrillLog again(*database_);
  EXPECT_FALSE(again.Apply(Request(Action::kStart), kNow + 1min));
  const auto stopped = again.Apply(Request(Action::kStop, DrillResult::kPass), kNow + 10min);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(*stopped->ended - stopped->started, 10min);
  const auto kept = *DrillLog(*database_).List(10);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].ended, kNow + 10min);
  EXPECT_EQ(kept[0].result, DrillResult::kPass);
  EXPECT_EQ(kept[0].by, "ann");
  EXPECT_TRUE(DrillLog(*database_).Apply(Request(Action::kStart), kNow + 11min)) << "it is over";
}

TEST_F(DrillsTest, ARestartCountsTheSame) {
  ASSERT_TRUE(log_.Apply(Request(Action::kStart), kNow));
  ASSERT_TRUE(log_.Apply(Request(Action::kRecord, DrillResult::kFail, 5min), kNow + 10min));
  // Ended with the failed one, and began before it.
  ASSERT_TRUE(log_.Apply(Request(Action::kStop, DrillResult::kPass), kNow + 10min));
  ASSERT_TRUE(log_.Apply(Request(Action::kStart), kNow + 20min));
  const auto text = [this](const DrillLog& log) {
    std::string all;
    for (const model::MetricFamily& family : log.Families(config_)) {
      for (const model::MetricPoint& point : family.points) {
        all += family.name + point.labels.ToString() + " " + std::to_string(point.value) + "\n";
      }
    }
    return all;
  };
  EXPECT_EQ(text(DrillLog(*database_)), text(log_));
  EXPECT_EQ(Value("dr_rto_measured_seconds"), 10 * 60);
  EXPECT_EQ(Value("dr_drills_total", "fail"), 1);
}

TEST_F(DrillsTest, WhatCannotBeIsRefused) {
  const auto record = [](base::Duration took, std::optional<base::Timestamp> at = std::nullopt) {
    return Request(Action::kRecord, DrillResult::kPass, took, at);
  };
  EXPECT_EQ(Refusal(record(0s)), "\"took\" must be more than 0");
  EXPECT_EQ(Refusal(record(-1s)), "\"took\" must be more than 0");
  EXPECT_EQ(Refusal(record(31 * 24h)), "\"took\" must be at most 30d");
  EXPECT_EQ(Refusal(record(1h, kNow + 1s)),
            "\"at\" is in the future: 2026-04-10T12:00:01Z, and it is 2026-04-10T12:00:00Z");
  EXPECT_EQ(Refusal(record(1h, base::Timestamp(1s))), "\"at\" is before 1970");
  EXPECT_EQ(Refusal(Request(Action::kRecord, DrillResult::kPass)),
            "\"took\" is missing: how long the drill took");
  EXPECT_EQ(Refusal(Request(Action::kRecord, std::nullopt, 1h)), "\"result\" must be pass or fail");
  auto long_note = record(1h);
  long_note.note = std::string(kMaxDrillNoteBytes + 1, 'x');
  EXPECT_EQ(Refusal(long_note), "\"note\" is longer than 4000 bytes");
  EXPECT_TRUE(List(10).empty());
  EXPECT_EQ(Refusal(record(30 * 24h, kNow)), "");
}

TEST_F(DrillsTest, OneThatWasForgottenPassesNoMore) {
  ASSERT_TRUE(log_.Apply(Request(Action::kStart), kNow));
  const auto late = kNow + 31 * 24h;
  const auto refused = log_.Apply(Request(Action::kStop, DrillResult::kPass), late);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "the drill of \"shop\", server_lost began at 2026-04-10T12:00:00Z and it is "
            "2026-05-11T12:00:00Z: that measures nothing");
  EXPECT_TRUE(log_.Apply(Request(Action::kStop, DrillResult::kFail), late));
  ASSERT_TRUE(log_.Apply(Request(Action::kStart), late));
  EXPECT_FALSE(log_.Apply(Request(Action::kStop, DrillResult::kPass), late - 1h))
      << "the clock was set back";
  const auto back = log_.Apply(Request(Action::kStop, DrillResult::kFail), late - 1h);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->Took(), base::Duration(0));
  EXPECT_EQ(Value("dr_rto_measured_seconds"), std::nullopt);
}

TEST_F(DrillsTest, WhatCannotBeKeptDidNotHappen) {
  const auto empty = *db::Database::OpenInMemory({});
  testing::ExpectLog("drills cannot be read");
  DrillLog log(*empty);
  const auto refused = log.Apply(Request(Action::kStart), kNow);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with(kDrillNotKept)) << refused.error().message;
  EXPECT_TRUE(log.Families(config_).empty());
  EXPECT_FALSE(log.List(10));
}

TEST_F(DrillsTest, AServiceThatIsNotConfiguredHasNoSeries) {
  auto request = Request(Action::kRecord, DrillResult::kPass, 1h);
  request.service = "gone";
  ASSERT_TRUE(log_.Apply(request, kNow));
  EXPECT_TRUE(log_.Families(config_).empty());
}

}  // namespace
}  // namespace drwatch::recovery
