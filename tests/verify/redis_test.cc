#include <gtest/gtest.h>

#include <filesystem>

#include "samples.h"
#include "verify/aof.h"
#include "verify/aof_folder.h"
#include "verify/lzf.h"
#include "verify/rdb.h"
#include "verify/rdb_fields.h"

namespace drwatch::verify {
namespace {

using model::Reason;

std::string BytesOf(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// `fields` between a header and an end with the right checksum.
std::string Rdb(const std::string& fields, const std::string& header = "REDIS0012") {
  const std::string bytes = header + fields + "\xff";
  return bytes + BytesOf(RedisCrc64(0, bytes), 8);
}
std::string Text(const std::string& bytes) {
  return bytes.size() < 64 ? static_cast<char>(bytes.size()) + bytes
                           : "\x80" + std::string(2, '\0') + static_cast<char>(bytes.size() >> 8) +
                                 static_cast<char>(bytes.size()) + bytes;
}
// A key of `type`.
std::string Key(int type, const std::string& value) {
  return static_cast<char>(type) + Text("key") + value;
}
std::string N(int length) { return std::string(1, static_cast<char>(length)); }
const std::string kZero(1, '\0');

std::string Listpack(const std::string& elements, int count) {
  return BytesOf(elements.size() + 7, 4) + BytesOf(static_cast<std::uint64_t>(count), 2) +
         elements + "\xff";
}
// Two elements: "ab" and 5.
const std::string kPair = Listpack(std::string("\x82") + "ab" + "\x03" + "\x05\x01", 2);

Verdict Walk(const std::string& bytes) { return WalkBytes(bytes, "dump.rdb"); }

TEST(RdbTest, ChecksumIsTheOneOfRedis) {
  EXPECT_EQ(RedisCrc64(0, "123456789"), 0xe9c6d914c4b8d9caULL);
  EXPECT_EQ(RedisCrc64(RedisCrc64(0, "1234"), "56789"), 0xe9c6d914c4b8d9caULL);
}

TEST(RdbTest, ARealFileIsProven) {
  const Verdict verdict = VerifyBytes(Sample("redis.rdb"), "dump.rdb");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kContent);
  EXPECT_EQ(verdict.format, "Redis RDB version 10");
  ASSERT_EQ(verdict.details.size(), 1U);
  EXPECT_TRUE(verdict.details[0].starts_with("Redis 7.0.15: 25 keys in 2 databases, snapshot of"))
      << verdict.details[0];
  EXPECT_EQ(VerifyBytes(Gzip(Sample("redis.rdb")), "dump.rdb.gz").level, Level::kContent);
}

TEST(RdbTest, TheMarkOfReplicationMayFollow) {
  // redis-cli --rdb - | gzip
  const std::string mark = "97b2e4e24f08437f225a7f2f5d8a3d700df21031";
  const std::string good = Sample("redis.rdb");
  const Verdict verdict = WalkBytes(good + mark, "x.rdb");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kContent);
  for (const std::string& more : {mark.substr(1), mark + "0", mark + mark, "X" + mark.substr(1)}) {
    const Verdict bad = WalkBytes(good + more, "x.rdb");
    EXPECT_EQ(bad.outcome, Outcome::kBroken) << more;
    EXPECT_EQ(bad.place, "byte " + std::to_string(good.size())) << more;
  }
}

TEST(RdbTest, EveryTruncationShows) {
  const std::string bytes = Sample("redis.rdb");
  for (std::size_t size = 9; size < bytes.size(); ++size) {
    const Verdict verdict = Walk(bytes.substr(0, size));
    ASSERT_EQ(verdict.outcome, Outcome::kBroken) << size;
    ASSERT_EQ(verdict.reason, Reason::kIncomplete) << size << verdict.message;
  }
  const Verdict longer = Walk(bytes + "x");
  EXPECT_EQ(longer.reason, Reason::kCorrupt);
  EXPECT_EQ(longer.place, "byte " + std::to_string(bytes.size()));
}

TEST(RdbTest, EveryFlippedBitShows) {
  const std::string bytes = Sample("redis.rdb");
  for (std::size_t at = 9; at < bytes.size(); ++at) {
    ASSERT_EQ(Walk(Flipped(bytes, at, at % 8)).outcome, Outcome::kBroken) << at;
  }
}

TEST(RdbTest, WithoutChecksumTheLevelIsLower) {
  std::string bytes = Sample("redis.rdb");
  bytes.replace(bytes.size() - 8, 8, std::string(8, '\0'));
  const Verdict verdict = VerifyBytes(bytes, "dump.rdb");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact);
  EXPECT_EQ(verdict.level, Level::kFormat);
  EXPECT_NE(verdict.details.back().find("rdbchecksum no"), std::string::npos);
  // Lengths that are wrong show even so.
  int shown = 0;
  for (std::size_t at = 9; at < bytes.size() - 8; ++at) {
    shown += Walk(Flipped(bytes, at, 6)).outcome == Outcome::kBroken ? 1 : 0;
  }
  EXPECT_GT(shown, 300);
}

