#include "probes/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "support/eventually.h"

namespace drwatch::probes {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Runs `body`; counts runs.
class FakeProbe : public Probe {
 public:
  FakeProbe(std::string name, std::function<void(const RunContext&)> body)
      : name_(std::move(name)), body_(std::move(body)) {}
  model::ProbeResult Run(const RunContext& context) override {
    EXPECT_FALSE(busy_.exchange(true)) << "two flights of one probe";
    body_(context);
    ++runs;
    busy_ = false;
    return Result(model::Severity::kOk, model::Reason::kNone);
  }
  model::ProbeResult NotRun(model::Reason reason, const std::string&) const override {
    return Result(model::Severity::kCritical, reason);
  }
  std::atomic<int> runs{0};

 private:
  model::ProbeResult Result(model::Severity severity, model::Reason reason) const {
    model::ProbeResult result;
    result.probe = name_;
    result.checks = {{"run", severity, reason, "", ""}};
    return result;
  }
  std::string name_;
  std::function<void(const RunContext&)> body_;
  std::atomic<bool> busy_{false};
};

// Collects results and lets a test wait for a number of them.
class Collector {
 public:
  ResultSink sink() {
    return [this](const model::ProbeResult& result) {
      const std::lock_guard lock(mutex_);
      ++counts_[result.probe];
      last_[result.probe] = result.Headline().reason;
      changed_.notify_all();
    };
  }
  bool WaitFor(const std::string& probe, int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return counts_[probe] >= count; });
  }
  int Count(const std::string& probe) {
    const std::lock_guard lock(mutex_);
    return counts_[probe];
  }
  model::Reason Last(const std::string& probe) {
    const std::lock_guard lock(mutex_);
    return last_[probe];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> counts_;
  std::map<std::string, model::Reason> last_;
};

ScheduledProbe Make(
    const std::string& name, base::Duration timeout,
    std::function<void(const RunContext&)> body = [](const RunContext&) {}) {
  return {name, "fake", 20ms, timeout, std::make_shared<FakeProbe>(name, std::move(body))};
}

// Ignores its deadline, as a call stuck in the kernel does; ends with the stop.
void Hang(const RunContext& context) { context.stop.Wait(base::Deadline::After(1min)); }

TEST(SchedulerTest, RunsEachProbeAgainAndAgain) {
  const base::SystemClock clock;
  Collector collector;
  Scheduler scheduler(4, clock, collector.sink());
  scheduler.SetProbes({Make("a", 1s), Make("b", 1s)});
  EXPECT_FALSE(scheduler.AllRanOnce());
  scheduler.Start();
  EXPECT_TRUE(collector.WaitFor("a", 3));
  EXPECT_TRUE(collector.WaitFor("b", 3));
  EXPECT_TRUE(scheduler.AllRanOnce());
}

TEST(SchedulerTest, AStuckProbeIsReportedAtItsRateAndDelaysNobody) {
  const base::SystemClock clock;
  Collector collector;
  Scheduler scheduler(4, clock, collector.sink());
  scheduler.SetProbes({Make("stuck", 30ms, Hang), Make("quick", 1s)});
  scheduler.Start();
  EXPECT_TRUE(collector.WaitFor("stuck", 1));
  EXPECT_EQ(collector.Last("stuck"), model::Reason::kTimeout);
  EXPECT_TRUE(collector.WaitFor("quick", 2));
  EXPECT_TRUE(testing::Eventually([&] { return scheduler.AllRanOnce(); }));
  const int before = collector.Count("quick");
  EXPECT_TRUE(collector.WaitFor("quick", before + 5));
  EXPECT_TRUE(collector.WaitFor("stuck", 5)) << "rules forget what they do not hear of again";
  for (const ProbeStats& stats : scheduler.Stats()) {
    if (stats.probe != "stuck") continue;
    EXPECT_GT(stats.skipped, 0);
    EXPECT_EQ(stats.runs, 0);
  }
}

