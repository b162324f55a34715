#include "store/chunk.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace drwatch::store {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

struct Plain {
  std::int64_t millis;
  double value;
};

void ExpectSame(const std::vector<Plain>& wanted) {
  Chunk chunk;
  for (const Plain& sample : wanted) chunk.Append(sample.millis, sample.value);
  std::vector<model::Sample> read;
  chunk.Read(kMin, kMax, read);
  ASSERT_EQ(read.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(base::ToUnixMillis(read[i].time), wanted[i].millis) << i;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read[i].value),
              std::bit_cast<std::uint64_t>(wanted[i].value))
        << i;
  }
}

TEST(ChunkTest, KeepsEveryBitOfSpecialValues) {
  ExpectSame({{0, 0.0},
              {15'000, -0.0},
              {30'000, std::numeric_limits<double>::infinity()},
              {45'000, model::StaleNan()},
              {60'000, std::bit_cast<double>(model::kNormalNanBits)},
              {75'000, std::numeric_limits<double>::denorm_min()},
              {90'000, std::numeric_limits<double>::max()},
              {105'000, std::bit_cast<double>(~std::uint64_t{0})}});
}

TEST(ChunkTest, KeepsIrregularAndExtremeTimes) {
  ExpectSame({{kMin + 1, 1}, {-5, 2}, {0, 3}, {1, 4}, {1'000'000'000'000, 5}, {kMax, 6}});
}

TEST(ChunkTest, KeepsRandomSeries) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Plain> samples;
    std::int64_t time = static_cast<std::int64_t>(random() % 1'000'000);
    std::uint64_t bits = random();
    for (int i = 0; i < Chunk::kMaxSamples; ++i) {
      time += 1 + static_cast<std::int64_t>(random() >> (random() % 40 + 23));
      bits ^= random() << (random() % 64) >> (random() % 64);
      samples.push_back({time, std::bit_cast<double>(bits)});
    }
    ExpectSame(samples);
  }
}

TEST(ChunkTest, KeepsDecimalsOfChangingScale) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<Plain> samples;
    for (int i = 0; i < Chunk::kMaxSamples; ++i) {
      double value =
          static_cast<double>(static_cast<std::int64_t>(random() % 2'000'001) - 1'000'000);
      const std::uint64_t kind = random() % 16;
      if (kind < 8) value /= std::pow(10, static_cast<double>(random() % (kind + 1)));
      if (kind == 15) value = std::bit_cast<double>(random());
      if (kind == 14) value = model::StaleNan();
      if (kind == 13) value *= 1e12;
      samples.push_back({i * 15'000 + static_cast<std::int64_t>(random() % 100), value});
    }
    ExpectSame(samples);
  }
}

TEST(ChunkTest, ShortDecimalsTakeAboutTwoBytesASample) {
  Chunk chunk;
  for (int i = 0; i < Chunk::kMaxSamples; ++i) {
    chunk.Append(1'700'000'000'000 + i * 15'000, 20 + i * 37 % 97 / 10.0);
  }
  chunk.Shrink();
  EXPECT_LE(chunk.memory_bytes(),
            static_cast<std::int64_t>(sizeof(Chunk)) + Chunk::kMaxSamples * 13 / 6);
}

TEST(ChunkTest, ReadsAfterFromUpToTo) {
  Chunk chunk;
  for (int i = 0; i < 10; ++i) chunk.Append(i * 10, i);
  std::vector<model::Sample> read;
  chunk.Read(20, 50, read);
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(base::ToUnixMillis(read.front().time), 30);
  EXPECT_EQ(base::ToUnixMillis(read.back().time), 50);
  read.clear();
  chunk.Read(90, 1000, read);
  EXPECT_TRUE(read.empty());
  chunk.Read(-100, -1, read);
  EXPECT_TRUE(read.empty());
}

TEST(ChunkTest, RegularSeriesTakeTwoBitsASample) {
  Chunk chunk;
  for (int i = 0; i < Chunk::kMaxSamples; ++i) chunk.Append(1'700'000'000'000 + i * 15'000, 1);
  EXPECT_TRUE(chunk.full());
  chunk.Shrink();
  EXPECT_LE(chunk.memory_bytes(),
            static_cast<std::int64_t>(sizeof(Chunk)) + Chunk::kMaxSamples * 2 / 8 + 16);
}

}  // namespace
}  // namespace drwatch::store