TEST(RdbTest, SnapshotTimeStandsInTheFile) {
  const std::string bytes = Sample("redis.rdb");
  const auto time = RdbTime(bytes.substr(0, kRdbHeadBytes));
  ASSERT_TRUE(time);
  EXPECT_GT(*time, base::FromUnixMillis(1'700'000'000'000));
  const std::string aux = "\xfa" + Text("ctime") + "\xc2" + BytesOf(1'767'232'800, 4);
  EXPECT_EQ(RdbTime("REDIS0009" + aux), base::FromUnixMillis(1'767'232'800'000));
  EXPECT_EQ(RdbTime("VALKEY080\xfa" + Text("valkey-ver") + Text("9.0.0") + aux),
            base::FromUnixMillis(1'767'232'800'000));
  EXPECT_FALSE(RdbTime("REDIS0009\xff"));
  EXPECT_FALSE(RdbTime("REDIS0009" + aux.substr(0, 9)));
  EXPECT_FALSE(RdbTime("some text"));
  EXPECT_FALSE(RdbTime("REDIS0009\xfa" + Text("ctime") + Text("-5")));
}

TEST(RdbTest, EveryTypeIsWalked) {
  const std::string ziplist =
      BytesOf(16, 4) + BytesOf(13, 4) + BytesOf(2, 2) + kZero + "\x01" + "a" + "\x03\xf6" + "\xff";
  const std::string intset = BytesOf(2, 4) + BytesOf(2, 4) + BytesOf(7, 2) + BytesOf(9, 2);
  const std::string zipmap = N(1) + Text("k") + N(1) + N(2) + "v__" + "\xff";
  const std::string id(16, 'i');
  const std::string time(8, 't');
  const std::string nodes = N(1) + Text(id) + Text(kPair);
  const std::string consumers = N(1) + Text("reader") + time;
  const std::string pending = N(1) + id + time + N(3);
  const std::string group1 = N(1) + Text("group") + N(1) + N(1) + pending + consumers + N(1) + id;
  const std::string group2 =
      N(1) + Text("group") + N(1) + N(1) + N(9) + pending + consumers + N(1) + id;
  const std::string group3 =
      N(1) + Text("group") + N(1) + N(1) + N(9) + pending + consumers + time + N(1) + id;
  const std::string eight = N(1) + N(2) + N(3) + N(4) + N(5) + N(6) + N(7) + N(8);
  const std::string triple =
      Listpack(std::string("\x81") + "f" + "\x02" + "\x81" + "v" + "\x02" + "\x05\x01", 3);
  const std::pair<int, std::string> values[] = {
      {0, Text("value")},
      {0, "\xc1\x10\x27"},
      {1, N(2) + Text("a") + Text("b")},
      {2, N(1) + Text("a")},
      {3, N(2) + Text("a") + Text("1.5") + Text("b") + "\xfe"},
      {4, N(1) + Text("f") + Text("v")},
      {5, N(1) + Text("m") + std::string(8, '\1')},
      {7, "\x81" + std::string(8, '\2') + N(1) + N(5) + N(2) + N(6) + N(3) + "1234" + N(4) +
              "12345678" + N(5) + Text("s") + N(0)},
      {9, Text(zipmap)},
      {10, Text(ziplist)},
      {11, Text(intset)},
      {12, Text(ziplist)},
      {13, Text(ziplist)},
      {14, N(1) + Text(ziplist)},
      {15, nodes + N(1) + N(2) + N(3) + group1},
      {16, Text(kPair)},
      {17, Text(kPair)},
      {18, N(2) + N(1) + Text("plain") + N(2) + Text(kPair)},
      {19, nodes + eight + group2},
      {20, Text(kPair)},
      {21, nodes + eight + group3},
      {22, N(1) + N(5) + Text("f") + Text("v")},
      {23, Text(triple)},
      {24, time + N(1) + N(5) + Text("f") + Text("v")},
      {25, time + Text(triple)},
  };
  for (const auto& [type, value] : values) {
    const std::string key = Key(type, value);
    EXPECT_EQ(Walk(Rdb(key + key)).message, "") << type;
    EXPECT_EQ(Walk(Rdb(key + key)).outcome, Outcome::kIntact) << type;
    EXPECT_EQ(Walk(Rdb(key.substr(0, key.size() - 1))).outcome, Outcome::kBroken) << type;
    EXPECT_EQ(Walk(Rdb(key + "\x0c")).outcome, Outcome::kBroken) << type;
  }
  EXPECT_EQ(Walk(Rdb(Key(22, N(1) + Text("f") + Text("v") + time), "VALKEY080")).level,
            Level::kContent);
}

TEST(RdbTest, EveryOtherFieldIsWalked) {
  const std::string fields =
      "\xfa" + Text("redis-ver") + Text("7.4.0") + "\xf7\x81" + std::string(8, '\3') + N(2) + N(1) +
      N(5) + Text("module") + N(0) + "\xf5" + Text("#!lua name=x") + "\xfe" + N(0) + "\xfb" + N(1) +
      N(1) + "\xf4" + N(1) + N(2) + N(3) + "\xfc" + std::string(8, '\1') + "\xf8\x05" +
      Key(0, Text("a")) + "\xfd" + std::string(4, '\1') + "\xf9\x07" + Key(0, Text("b"));
  const Verdict verdict = Walk(Rdb(fields));
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(Walk(Rdb("\xf3" + Text("job") + N(1) + N(1) + N(9), "VALKEY080")).outcome,
            Outcome::kIntact);
}

TEST(RdbTest, DamagedContainersShowWithoutAChecksum) {
  const auto bad = [](int type, const std::string& value) {
    const std::string bytes = "REDIS0012" + Key(type, value) + "\xff" + std::string(8, '\0');
    return Walk(bytes).reason;
  };
  EXPECT_EQ(bad(16, Text(kPair)), Reason::kNone);
  for (std::size_t at = 0; at < kPair.size(); ++at) {
    // Of the text "ab" and the number 5 itself any bit may change.
    if (at == 7 || at == 8) continue;
    EXPECT_EQ(bad(16, Text(Flipped(kPair, at, at == 10 ? 7 : 1))), Reason::kCorrupt) << at;
  }
  EXPECT_EQ(bad(16, Text(Listpack("\x05\x01", 1))), Reason::kCorrupt);  // a key without a value
  EXPECT_EQ(bad(11, Text(BytesOf(3, 4) + BytesOf(1, 4) + "abc")), Reason::kCorrupt);
  EXPECT_EQ(bad(18, N(1) + N(3) + Text("x")), Reason::kCorrupt);
  EXPECT_EQ(bad(16, "\xc0\x05"), Reason::kCorrupt);
  EXPECT_EQ(bad(0, "\x82"), Reason::kCorrupt);
  EXPECT_EQ(bad(6, ""), Reason::kCorrupt);
  EXPECT_EQ(bad(26, ""), Reason::kCorrupt);
  // Lengths of exabytes.
  EXPECT_EQ(bad(1, "\x81\x40" + std::string(7, '\0')), Reason::kCorrupt);
  EXPECT_EQ(bad(0, "\x81\xff" + std::string(7, '\xff')), Reason::kIncomplete);
}

TEST(RdbTest, VersionsNotKnownAreProvenByTheirChecksum) {
  for (const std::string& bytes :
       {Rdb("\x1c???", "REDIS0013"), Rdb("\x63???", "VALKEY099"),
        Rdb("\xfa" + Text("redis-ver") + Text("df-v1.2") + "\xc9???", "REDIS0009")}) {
    const Verdict verdict = VerifyBytes(bytes, "dump.rdb");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kChecksum);
    EXPECT_EQ(Walk(Flipped(bytes, bytes.size() - 10)).reason, Reason::kCorrupt);
    EXPECT_EQ(Walk(bytes.substr(0, bytes.size() - 1)).reason, Reason::kCorrupt);
    EXPECT_EQ(Walk(bytes.substr(0, bytes.size() - 8) + std::string(8, '\0')).outcome,
              Outcome::kUnjudged);
  }
  EXPECT_EQ(VerifyBytes(Rdb(Key(0, Text("a")), "REDIS0013"), "x.rdb").level, Level::kContent);
  EXPECT_EQ(Walk(Rdb("", "REDIS0000")).reason, Reason::kCorrupt);
}

