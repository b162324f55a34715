#include "probes/backup_history.h"

#include <gtest/gtest.h>

namespace drwatch::probes {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;

// 2026-04-10 12:00 UTC.
const base::Timestamp kNow = base::FromUnixMillis(1'775'822'400'000);
const base::Timestamp kMidnight = kNow - 12h;

catalog::Artefact Artefact(base::Timestamp time, std::int64_t size = 100 << 20) {
  catalog::Artefact artefact;
  artefact.name = "shop-" + base::FormatRfc3339(time);
  artefact.path = "/b/" + artefact.name;
  artefact.time = time;
  artefact.size_bytes = size;
  artefact.fingerprint = 1;
  return artefact;
}

// One a day at 02:05, for the days before today that `missing` does not name; oldest first.
std::vector<catalog::Artefact> Nightly(int days, const std::vector<int>& missing = {}) {
  std::vector<catalog::Artefact> all;
  for (int day = days; day >= 0; --day) {
    if (std::find(missing.begin(), missing.end(), day) != missing.end()) continue;
    all.push_back(Artefact(kMidnight + 2h + 5min - 24h * day));
  }
  return all;
}

config::BackupProbe Spec(const std::string& line = "0 2 * * *", const std::string& zone = "UTC") {
  config::BackupProbe spec;
  spec.schedule = *config::Schedule::Parse(line, zone);
  return spec;
}

const BackupCheck* Find(const std::vector<BackupCheck>& checks, std::string_view name) {
  for (const BackupCheck& check : checks) {
    if (check.name == name) return &check;
  }
  return nullptr;
}

TEST(CoverSlotsTest, FindsTheHoles) {
  const auto spec = Spec();
  const SlotCoverage all = CoverSlots(spec, Nightly(29), kNow - 24h * 30, kNow);
  EXPECT_EQ(all.expected, 30);
  EXPECT_EQ(all.missed, 0);
  const SlotCoverage holes = CoverSlots(spec, Nightly(29, {3, 17}), kNow - 24h * 30, kNow);
  EXPECT_EQ(holes.expected, 30);
  EXPECT_EQ(holes.missed, 2);
  EXPECT_EQ(holes.first_missed, kMidnight + 2h - 24h * 17);
}

TEST(CoverSlotsTest, ASlotWithinItsGraceIsNotMissedYet) {
  auto spec = Spec();
  spec.grace = 1h;
  const auto before = Nightly(5, {0});
  EXPECT_EQ(CoverSlots(spec, before, kNow - 24h * 5, kMidnight + 2h + 59min).missed, 0);
  EXPECT_EQ(CoverSlots(spec, before, kNow - 24h * 5, kMidnight + 3h + 1min).missed, 1);
}

TEST(CoverSlotsTest, TwoInOneSlotCoverOne) {
  auto backups = Nightly(5, {2});
  backups.insert(backups.begin() + 3, Artefact(kMidnight - 48h - 10h));
  EXPECT_EQ(CoverSlots(Spec(), backups, kNow - 24h * 5, kNow).missed, 1);
}

TEST(CoverSlotsTest, ClocksThatChangeSkipNoSlot) {
  // 2026-03-29 02:30 does not exist in Berlin: the slot is due when the gap ends, at 01:00 UTC.
  auto spec = Spec("30 2 * * *", "Europe/Berlin");
  std::vector<catalog::Artefact> backups;
  base::Timestamp slot = spec.schedule->LatestSlot(kNow);
  for (int i = 0; i < 20; ++i) {
    backups.insert(backups.begin(), Artefact(slot + 3min));
    slot = spec.schedule->LatestSlot(slot - base::Duration(1));
  }
  const SlotCoverage coverage = CoverSlots(spec, backups, backups.front().time - 1h, kNow);
  EXPECT_EQ(coverage.expected, 20);
  EXPECT_EQ(coverage.missed, 0);
}

TEST(JudgeHistoryTest, WarnsOfMissedSlotsSinceTheOldest) {
  auto spec = Spec();
  const auto checks = JudgeHistory(spec, Nightly(9, {4}), kNow);
  const BackupCheck* slots = Find(checks, "slots");
  ASSERT_NE(slots, nullptr);
  EXPECT_FALSE(slots->ok);
  EXPECT_EQ(slots->severity, model::Severity::kWarning);
  EXPECT_EQ(slots->message,
            "9 of 10 slots have a backup; the first without one is 2026-04-06T02:00:00Z");
  EXPECT_TRUE(Find(JudgeHistory(spec, Nightly(9), kNow), "slots")->ok);
}

TEST(DeviationTest, NeedsAFewAndIgnoresWhatIsUsual) {
  config::BackupProbe spec;
  EXPECT_FALSE(DeviationOf(spec, Nightly(3)).has_value());
  auto backups = Nightly(10);
  EXPECT_EQ(DeviationOf(spec, backups)->ratio, 0);
  backups.back().size_bytes = 40 << 20;
  EXPECT_TRUE(DeviationOf(spec, backups)->unusual);
  EXPECT_NEAR(DeviationOf(spec, backups)->ratio, -0.6, 1e-9);
  const BackupCheck check = *Find(JudgeHistory(spec, backups, kNow), "size_trend");
  EXPECT_EQ(check.reason, model::Reason::kUnusualSize);
  EXPECT_EQ(check.message, "60% below the median of 100.0 MiB");
  backups.back().size_bytes = 151 << 20;
  EXPECT_TRUE(DeviationOf(spec, backups)->unusual) << "growth counts, too";
  spec.size_deviation_ratio = 0;
  EXPECT_FALSE(DeviationOf(spec, backups)->unusual);
  EXPECT_EQ(Find(JudgeHistory(spec, backups, kNow), "size_trend"), nullptr);
}

TEST(DeviationTest, ComparesWithinAKindAndASeries) {
  config::BackupProbe spec;
  std::vector<catalog::Artefact> backups;
  for (int day = 9; day >= 0; --day) {
    for (const std::string database : {"crm", "shop"}) {
      auto& artefact = backups.emplace_back(Artefact(kMidnight - 24h * day));
      artefact.name = database + "-" + std::to_string(20260401 + 9 - day) + ".dump";
      artefact.size_bytes = (database == "shop" ? 400 : 60) << 20;
    }
  }
  EXPECT_EQ(DeviationOf(spec, backups)->ratio, 0) << "shop beside shop";
  backups.back().size_bytes = 60 << 20;
  EXPECT_TRUE(DeviationOf(spec, backups)->unusual);
  auto& incremental = backups.emplace_back(Artefact(kNow));
  incremental.name = "shop-incremental-20260410.dump";
  EXPECT_FALSE(DeviationOf(spec, backups)) << "the first of its series";
  // A full one of a repository after its deltas.
  for (auto& artefact : backups) {
    auto facts = std::make_shared<catalog::RepositoryFacts>();
    facts->kind = &artefact == &backups.back() ? "full" : "incremental";
    artefact.facts = facts;
  }
  EXPECT_FALSE(DeviationOf(spec, backups));
  auto facts = std::make_shared<catalog::RepositoryFacts>();
  facts->kind = "incremental";
  backups.back().facts = facts;
  EXPECT_TRUE(DeviationOf(spec, backups)) << "whatever its name is";
}

TEST(DeviationTest, WeekdaysAreOneSeries) {
  config::BackupProbe spec;
  auto backups = Nightly(6);
  const std::string days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  for (std::size_t i = 0; i < backups.size(); ++i) backups[i].name = "shop-" + days[i] + ".dump";
  backups.back().size_bytes = 40 << 20;
  EXPECT_TRUE(DeviationOf(spec, backups)->unusual);
}

TEST(IsTooSmallTest, WhatABackupIsBuiltUponCounts) {
  config::BackupProbe spec;
  spec.min_size_bytes = 1000;
  auto artefact = Artefact(kNow, 10);
  EXPECT_TRUE(IsTooSmall(spec, artefact));
  auto facts = std::make_shared<catalog::RepositoryFacts>();
  facts->own_bytes = 10;
  facts->stored_bytes = 10;
  artefact.facts = facts;
  EXPECT_TRUE(IsTooSmall(spec, artefact)) << "a full one";
  facts->stored_bytes = 5000;
  EXPECT_FALSE(IsTooSmall(spec, artefact)) << "a delta";
}

TEST(DeviationTest, SmallOnesAndWildOnesAreLeftAlone) {
  config::BackupProbe spec;
  auto small = Nightly(10);
  for (auto& artefact : small) artefact.size_bytes = 1 << 20;
  small.back().size_bytes = 5 << 20;
  EXPECT_FALSE(DeviationOf(spec, small)->unusual) << "below the floor";
  auto wild = Nightly(10);
  for (std::size_t i = 0; i < wild.size(); ++i) {
    wild[i].size_bytes = static_cast<std::int64_t>(20 + 60 * (i % 4)) << 20;
  }
  wild.back().size_bytes = 20 << 20;
  EXPECT_FALSE(DeviationOf(spec, wild)->unusual) << "sizes vary that much here";
}

TEST(JudgeHistoryTest, CountsWhatIsKept) {
  config::BackupProbe spec;
  spec.min_count = 7;
  EXPECT_TRUE(Find(JudgeHistory(spec, Nightly(6), kNow), "count")->ok);
  EXPECT_FALSE(Find(JudgeHistory(spec, Nightly(5), kNow), "count")->ok);
  EXPECT_TRUE(JudgeHistory(spec, {}, kNow).empty());
}

TEST(CopiesTest, TellsWhichOnesAreGoodAndWhyOthersAreNot) {
  config::BackupProbe spec;
  spec.kind = "dump";
  spec.min_size_bytes = 1000;
  BackupVerdicts verdicts(nullptr, "nightly");
  auto backups = Nightly(3);
  backups[0].size_bytes = 10;
  BackupVerdict verdict;
  verdict.fingerprint = 1;
  verdict.outcome = verify::Outcome::kBroken;
  verdict.text = "byte 5: checksum differs";
  verdicts.Put(backups[1].path, verdict);
  verdict.outcome = verify::Outcome::kIntact;
  verdict.level = verify::Level::kContent;
  verdict.verified = kNow;
  verdicts.Put(backups[2].path, verdict);
  ReadSpeeds speeds(nullptr, "nightly");
  speeds.Put(backups[1].path, {500, 20ms}, 500, kNow - 1h);
  speeds.Put(backups[2].path, {1000, 10ms}, 1000, kNow);
  const auto copies =
      CopiesOf(spec, backups, verdicts, speeds, [](const std::string&) { return false; });
  ASSERT_EQ(copies.size(), 4u);
  EXPECT_FALSE(copies[0].good);
  EXPECT_EQ(copies[0].problem, "not verified");
  EXPECT_TRUE(copies[1].good);
  EXPECT_EQ(copies[1].level, 4);
  EXPECT_EQ(copies[1].kind, "dump");
  EXPECT_EQ(copies[1].verified, kNow);
  EXPECT_EQ(copies[2].problem, "byte 5: checksum differs");
  EXPECT_TRUE(copies[2].broken);
  EXPECT_FALSE(copies[0].broken || copies[1].broken || copies[3].broken);
  EXPECT_EQ(copies[1].restore_bytes, backups[2].size_bytes);
  EXPECT_EQ(copies[1].reading->bytes, 1000);
  EXPECT_EQ(copies[2].reading->bytes, 500);
  EXPECT_EQ(copies[3].reading->bytes, 1000) << "the latest of the place";
  EXPECT_EQ(copies[3].problem, "smaller than min_size");
  const auto left = CopiesOf(spec, backups, verdicts, speeds,
                             [&](const std::string& name) { return name == copies[1].name; });
  EXPECT_FALSE(left[1].good);
  EXPECT_TRUE(left[1].problem.starts_with("taken on WAL that the server has left"));
}

TEST(CopiesTest, WhatLacksItsWalIsNotBroken) {
  BackupVerdicts verdicts(nullptr, "nightly");
  const auto backups = Nightly(1);
  BackupVerdict verdict;
  verdict.fingerprint = 1;
  verdict.outcome = verify::Outcome::kBroken;
  verdict.needs_wal.ranges.emplace_back();
  verdicts.Put(backups[0].path, verdict);
  const auto copies =
      CopiesOf(config::BackupProbe(), backups, verdicts, ReadSpeeds(nullptr, "nightly"),
               [](const std::string&) { return false; });
  EXPECT_FALSE(copies.back().good);
  EXPECT_FALSE(copies.back().broken);
}

TEST(CopiesTest, TheNewestGoodOneIsToldHoweverOld) {
  config::BackupProbe spec;
  BackupVerdicts verdicts(nullptr, "nightly");
  const auto backups = Nightly(200);
  BackupVerdict verdict;
  verdict.fingerprint = 1;
  verdict.outcome = verify::Outcome::kIntact;
  for (const int good : {3, 4}) verdicts.Put(backups[good].path, verdict);
  const auto copies = CopiesOf(spec, backups, verdicts, ReadSpeeds(nullptr, "nightly"),
                               [](const std::string&) { return false; });
  ASSERT_EQ(copies.size(), model::kMaxStoredCopies + 1);
  EXPECT_TRUE(copies.back().good);
  EXPECT_EQ(copies.back().point, backups[4].time);
}

}  // namespace
}  // namespace drwatch::probes
