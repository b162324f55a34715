#include "recovery/independent_ways.h"

#include <gtest/gtest.h>

namespace drwatch::recovery {
namespace {

TEST(IndependentWaysTest, CountsPlacesThatNeedNoOther) {
  EXPECT_EQ(CountIndependentWays({}), 0);
  EXPECT_EQ(CountIndependentWays({{"a", ""}, {"b", ""}}), 2);
  EXPECT_EQ(CountIndependentWays({{"a", ""}, {"a", ""}}), 1) << "found by two probes";
  EXPECT_EQ(CountIndependentWays({{"a", "a"}}), 1) << "a repository with its WAL";
}

TEST(IndependentWaysTest, WalIsLostWithItsBaseBackup) {
  EXPECT_EQ(CountIndependentWays({{"base", ""}, {"wal", "base"}}), 1);
  EXPECT_EQ(CountIndependentWays({{"wal", "base"}}), 1);
  EXPECT_EQ(CountIndependentWays({{"base", ""}, {"wal", "base"}, {"wal", "other"}}), 2);
  EXPECT_EQ(CountIndependentWays({{"wal-1", "base"}, {"wal-2", "base"}}), 1);
  EXPECT_EQ(CountIndependentWays({{"base", ""}, {"other", ""}, {"wal", "base"}, {"wal", "other"}}),
            2);
}

TEST(IndependentWaysTest, PairsAreChosenSoThatMostGoTogether) {
  EXPECT_EQ(CountIndependentWays({{"wal-1", "x"}, {"wal-1", "y"}, {"wal-2", "x"}}), 2);
  EXPECT_EQ(CountIndependentWays({{"wal", "base"}, {"base", "wal"}}), 1);
}

}  // namespace
}  // namespace drwatch::recovery
