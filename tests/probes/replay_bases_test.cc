#include "probes/replay_bases.h"

#include <gtest/gtest.h>

#include "catalog/wal_reader.h"

namespace drwatch::probes {
namespace {

using State = catalog::WalBase::State;

constexpr std::int64_t kSegment = 16 << 20;
constexpr std::uint64_t kLsn = kSegment;

base::Timestamp At(std::int64_t seconds) { return base::FromUnixMillis(seconds * 1000); }

class ReplayBasesTest : public ::testing::Test {
 protected:
  // Each is as large as its number, in bytes.
  void Add(std::uint32_t timeline, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i) {
      objects_.push_back(
          {verify::SegmentName(timeline, i, kSegment), static_cast<std::int64_t>(i), At(1000), 1});
    }
  }
  void Base(const std::string& name, std::uint64_t segment, State state = State::kProven) {
    catalog::WalBase base;
    base.start = segment * kLsn + 40;
    base.stop = base.start + 200;
    base.stopped = At(static_cast<std::int64_t>(segment));
    base.name = name;
    base.probe = "bases";
    base.state = state;
    question_.bases.push_back(base);
  }
  std::vector<model::ReplayBase> Find() {
    const catalog::WalInventory inventory = catalog::TakeWalInventory(objects_, kSegment);
    question_.now = At(5000);
    const auto state = catalog::JudgeWalArchive(inventory, question_);
    return FindReplayBases(state, question_.bases, inventory, objects_);
  }

  std::vector<catalog::PlaceObject> objects_;
  catalog::WalQuestion question_;
};

TEST_F(ReplayBasesTest, CountsTheWalFromEachBaseToTheEnd) {
  Add(1, 3, 10);
  Base("late", 9);
  Base("early", 4);
  Base("unproven", 5, State::kUnproven);
  const auto bases = Find();
  ASSERT_EQ(bases.size(), 2u);
  EXPECT_EQ(bases[0].name, "early");
  EXPECT_EQ(bases[0].probe, "bases");
  EXPECT_EQ(bases[0].wal_bytes, 4 + 5 + 6 + 7 + 8 + 9 + 10);
  EXPECT_EQ(bases[1].name, "late");
  EXPECT_EQ(bases[1].wal_bytes, 9 + 10);
}

TEST_F(ReplayBasesTest, FollowsTheAncestryOverASwitch) {
  Add(1, 3, 8);
  objects_.push_back({"00000002.history", 1000, At(1000), 1});
  Add(2, 6, 7);
  // What the first timeline wrote behind the switch is on no way back.
  question_.histories[2] = {{1, 6 * kLsn + 100}};
  Base("early", 4);
  const auto bases = Find();
  ASSERT_EQ(bases.size(), 1u);
  EXPECT_EQ(bases[0].wal_bytes, 4 + 5 + 6 + 7);
}

TEST_F(ReplayBasesTest, WhatDoesNotReachTheEndIsLeftOut) {
  Add(1, 3, 6);
  Add(1, 8, 10);
  Base("early", 4);
  Base("late", 9);
  const auto bases = Find();
  ASSERT_EQ(bases.size(), 1u);
  EXPECT_EQ(bases[0].name, "late");
  EXPECT_EQ(bases[0].wal_bytes, 9 + 10);
}

}  // namespace
}  // namespace drwatch::probes
