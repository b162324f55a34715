#include "verify/wal_segment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "base/strings.h"
#include "samples.h"
#include "support/eventually.h"
#include "support/postgres_server.h"
#include "verify/content_check.h"
#include "verify/verify.h"
#include "wal_builder.h"

namespace drwatch::verify {
namespace {

namespace fs = std::filesystem;
using model::Reason;
using testing::PostgresServer;

Walked<WalSegmentFacts> WalkOf(std::string_view bytes, const std::string& name,
                               const WalCarry* before = nullptr) {
  MemorySource source(bytes);
  Reader reader(source);
  WalSegmentOptions options;
  options.name = ParseWalFileName(name);
  options.before = before;
  return WalkWalSegment(reader, options);
}

base::Timestamp Unix(std::int64_t seconds) { return base::FromUnixMillis(seconds * 1000); }

TEST(WalSegmentTest, APackedPartialOneEndsWhereItsProgramIs) {
  WalBuilder builder(5);
  builder.Add("first");
  builder.FillTo(40);
  const std::string packed = Gzip(builder.Segments()[0]);
  const std::string half = packed.substr(0, packed.size() / 2);
  const std::string name = builder.Name(0) + ".gz";
  EXPECT_EQ(WalkBytes(half, name).reason, Reason::kIncomplete);
  const std::string partial = name + ".partial";
  const Verdict verdict = WalkBytes(half, partial);
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
  // pg_receivewal ends the packing of one that is not full when it is stopped.
  const std::string short_one = builder.Segments()[0].substr(0, 9 * 8192);
  EXPECT_EQ(WalkBytes(Gzip(short_one), partial).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(Gzip(Flipped(builder.Segments()[0], 20'000)), partial).outcome,
            Outcome::kBroken);
  // What an archive_command packed was whole.
  const std::string archived = builder.Name(0) + ".partial";
  EXPECT_EQ(WalkBytes(half, archived + ".gz").reason, Reason::kIncomplete);
  EXPECT_EQ(WalkBytes(short_one, archived).reason, Reason::kIncomplete);
  EXPECT_EQ(WalkBytes(Gzip(builder.Segments()[0]), archived + ".gz").outcome, Outcome::kIntact);
}

// Encrypted, or packed by a program whose files are not read: nothing is wrong with that.
TEST(WalSegmentTest, WhatKeepsItsContentToItselfIsNotBroken) {
  WalBuilder builder(5);
  builder.Add("first");
  builder.FillTo(40);
  builder.Add(Noise(2 << 20));
  const std::string name = builder.Name(0);
  const std::string segment = builder.Segments()[0];
  const std::string lzop("\x89LZO\x00\x0d\x0a\x1a\x0a", 9);
  const auto expect_unjudged = [](const std::string& content, const std::string& file) {
    const Verdict verdict = VerifyBytes(content, file);
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << file << ": " << verdict.ToString();
    EXPECT_EQ(verdict.reason, Reason::kUnverified) << file;
    EXPECT_EQ(verdict.level, Level::kSize) << file;
  };
  for (const char* ending : {".gpg", ".gz.gpg", ".lzo", ".enc", ".age"}) {
    expect_unjudged(Noise(5000), name + ending);
    expect_unjudged("\x85\x02\x0c\x03" + Noise(5000), name + ending);
    expect_unjudged(Noise(300), name.substr(0, 8) + ".history" + ending);
    expect_unjudged(Noise(300), name + ".00000028.backup" + ending);
    EXPECT_EQ(VerifyBytes(segment, name + ending).outcome, Outcome::kIntact);
    EXPECT_EQ(VerifyBytes("", name + ending).reason, Reason::kTooSmall);
    EXPECT_EQ(VerifyBytes("<html>", name + ending).reason, Reason::kWrongFormat);
    EXPECT_EQ(VerifyBytes(std::string(900, '\0'), name + ending).reason, Reason::kCorrupt);
  }
  // An archive_command that packs into the segment's own name.
  expect_unjudged(lzop + Noise(5000), name);
  EXPECT_NE(VerifyBytes(lzop, name).message.find("packed by lzop"), std::string::npos);
  EXPECT_EQ(VerifyBytes(lzop + Noise(5000), name + ".gz").reason, Reason::kWrongFormat);
  EXPECT_EQ(VerifyBytes(Noise(5000), name).reason, Reason::kWrongFormat);
}

// What a running pg_receivewal leaves: its compressor, or nothing but the file's zeros, comes
// first.
TEST(WalSegmentTest, APartialOneThatHoldsNothingYetIsNoDamageWhileItIsTheLast) {
  WalBuilder builder(5);
  builder.Add("first");
  builder.FillTo(40);
  builder.Add(Noise(2 << 20));
  const auto segments = builder.Segments();
  const std::string lz4_header("\x04\x22\x4d\x18\x40\x40\xc0", 7);
  struct Case {
    std::string ending;
    std::string content;
  };
  for (const auto& [ending, content] : std::vector<Case>{
           {".gz.partial", ""},
           {".gz.partial", Gzip(segments[1]).substr(0, 10)},
           {".gz.partial", Gzip("")},
           {".lz4.partial", lz4_header},
           {".partial", ""},
           {".partial", std::string(8192, '\0')},
           {".partial", std::string(1 << 20, '\0')},
       }) {
    const testing::TempDir folder;
    folder.Write("wal/" + builder.Name(0), segments[0]);
    folder.Write("wal/" + builder.Name(1) + ending, content);
    const Verdict last = VerifyPath(folder.path() + "/wal", {});
    EXPECT_EQ(last.outcome, Outcome::kIntact) << ending << ": " << last.ToString();
    EXPECT_EQ(last.details.size(), 1U);
    // Alone it proves nothing.
    EXPECT_EQ(VerifyBytes(content, builder.Name(1) + ending).outcome, Outcome::kUnjudged);
    folder.Write("other/" + builder.Name(1) + ending, content);
    EXPECT_EQ(VerifyPath(folder.path() + "/other", {}).outcome, Outcome::kUnjudged);
    // Now its segment is lost.
    folder.Write("wal/" + builder.Name(2), segments[2]);
    const Verdict followed = VerifyPath(folder.path() + "/wal", {});
    EXPECT_EQ(followed.outcome, Outcome::kBroken) << ending;
    EXPECT_EQ(followed.place, builder.Name(1) + ending);
    // Another packing took its place.
    folder.Write("wal/" + builder.Name(1), segments[1]);
    EXPECT_EQ(VerifyPath(folder.path() + "/wal", {}).outcome, Outcome::kIntact) << ending;
  }
  // An archive_command packs whole files, and no segment that is complete is empty.
  EXPECT_EQ(WalkBytes(Gzip(std::string(1 << 20, '\0')), builder.Name(1) + ".partial.gz").outcome,
            Outcome::kBroken);
  EXPECT_EQ(WalkBytes("", builder.Name(1) + ".gz").outcome, Outcome::kBroken);
  EXPECT_EQ(WalkBytes(std::string(1 << 20, '\0'), builder.Name(1)).outcome, Outcome::kBroken);
  EXPECT_EQ(WalkBytes(std::string(8192, '\0') + "x", builder.Name(1) + ".partial").outcome,
            Outcome::kBroken);
}

TEST(WalSegmentTest, ACutOffPartialOneIsLostOnceLaterSegmentsFollow) {
  WalBuilder builder(5);
  builder.Add("first");
  builder.FillTo(40);
  builder.Add(Noise(2 << 20));
  const auto segments = builder.Segments();
  const std::string packed = Gzip(segments[1]);
  const testing::TempDir folder;
  folder.Write("wal/" + builder.Name(1) + ".gz.partial", packed.substr(0, packed.size() / 2));
  folder.Write("wal/sub/" + builder.Name(2), segments[2]);
  folder.Write("wal/" + builder.Name(0), segments[0]);
  EXPECT_EQ(VerifyPath(folder.path() + "/wal", {}).outcome, Outcome::kIntact);
  folder.Write("wal/" + builder.Name(2) + ".gz", Gzip(segments[2]));
  const Verdict verdict = VerifyPath(folder.path() + "/wal", {});
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.place, builder.Name(1) + ".gz.partial");
}

TEST(WalSegmentTest, ReadsRecordsOverPagesAndSegments) {
  WalBuilder builder(5);
  builder.Add("first");
  builder.Commit(1'700'000'000);
  builder.FillTo(40);
  const Lsn large = builder.Add(std::string(2'500'000, 'x'));  // begins in 5, ends in 8
  builder.Commit(1'700'000'123);
  builder.Switch();
  const auto segments = builder.Segments();
  ASSERT_EQ(segments.size(), 4u);
  std::vector<WalSegmentFacts> all;
  WalCarry carry;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto facts = WalkOf(segments[i], builder.Name(i), &carry);
    ASSERT_TRUE(facts) << i << ": " << facts.error().place << ": " << facts.error().message;
    carry = facts->carry;
    all.push_back(*facts);
    EXPECT_EQ(facts->begin, (5 + i) * WalBuilder::kSegment);
    EXPECT_EQ(facts->system_identifier, 0x1234567890ABCDEFu);
  }
  EXPECT_EQ(all[0].end, large);
  EXPECT_EQ(all[0].unchecked_bytes, 40);
  EXPECT_EQ(all[0].last_commit, Unix(1'700'000'000));
  EXPECT_EQ(all[1].records + all[2].records, 0);
  EXPECT_EQ(all[3].records, 3);
  EXPECT_EQ(all[3].last_commit, Unix(1'700'000'123));
  EXPECT_EQ(all[3].unchecked_bytes, 0);
  EXPECT_TRUE(all[3].switched);
  EXPECT_FALSE(all[3].carry.in_record);
  // On its own, what belongs to a record that began before it stays unchecked.
  const auto alone = WalkOf(segments[3], builder.Name(3));
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(alone->records, 2);
  EXPECT_GT(alone->unchecked_bytes, 400'000);
  // A byte of the middle is missed by each segment alone and found by the chain.
  const std::string flipped = Flipped(segments[2], 500'001);
  EXPECT_TRUE(WalkOf(flipped, builder.Name(2)));
  const auto second = WalkOf(flipped, builder.Name(2), &all[1].carry);
  ASSERT_TRUE(second);
  const auto third = WalkOf(segments[3], builder.Name(3), &second->carry);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().reason, Reason::kCorrupt);
  EXPECT_NE(third.error().message.find(FormatLsn(large)), std::string::npos);
}

TEST(WalSegmentTest, ARecordGivenUpInACrashIsNoDamage) {
  for (const bool in_next_segment : {false, true}) {
    WalBuilder builder(1);
    builder.Add(std::string(100, 'a'));
    if (in_next_segment) builder.FillTo(400);
    const Lsn before = builder.Add(std::string(100, 'b'));
    const Lsn lost = builder.Add(std::string(20'000, 'x'));
    builder.CrashWithin(lost, before);
    const Lsn anew = builder.Commit(1'700'000'000);
    builder.Switch();
    WalCarry carry;
    std::optional<base::Timestamp> last;
    const auto segments = builder.Segments();
    ASSERT_EQ(segments.size(), in_next_segment ? 2u : 1u);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto facts = WalkOf(segments[i], builder.Name(i), &carry);
      ASSERT_TRUE(facts) << facts.error().message;
      carry = facts->carry;
      if (facts->last_commit) last = facts->last_commit;
    }
    EXPECT_EQ(last, Unix(1'700'000'000));
    EXPECT_GT(anew, lost);
    // Without the page's word for it, it is one.
    std::string bytes = segments.back();
    const std::size_t page = (anew & ~Lsn{8191}) % WalBuilder::kSegment;
    bytes[page + 2] = static_cast<char>(bytes[page + 2] & ~8);
    if (in_next_segment) {
      const auto first = WalkOf(segments[0], builder.Name(0));
      EXPECT_EQ(WalkOf(bytes, builder.Name(1), &first->carry).error().reason, Reason::kCorrupt);
    } else {
      EXPECT_EQ(WalkOf(bytes, builder.Name(0)).error().reason, Reason::kCorrupt);
    }
  }
}

TEST(WalSegmentTest, EndsEarly) {
  WalBuilder builder(9);
  for (int i = 0; i < 100; ++i) builder.Add(std::string(700, 'a'));
  builder.Commit(1'700'000'000);
  const Lsn end = builder.Position();
  const std::string bytes = builder.Segments()[0];
  const auto full = WalkOf(bytes, builder.Name(0));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().reason, Reason::kIncomplete);
  EXPECT_NE(full.error().message.find(FormatLsn(end)), std::string::npos) << full.error().message;
  const auto partial = WalkOf(bytes, builder.Name(0) + ".partial");
  ASSERT_TRUE(partial) << partial.error().message;
  EXPECT_EQ(partial->end, end);
  EXPECT_EQ(partial->records, 101);
  // Behind the end there may be what the file held before it was recycled.
  WalBuilder older(2);
  for (int i = 0; i < 1000; ++i) older.Add(std::string(700, 'o'));
  std::string recycled = older.Segments()[0];
  const std::size_t pages = (bytes.find_last_not_of('\0') / 8192 + 1) * 8192;
  recycled.replace(0, pages, bytes.substr(0, pages));
  EXPECT_EQ(WalkOf(recycled, builder.Name(0)).error().reason, Reason::kIncomplete);
  EXPECT_TRUE(WalkOf(recycled, builder.Name(0) + ".partial"));
  // A hole in the middle is no end: pages of the segment follow. Also in a partial one.
  for (const std::string& hole :
       {std::string(bytes).replace(16384, 8192, 8192, '\0'),
        std::string(bytes).replace(8192 + 24, 8192 - 24, 8192 - 24, '\0'), Flipped(bytes, 9000)}) {
    for (const char* ending : {"", ".partial"}) {
      const auto damaged = WalkOf(hole, builder.Name(0) + ending);
      ASSERT_FALSE(damaged) << ending;
      EXPECT_EQ(damaged.error().reason, Reason::kCorrupt) << damaged.error().message;
    }
  }
}

TEST(WalSegmentTest, IsTheOneItsNameSays) {
  WalBuilder builder(0x1FF);
  builder.Add("x");
  builder.Switch();
  const std::string bytes = builder.Segments()[0];
  EXPECT_EQ(builder.Name(0), "0000000100000000000001FF");
  EXPECT_TRUE(WalkOf(bytes, builder.Name(0)));
  EXPECT_TRUE(WalkOf(bytes, "renamed.wal"));
  EXPECT_TRUE(WalkOf(bytes, "0000000200000000000001FF"));  // begins with its parent's pages
  EXPECT_EQ(WalkOf(bytes, "000000010000000000000200").error().reason, Reason::kCorrupt);
  const auto impossible = WalkOf(bytes, "000000010000000000001FFF");
  ASSERT_FALSE(impossible);
  EXPECT_EQ(impossible.error().reason, Reason::kWrongFormat);
  MemorySource source(bytes);
  Reader reader(source);
  WalSegmentOptions options;
  options.system_identifier = 42;
  const auto foreign = WalkWalSegment(reader, options);
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("another cluster"), std::string::npos);
  for (const std::size_t size : {bytes.size() - 1, bytes.size() - 8192, std::size_t{8192},
                                 std::size_t{100}, std::size_t{39}}) {
    const auto cut = WalkOf(bytes.substr(0, size), builder.Name(0));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().reason, size == 39 ? Reason::kWrongFormat : Reason::kIncomplete) << size;
  }
  EXPECT_EQ(WalkOf(bytes + "x", builder.Name(0)).error().reason, Reason::kCorrupt);
}

TEST(WalSegmentTest, IsAFormatOfVerify) {
  WalBuilder builder(3);
  builder.Add("x");
  builder.Commit(1'700'000'000);
  builder.Switch();
  const std::string bytes = builder.Segments()[0];
  const Verdict plain = VerifyBytes(bytes, builder.Name(0));
  EXPECT_EQ(plain.outcome, Outcome::kIntact) << plain.ToString();
  EXPECT_EQ(plain.level, Level::kContent);
  EXPECT_EQ(plain.format, "WAL segment of PostgreSQL 15");
  ASSERT_EQ(plain.details.size(), 2u);
  EXPECT_EQ(plain.details[1], "last commit 2023-11-14T22:13:20Z");
  EXPECT_EQ(VerifyBytes(Gzip(bytes), builder.Name(0) + ".gz").outcome, Outcome::kIntact);
  const Verdict flipped = VerifyBytes(Gzip(Flipped(bytes, 60)), builder.Name(0) + ".gz");
  EXPECT_EQ(flipped.reason, Reason::kCorrupt);
  EXPECT_EQ(flipped.place, "unpacked byte 40");
  EXPECT_EQ(VerifyBytes(Gzip(bytes), "000000010000000000000004.gz").reason, Reason::kCorrupt);
  EXPECT_EQ(VerifyBytes("some text", builder.Name(0)).reason, Reason::kWrongFormat);
  EXPECT_EQ(VerifyBytes("", builder.Name(0)).reason, Reason::kTooSmall);
  EXPECT_EQ(VerifyBytes(std::string(1 << 20, '\0'), builder.Name(0)).reason, Reason::kCorrupt);
}

// What pg_waldump reads in the segments of a folder.
struct Dump {
  std::int64_t records = 0;
  std::string last;
  std::int64_t commits = 0;
  std::string last_commit;
};
Dump DumpOf(const std::string& folder, const std::string& first, const std::string& last) {
  Dump dump;
  const std::string text =
      PostgresServer::ToolOutput("pg_waldump -p " + folder + " " + first + " " + last);
  for (const std::string_view line : base::Split(text, '\n')) {
    if (!line.starts_with("rmgr: ")) continue;
    ++dump.records;
    const std::size_t at = line.find("lsn: ") + 5;
    dump.last = line.substr(at, line.find(',', at) - at);
    if (line.find("desc: COMMIT") == std::string_view::npos) continue;
    ++dump.commits;
    const std::size_t time = line.find("desc: COMMIT") + 13;
    dump.last_commit = line.substr(line.starts_with("rmgr: Transaction") ? time : 0, 23);
  }
  return dump;
}

class RealWalTest : public ::testing::TestWithParam<int> {};

TEST_P(RealWalTest, AgreesWithPgWaldump) {
  ASSERT_TRUE(PostgresServer::Available()) << "scripts/install-packages test installs PostgreSQL";
  const auto server = PostgresServer::StartPrimary({"track_commit_timestamp = on"}, GetParam());
  server->Sql(
      "CREATE TABLE t AS SELECT i, repeat(md5(i::text), 10) AS x FROM "
      "generate_series(1, 12000) i");
  server->Sql("SELECT pg_logical_emit_message(true, 'big', repeat('x', 3000000))");
  for (int i = 0; i < 3; ++i) {
    server->Sql("UPDATE t SET x = md5(x) WHERE i % 50 = " + std::to_string(i));
    server->Sql("SELECT pg_switch_wal()");
  }
  const std::string last = server->Sql("SELECT pg_walfile_name(pg_switch_wal() - 1)");
  ASSERT_TRUE(testing::Eventually([&] {
    return server->Sql("SELECT last_archived_wal >= '" + last + "' FROM pg_stat_archiver") == "t";
  }));
  std::map<std::string, std::string> segments;
  for (const auto& entry : fs::directory_iterator(server->archive_folder())) {
    const std::string name = entry.path().filename();
    if (name.size() == 24) segments[name] = testing::ReadTestFile(entry.path());
  }
  ASSERT_GE(segments.size(), 3u);
  WalCarry carry;
  Dump found;
  for (const auto& [name, bytes] : segments) {
    const auto facts = WalkOf(bytes, name, &carry);
    ASSERT_TRUE(facts) << name << ": " << facts.error().place << ": " << facts.error().message;
    carry = facts->carry;
    EXPECT_EQ(facts->segment_bytes, std::int64_t{GetParam()} << 20);
    EXPECT_EQ(std::to_string(facts->system_identifier),
              server->Sql("SELECT system_identifier FROM pg_control_system()"));
    found.records += facts->records;
    found.commits += facts->commits;
    if (facts->last_commit) found.last_commit = base::FormatRfc3339(*facts->last_commit);
    if (facts->last_record) found.last = FormatLsn(*facts->last_record);
  }
  const Dump real =
      DumpOf(server->archive_folder(), segments.begin()->first, segments.rbegin()->first);
  EXPECT_EQ(found.records, real.records);
  EXPECT_EQ(found.commits, real.commits);
  EXPECT_GT(found.commits, 3);
  // "0/016B3750" -> "0/16B3750"; "2026-11-21 15:00:00.123" -> with a T.
  EXPECT_EQ(found.last, FormatLsn(ParseLsn(real.last).value_or(0)));
  EXPECT_EQ(found.last_commit.substr(0, 19),
            std::string(real.last_commit).replace(10, 1, "T").substr(0, 19));
  if (GetParam() > 1) return;
  // Single flipped bits: found, or where no record lies.
  const auto& [name, bytes] = *std::next(segments.begin());
  const auto first = WalkOf(segments.begin()->second, segments.begin()->first);
  ASSERT_TRUE(first);
  const auto whole = WalkOf(bytes, name, &first->carry);
  ASSERT_TRUE(whole);
  std::mt19937 random(7);
  int missed = 0;
  constexpr int kFlips = 60;
  const std::size_t used = std::min<std::size_t>(whole->end - whole->begin, bytes.size());
  for (int i = 0; i < kFlips; ++i) {
    const std::size_t at = random() % used;
    const auto facts =
        WalkOf(Flipped(bytes, at, static_cast<int>(random() % 8)), name, &first->carry);
    if (!facts) continue;
    ++missed;
    EXPECT_EQ(bytes[at], '\0') << at;  // padding between records
    EXPECT_EQ(facts->records, whole->records);
  }
  EXPECT_LE(missed, kFlips / 10);
}

INSTANTIATE_TEST_SUITE_P(SegmentSizes, RealWalTest, ::testing::Values(1, 64));

}  // namespace
}  // namespace drwatch::verify
