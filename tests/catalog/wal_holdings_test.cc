#include "catalog/wal_holdings.h"

#include <gtest/gtest.h>

#include "catalog/wal_reader.h"

namespace drwatch::catalog {
namespace {

constexpr std::int64_t kSize = 16 << 20;
constexpr std::uint64_t kBytes = kSize;
constexpr std::uint64_t kCluster = 7301;

std::string Seg(std::uint32_t timeline, std::uint64_t number) {
  return verify::SegmentName(timeline, number, kSize);
}

WalHoldings Holding(const std::vector<std::string>& names,
                    std::set<std::pair<std::uint32_t, std::uint64_t>> broken = {}) {
  std::vector<PlaceObject> objects;
  for (const std::string& name : names) objects.push_back({name, kSize, base::Timestamp{}, 1});
  return TakeWalHoldings(TakeWalInventory(objects, kSize), std::move(broken), kCluster);
}

verify::NeededWal Needs(std::vector<verify::WalRange> ranges, std::uint64_t cluster = 0) {
  return {std::move(ranges), cluster};
}

TEST(WalHoldingsTest, TheWholeRangeMustBeThereWithoutAGap) {
  const auto needed = Needs({{1, 3 * kBytes + 40, 5 * kBytes + 1}});
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 2), Seg(1, 3), Seg(1, 4), Seg(1, 5)}), needed),
            std::nullopt);
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3), Seg(1, 5)}), needed), Seg(1, 4) + " is not there");
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 4), Seg(1, 5)}), needed), Seg(1, 3) + " is not there");
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3), Seg(1, 4)}), needed), Seg(1, 5) + " is not there");
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3), Seg(1, 4), Seg(1, 5) + ".partial"}), needed),
            Seg(1, 5) + " is not there");
  EXPECT_EQ(WhyNotHeld(Holding({Seg(2, 3), Seg(2, 4), Seg(2, 5)}), needed),
            Seg(1, 3) + " is not there");
  EXPECT_EQ(WhyNotHeld(Holding({}), needed), "it holds no WAL segment");
  // A range that ends with a segment needs nothing of the next one.
  const auto exact = Needs({{1, 3 * kBytes, 4 * kBytes}});
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3)}), exact), std::nullopt);
}

TEST(WalHoldingsTest, ADamagedSegmentIsNone) {
  const auto needed = Needs({{1, 3 * kBytes, 5 * kBytes}});
  const std::vector<std::string> names = {Seg(1, 3), Seg(1, 4), Seg(1, 5)};
  EXPECT_EQ(WhyNotHeld(Holding(names, {{1, 4}}), needed), Seg(1, 4) + " is damaged there");
  EXPECT_EQ(WhyNotHeld(Holding(names, {{1, 5}}), needed), std::nullopt);
}

TEST(WalHoldingsTest, AnotherClustersArchiveHoldsNothing) {
  const std::vector<verify::WalRange> ranges = {{1, 3 * kBytes, 4 * kBytes}};
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3)}), Needs(ranges, kCluster)), std::nullopt);
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3)}), Needs(ranges, 42)),
            "it is that of another cluster: its system identifier is 7301, not 42");
}

// A standby that was promoted while the backup was taken.
TEST(WalHoldingsTest, TheSegmentOfASwitchMayBeTheChilds) {
  const std::uint64_t left = 4 * kBytes + 500;
  const auto needed = Needs({{2, left, 5 * kBytes + 9}, {1, 3 * kBytes, left}});
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3), Seg(2, 4), Seg(2, 5)}), needed), std::nullopt);
  EXPECT_EQ(WhyNotHeld(Holding({Seg(1, 3), Seg(1, 4), Seg(2, 5)}), needed),
            Seg(2, 4) + " is not there");
  EXPECT_EQ(WhyNotHeld(Holding({Seg(2, 3), Seg(2, 4), Seg(2, 5)}), needed),
            Seg(1, 3) + " is not there");
}

}  // namespace
}  // namespace drwatch::catalog