// As KeyDB writes its jobs (type 64).
TEST(RdbTest, TypesOfOtherProgramsAreProvenByTheirChecksum) {
  const std::string bytes = Rdb(Key(0, Text("a")) + "\x40" + Text("job") + "???");
  const Verdict verdict = VerifyBytes(bytes, "dump.rdb");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kChecksum);
  for (const std::string& bad : {Flipped(bytes, bytes.size() - 10), bytes + "x",
                                 bytes.substr(0, bytes.size() - 8) + std::string(8, '\0')}) {
    const Verdict broken = Walk(bad);
    EXPECT_EQ(broken.reason, Reason::kCorrupt);
    EXPECT_EQ(broken.message, "impossible type 64");
  }
}

TEST(LzfTest, UnpacksWithinItsWindow) {
  const auto unpack = [](std::string_view packed, std::uint64_t size) -> Walked<std::string> {
    MemorySource bytes(packed);
    Reader reader(bytes);
    LzfSource source(reader, packed.size(), size);
    std::string all;
    while (true) {
      auto piece = source.Next();
      if (!piece) return tl::unexpected(piece.error());
      if (piece->empty()) return all;
      all += *piece;
    }
  };
  EXPECT_EQ(unpack(std::string_view("\x02"
                                    "abc\x40\x02",
                                    6),
                   7)
                .value(),
            "abcabca");
  // Overlapping itself: 9 + 255 times the byte before.
  std::string_view run("\x00x\xe0\xff\x00", 5);
  EXPECT_EQ(unpack(run, 265).value(), std::string(265, 'x'));
  EXPECT_FALSE(unpack(run, 264));
  EXPECT_FALSE(unpack(run, 266));
  EXPECT_FALSE(unpack(std::string_view("\x00x\x20\x01", 4), 4));  // back to before the start
  EXPECT_FALSE(unpack("", 1));
  std::string much;
  for (int i = 0; i < 1000; ++i) much += std::string("\x00y\xe0\xff\x00", 5);
  EXPECT_EQ(unpack(much, 265'000).value(), std::string(265'000, 'y'));
}