TEST(SchedulerTest, AReloadKeepsUnchangedProbesAndDropsRemovedOnes) {
  const base::SystemClock clock;
  Collector collector;
  Scheduler scheduler(4, clock, collector.sink());
  const ScheduledProbe kept = Make("kept", 1s);
  scheduler.SetProbes({kept, Make("gone", 1s)});
  scheduler.Start();
  ASSERT_TRUE(collector.WaitFor("kept", 2));
  ASSERT_TRUE(collector.WaitFor("gone", 1));
  scheduler.SetProbes({kept, Make("new", 1s)});
  ASSERT_TRUE(collector.WaitFor("new", 2));
  const std::vector<ProbeStats> stats = scheduler.Stats();
  ASSERT_EQ(stats.size(), 2U);
  EXPECT_GE(stats[0].runs, 2);
}

TEST(SchedulerTest, NoResultOfARemovedProbeComesAfterTheChange) {
  const base::SystemClock clock;
  std::atomic<bool> in_sink{false};
  std::atomic<bool> left_sink{false};
  base::StopSource leave;
  Scheduler scheduler(4, clock, [&](const model::ProbeResult&) {
    in_sink = true;
    in_sink.notify_all();
    leave.token().Wait(base::Deadline::After(10s));
    left_sink = true;
  });
  scheduler.SetProbes({Make("gone", 1s)});
  scheduler.Start();
  in_sink.wait(false);
  std::thread change([&] { scheduler.SetProbes({}); });
  leave.RequestStop();
  change.join();
  EXPECT_TRUE(left_sink);
}

TEST(PaceTest, WhatIsKnownIsNotOlderThanTheInterval) {
  EXPECT_EQ(Pace(1s, 0ms), 980ms);
  EXPECT_EQ(Pace(1s, 10ms), 970ms);
  EXPECT_EQ(Pace(10s, 5ms), 9945ms);
  EXPECT_EQ(Pace(1h, 0ms), 1h - 50ms);
}

TEST(PaceTest, ASlowProbeRunsLittleMoreOften) {
  EXPECT_EQ(Pace(1s, 400ms), 950ms);
  EXPECT_EQ(Pace(10s, 30s), 9500ms);
  EXPECT_EQ(Pace(1ms, 5ms), 1ms);
}

TEST(SchedulerTest, StopEndsRunningProbesAtOnce) {
  const base::SystemClock clock;
  Collector collector;
  Scheduler scheduler(2, clock, collector.sink());
  std::atomic<bool> began{false};
  scheduler.SetProbes({Make("stuck", 1h, [&](const RunContext& context) {
    began = true;
    began.notify_all();
    Hang(context);
  })});
  scheduler.Start();
  began.wait(false);
  const auto start = std::chrono::steady_clock::now();
  scheduler.Stop(base::Deadline::After(10s));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_EQ(collector.Count("stuck"), 0) << "no result after a stop";
}

TEST(RunAllTest, AProbeThatEndsAtTheDeadlineSpeaksForItself) {
  static const base::SystemClock clock;
  const auto results =
      RunAll({Make("slow", 100ms,
                   [](const RunContext& context) { base::StopToken().Wait(context.deadline); })},
             8, clock, base::Deadline::After(100ms));
  ASSERT_EQ(results.size(), 1U);
  EXPECT_TRUE(results[0].ok());
}

TEST(RunAllTest, ReportsWhatIsNotBackInTime) {
  static const base::SystemClock clock;
  const auto results = RunAll({Make("quick", 1s), Make("stuck", 50ms, Hang)}, 8, clock,
                              base::Deadline::After(100ms));
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].Headline().reason, model::Reason::kTimeout);
}

TEST(RunAllTest, OneThatHangsIsNotWaitedForBeyondItsOwnTimeout) {
  static const base::SystemClock clock;
  const auto began = std::chrono::steady_clock::now();
  const auto results = RunAll({Make("quick", 50ms), Make("stuck", 50ms, Hang)}, 8, clock,
                              base::Deadline::After(10min));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5min);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].Headline().reason, model::Reason::kTimeout);
}

}  // namespace
}  // namespace drwatch::probes
