// Repositories of Borg 1, as it lays them out.
#include "verify/borg_repository.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/noted_files.h"
#include "support/temp_dir.h"
#include "verify/crc.h"
#include "verify/verify.h"

namespace drwatch::verify {
namespace {

using model::Reason;

std::string Little(std::uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string Entry(char kind, std::string_view rest) {
  std::string checked = Little(static_cast<std::uint32_t>(9 + rest.size())) + kind;
  checked += rest;
  return Little(Crc32(0, checked)) + checked;
}
std::string Key(char id) { return std::string(32, id); }
std::string Put(char id, std::string_view content) {
  return Entry(0, Key(id) + std::string(content));
}
std::string Delete(char id) { return Entry(1, Key(id)); }
std::string Commit() { return Entry(2, ""); }
std::string Segment(std::initializer_list<std::string> entries) {
  std::string segment = "BORG_SEG";
  for (const std::string& entry : entries) segment += entry;
  return segment;
}

struct Piece {
  char id = 0;
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
};
std::string Index(std::initializer_list<Piece> pieces) {
  std::string index = "BORG_IDX" + Little(static_cast<std::uint32_t>(pieces.size()));
  index += Little(static_cast<std::uint32_t>(pieces.size() + 2)) + "\x20\x08";
  for (const Piece& piece : pieces)
    index += Key(piece.id) + Little(piece.segment) + Little(piece.offset);
  return index + Key(0) + Little(UINT32_MAX) + Little(0) + Key(0) + Little(UINT32_MAX - 1) +
         Little(0);
}

class BorgRepositoryTest : public ::testing::Test {
 protected:
  BorgRepositoryTest() {
    Write("README", "This is a Borg Backup repository.\n");
    Write("config", "[repository]\nversion = 1\nsegments_per_dir = 1000\n");
    Write("nonce", "0000000020000019");
    Write("hints.7", "x");
    Write("integrity.7", "x");
    const std::string first = Put('a', "a sealed piece");
    Write("data/0/3", Segment({first, Put('b', "another one")}));
    Write("data/0/5", Segment({Delete('c'), Put('d', "")}));
    Write("data/0/7", Segment({Commit()}));
    Write("index.7", Index({{'a', 3, 8},
                            {'b', 3, static_cast<std::uint32_t>(8 + first.size())},
                            {'d', 5, 8 + 41}}));
  }
  void Write(const std::string& name, std::string_view content) const {
    folder_.Write("b/" + name, content);
  }
  std::string Read(const std::string& name) const {
    return testing::ReadTestFile(folder_.Path("b/" + name));
  }
  void Remove(const std::string& name) const { std::filesystem::remove(folder_.Path("b/" + name)); }
  Verdict Verify(KnownFiles* known = nullptr) const {
    VerifyOptions options;
    options.known = known;
    return VerifyPath(folder_.Path("b"), options);
  }

  testing::TempDir folder_;
};

TEST_F(BorgRepositoryTest, EntriesThatHaveTheirChecksumsAreIntact) {
  const Verdict verdict = Verify();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kContent);
  EXPECT_EQ(verdict.format, "Borg repository");
  EXPECT_EQ(verdict.details, std::vector<std::string>{"3 segments"});
}

TEST_F(BorgRepositoryTest, AFlippedBitOfAnyByteIsFound) {
  for (const std::string name : {"data/0/3", "data/0/5", "data/0/7"}) {
    const std::string whole = Read(name);
    for (std::size_t byte = 0; byte < whole.size(); ++byte) {
      std::string flipped = whole;
      flipped[byte] = static_cast<char>(flipped[byte] ^ 1 << (byte % 8));
      Write(name, flipped);
      const Verdict verdict = Verify();
      EXPECT_EQ(verdict.outcome, Outcome::kBroken) << name << " byte " << byte;
      EXPECT_TRUE(verdict.place.starts_with(name + ": byte ")) << verdict.place;
    }
    Write(name, whole);
  }
}

TEST_F(BorgRepositoryTest, EveryCutIsFound) {
  for (const std::string name : {"data/0/3", "data/0/5", "data/0/7"}) {
    const std::string whole = Read(name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Write(name, whole.substr(0, size));
      EXPECT_EQ(Verify().outcome, Outcome::kBroken) << name << " of " << size << " bytes";
    }
    Write(name, whole);
  }
  Write("data/0/3", Read("data/0/3").substr(0, 8 + 9 + 32 + 14));
  EXPECT_EQ(Verify().ToString(),
            "data: segment 3 is missing or cut off: the index looks for a piece at its byte 63");
}

TEST_F(BorgRepositoryTest, SaysWhereAnEntryIsDamaged) {
  std::string segment = Read("data/0/3");
  segment.back() ^= 1;
  Write("data/0/3", segment);
  EXPECT_EQ(Verify().ToString(), "data/0/3: byte 63: an entry's CRC-32 differs");
  segment.resize(70);
  Write("data/0/3", segment);
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
  Write("data/0/3", "of something else");
  EXPECT_EQ(Verify().message, "it does not begin as a segment of Borg does");
  Write("data/0/3", "");
  EXPECT_EQ(Verify().reason, Reason::kTooSmall);
  Write("data/0/3", Segment({Entry(3, Key('a') + "of another Borg")}));
  EXPECT_EQ(Verify().message, "an entry of no known kind");
}

TEST_F(BorgRepositoryTest, EverySegmentThatIsNeededMustBeThere) {
  for (const char* name : {"data/0/3", "data/0/5", "data/0/7"}) {
    const std::string whole = Read(name);
    Remove(name);
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << name;
    EXPECT_EQ(verdict.reason, Reason::kIncomplete);
    Write("lock.exclusive/host.1-2", "");
    EXPECT_EQ(Verify().outcome, Outcome::kUnjudged) << "Borg may be about to write it down";
    std::filesystem::remove_all(folder_.Path("b/lock.exclusive"));
    Write(name, whole);
  }
  std::filesystem::remove_all(folder_.Path("b/data"));
  std::filesystem::create_directory(folder_.Path("b/data"));
  EXPECT_EQ(Verify().message, "the repository holds no segment");
}

TEST_F(BorgRepositoryTest, BehindTheLastCommitASegmentMayEndAnywhere) {
  const std::string whole = Segment({Put('e', "of a backup that runs")});
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    Write("data/0/8", whole.substr(0, size));
    EXPECT_EQ(Verify().outcome, Outcome::kIntact) << size;
    EXPECT_EQ(Verify().level, Level::kContent) << size;
  }
  Write("data/0/8", whole.substr(0, 20));
  EXPECT_EQ(Verify().details.at(0),
            "of a backup that runs or was broken off: data/0/8: byte 20: ends in an entry");
  Write("data/0/9", Segment({Commit()}));
  const Verdict verdict = Verify();
  EXPECT_EQ(verdict.outcome, Outcome::kBroken) << "it was committed";
  EXPECT_EQ(verdict.place, "data/0/8: byte 20");
}

TEST_F(BorgRepositoryTest, WhatWasReadIsNotReadAgainUntilItChanges) {
  testing::NotedFiles known;
  const Verdict first = Verify(&known);
  EXPECT_EQ(known.size(), 3u);
  const Verdict second = Verify(&known);
  EXPECT_EQ(second.outcome, Outcome::kIntact) << second.ToString();
  EXPECT_EQ(second.level, first.level);
  const std::int64_t segments = static_cast<std::int64_t>(
      Read("data/0/3").size() + Read("data/0/5").size() + Read("data/0/7").size());
  EXPECT_EQ(second.bytes_read, first.bytes_read - segments);
  Write("data/0/7", Segment({Put('e', "not committed")}));
  EXPECT_EQ(Verify(&known).outcome, Outcome::kBroken);
  std::string damaged = Read("data/0/3");
  damaged.back() ^= 1;
  Write("data/0/3", damaged);
  EXPECT_EQ(Verify(&known).place, "data/0/3: byte 63");
}

TEST_F(BorgRepositoryTest, WithoutItsIndexAMissingSegmentWouldNotShow) {
  const std::string whole = Read("index.7");
  for (const std::string& index : {"BORG" + whole, whole.substr(0, 90), whole + "more"}) {
    Write("index.7", index);
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kChecksum);
    EXPECT_EQ(verdict.details.size(), 2u);
  }
  Remove("index.7");
  EXPECT_EQ(Verify().level, Level::kChecksum);
  Write("index.7", whole);
  Write("data/0/8", Segment({Commit()}));
  EXPECT_EQ(Verify().level, Level::kChecksum) << "a commit that no index knows yet";
}

TEST_F(BorgRepositoryTest, OnlyTheFirstVersionIsRead) {
  Write("config", "[repository]\nversion = 2\nsegments_per_dir = 1000\n");
  EXPECT_EQ(Verify().outcome, Outcome::kUnjudged);
  Write("config", "settings");
  EXPECT_EQ(Verify().outcome, Outcome::kBroken);
}

}  // namespace
}  // namespace drwatch::verify
