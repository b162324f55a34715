#include "web/query_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace drwatch::web {
namespace {

base::Deadline Soon() { return base::Deadline::After(std::chrono::seconds(10)); }

// A pass that must be given.
QueryGate::Pass Enter(QueryGate& gate) {
  QueryGate::Refusal refusal{};
  auto pass = gate.Enter(Soon(), {}, nullptr, refusal);
  EXPECT_TRUE(pass);
  return *std::move(pass);
}

TEST(QueryGateTest, LetsTheNextOneInWhenOneLeaves) {
  QueryGate gate(2, 8);
  auto first = std::make_unique<QueryGate::Pass>(Enter(gate));
  const auto second = Enter(gate);
  EXPECT_EQ(gate.running(), 2);
  std::atomic<bool> entered{false};
  std::thread third([&] {
    const auto pass = Enter(gate);
    entered = true;
  });
  while (gate.waiting() == 0) std::this_thread::yield();
  EXPECT_FALSE(entered);
  first.reset();
  third.join();
  EXPECT_TRUE(entered);
  EXPECT_EQ(gate.running(), 1);
  EXPECT_EQ(gate.waiting(), 0);
}

TEST(QueryGateTest, TurnsAwayWhoWouldWaitTooFarBack) {
  QueryGate gate(1, 1);
  auto running = std::make_unique<QueryGate::Pass>(Enter(gate));
  std::thread waiting([&] { const auto pass = Enter(gate); });
  while (gate.waiting() == 0) std::this_thread::yield();
  QueryGate::Refusal refusal{};
  EXPECT_FALSE(gate.Enter(Soon(), {}, nullptr, refusal));
  EXPECT_EQ(refusal, QueryGate::Refusal::kTooManyWait);
  running.reset();
  waiting.join();
}

TEST(QueryGateTest, GivesUpAtTheDeadlineAndWhenNobodyWantsItAnyMore) {
  QueryGate gate(1, 4);
  const auto running = Enter(gate);
  QueryGate::Refusal refusal{};
  EXPECT_FALSE(
      gate.Enter(base::Deadline::After(std::chrono::milliseconds(20)), {}, nullptr, refusal));
  EXPECT_EQ(refusal, QueryGate::Refusal::kTimeout);
  EXPECT_FALSE(gate.Enter(
      Soon(), {}, [] { return true; }, refusal));
  EXPECT_EQ(refusal, QueryGate::Refusal::kCanceled);
  const base::StopSource stop;
  stop.RequestStop();
  EXPECT_FALSE(gate.Enter(Soon(), stop.token(), nullptr, refusal));
  EXPECT_EQ(refusal, QueryGate::Refusal::kCanceled);
  EXPECT_EQ(gate.waiting(), 0);
}

TEST(QueryGateTest, NeverMoreThanAllowedAndAllOfThemServed) {
  QueryGate gate(3, 100);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 30; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const auto pass = Enter(gate);
        const int now = ++inside;
        int known = most;
        while (now > known && !most.compare_exchange_weak(known, now)) {
        }
        ++served;
        std::this_thread::yield();
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, 600);
  EXPECT_LE(most, 3);
  EXPECT_EQ(gate.running(), 0);
}

std::shared_ptr<const std::string> Body(std::size_t bytes) {
  return std::make_shared<const std::string>(bytes, 'x');
}

TEST(AnswerBudgetTest, CountsLargeAnswersUntilTheyAreGone) {
  std::shared_ptr<const std::string> kept;
  {
    const AnswerBudget budget(200'000);
    const auto small = budget.Hold(Body(1000));
    EXPECT_EQ(budget.bytes(), 0);
    kept = budget.Hold(Body(150'000));
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->size(), 150'000U);
    EXPECT_EQ(budget.bytes(), 150'000);
    EXPECT_FALSE(budget.Hold(Body(100'000)));
    auto other = kept;
    kept.reset();
    EXPECT_EQ(budget.bytes(), 150'000);
    other.reset();
    EXPECT_EQ(budget.bytes(), 0);
    kept = budget.Hold(Body(100'000));
    EXPECT_TRUE(kept);
  }
  kept.reset();  // outlived the budget
}

}  // namespace
}  // namespace drwatch::web
