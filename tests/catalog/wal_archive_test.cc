#include "catalog/wal_archive.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "catalog/make_place.h"
#include "catalog/switch_segment.h"
#include "catalog/wal_check.h"
#include "catalog/wal_reader.h"
#include "catalog/wal_removals.h"
#include "support/fake_clock.h"
#include "support/fake_s3.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {
namespace {

using Kind = WalGap::Kind;
using testing::TempDir;

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kSize = 16 * kMiB;
constexpr std::uint64_t kBytes = kSize;

base::Timestamp At(std::int64_t seconds) { return base::FromUnixMillis(seconds * 1000); }
std::string Seg(std::uint32_t timeline, std::uint64_t number) {
  return verify::SegmentName(timeline, number, kSize);
}

// An archive as a list of names; every file was written at second 1000 if nothing else is said.
class World {
 public:
  // When what is added from now on was written.
  World& Written(std::int64_t second) {
    written_ = second;
    return *this;
  }
  World& Add(std::uint32_t timeline, std::uint64_t first, std::uint64_t last,
             const std::string& ending = "") {
    for (std::uint64_t i = first; i <= last; ++i) Name(Seg(timeline, i) + ending);
    return *this;
  }
  World& Name(const std::string& name) {
    objects_.push_back({name, kSize, At(written_), 1});
    return *this;
  }
  World& History(std::uint32_t timeline, std::vector<verify::TimelineSwitch> switches) {
    Name(verify::SegmentName(timeline, 0, kSize).substr(0, 8) + ".history");
    question.histories[timeline] = std::move(switches);
    return *this;
  }
  World& Base(std::uint64_t start, std::uint64_t stop, std::int64_t stopped,
              std::uint32_t timeline = 1) {
    question.bases.push_back({start, stop, timeline, At(stopped), "base"});
    return *this;
  }
  WalArchiveState Judge() {
    std::sort(objects_.begin(), objects_.end(),
              [](const PlaceObject& a, const PlaceObject& b) { return a.name < b.name; });
    inventory = TakeWalInventory(objects_, kSize);
    return JudgeWalArchive(inventory, question);
  }
  WalQuestion question;
  WalInventory inventory;

