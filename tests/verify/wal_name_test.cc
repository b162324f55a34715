#include "verify/wal_name.h"

#include <gtest/gtest.h>

#include "verify/wal_text.h"

namespace drwatch::verify {
namespace {

using Kind = WalFileName::Kind;

TEST(WalNameTest, UnderstandsWhatArchivesHold) {
  const std::string segment = "000000020000000A000000FE";
  const std::string sha(40, 'c');
  for (const std::string ending : {"", ".gz", ".zst", ".lz4", ".xz", ".bz2", ".br", ".lzma"}) {
    for (const std::string& folder : {std::string(), std::string("wal_005/000000020000000A/")}) {
      const auto plain = ParseWalFileName(folder + segment + ending);
      ASSERT_TRUE(plain) << ending;
      EXPECT_EQ(plain->kind, Kind::kSegment);
      EXPECT_EQ(plain->timeline, 2u);
      EXPECT_EQ(SegmentNumber(*plain, 16 << 20), 0xAFEu);
      EXPECT_EQ(plain->packed, !ending.empty());
      const auto hashed = ParseWalFileName(folder + segment + "-" + sha + ending);
      ASSERT_TRUE(hashed);
      EXPECT_EQ(hashed->sha1, sha);
      const auto backup = ParseWalFileName(folder + segment + ".00000028.backup" + ending);
      ASSERT_TRUE(backup);
      EXPECT_EQ(backup->kind, Kind::kBackup);
      EXPECT_EQ(backup->offset, 0x28u);
      EXPECT_EQ(ParseWalFileName("0000000B.history" + ending)->kind, Kind::kHistory);
      EXPECT_EQ(ParseWalFileName(segment + ending + ".partial")->kind, Kind::kPartial);
      EXPECT_EQ(ParseWalFileName(segment + ".partial" + ending)->kind, Kind::kPartial);
    }
  }
}

TEST(WalNameTest, KnowsWhatKeepsItsContentToItself) {
  const std::string segment = "000000020000000A000000FE";
  for (const std::string ending : {".gpg", ".gz.gpg", ".zst.age", ".lzo", ".enc", ".lz4.aes", ".lz",
                                   ".Z", ".zip", ".7z", ".xz.gpg.asc"}) {
    for (const std::string& name :
         {segment + ending, segment + ".partial" + ending, segment + ".00000028.backup" + ending,
          "00000002.history" + ending}) {
      const auto parsed = ParseWalFileName(name);
      ASSERT_TRUE(parsed) << name;
      EXPECT_TRUE(parsed->sealed && parsed->packed) << name;
    }
    EXPECT_EQ(ParseWalFileName(segment + ending)->kind, Kind::kSegment);
  }
  EXPECT_FALSE(ParseWalFileName(segment + ".lzma")->sealed);
  EXPECT_FALSE(ParseWalFileName(segment + ".gz")->sealed);
  EXPECT_FALSE(ParseWalFileName(segment)->sealed);
}

TEST(WalNameTest, RefusesWhatIsNone) {
  for (const std::string name :
       {"", "/", "000000020000000A000000F", "000000020000000A000000FE0", "000000020000000a000000fe",
        "000000000000000A000000FE", "000000020000000A000000FE.tmp",
        "000000020000000A000000FE.gz.tmp", "000000020000000A000000FE-abc",
        "000000020000000A000000FE.28.backup", "00000002.histor", "00000002.history.partial",
        "000000020000000A000000FE.gpgx", "000000020000000A000000FE.lzx",
        "000000020000000A000000FE.", "000000020000000A000000FE.backup", "00000002",
        "+0000002.history", "000000020000000A000000FE.00000028.backup.partial"}) {
    EXPECT_FALSE(ParseWalFileName(name)) << name;
  }
}

TEST(WalNameTest, CountsWithAnySegmentSize) {
  for (const std::int64_t mib : {1, 2, 16, 64, 1024}) {
    const std::int64_t size = mib << 20;
    ASSERT_TRUE(IsSegmentSize(size));
    for (const std::uint64_t number :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{4},
          std::uint64_t{255}, std::uint64_t{256}, std::uint64_t{4095}, std::uint64_t{4096},
          std::uint64_t{99999}}) {
      const auto name = ParseWalFileName(SegmentName(7, number, size));
      ASSERT_TRUE(name);
      EXPECT_EQ(name->timeline, 7u);
      EXPECT_EQ(SegmentNumber(*name, size), number) << mib;
    }
  }
  EXPECT_FALSE(SegmentNumber(*ParseWalFileName("000000010000000000000100"), 16 << 20));
  EXPECT_TRUE(SegmentNumber(*ParseWalFileName("000000010000000000000100"), 1 << 20));
  for (const std::int64_t size : {0, 1, 1 << 19, 3 << 20, -(1 << 20)}) {
    EXPECT_FALSE(IsSegmentSize(size)) << size;
  }
}

TEST(WalNameTest, ReadsPositions) {
  EXPECT_EQ(ParseLsn("16/B374D848"), 0x16B374D848u);
  EXPECT_EQ(FormatLsn(0x16B374D848), "16/B374D848");
  for (const std::string text : {"", "/", "1/", "/1", "1", "1/2/3", "1/123456789", "x/1", "1/2 "}) {
    EXPECT_FALSE(ParseLsn(text)) << text;
  }
}

TEST(WalTextTest, ReadsTimelineHistories) {
  const auto history = ParseTimelineHistory(
      "# a comment\n1\t0/9000060\tno recovery target specified\n\n3 A/0 x\n", 4);
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(*history, (std::vector<TimelineSwitch>{{1, 0x9000060}, {3, 0xA00000000}}));
  for (const std::string text :
       {"", "# nothing\n", "1\n", "x\t0/1\n", "0\t0/1\n", "1\t01\n", "4\t0/1\n", "5\t0/1\n",
        "2\t0/5\tx\n1\t0/6\tx\n", "1\t0/6\tx\n2\t0/5\tx\n", "1\t0/6\tx\n1\t0/7\tx\n", "1\t0/90000",
        "1\t0/9000060\tno recovery target spec"}) {
    const auto bad = ParseTimelineHistory(text, 4);
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().reason, model::Reason::kCorrupt);
  }
}

