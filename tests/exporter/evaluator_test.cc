#include "exporter/evaluator.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "promql/engine.h"
#include "store/store.h"
#include "support/fake_clock.h"

namespace drwatch::exporter {
namespace {

using std::chrono_literals::operator""ms;

// A manager without rules, evaluations that take as long as a test says, and a clock that each
// round of the evaluator's loop moves on.
class EvaluatorTest : public ::testing::Test {
 protected:
  static constexpr base::Duration kTick{5};

  EvaluatorTest() : evaluator_(manager_, clock_, Hooks()) { evaluator_.Start(); }
  ~EvaluatorTest() override { evaluator_.Stop(); }

  EvaluatorHooks Hooks() {
    EvaluatorHooks hooks;
    hooks.ready = [this] {
      clock_.Advance(kTick);
      return true;
    };
    hooks.before = [this](base::Timestamp) {
      const std::lock_guard lock(mutex_);
      began_.push_back(clock_.Steady());
      if (again_ > 0) {
        --again_;
        evaluator_.Wake();
      }
      clock_.Advance(cost_);
    };
    hooks.after = [this](base::Timestamp) {
      const std::lock_guard lock(mutex_);
      ended_.push_back(clock_.Steady());
      changed_.notify_all();
    };
    hooks.clock_set = [this](base::Timestamp, base::Duration step) {
      const std::lock_guard lock(mutex_);
      steps_.push_back(step);
      changed_.notify_all();
    };
    return hooks;
  }
  rules::ManagerDependencies Dependencies() {
    rules::ManagerDependencies dependencies;
    dependencies.store = &store_;
    dependencies.engine = &engine_;
    dependencies.clock = &clock_;
    dependencies.sink = [](const std::vector<model::AlertEvent>&) { return base::Status(); };
    return dependencies;
  }
  // Wakes the evaluator; it is woken again while it evaluates. How long it paused in between.
  base::Duration PauseAfter(base::Duration cost) {
    {
      const std::lock_guard lock(mutex_);
      cost_ = cost;
      again_ = 1;
    }
    evaluator_.Wake();
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(30), [&] { return ended_.size() == 2; }));
    return std::chrono::duration_cast<base::Duration>(began_.back() - ended_.front());
  }

  testing::FakeClock clock_;
  store::Store store_;
  promql::Engine engine_{store_};
  rules::Manager manager_{Dependencies()};
  std::mutex mutex_;
  std::condition_variable changed_;
  base::Duration cost_{};
  int again_ = 0;
  std::vector<base::SteadyTime> began_, ended_;
  std::vector<base::Duration> steps_;
  Evaluator evaluator_;
};

TEST_F(EvaluatorTest, QuickEvaluationsFollowEachOtherSoon) {
  // The round that evaluates moves the clock, too.
  const base::Duration pause = PauseAfter(0ms);
  EXPECT_GE(pause, Evaluator::kWakeGapFactor * kTick);
  EXPECT_LE(pause, Evaluator::kWakeGapFactor * kTick + 2 * kTick);
}

TEST_F(EvaluatorTest, SlowOnesPauseAtMostATenthOfASecond) {
  const base::Duration pause = PauseAfter(70ms);
  EXPECT_GE(pause, Evaluator::kLongestWakeGap);
  EXPECT_LE(pause, Evaluator::kLongestWakeGap + 2 * kTick);
}

TEST_F(EvaluatorTest, NoticesThatTheClockWasSet) {
  PauseAfter(0ms);  // it runs
  for (const base::Duration step :
       {base::Duration(std::chrono::hours(1)), base::Duration(std::chrono::minutes(-61)), 500ms}) {
    clock_.StepWall(step);
    evaluator_.Wake();
  }
  std::unique_lock lock(mutex_);
  const auto total = [&] {
    base::Duration sum{};
    for (const base::Duration step : steps_) sum += step;
    return sum;
  };
  // Two steps may be noticed as one; half a second is none.
  EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [&] {
    return total() <= -base::Duration(std::chrono::seconds(59));
  }));
  EXPECT_LE(steps_.size(), 2U);
}

}  // namespace
}  // namespace drwatch::exporter
