#include "probes/read_speeds.h"

#include <gtest/gtest.h>

#include "probes/backup_verdicts.h"

namespace drwatch::probes {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr base::Timestamp kNow = base::Timestamp(std::chrono::hours(480'000));
constexpr std::int64_t kMiB = 1 << 20;

std::int64_t BytesOf(const std::optional<model::Reading>& reading) {
  return reading ? reading->bytes : -1;
}

TEST(ReadSpeedsTest, TheReadingOfAnArtefactIsItsLastOne) {
  ReadSpeeds speeds(nullptr, "nightly");
  EXPECT_FALSE(speeds.Find("/a"));
  speeds.Put("/a", {kMiB, 10ms}, kMiB, kNow);
  speeds.Put("/a", {kMiB, 30ms}, kMiB, kNow + 1s);
  EXPECT_EQ(speeds.Find("/a")->took, 30ms);
}

TEST(ReadSpeedsTest, WithoutOneTheLatestOfThePlaceStandsIn) {
  ReadSpeeds speeds(nullptr, "nightly");
  speeds.Put("/a", {2 * kMiB, 10ms}, 2 * kMiB, kNow + 1s);
  speeds.Put("/b", {3 * kMiB, 10ms}, 3 * kMiB, kNow);
  EXPECT_EQ(BytesOf(speeds.Find("/b")), 3 * kMiB);
  EXPECT_EQ(BytesOf(speeds.Find("/c")), 2 * kMiB);
}

TEST(ReadSpeedsTest, AReadingThatSaysTooLittleIsNotKept) {
  ReadSpeeds speeds(nullptr, "nightly");
  speeds.Put("/a", {0, 10ms}, 0, kNow);
  speeds.Put("/a", {100 * 1024, 10ms}, 100 * kMiB, kNow);
  EXPECT_FALSE(speeds.Find("/a")) << "its head, to see that it is encrypted";
  speeds.Put("/a", {kLeastReadBytes, 10ms}, 1000 * kLeastReadBytes, kNow);
  EXPECT_EQ(BytesOf(speeds.Find("/a")), kLeastReadBytes) << "what is new of a repository";
  speeds.Put("/a", {600, 10ms}, 1000, kNow);
  EXPECT_EQ(BytesOf(speeds.Find("/a")), 600);
}

TEST(ReadSpeedsTest, SmallReadingsAreAddedUpAndOldOnesFade) {
  ReadSpeeds speeds(nullptr, "wal");
  speeds.Add("", {0, 5ms}, kNow);
  EXPECT_FALSE(speeds.Find(""));
  speeds.Add("", {16 * kMiB, 10ms}, kNow);
  speeds.Add("", {16 * kMiB, 30ms}, kNow);
  EXPECT_EQ(BytesOf(speeds.Find("")), 32 * kMiB);
  EXPECT_EQ(speeds.Find("")->took, 40ms);
  for (int i = 0; i < 1000; ++i) speeds.Add("", {16 * kMiB, 160ms}, kNow);
  EXPECT_LE(BytesOf(speeds.Find("")), kAddedUpBytes);
  const model::Reading last = *speeds.Find("");
  EXPECT_NEAR(static_cast<double>(last.bytes) / static_cast<double>(last.took.count()),
              16.0 * kMiB / 160'000, 1);
}

TEST(ReadSpeedsTest, OutlastsARestart) {
  const auto database = *db::Database::OpenInMemory(BackupMigrations());
  ReadSpeeds(database.get(), "nightly").Put("/a", {kMiB, 10ms}, kMiB, kNow);
  ReadSpeeds(database.get(), "other").Put("/a", {2 * kMiB, 10ms}, kMiB, kNow);
  const ReadSpeeds again(database.get(), "nightly");
  EXPECT_EQ(BytesOf(again.Find("/a")), kMiB);
  EXPECT_EQ(again.Find("/a")->took, 10ms);
}

TEST(ReadSpeedsTest, KeepsTheLatestOnes) {
  const auto database = *db::Database::OpenInMemory(BackupMigrations());
  ReadSpeeds speeds(database.get(), "nightly");
  for (std::size_t i = 0; i <= kMaxReadings; ++i) {
    const auto bytes = static_cast<std::int64_t>(1000 + i);
    speeds.Put("/" + std::to_string(i), {bytes, 1ms}, bytes, kNow + 1s * i);
  }
  const std::int64_t latest = 1000 + kMaxReadings;
  EXPECT_EQ(BytesOf(speeds.Find("/1")), 1001);
  EXPECT_EQ(BytesOf(speeds.Find("/0")), latest) << "its own is gone";
  EXPECT_EQ(BytesOf(ReadSpeeds(database.get(), "nightly").Find("/0")), latest);
}

TEST(ReadSpeedsTest, WaitingForTheRateIsNoReading) {
  const model::Reading reading = ReadingOf(1000, 3s, 2'500'000'000);
  EXPECT_EQ(reading.bytes, 1000);
  EXPECT_EQ(reading.took, 500ms);
  EXPECT_EQ(ReadingOf(1000, 1s, 2'000'000'000).took, 0ms) << "another clock";
}

TEST(ReadSpeedsTest, ARestoreFromARepositoryReadsWhatTheBackupBuildsUpon) {
  catalog::Artefact artefact;
  artefact.size_bytes = 100;
  EXPECT_EQ(RestoreBytes(artefact), 100);
  catalog::RepositoryFacts facts;
  facts.stored_bytes = 5000;
  artefact.facts = std::make_shared<const catalog::RepositoryFacts>(facts);
  EXPECT_EQ(RestoreBytes(artefact), 5000);
}

}  // namespace
}  // namespace drwatch::probes
