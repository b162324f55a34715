#include "promql/buckets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace drwatch::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double QuantileOf(double q, std::vector<Bucket> buckets) {
  ForcedMonotonicity forced;
  return BucketQuantile(q, buckets, forced);
}

TEST(BucketQuantileTest, InterpolatesWithinABucket) {
  const std::vector<Bucket> buckets{{kInfinity, 20}, {1, 10}, {2, 20}};
  EXPECT_DOUBLE_EQ(QuantileOf(0.25, buckets), 0.5);
  EXPECT_DOUBLE_EQ(QuantileOf(0.75, buckets), 1.5);
  EXPECT_DOUBLE_EQ(QuantileOf(1, buckets), 2);
}

TEST(BucketQuantileTest, HasNoAnswerWithoutBuckets) {
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {})));
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {{1, 10}, {2, 20}})));
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {{kInfinity, 10}})));
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {{1, 0}, {kInfinity, 0}})));
  EXPECT_EQ(QuantileOf(-1, {{1, 10}, {kInfinity, 10}}), -kInfinity);
  EXPECT_EQ(QuantileOf(2, {{1, 10}, {kInfinity, 10}}), kInfinity);
}

TEST(BucketQuantileTest, TellsWhereCountsFell) {
  std::vector<Bucket> buckets{{1, 10}, {2, 4}, {3, 12}, {4, 9}, {kInfinity, 12}};
  ForcedMonotonicity forced;
  BucketQuantile(0.5, buckets, forced);
  EXPECT_TRUE(forced.happened);
  EXPECT_EQ(forced.min_bucket, 2);
  EXPECT_EQ(forced.max_bucket, 4);
  EXPECT_EQ(forced.max_difference, 6);
}

TEST(BucketQuantileTest, RoundingErrorsAreNoFall) {
  std::vector<Bucket> buckets{{1, 10}, {2, 10 - 1e-14}, {kInfinity, 10}};
  ForcedMonotonicity forced;
  EXPECT_DOUBLE_EQ(BucketQuantile(0.5, buckets, forced), 0.5);
  EXPECT_FALSE(forced.happened);
}

TEST(BucketFractionTest, CountsWhatLiesBetween) {
  std::vector<Bucket> buckets{{-1, 5}, {1, 10}, {3, 20}, {kInfinity, 25}};
  EXPECT_DOUBLE_EQ(BucketFraction(-kInfinity, kInfinity, buckets), 1);
  EXPECT_DOUBLE_EQ(BucketFraction(-kInfinity, 1, buckets), 0.4);
  EXPECT_DOUBLE_EQ(BucketFraction(1, 2, buckets), 0.2);
  EXPECT_DOUBLE_EQ(BucketFraction(2, 1, buckets), 0);
  EXPECT_DOUBLE_EQ(BucketFraction(5, kInfinity, buckets), 0.2);
  EXPECT_TRUE(std::isnan(BucketFraction(std::nan(""), 1, buckets)));
}

}  // namespace
}  // namespace drwatch::promql