TEST(WalTextTest, ReadsBackupHistories) {
  const std::string text =
      "START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\n"
      "STOP WAL LOCATION: 0/3000138 (file 000000010000000000000003)\n"
      "CHECKPOINT LOCATION: 0/3000060\nBACKUP METHOD: streamed\nBACKUP FROM: primary\n"
      "START TIME: 2026-11-21 11:55:44 UTC\nLABEL: pg_basebackup base backup\n"
      "START TIMELINE: 1\nSTOP TIME: 2026-11-21 11:55:45 UTC\nSTOP TIMELINE: 1\n";
  const auto backup = ParseBackupHistory(text);
  ASSERT_TRUE(backup);
  EXPECT_EQ(backup->start, 0x3000028u);
  EXPECT_EQ(backup->stop, 0x3000138u);
  EXPECT_EQ(backup->timeline, 1u);
  EXPECT_EQ(backup->stop_timeline, 1u);
  EXPECT_EQ(backup->label, "pg_basebackup base backup");
  ASSERT_TRUE(backup->started && backup->stopped);
  EXPECT_EQ(*backup->stopped - *backup->started, std::chrono::seconds(1));
  // Before PostgreSQL 11 no line names the timeline; the segments do.
  const auto old = ParseBackupHistory(
      "START WAL LOCATION: 0/2000028 (file 000000070000000000000002)\n"
      "STOP WAL LOCATION: 0/2000130 (file 000000080000000000000002)\n"
      "START TIME: 2019-01-02 03:04:05 UTC\n");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->timeline, 7u);
  EXPECT_EQ(old->stop_timeline, 8u);
  EXPECT_FALSE(ParseBackupHistory(""));
  EXPECT_FALSE(ParseBackupHistory(text.substr(0, 60)));
  EXPECT_FALSE(ParseBackupHistory("START WAL LOCATION: 0/5\nSTOP WAL LOCATION: 0/4\n"));
  const auto local = ParseBackupHistory(
      "START WAL LOCATION: 0/3 (x)\nSTOP WAL LOCATION: 0/4\nSTOP TIME: 2026-11-21 11:55:45 CET\n");
  ASSERT_TRUE(local);
  EXPECT_FALSE(local->stopped);
  EXPECT_EQ(local->stop_timeline, 0u) << "servers before 11 do not say";
}

}  // namespace
}  // namespace drwatch::verify