 private:
  std::vector<PlaceObject> objects_;
  std::int64_t written_ = 1000;
};

TEST(WalArchiveTest, AnEmptyArchiveHasNothing) {
  World world;
  const WalArchiveState state = world.Name("README").Judge();
  EXPECT_EQ(state.timeline, 0u);
  EXPECT_FALSE(state.archived_to);
  EXPECT_FALSE(state.reachable);
}

TEST(WalArchiveTest, FindsWhatIsLost) {
  World world;
  world.question.now = At(10'000);
  const WalArchiveState state = world.Add(1, 3, 9).Add(1, 12, 300).Add(1, 302, 310, ".gz").Judge();
  EXPECT_EQ(state.timeline, 1u);
  EXPECT_EQ(state.runs, (std::vector<WalRange>{{1, 3, 9}, {1, 12, 300}, {1, 302, 310}}));
  ASSERT_EQ(state.gaps.size(), 2u);
  EXPECT_EQ(state.gaps[0].range, (WalRange{1, 10, 11}));
  EXPECT_EQ(state.gaps[1].range, (WalRange{1, 301, 301}));
  EXPECT_EQ(state.lost, 3u);
  EXPECT_EQ(state.archived_to, 311 * kBytes);
  EXPECT_EQ(state.reachable, (WalRange{1, 302, 310}));
  EXPECT_EQ(RangeText(state.gaps[0].range, kSize),
            "00000001000000000000000A to 00000001000000000000000B (2 segments)");
}

TEST(WalArchiveTest, NamesDependOnTheSegmentSize) {
  std::vector<PlaceObject> objects;
  for (const char* name : {"000000010000000000000FFF", "000000010000000100000000"}) {
    objects.push_back({name, kMiB, At(1000), 1});
  }
  const WalInventory small = TakeWalInventory(objects, kMiB);
  EXPECT_EQ(JudgeWalArchive(small, {}).lost, 0u);
  EXPECT_EQ(small.segments.at(1).size(), 2u);
  const WalInventory wrong = TakeWalInventory(objects, kSize);
  EXPECT_EQ(wrong.impossible_names, 1);
  EXPECT_EQ(wrong.impossible_name, "000000010000000000000FFF");
}

TEST(WalArchiveTest, WhatIsOnItsWayIsPending) {
  // The last lies in the future: a clock is wrong, and nobody knows how old they are.
  for (const std::int64_t age : {5, 500, -500}) {
    World world;
    world.question.now = At(1000 + age);
    world.question.in_flight_time = std::chrono::minutes(1);
    const WalArchiveState state = world.Add(1, 1, 8).Add(1, 10, 10).Judge();
    const bool recent = age == 5;
    EXPECT_EQ(state.pending, recent ? 1u : 0u);
    EXPECT_EQ(state.lost, recent ? 0u : 1u);
    EXPECT_EQ(state.archived_to, (recent ? 9 : 11) * kBytes);
    EXPECT_EQ(state.reachable, (WalRange{1, 10, 10}));
  }
  // Unless somebody saw when it came.
  for (const std::int64_t seen : {490, 400}) {
    World ahead;
    ahead.question.now = At(500);
    ahead.question.in_flight_time = std::chrono::minutes(1);
    ahead.question.first_seen[{1, 10}] = At(seen);
    const WalArchiveState state = ahead.Add(1, 1, 8).Add(1, 10, 10).Judge();
    EXPECT_EQ(state.pending, seen == 490 ? 1u : 0u);
    EXPECT_EQ(state.lost, seen == 490 ? 0u : 1u);
  }
  World world;  // too far back to be on its way
  world.question.now = At(1001);
  world.question.in_flight_time = std::chrono::minutes(1);
  const WalArchiveState state = world.Add(1, 1, 3).Add(1, 7, 9).Judge();
  EXPECT_EQ(state.lost, 3u);
  EXPECT_EQ(state.pending, 0u);
}

TEST(WalArchiveTest, TheServerKnowsWhatItArchived) {
  World world;
  world.question.now = At(2000);
  world.question.in_flight_time = std::chrono::minutes(1);
  world.question.live = WalLive{1, 14 * kBytes + 5, Seg(1, 11), At(1990)};
  world.Add(1, 1, 9);
  WalArchiveState state = world.Judge();
  EXPECT_EQ(state.pending, 4u);  // 10 to 13; 14 is open
  EXPECT_EQ(state.lost, 0u);
  EXPECT_EQ(state.archived_to, 10 * kBytes);
  // It says that it archived 10 and 11, and they did not come.
  world.question.live->last_archived_at = At(1900);
  state = world.Judge();
  EXPECT_EQ(state.lost, 2u);
  EXPECT_EQ(state.pending, 2u);
  ASSERT_EQ(state.gaps.size(), 2u);
  EXPECT_EQ(state.gaps[0].range, (WalRange{1, 10, 11}));
  // Nothing is missing while it idles.
  world.question.live = WalLive{1, 10 * kBytes + 100, Seg(1, 9), At(1000)};
  state = world.Judge();
  EXPECT_EQ(state.lost + state.pending, 0u);
}

TEST(WalArchiveTest, AcknowledgedGapsCountApartUntilTheirDate) {
  for (const std::int64_t now : {2000, 3000}) {
    World world;
    world.question.now = At(now);
    world.question.acknowledged.push_back(
        {*verify::ParseWalFileName(Seg(1, 5)), *verify::ParseWalFileName(Seg(1, 7)), At(3000)});
    const WalArchiveState state = world.Add(1, 1, 3).Add(1, 9, 20).Judge();
    const bool known = now == 2000;
    EXPECT_EQ(state.acknowledged, known ? 3u : 0u);
    EXPECT_EQ(state.lost, known ? 2u : 5u);
    EXPECT_EQ(state.gaps.size(), known ? 3u : 1u);
  }
  World other;  // of another timeline
  other.question.acknowledged.push_back(
      {*verify::ParseWalFileName(Seg(2, 5)), *verify::ParseWalFileName(Seg(2, 7)), At(3000)});
  EXPECT_EQ(other.Add(1, 1, 3).Add(1, 9, 20).Judge().lost, 5u);
}

TEST(WalArchiveTest, FollowsTheAncestryOfATimeline) {
  World world;
  world.question.now = At(10'000);
  // Timeline 2 begins inside segment 5, timeline 3 exactly at the start of 9.
  world.Add(1, 1, 4).Add(2, 5, 8).Add(3, 9, 12).Name(Seg(1, 5) + ".partial");
  world.History(2, {{1, 5 * kBytes + 77}}).History(3, {{1, 5 * kBytes + 77}, {2, 9 * kBytes}});
  const WalArchiveState state = world.Judge();
  EXPECT_EQ(state.timeline, 3u);
  EXPECT_EQ(state.ancestry, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(state.lost, 0u);
  EXPECT_TRUE(state.foreign.empty());
  EXPECT_TRUE(state.diverged.empty());
  EXPECT_EQ(state.archived_to, 13 * kBytes);
}

TEST(WalArchiveTest, TheChildMustHoldTheSegmentOfTheSwitch) {
  World world;
  world.question.now = At(10'000);
  world.Add(1, 1, 5).Add(2, 6, 8).History(2, {{1, 5 * kBytes + 77}});
  const WalArchiveState state = world.Judge();
  ASSERT_EQ(state.gaps.size(), 1u);
  EXPECT_EQ(state.gaps[0].range, (WalRange{2, 5, 5}));
}

TEST(WalArchiveTest, FindsStrangers) {
  World world;
  world.question.now = At(10'000);
  world.question.live = WalLive{2, 9 * kBytes, "", {}};
  // The old primary went on alone, and a copy restored for a test archives here.
  world.Add(1, 1, 11).Add(2, 5, 8).Add(7, 3, 5);
  world.History(2, {{1, 5 * kBytes + 77}}).History(7, {{1, 3 * kBytes}});
  world.Written(1001).Add(1, 12, 12);
  const WalArchiveState state = world.Judge();
  EXPECT_EQ(state.timeline, 2u);
  EXPECT_EQ(state.foreign, std::vector<std::uint32_t>{7});
  EXPECT_EQ(state.newer, std::vector<std::uint32_t>{7});
  EXPECT_EQ(state.diverged, std::vector<std::uint32_t>{1});
  EXPECT_EQ(state.lost, 0u);
}

TEST(WalArchiveTest, StrangersAreAcknowledgedUntilADay) {
  World world;
  world.question.live = WalLive{2, 9 * kBytes, "", {}};
  world.Add(1, 1, 11).Add(2, 5, 8).Add(7, 3, 5).Add(8, 3, 5);
  world.Written(1001).Add(1, 12, 12).Written(1000);
  world.History(2, {{1, 5 * kBytes + 77}}).History(7, {{1, 3 * kBytes}});
  world.History(8, {{1, 3 * kBytes}});
  // Of the line itself there is nothing to be acknowledged.
  world.question.acknowledged_timelines = {{1, At(20'000)}, {2, At(20'000)}, {7, At(20'000)}};
  world.question.now = At(19'999);
  WalArchiveState state = world.Judge();
  EXPECT_EQ(state.newer, std::vector<std::uint32_t>{8});
  EXPECT_TRUE(state.diverged.empty());
  EXPECT_EQ(state.acknowledged_timelines, (std::vector<std::uint32_t>{1, 7}));
  world.question.now = At(20'000);
  state = world.Judge();
  EXPECT_EQ(state.newer, (std::vector<std::uint32_t>{7, 8}));
  EXPECT_EQ(state.diverged, std::vector<std::uint32_t>{1});
  EXPECT_TRUE(state.acknowledged_timelines.empty());
}

TEST(WalArchiveTest, AnOlderBranchIsNoOtherServers) {
  World world;
  world.question.now = At(10'000);
  // Timeline 2 was left by going back to before it.
  world.Add(1, 1, 4).Add(2, 5, 8).Add(3, 3, 9);
  world.History(2, {{1, 5 * kBytes + 77}}).History(3, {{1, 3 * kBytes + 77}});
  world.question.live = WalLive{3, 10 * kBytes, "", {}};
  const WalArchiveState state = world.Judge();
  EXPECT_EQ(state.timeline, 3u);
  EXPECT_EQ(state.foreign, std::vector<std::uint32_t>{2});
  EXPECT_TRUE(state.newer.empty());
}

TEST(WalArchiveTest, WhatARecoveryInPlaceLeavesBehindIsNoOtherServers) {
  World world;
  world.question.now = At(10'000);
  world.question.live = WalLive{3, 13 * kBytes, "", {}};
  world.Base(4 * kBytes, 5 * kBytes, 100).Base(7 * kBytes, 8 * kBytes, 200);
  world.Base(8 * kBytes, 9 * kBytes, 300, 2).Base(11 * kBytes, 12 * kBytes, 400, 2);
  world.Base(11 * kBytes, 12 * kBytes, 500, 3).Base(30 * kBytes, 31 * kBytes, 600);
  // The server went back twice: from 9 to 5, and from 12 to 10.
  world.Written(1000).Add(1, 1, 9).Written(2000).History(2, {{1, 5 * kBytes + 77}});
  world.Written(2001).Add(2, 5, 12).Written(3000);
  world.History(3, {{1, 5 * kBytes + 77}, {2, 10 * kBytes + 77}}).Written(3001).Add(3, 10, 12);
  const WalArchiveState state = world.Judge();
  EXPECT_EQ(state.ancestry, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(state.lost, 0u);
  EXPECT_EQ(state.left_bases, (std::vector<std::size_t>{1, 3}));
  EXPECT_TRUE(state.newer.empty());
  EXPECT_TRUE(state.diverged.empty());
  // Something archives on timeline 2 again; the segment of a switch may be filled late.
  world.Written(3002).Add(1, 5, 5).Add(2, 13, 13);
  EXPECT_EQ(world.Judge().diverged, std::vector<std::uint32_t>{2});
  // Which timeline goes on nobody knows.
  world.question.live.reset();
  EXPECT_TRUE(world.Judge().left_bases.empty());
}

TEST(WalArchiveTest, AParentsSegmentStandsInForAChildsFirst) {
  const auto missing = [](World& world) {
    const WalArchiveState state = world.Judge();
    return FindMissingSwitchSegment(world.inventory, world.question, state);
  };
  World world;
  world.question.now = At(10'000);
  world.question.in_flight_time = std::chrono::minutes(1);
  world.Add(1, 1, 9).Written(2000).History(2, {{1, 5 * kBytes + 77}});
  auto segment = missing(world);
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->missing, (WalRange{2, 5, 5}));
  EXPECT_EQ(segment->parent, 1u);
  EXPECT_EQ(segment->since, At(2000));
  EXPECT_FALSE(segment->on_its_way);
  world.question.now = At(2060);
  EXPECT_TRUE(missing(world)->on_its_way);
  world.question.now = At(1000);
  EXPECT_FALSE(missing(world)->on_its_way) << "a clock is wrong";
  world.History(3, {{1, 5 * kBytes + 77}, {2, 5 * kBytes + 99}});
  segment = missing(world);
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->missing, (WalRange{3, 5, 5})) << "timeline 2 has none either";
  EXPECT_EQ(segment->parent, 1u);
  EXPECT_FALSE(missing(world.Add(3, 5, 5))) << "it has come";

  World streamed;
  streamed.Add(1, 1, 9).History(2, {{1, 5 * kBytes + 77}}).Add(2, 5, 5, ".partial");
  EXPECT_FALSE(missing(streamed));
  World promoted;  // what was left ends before the switch
  promoted.Add(1, 1, 4).Add(1, 5, 5, ".partial").History(2, {{1, 5 * kBytes + 77}});
  EXPECT_FALSE(missing(promoted));
}

TEST(WalArchiveTest, ANewerTimelineMayFollowAServerThatIsGone) {
  World world;
  world.question.now = At(10'000);
  world.Add(1, 1, 5).Add(2, 5, 8).History(2, {{1, 5 * kBytes + 77}});
  for (const bool answers : {true, false}) {
    world.question.live = WalLive{1, 6 * kBytes, "", {}, answers};
    const WalArchiveState state = world.Judge();
    EXPECT_EQ(state.timeline, 1u);
    EXPECT_EQ(state.foreign, std::vector<std::uint32_t>{2});
    EXPECT_EQ(state.newer.size(), answers ? 1u : 0u);
  }
}

TEST(WalArchiveTest, WithoutItsHistoryATimelineStandsAlone) {
  World world;
  world.question.now = At(10'000);
  world.question.live = WalLive{2, 9 * kBytes, "", {}};
  const WalArchiveState state = world.Add(1, 1, 4).Add(2, 5, 8).Judge();
  EXPECT_EQ(state.no_history, std::vector<std::uint32_t>{2});
  EXPECT_EQ(state.foreign, std::vector<std::uint32_t>{1});
  EXPECT_EQ(state.lost, 0u);
  EXPECT_EQ(state.reachable, (WalRange{2, 5, 8}));
}

// Who begins a timeline archives its history first.
TEST(WalArchiveTest, ANewerTimelineWithoutItsHistoryHasLostIt) {
  World world;
  world.question.now = At(10'000);
  world.Add(1, 1, 5).Add(2, 5, 8).Add(3, 9, 9);
  EXPECT_EQ(world.Judge().timeline, 1u);
  EXPECT_EQ(world.Judge().no_history, (std::vector<std::uint32_t>{2, 3}));
  world.question.acknowledged_timelines = {{3, At(20'000)}};
  EXPECT_EQ(world.Judge().no_history, std::vector<std::uint32_t>{2});
  for (const bool answers : {true, false}) {
    world.question.live = WalLive{1, 6 * kBytes, "", {}, answers};
    EXPECT_EQ(world.Judge().no_history.empty(), answers) << "nobody restores to timeline 2";
  }
  world.question.live.reset();
  world.question.unread_histories = {2};
  EXPECT_TRUE(world.Judge().no_history.empty());
}

TEST(WalArchiveTest, ABaseThatWasStillTakenAtTheSwitchIsOfNoUse) {
  World world;
  world.question.now = At(10'000);
  // The old primary went on, and with it the backup.
  world.Add(1, 2, 8).Add(2, 6, 9).History(2, {{1, 6 * kBytes + 100}});
  world.Base(3 * kBytes + 40, 3 * kBytes + 300, 800).Base(5 * kBytes + 40, 6 * kBytes + 500, 900);
  world.question.live = WalLive{2, 10 * kBytes, "", std::nullopt, true};
  WalArchiveState state = world.Judge();
  ASSERT_EQ(state.chains.size(), 1u);
  EXPECT_EQ(state.chains[0].base, 0u);
  EXPECT_EQ(state.left_bases, std::vector<std::size_t>{1});
  // One that ended right there is whole.
  world.question.bases[1].stop = 6 * kBytes + 100;
  EXPECT_EQ(world.Judge().chains.size(), 2u);
  // So is that of a standby, which followed.
  world.question.bases[1].stop = 7 * kBytes;
  world.question.bases[1].stop_timeline = 2;
  state = world.Judge();
  EXPECT_EQ(state.chains.size(), 2u);
  EXPECT_TRUE(state.left_bases.empty());
}

TEST(WalArchiveTest, SegmentsTellTheAncestryOfAnUnreadableHistory) {
  World world;
  world.question.now = At(10'000);
  world.Add(1, 1, 10).Add(2, 5, 8).Add(3, 3, 12).Base(2 * kBytes + 40, 2 * kBytes + 500, 900);
  world.Name("00000002.history").Name("00000003.history");
  world.question.unread_histories = {2, 3};
  const WalArchiveState state = world.Judge();
  EXPECT_EQ(state.timeline, 3u);
  EXPECT_EQ(state.ancestry, (std::vector<std::uint32_t>{1, 3})) << "2 begins behind 3";
  EXPECT_TRUE(state.newer.empty());
  EXPECT_TRUE(state.no_history.empty());
  EXPECT_EQ(state.lost, 0u);
  ASSERT_TRUE(state.window_base);
  EXPECT_EQ(state.reachable, (WalRange{3, 3, 12}));
  World hostile;
  hostile.Add(1, 1, 3).Name("FFFFFFFF.history");
  hostile.question.unread_histories = {0xFFFFFFFF};
  EXPECT_EQ(hostile.Judge().ancestry, (std::vector<std::uint32_t>{0xFFFFFFFF}));
}

TEST(WalArchiveTest, TheWindowKnowsGaps) {
  World world;
  world.question.now = At(10'000);
  world.Add(1, 10, 19).Add(1, 21, 40);
  world.Base(5 * kBytes, 5 * kBytes + 100, 100);  // expired
  world.Base(11 * kBytes, 11 * kBytes + 9, 200);  // ends at the gap
  world.Base(19 * kBytes, 22 * kBytes, 300);      // the gap is within it
  world.Base(25 * kBytes, 26 * kBytes, 500);
  world.Base(22 * kBytes, 23 * kBytes, 400);
  const WalArchiveState state = world.Judge();
  EXPECT_EQ(state.lost, 1u);
  EXPECT_EQ(state.chains.size(), 4u);
  EXPECT_EQ(state.reachable, (WalRange{1, 21, 40}));
  EXPECT_EQ(state.window_base, 4u);
  // With no base behind the gap the point that can be reached lies before it.
  World before;
  before.question.now = At(10'000);
  const WalArchiveState early =
      before.Add(1, 10, 19).Add(1, 21, 40).Base(11 * kBytes, 11 * kBytes + 9, 200).Judge();
  EXPECT_EQ(early.reachable, (WalRange{1, 10, 19}));
  EXPECT_EQ(early.archived_to, 41 * kBytes);
  // Nothing can be done with WAL if no base has any.
  World none;
  EXPECT_FALSE(none.Add(1, 10, 19).Base(5 * kBytes, 5 * kBytes + 9, 1).Judge().reachable);
}

// A standby's does not end with a switch of segments.
TEST(WalArchiveTest, TheWalThatTheFirstBaseNeedsMayBeOnItsWay) {
  World world;
  world.question.now = At(1000);
  world.question.in_flight_time = base::Duration(900'000);
  world.Add(1, 10, 14).Base(14 * kBytes, 15 * kBytes + 9, 900);
  EXPECT_TRUE(world.Judge().base_on_its_way);
  world.question.bases.front().start = 15 * kBytes;
  EXPECT_TRUE(world.Judge().base_on_its_way) << "all of it";
  world.question.bases.front().start = 11 * kBytes;
  world.question.broken = {{1, 12}};
  EXPECT_FALSE(world.Judge().base_on_its_way) << "something else is wrong with it";
  world.question.broken.clear();
  world.question.now = At(1801);
  EXPECT_FALSE(world.Judge().base_on_its_way) << "it should have come";
  world.question.now = At(1000);
  world.Base(10 * kBytes, 10 * kBytes + 9, 500);
  EXPECT_FALSE(world.Judge().base_on_its_way) << "there is a window";
}

TEST(WalArchiveTest, WhatNoBaseNeedsHasExpired) {
  World world;
  world.question.now = At(10'000);
  const WalArchiveState state =
      world.Add(1, 1, 2).Add(1, 8, 8).Add(1, 10, 40).Base(20 * kBytes, 21 * kBytes, 9).Judge();
  EXPECT_EQ(state.lost, 0u);
  EXPECT_TRUE(state.gaps.empty());
  EXPECT_EQ(state.window_base, 0u);
}

TEST(WalArchiveTest, WhatIsBeingPrunedIsNotLost) {
  World world;
  world.question.now = At(10'000);
  world.Base(2 * kBytes, 3 * kBytes, 100).Base(10 * kBytes, 11 * kBytes, 200);
  world.Add(1, 2, 3).Add(1, 7, 8).Add(1, 10, 14).Add(1, 16, 20);
  world.question.removed = {{1, 1}, {1, 4}, {1, 6}, {1, 15}};
  WalArchiveState state = world.Judge();
  ASSERT_EQ(state.gaps.size(), 5u);
  const std::pair<WalRange, Kind> expected[] = {{{1, 4, 4}, Kind::kPruned},
                                                {{1, 5, 5}, Kind::kLost},
                                                {{1, 6, 6}, Kind::kPruned},
                                                {{1, 9, 9}, Kind::kLost},
                                                {{1, 15, 15}, Kind::kLost}};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(state.gaps[i].range, expected[i].first) << i;
    EXPECT_EQ(state.gaps[i].kind, expected[i].second) << i;
  }
  EXPECT_EQ(state.pruned, 2u);
  EXPECT_EQ(state.lost, 3u);
  world.question.bases.pop_back();
  EXPECT_EQ(world.Judge().pruned, 0u) << "the only base backup needs it";
}

// The newest base backup, for which all before it was removed, is not known yet.
TEST(WalArchiveTest, WhatIsPrunedForABaseBackupThatIsNotKnownYetIsNotLost) {
  World world;
  world.question.now = At(10'000);
  world.Base(2 * kBytes, 3 * kBytes, 100);
  world.question.bases.front().probe = "base";
  world.Add(1, 10, 14);
  for (std::uint64_t number = 2; number < 9; ++number) world.question.removed.emplace(1, number);
  WalArchiveState state = world.Judge();  // segment 9 came and went between two looks
  EXPECT_EQ(state.lost, 0u);
  EXPECT_EQ(state.pruned, 7u) << "but for its own, which a backup may hold itself";
  world.Add(1, 2, 4).Add(1, 6, 6);
  world.question.removed.emplace(1, 9);
  state = world.Judge();
  EXPECT_EQ(state.lost, 4u) << "half way it may be anything";
  world.question.leaving = {{1, 7}};
  state = world.Judge();
  EXPECT_EQ(state.lost, 1u);
  EXPECT_EQ(state.pruned, 3u) << "it goes on: 8 and 9 came and went between two looks";
  world.question.leaving.clear();
  world.question.marks = {{10 * kBytes + 40, 11 * kBytes, 1, At(200), "mark"}};
  state = world.Judge();
  EXPECT_EQ(state.lost, 0u);
  EXPECT_EQ(state.pruned, 4u);
  world.question.marks.front().stop = 16 * kBytes;
  EXPECT_EQ(world.Judge().lost, 4u) << "its own WAL is not all here";
  world.question.removed.clear();
  world.question.marks.front().stop = 11 * kBytes;
  EXPECT_EQ(world.Judge().lost, 4u) << "long ago";
}

TEST(WalRemovalsTest, WhatWentAwayIsBeingPrunedUntilNothingFollows) {
  const auto segments = [](std::vector<std::uint64_t> numbers) {
    WalRemovals::Segments all;
    for (const std::uint64_t number : numbers) all[1].push_back({number});
    return all;
  };
  const std::int64_t quiet = WalRemovals::kQuiet.count() / 1000;
  WalRemovals removals;
  removals.Compare({}, segments({1, 2, 3, 4}), At(0));
  removals.EndListing(At(0));
  EXPECT_TRUE(removals.recent().empty());
  removals.Compare(segments({1, 2, 3, 4}), segments({1, 3, 4}), At(100));
  removals.EndListing(At(100));
  EXPECT_EQ(removals.recent(), (WalSegmentSet{{1, 2}}));
  removals.Compare(segments({1, 3, 4}), segments({1, 4}), At(99 + quiet));
  removals.EndListing(At(99 + quiet));
  removals.EndListing(At(98 + 2 * quiet));
  EXPECT_EQ(removals.recent(), (WalSegmentSet{{1, 2}, {1, 3}}));
  removals.Compare(segments({1, 4}), segments({1, 2, 4}), At(98 + 2 * quiet));
  EXPECT_EQ(removals.recent(), (WalSegmentSet{{1, 3}})) << "one is back";
  removals.EndListing(At(99 + 2 * quiet));
  EXPECT_TRUE(removals.recent().empty());
}

TEST(WalRemovalsTest, WhatGoesOnIsLeavingForAWhileAtMost) {
  const std::int64_t quiet = WalRemovals::kQuiet.count() / 1000;
  const WalRemovals::Segments four = {{1, {{1}, {2}, {3}, {4}}}}, two = {{1, {{1}, {4}}}};
  WalRemovals removals;
  removals.Compare(four, two, At(100));
  removals.EndListing(At(100));
  EXPECT_EQ(removals.Leaving(At(100)), (WalSegmentSet{{1, 2}, {1, 3}}));
  EXPECT_EQ(removals.Leaving(At(99 + quiet)), (WalSegmentSet{{1, 2}, {1, 3}}))
      << "only the end was listed since";
  EXPECT_TRUE(removals.Leaving(At(100 + quiet)).empty());
  removals.EndListing(At(101));
  EXPECT_TRUE(removals.Leaving(At(101)).empty()) << "nothing more went away";
  removals.Compare(two, {{1, {{4}}}}, At(50 + quiet));
  removals.EndListing(At(50 + quiet));
  EXPECT_EQ(removals.Leaving(At(50 + quiet)).size(), 3u);
  removals.Compare({{1, {{4}}}}, {}, At(120 + quiet));
  removals.EndListing(At(120 + quiet));
  EXPECT_EQ(removals.Leaving(At(120 + quiet)), (WalSegmentSet{{1, 1}, {1, 4}}));
}

TEST(WalRemovalsTest, KnowsAfterARestartWhatItKnewBefore) {
  const WalRemovals::Segments four = {{1, {{1}, {2}, {3}, {5}}}};
  const WalRemovals::Segments one = {{1, {{5}}}};
  WalRemovals removals;
  removals.Compare(four, one, At(100));
  const std::vector<SeenWal> seen = removals.Seen(one);
  EXPECT_EQ(seen, (std::vector<SeenWal>{{{1, 5, 5}, {}}, {{1, 1, 3}, At(100)}}));
  WalRemovals after;
  const WalRemovals::Segments before = after.Restore(seen);
  ASSERT_EQ(before.at(1).size(), 1u);
  EXPECT_EQ(before.at(1)[0].number, 5u);
  after.EndListing(At(100 + 299));
  EXPECT_EQ(after.recent(), (WalSegmentSet{{1, 1}, {1, 2}, {1, 3}}));
  after.EndListing(At(100 + 300));
  EXPECT_TRUE(after.recent().empty());
}

TEST(WalRemovalsTest, WherePruningNeverEndsALossShows) {
  WalRemovals removals;
  const auto numbered = [](std::uint64_t number) { return WalRemovals::Segments{{1, {{number}}}}; };
  const std::int64_t longest = WalRemovals::kLongest.count() / 1000;
  for (std::int64_t second = 0; second <= longest; second += 60) {
    const auto number = static_cast<std::uint64_t>(second);
    removals.Compare(numbered(number), numbered(number + 60), At(second));
    removals.EndListing(At(second));
    EXPECT_EQ(removals.recent().contains({1, 0}), second < longest);
  }
}

TEST(WalArchiveTest, WalThatBeginsTooLateForTheNewestBaseIsLost) {
  World world;
  world.question.now = At(10'000);
  world.Add(1, 9, 12).Base(2 * kBytes, 3 * kBytes, 100).Base(4 * kBytes, 5 * kBytes + 40, 200);
  EXPECT_EQ(world.Judge().lost, 0u) << "nobody has seen these base backups";
  for (WalBase& base : world.question.bases) base.probe = "base";
  WalArchiveState state = world.Judge();
  EXPECT_EQ(state.lost, 3u);
  ASSERT_EQ(state.gaps.size(), 1u);
  EXPECT_EQ(state.gaps[0].range, (WalRange{1, 6, 8}));
  EXPECT_FALSE(state.reachable);
  world.question.size_known = false;
  EXPECT_EQ(world.Judge().lost, 0u);
  world.question.size_known = true;
  // What comes next may be there before.
  world.question.now = At(1010);
  world.question.in_flight_time = std::chrono::minutes(1);
  world.question.in_flight_segments = 5;
  state = world.Judge();
  EXPECT_EQ(state.lost, 2u);
  EXPECT_EQ(state.pending, 1u);
  // Archived from behind the base backup on: it carries that WAL itself.
  World begun;
  begun.question.bases = world.question.bases;
  EXPECT_EQ(begun.Add(1, 6, 12).Judge().lost, 0u);
  // Those of another timeline are none of its.
  for (WalBase& base : world.question.bases) base.timeline = 2;
  EXPECT_EQ(world.Judge().lost, 0u);
}

// Base backups in the segments 4 to 5, 9, and 20 to 21.
World KeptBackups() {
  World world;
  world.question.now = At(10'000);
  world.question.expires = true;
  world.Base(4 * kBytes + 40, 5 * kBytes + 300, 100);
  world.Base(9 * kBytes + 40, 9 * kBytes + 300, 200);
  world.Base(20 * kBytes + 40, 21 * kBytes + 300, 300);
  return world;
}

TEST(WalArchiveTest, WhatABackupProgramExpiredIsNotLost) {
  World world = KeptBackups();
  const WalArchiveState state = world.Add(1, 4, 5).Add(1, 9, 9).Add(1, 20, 30).Judge();
  EXPECT_EQ(state.lost + state.pending, 0u);
  EXPECT_EQ(state.expired, 13u);
  ASSERT_EQ(state.gaps.size(), 2u);
  EXPECT_EQ(state.gaps[0].kind, Kind::kExpired);
  EXPECT_EQ(state.gaps[0].range, (WalRange{1, 6, 8}));
  // Nobody comes over it.
  EXPECT_EQ(state.reachable, (WalRange{1, 20, 30}));
  EXPECT_EQ(state.window_base, 2u);
  EXPECT_EQ(state.archived_to, 31 * kBytes);
  // Nobody expires what is archived with cp.
  world.question.expires = false;
  EXPECT_EQ(world.Judge().lost, 13u);
}

TEST(WalArchiveTest, WhatNoPlanExplainsIsLostInARepositoryToo) {
  // Within the WAL of a base backup; before it ends; where none begins.
  EXPECT_EQ(KeptBackups().Add(1, 4, 4).Add(1, 9, 9).Add(1, 20, 30).Judge().lost, 14u);
  EXPECT_EQ(KeptBackups().Add(1, 4, 5).Add(1, 9, 9).Add(1, 20, 20).Add(1, 22, 30).Judge().lost, 1u);
  EXPECT_EQ(KeptBackups().Add(1, 4, 5).Add(1, 8, 9).Add(1, 20, 30).Judge().lost, 12u);
  EXPECT_EQ(KeptBackups().Add(1, 4, 5).Add(1, 9, 9).Add(1, 20, 22).Add(1, 24, 30).Judge().lost, 1u);
  // WAL that no base backup needs would have gone before that of a later day.
  EXPECT_EQ(KeptBackups().Add(1, 4, 6).Add(1, 9, 9).Add(1, 20, 30).Judge().lost, 12u);
  EXPECT_EQ(KeptBackups().Add(1, 4, 9).Add(1, 20, 30).Judge().lost, 10u);
}

TEST(WalArchiveTest, DamagedSegmentsBreakWalOff) {
  World world;
  world.question.now = At(10'000);
  world.question.broken = {{1, 8}, {1, 20}};
  const WalArchiveState state =
      world.Add(1, 1, 10).Add(1, 12, 20).Base(2 * kBytes, 3 * kBytes, 100).Judge();
  // 11 is missing; 8 and 20 are there and of no use.
  EXPECT_EQ(state.lost, 1u);
  ASSERT_EQ(state.gaps.size(), 1u);
  EXPECT_EQ(state.gaps[0].range, (WalRange{1, 11, 11}));
  EXPECT_EQ(state.reachable, (WalRange{1, 1, 7}));
  EXPECT_EQ(state.archived_to, 20 * kBytes);
}

TEST(WalArchiveTest, UnderstandsPgBackRestNames) {
  const std::string sha(40, 'a');
  std::vector<PlaceObject> objects;
  objects.push_back({"15-1/0000000100000000/" + Seg(1, 1) + "-" + sha + ".gz", 5, At(1), 1});
  objects.push_back({"15-1/0000000100000000/" + Seg(1, 2) + "-" + sha, 5, At(1), 1});
  objects.push_back(
      {"15-1/0000000100000000/" + Seg(1, 2) + "-" + std::string(40, 'b'), 5, At(1), 1});
  objects.push_back({"15-1/0000000100000000/" + Seg(1, 2) + ".00000028.backup", 5, At(1), 1});
  const WalInventory inventory = TakeWalInventory(objects, kSize);
  EXPECT_EQ(inventory.segments.at(1).size(), 2u);
  EXPECT_EQ(inventory.twice.size(), 1u);
  EXPECT_EQ(inventory.backups.size(), 1u);
}

TEST(WalArchiveTest, AMillionSegmentsAreJudgedAtOnce) {
  WalInventory inventory;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    if (i != 123'456) inventory.segments[1].push_back({i, i, At(1)});
  }
  WalQuestion question;
  question.now = At(10'000);
  EXPECT_EQ(JudgeWalArchive(inventory, question).lost, 1u);
}

// Counts what is asked of a folder.
class CountingPlace final : public Place {
 public:
  explicit CountingPlace(const std::string& path) : inner_(MakeFolderPlace(path)) {}
  std::string Describe() const override { return inner_->Describe(); }
  tl::expected<PlaceListing, Finding> List(const ListOptions& options,
                                           const PlaceContext& context) override {
    auto listing = inner_->List(options, context);
    listed += listing ? listing->objects.size() : 0;
    return listing;
  }
  tl::expected<std::string, Finding> Read(const std::string& name, std::int64_t max_bytes,
                                          const PlaceContext& context) override {
    return inner_->Read(name, max_bytes, context);
  }
  tl::expected<std::string, Finding> ReadHead(const std::string& name, std::int64_t size,
                                              const PlaceContext& context) override {
    return inner_->ReadHead(name, size, context);
  }
  verify::Walked<std::unique_ptr<verify::Source>> Open(const std::string& name,
                                                       verify::ReadBudget& budget,
                                                       verify::DigestTee* tee) override {
    ++opened;
    return inner_->Open(name, budget, tee);
  }
  std::size_t listed = 0;
  int opened = 0;

 private:
  std::unique_ptr<Place> inner_;
};

TEST(WalReaderTest, NamesTellTheSizeOfSegmentsThatKeepItToThemselves) {
  const auto guess = [](std::int64_t size, std::uint64_t first, std::uint64_t last) {
    std::vector<PlaceObject> objects;
    for (std::uint64_t i = first; i <= last; ++i) {
      objects.push_back({verify::SegmentName(1, i, size) + ".gpg", 1000, At(0), 1});
    }
    return GuessSegmentBytes(objects);
  };
  for (const std::int64_t mib : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}) {
    const std::uint64_t each = 4096 / static_cast<std::uint64_t>(mib);
    EXPECT_EQ(guess(mib * kMiB, 3 * each - 1, 3 * each), mib * kMiB) << mib;
    EXPECT_EQ(guess(mib * kMiB, each - 1, each - 1), std::min(mib, std::int64_t{16}) * kMiB) << mib;
  }
  EXPECT_EQ(guess(kSize, 3, 9), kSize) << "it does not show";
  EXPECT_EQ(GuessSegmentBytes({}), kSize);
  EXPECT_EQ(GuessSegmentBytes({{"0000000100000000FFFFFFFF.gpg", 1, At(0), 1}}), kSize);
}

TEST(WalReaderTest, WhatCannotBeReadIsNoGapAndNoStranger) {
  const TempDir folder;
  constexpr std::int64_t kLarge = 64 * kMiB;
  for (std::uint64_t i = 60; i < 70; ++i) {
    folder.Write("wal/" + verify::SegmentName(i < 66 ? 1 : 2, i, kLarge) + ".gz.gpg", "\x8c\r");
  }
  folder.Write("wal/00000002.history.lzo", "\x89LZO");
  folder.Write("wal/" + verify::SegmentName(1, 61, kLarge) + ".00000028.backup.enc", "anything");
  CountingPlace place(folder.path());
  WalReader reader(place, "wal/");
  ASSERT_TRUE(reader.Refresh(At(0), {base::Deadline(base::SteadyTime::max()), {}}));
  EXPECT_EQ(reader.inventory().segment_bytes, kLarge);
  EXPECT_EQ(reader.inventory().segments.at(1).size(), 6u);
  EXPECT_EQ(reader.unread_histories(), std::set<std::uint32_t>{2});
  ASSERT_EQ(reader.problems().size(), 2u);
  for (const Finding& problem : reader.problems()) EXPECT_FALSE(IsDamage(problem));
  WalQuestion question;
  question.unread_histories = reader.unread_histories();
  question.bases = reader.bases();
  const WalArchiveState state = JudgeWalArchive(reader.inventory(), question);
  EXPECT_EQ(state.timeline, 2u);
  EXPECT_TRUE(state.gaps.empty());
  EXPECT_TRUE(state.newer.empty());
  ASSERT_EQ(state.chains.size(), 1u);
  EXPECT_EQ(reader.bases()[0].start, 61u * kLarge + 0x28);
  EXPECT_EQ(state.chains[0].reaches, 69u);
}

TEST(WalReaderTest, OfTwoFilesTheReadableOneCounts) {
  std::vector<PlaceObject> objects = {{Seg(1, 1), kSize, At(0), 1},
                                      {Seg(1, 1) + ".gpg", kSize + 500, At(0), 1},
                                      {Seg(1, 2), 0, At(0), 1},
                                      {Seg(1, 2) + ".gpg", kSize, At(0), 1}};
  const WalInventory inventory = TakeWalInventory(objects, kSize);
  EXPECT_EQ(inventory.segments.at(1)[0].object, 0u);
  EXPECT_EQ(inventory.segments.at(1)[1].object, 3u) << "an empty one holds nothing";
}

TEST(WalReaderTest, ListsTheTailAndReadsTextsOnce) {
  const TempDir folder;
  for (std::uint64_t i = 0; i < 2500; ++i) folder.Write("wal/" + Seg(2, i), "");
  folder.Write("wal/00000002.history", "1\t0/0000000\tno reason\n");
  folder.Write("wal/" + Seg(2, 7) + ".00000028.backup",
               "START WAL LOCATION: 0/7000028 (file x)\nSTOP WAL LOCATION: 0/8000000 (file x)\n"
               "STOP TIME: 2026-11-21 11:55:44 UTC\nSTART TIMELINE: 2\n");
  folder.Write("elsewhere/" + Seg(2, 3000), "");
  CountingPlace place(folder.path());
  WalReader reader(place, "wal/");
  const PlaceContext context{base::Deadline(base::SteadyTime::max()), {}};
  ASSERT_TRUE(reader.Refresh(At(0), context));
  EXPECT_EQ(reader.objects().size(), 2502u);
  EXPECT_EQ(reader.histories().at(2).front().timeline, 1u);
  ASSERT_EQ(reader.bases().size(), 1u);
  EXPECT_EQ(reader.bases()[0].start, 0x7000028u);
  EXPECT_EQ(base::ToUnixMillis(reader.bases()[0].stopped), 1'795'262'144'000);
  EXPECT_TRUE(reader.problems().empty());
  const int opened = place.opened;
  place.listed = 0;
  folder.Write("wal/" + Seg(2, 2500), "");
  ASSERT_TRUE(reader.Refresh(At(1), context));
  EXPECT_EQ(reader.inventory().segments.at(2).size(), 2501u);
  EXPECT_EQ(place.listed, WalReader::kOverlap + 1);
  EXPECT_EQ(place.opened, opened);
  // What vanished from the middle shows at the next full listing.
  std::filesystem::remove(folder.Path("wal/" + Seg(2, 1000)));
  ASSERT_TRUE(reader.Refresh(At(10), context));
  EXPECT_EQ(reader.inventory().segments.at(2).size(), 2501u);
  ASSERT_TRUE(reader.Refresh(At(30), context));
  EXPECT_EQ(reader.inventory().segments.at(2).size(), 2500u);
  folder.Write("wal/00000002.history", "5\t0/0\tx\n");
  ASSERT_TRUE(reader.Refresh(At(60), context));
  ASSERT_EQ(reader.problems().size(), 1u);
  EXPECT_EQ(reader.problems()[0].reason, model::Reason::kCorrupt);
  EXPECT_TRUE(reader.histories().empty());
}

// Their names say it: the bytes of an unknown cipher say nothing.
TEST(WalReaderTest, KnowsWhatWentAwayOnlyOfWhatItHasSeen) {
  const testing::TempDir folder;
  for (std::uint64_t i = 1; i <= 5; ++i) folder.Write(Seg(1, i), "x");
  std::filesystem::remove(folder.Path(Seg(1, 2)));
  const auto place = MakeFolderPlace(folder.path());
  WalReader reader(*place, "");
  const PlaceContext context{base::Deadline(base::SteadyTime::max()), {}};
  ASSERT_TRUE(reader.Refresh(At(1000), context));
  EXPECT_TRUE(reader.removed().empty());
  std::filesystem::remove(folder.Path(Seg(1, 3)));
  ASSERT_TRUE(reader.Refresh(At(1001), context));
  EXPECT_EQ(reader.removed(), (WalSegmentSet{{1, 3}}));
  ASSERT_TRUE(reader.Refresh(At(1001) + WalRemovals::kQuiet, context));
  EXPECT_TRUE(reader.removed().empty());
}

TEST(WalReaderTest, SealedFilesAreOfTheArchive) {
  const TempDir folder;
  for (const std::uint64_t number : {7, 9}) {
    folder.Write("wal/" + Seg(2, number) + ".gz.gpg", "no known cipher");
  }
  folder.Write("wal/" + Seg(2, 7) + ".00000028.backup.enc", "no known cipher");
  folder.Write("wal/00000002.history.age", "no known cipher");
  const auto place = MakeFolderPlace(folder.path());
  WalReader reader(*place, "wal/");
  ASSERT_TRUE(reader.Refresh(At(0), {base::Deadline(base::SteadyTime::max()), {}}));
  EXPECT_EQ(reader.inventory().segments.at(2).size(), 2u);
  ASSERT_EQ(reader.problems().size(), 2u);
  for (const Finding& problem : reader.problems()) {
    EXPECT_EQ(problem.reason, model::Reason::kUnverified) << problem.message;
  }
  verify::ReadBudget budget({});
  WalChecker checker(*place, 0);
  const WalCheck check = checker.Check(reader.objects()[0], budget);
  EXPECT_EQ(check.outcome, verify::Outcome::kUnjudged) << check.text;
  // An archive_command that packs into the segment's own name.
  folder.Write("wal/" + Seg(2, 8), std::string("\x89LZO\0\r\n\x1a\n", 9) + "packed");
  ASSERT_TRUE(reader.Refresh(At(1000), {base::Deadline(base::SteadyTime::max()), {}}));
  const WalCheck packed = checker.Check(reader.objects()[3], budget);
  EXPECT_EQ(packed.outcome, verify::Outcome::kUnjudged) << packed.text;
  EXPECT_EQ(packed.text, "packed by lzop");
}

TEST(WalReaderTest, EncryptedTextsAreNotDamaged) {
  const TempDir folder;
  folder.Write("wal/" + Seg(2, 7), "Salted__");
  folder.Write("wal/" + Seg(2, 7) + ".00000028.backup", "Salted__12345678abcdef");
  folder.Write("wal/00000002.history", "Salted__12345678abcdef");
  CountingPlace place(folder.path());
  WalReader reader(place, "wal/");
  const PlaceContext context{base::Deadline(base::SteadyTime::max()), {}};
  ASSERT_TRUE(reader.Refresh(At(0), context));
  ASSERT_EQ(reader.problems().size(), 2u);
  for (const Finding& problem : reader.problems()) {
    EXPECT_EQ(problem.reason, model::Reason::kUnverified);
    EXPECT_NE(problem.message.find(" is encrypted"), std::string::npos) << problem.message;
  }
  const int opened = place.opened;
  ASSERT_TRUE(reader.Refresh(At(1), context));
  EXPECT_EQ(place.opened, opened);
}

TEST(WalReaderTest, AKnownArchiveInABucketCostsOneRequestALook) {
  const testing::FakeClock clock;
  testing::FakeS3 server("bucket");
  const auto put = [&](std::uint64_t number) {
    server.Put("pg/wal/" + Seg(1, number), "Salted__", At(number));  // no head can be read
  };
  constexpr std::uint64_t kSegments = 4'000;
  for (std::uint64_t i = 0; i < kSegments; ++i) put(i);
  config::S3 s3;
  s3.endpoint = server.endpoint();
  s3.access_key_id = "AK";
  s3.secret_access_key.value = base::Secret("topsecret");
  const auto place = MakeS3Place({"s3://bucket/pg", s3}, clock);
  WalReader reader(*place, "wal/");
  const PlaceContext context{base::Deadline::After(std::chrono::minutes(1)), {}};
  ASSERT_TRUE(reader.Refresh(At(10'000), context));
  EXPECT_EQ(server.Count("LIST"), static_cast<int>(kSegments / 1000));
  const auto requests_of = [&](std::int64_t second) {
    const std::size_t before = server.requests().size();
    EXPECT_TRUE(reader.Refresh(At(second), context));
    return server.requests().size() - before;
  };
  EXPECT_EQ(requests_of(10'001), 1u);
  put(kSegments);
  const std::uint64_t changes = reader.changes();
  EXPECT_EQ(requests_of(10'002), 1u);
  EXPECT_EQ(reader.changes(), changes + 1);
  EXPECT_EQ(reader.inventory().segments.at(1).size(), kSegments + 1);
  EXPECT_EQ(requests_of(10'003), 1u);
  EXPECT_EQ(reader.changes(), changes + 1);
  // All of it again after ten seconds for each thousand: nothing is new.
  EXPECT_EQ(requests_of(10'060), 5u);
  EXPECT_EQ(reader.changes(), changes + 1);
  EXPECT_EQ(reader.objects().size(), kSegments + 1);
}

}  // namespace
}  // namespace drwatch::catalog