const std::string kCommands =
    "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1767232800\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$"
    "5\r\nva\r\nl\r\n";
const std::string kMulti = "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n";
const std::string kExec = "*1\r\n$4\r\nexec\r\n";

Verdict Aof(const std::string& bytes) { return VerifyBytes(bytes, "appendonly.aof"); }

TEST(AofTest, CommandsAreWalked) {
  const Verdict verdict = Aof(kCommands + kMulti + kExec);
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
  EXPECT_EQ(verdict.format, "Redis append-only file");
  EXPECT_EQ(verdict.details, std::vector<std::string>{"5 commands"});
}

TEST(AofTest, ATruncatedTailIsTolerated) {
  const std::string all = kCommands + kCommands + kMulti + kExec;
  for (std::size_t size = 6; size < all.size(); ++size) {
    const Verdict verdict = Aof(all.substr(0, size));
    ASSERT_EQ(verdict.outcome, Outcome::kIntact) << size << verdict.ToString();
  }
  EXPECT_EQ(Aof(all.substr(0, kCommands.size() + 30)).details.back(),
            "ends in half a command: the server drops its last 7 bytes");
  EXPECT_EQ(Aof(kCommands + kMulti).details.back(),
            "ends in a MULTI without EXEC: the server drops its last " +
                std::to_string(kMulti.size()) + " bytes");
}

