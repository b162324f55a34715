#include "base/fiber.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace drwatch::base {
namespace {

TEST(FiberTest, GoesOnWhereItWasLeft) {
  std::string order;
  std::unique_ptr<Fiber> fiber;
  fiber = Fiber::Make([&] {
    for (const char c : {'a', 'b', 'c'}) {
      order += c;
      fiber->Yield();
    }
    order += '.';
  });
  ASSERT_NE(fiber, nullptr);
  EXPECT_EQ(order, "");
  while (!fiber->ended()) {
    order += '>';
    fiber->Resume();
  }
  EXPECT_EQ(order, ">a>b>c>.");
}

TEST(FiberTest, SeveralTakeTurnsEachWithItsOwnStack) {
  constexpr std::size_t kCount = 8;
  std::array<std::unique_ptr<Fiber>, kCount> fibers;
  std::array<int, kCount> sums{};
  for (std::size_t i = 0; i < kCount; ++i) {
    fibers[i] = Fiber::Make([&, i] {
      std::array<int, 1000> numbers{};
      for (std::size_t k = 0; k < numbers.size(); ++k) {
        numbers[k] = static_cast<int>(i * k);
        if (k % 100 == 0) fibers[i]->Yield();
      }
      for (const int number : numbers) sums[i] += number;
    });
    ASSERT_NE(fibers[i], nullptr);
  }
  for (int turn = 0; turn < 11; ++turn) {
    for (auto& fiber : fibers) fiber->Resume();
  }
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_TRUE(fibers[i]->ended());
    EXPECT_EQ(sums[i], static_cast<int>(i) * 999 * 1000 / 2);
  }
}

TEST(FiberTest, ExceptionsStayInside) {
  std::string caught;
  std::unique_ptr<Fiber> fiber;
  fiber = Fiber::Make([&] {
    for (int i = 0; i < 2; ++i) {
      try {
        fiber->Yield();
        throw std::runtime_error("of round " + std::to_string(i));
      } catch (const std::runtime_error& error) {
        caught += error.what() + std::string(";");
      }
    }
  });
  ASSERT_NE(fiber, nullptr);
  while (!fiber->ended()) fiber->Resume();
  EXPECT_EQ(caught, "of round 0;of round 1;");
}

TEST(FiberTest, OneMayRunOthers) {
  std::string order;
  std::unique_ptr<Fiber> outer;
  outer = Fiber::Make([&] {
    std::unique_ptr<Fiber> inner;
    inner = Fiber::Make([&] {
      order += "1";
      inner->Yield();
      order += "2";
    });
    inner->Resume();
    outer->Yield();
    order += "-";
    inner->Resume();
    EXPECT_TRUE(inner->ended());
  });
  ASSERT_NE(outer, nullptr);
  outer->Resume();
  order += "|";
  outer->Resume();
  EXPECT_TRUE(outer->ended());
  EXPECT_EQ(order, "1|-2");
}

TEST(FiberTest, ItsStackIsAsDeepAsAThreads) {
  bool done = false;
  auto fiber = Fiber::Make([&] {
    std::array<char, 6 << 20> deep;
    volatile char* const bytes = deep.data();
    for (std::size_t i = 0; i < deep.size(); i += 4096) bytes[i] = 1;
    done = true;
  });
  ASSERT_NE(fiber, nullptr);
  fiber->Resume();
  EXPECT_TRUE(done);
}

TEST(FiberTest, WhatNeverRanLeavesNothingBehind) {
  const auto held = std::make_shared<int>(1);
  {
    const auto fiber = Fiber::Make([held] {});
    ASSERT_NE(fiber, nullptr);
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(FiberTest, ThreadsHaveTheirOwn) {
  std::vector<std::jthread> threads;
  std::array<int, 4> counts{};
  for (int& count : counts) {
    threads.emplace_back([&count] {
      for (int round = 0; round < 50; ++round) {
        std::unique_ptr<Fiber> fiber;
        fiber = Fiber::Make([&] {
          ++count;
          fiber->Yield();
          ++count;
        });
        while (!fiber->ended()) fiber->Resume();
      }
    });
  }
  threads.clear();
  for (const int count : counts) EXPECT_EQ(count, 100);
}

}  // namespace
}  // namespace drwatch::base