TEST(AofTest, DamageBeforeTheEndShows) {
  const std::string all = kCommands + kCommands + kCommands;
  for (const std::string& bad :
       {all + std::string(100, '\0'), kCommands + "x" + kCommands, kCommands + "\r\n" + kCommands,
        std::string("*2\r\n$6\r\nSELECT\r\n$2\r\n0\r\n") + kCommands,
        std::string("*3\r\n$6\r\nSELECT\r\n$1\r\n0\r\n") + kCommands,
        std::string("*1\r\n$6\r\nSELECT\r\n$1\r\n0\r\n") + kCommands,
        std::string("*2\r\n$-1\r\n") + kCommands, kCommands + "*0\r\n",
        kCommands + "*99999999999999999999\r\n"}) {
    const Verdict verdict = Aof(bad);
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << bad;
    EXPECT_EQ(verdict.reason, Reason::kCorrupt) << bad;
  }
  // A damaged length that swallows all that follows is no cut-off tail.
  std::string swallowing = all;
  swallowing.replace(swallowing.find("$5\r"), 2, "$9999");
  EXPECT_EQ(Aof(swallowing).reason, Reason::kCorrupt);
}

TEST(AofTest, AnRdbFileMayStandBefore) {
  const std::string rdb = Rdb("\xfa" + Text("aof-preamble") + "\xc0\x01" + Key(0, Text("a")));
  const Verdict verdict = Aof(rdb + kCommands);
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
  EXPECT_EQ(verdict.format, "Redis append-only file after Redis RDB version 12");
  EXPECT_EQ(Aof(Flipped(rdb, 30) + kCommands).outcome, Outcome::kBroken);
  EXPECT_EQ(Aof(rdb.substr(0, rdb.size() - 1)).reason, Reason::kIncomplete);
  // Only where it says so.
  EXPECT_EQ(Aof(Rdb(Key(0, Text("a"))) + kCommands).reason, Reason::kCorrupt);
}

class AofFolderTest : public ::testing::Test {
 protected:
  AofFolderTest() {
    std::filesystem::copy(testing::TestData("testdata/verify/aof"), folder_.path() + "/aof");
  }
  Verdict Check() { return VerifyPath(folder_.path() + "/aof", {}); }
  void Write(const std::string& name, const std::string& bytes) {
    folder_.Write("aof/" + name, bytes);
  }
  std::string Read(const std::string& name) {
    return testing::ReadTestFile(folder_.path() + "/aof/" + name);
  }

  const testing::TempDir folder_;
  const std::string base_ = "appendonly.aof.2.base.rdb";
  const std::string appended_ = "appendonly.aof.2.incr.aof";
  const std::string manifest_ = "appendonly.aof.manifest";
};

TEST_F(AofFolderTest, IsOneArtefact) {
  const Verdict verdict = Check();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
  EXPECT_EQ(verdict.format, "Redis append-only folder");
  // Inside of a data folder, too.
  folder_.Write("dump.rdb", Sample("redis.rdb"));
  const Verdict outer = VerifyPath(folder_.path(), {});
  EXPECT_EQ(outer.outcome, Outcome::kIntact) << outer.ToString();
  EXPECT_EQ(outer.format, "folder of 4 files");
}

TEST(RedisFolderTest, WhatAServerWritesToIsNoPartOfIt) {
  const testing::TempDir folder;
  const std::string rdb = Sample("redis.rdb");
  for (const char* name : {"temp-4711.rdb", "temp-rewriteaof-bg-4711.aof"}) {
    folder.Write(name, rdb.substr(0, rdb.size() / 2));
  }
  Verdict verdict = VerifyPath(folder.path(), {});
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.message, "the folder holds nothing but what Redis was writing to");
  folder.Write("dump.rdb", rdb);
  verdict = VerifyPath(folder.path(), {});
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.format, "folder of 1 files");
  ASSERT_EQ(verdict.details.size(), 1u);
  EXPECT_TRUE(verdict.details[0].starts_with("2 files, one of them \"temp-")) << verdict.details[0];
  // A list of what belongs to the backup goes before its name.
  folder.Write("SHA256SUMS", std::string(64, '0') + "  temp-4711.rdb\n");
  EXPECT_EQ(VerifyPath(folder.path(), {}).outcome, Outcome::kBroken);
}

TEST_F(AofFolderTest, ItsManifestMayBeginAsATemporaryOne) {
  Write("temperatures.aof.manifest", Read(manifest_));
  std::filesystem::remove(folder_.path() + "/aof/" + manifest_);
  Write("temp-temperatures.aof.manifest", "");
  EXPECT_EQ(Check().outcome, Outcome::kIntact) << Check().ToString();
}

TEST_F(AofFolderTest, AppendedFilesAreNoSnapshots) {
  Write(appended_, Read(base_));
  const Verdict verdict = Check();
  EXPECT_EQ(verdict.outcome, Outcome::kBroken) << verdict.ToString();
  EXPECT_EQ(verdict.place, appended_ + ": byte 0");
  EXPECT_EQ(verdict.message, "an RDB file in place of appended commands");
}

TEST_F(AofFolderTest, NeedsItsFiles) {
  for (const std::string& name : {base_, appended_, manifest_}) {
    const std::string bytes = Read(name);
    std::filesystem::remove(folder_.path() + "/aof/" + name);
    EXPECT_EQ(Check().reason, Reason::kIncomplete) << name;
    if (name != manifest_) {
      EXPECT_EQ(Check().place, name);
    }
    EXPECT_EQ(VerifyPath(folder_.path(), {}).reason, Reason::kIncomplete) << name;
    Write(name, bytes);
  }
}

TEST_F(AofFolderTest, OnlyTheLastFileMayBeCutOff) {
  const std::string commands = Read(appended_);
  Write(appended_, commands.substr(0, commands.size() - 3));
  EXPECT_EQ(Check().outcome, Outcome::kIntact);
  EXPECT_NE(Check().details.back().find("drops its last"), std::string::npos);
  Write("appendonly.aof.3.incr.aof", "");
  Write(manifest_, Read(manifest_) + "file appendonly.aof.3.incr.aof seq 3 type i\n");
  EXPECT_EQ(Check().reason, Reason::kIncomplete);
  EXPECT_EQ(Check().place.substr(0, appended_.size()), appended_);
  Write(appended_, commands);
  EXPECT_EQ(Check().outcome, Outcome::kIntact);
  Write(base_, Flipped(Read(base_), 700));
  EXPECT_EQ(Check().reason, Reason::kCorrupt);
}

TEST_F(AofFolderTest, AnEmptyBaseIsNoEmptyDataset) {
  Write(base_, "");
  EXPECT_EQ(Check().reason, Reason::kTooSmall);
  Write(base_, kCommands);
  EXPECT_EQ(Check().reason, Reason::kCorrupt);
}

TEST_F(AofFolderTest, FilesThatAreNotLoadedAreNamed) {
  Write("appendonly.aof.3.incr.aof", kCommands);
  const Verdict verdict = Check();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact);
  EXPECT_EQ(verdict.details.back(),
            "\"appendonly.aof.3.incr.aof\" is not in the manifest: it is not loaded");
}

TEST(AofManifestTest, Lines) {
  const auto manifest = ParseAofManifest(
      "# comment\nfile \"a b.1.base.aof\" seq 1 type b\nfile a.1.incr.aof seq 1 type i\n"
      "file a.0 seq 1 type h\nfile \"caf\\xc3\\xa9 \\\"\\\\.2.incr.aof\" seq 2 type i startoffset "
      "3\n");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->base[0].name, "a b.1.base.aof");
  ASSERT_EQ(manifest->appended.size(), 2U);
  EXPECT_EQ(manifest->appended[1].name, "caf\xc3\xa9 \"\\.2.incr.aof");
  EXPECT_EQ(manifest->history.size(), 1U);
  for (const char* bad : {"", "file a seq 1 type b\nfile b seq 2 type b\n",
                          "file a seq 2 type i\nfile b seq 1 type i\n", "file a seq 0 type i\n",
                          "file ../a seq 1 type i\n", "file a seq 1 type x\n", "file a seq 1\n",
                          "file a seq 1 type b"}) {
    EXPECT_FALSE(ParseAofManifest(bad)) << bad;
  }
}

}  // namespace
}  // namespace drwatch::verify
