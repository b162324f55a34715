// zip archives. The samples were made by other programs (testdata/verify/make_zip.sh).
#include "verify/zip.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "piece_source.h"
#include "samples.h"

namespace drwatch::verify {
namespace {

using model::Reason;

std::string Zip(const std::string& name) { return Sample("zip/" + name + ".zip"); }
Verdict WalkZipBytes(std::string_view bytes) { return WalkBytes(bytes, "shop.zip"); }

std::string Bytes(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i, value >>= 8) bytes.push_back(static_cast<char>(value));
  return bytes;
}

TEST(ZipTest, ProvesWhatOtherProgramsMade) {
  const std::vector<std::tuple<std::string, std::string, Level>> samples = {
      {"dump", "pg_dump SQL in zip", Level::kContent},
      {"dump-pipe", "pg_dump SQL in zip", Level::kContent},
      {"files", "zip archive", Level::kContent},
      {"files-pipe", "zip archive", Level::kContent},
      {"stored-pipe", "zip archive", Level::kContent},
      {"zip64-padded", "zip archive", Level::kContent},
      {"zip64-stream", "zip archive", Level::kContent},
      {"encrypted", "zip archive", Level::kFormat},
      {"bzip2", "zip archive", Level::kFormat}};
  for (const auto& [name, format, level] : samples) {
    const Verdict verdict = WalkZipBytes(Zip(name));
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << name << ": " << verdict.message;
    EXPECT_EQ(verdict.format, format) << name;
    EXPECT_EQ(verdict.level, level) << name;
  }
}

TEST(ZipTest, SeesEveryTruncation) {
  for (const std::string name : {"dump", "files", "files-pipe", "zip64-stream", "encrypted"}) {
    const std::string bytes = Zip(name);
    for (std::size_t size = 4; size < bytes.size(); size += size + 200 < bytes.size() ? 41 : 1) {
      const Verdict verdict = WalkZipBytes(bytes.substr(0, size));
      EXPECT_EQ(verdict.outcome, Outcome::kBroken) << name << " of " << size << " bytes";
    }
    EXPECT_EQ(WalkZipBytes(bytes + "junk").outcome, Outcome::kBroken) << name;
    EXPECT_EQ(WalkZipBytes(bytes + std::string(512, '\0')).outcome, Outcome::kIntact) << name;
  }
}

TEST(ZipTest, ChecksumsSeeEveryFlippedBitOfTheContent) {
  for (const std::string name : {"dump", "dump-pipe", "stored-pipe"}) {
    const std::string bytes = Zip(name);
    const std::size_t end = std::min(bytes.find("PK\x01\x02"), bytes.find("PK\x07\x08", 400));
    ASSERT_NE(end, std::string::npos);
    for (std::size_t at = 400; at < end; at += 7) {
      const Verdict verdict = WalkZipBytes(Flipped(bytes, at, static_cast<int>(at % 8)));
      EXPECT_NE(verdict.outcome, Outcome::kIntact) << name << " byte " << at;
    }
  }
}

TEST(ZipTest, TheDirectoryMustBeAboutTheMembers) {
  const std::string bytes = Zip("dump");
  const std::size_t entry = bytes.find("PK\x01\x02");
  const std::size_t end = bytes.find("PK\x05\x06");
  ASSERT_NE(entry, std::string::npos);
  // Method, CRC-32, both sizes, the offset, the first letter of the name.
  for (const std::size_t at : {10, 16, 20, 24, 42, 46}) {
    const Verdict verdict = WalkZipBytes(Flipped(bytes, entry + at, 1));
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << "byte " << at << " of the entry";
    EXPECT_EQ(verdict.reason, Reason::kCorrupt);
  }
  // Both counts, size and offset of the directory.
  for (const std::size_t at : {8, 10, 12, 16}) {
    EXPECT_EQ(WalkZipBytes(Flipped(bytes, end + at, 1)).outcome, Outcome::kBroken) << at;
  }
}

TEST(ZipTest, ADumpThatWasCutBeforeItWasPackedIsBroken) {
  const Verdict verdict = WalkZipBytes(Zip("cut-dump"));
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete) << verdict.message;
  EXPECT_TRUE(verdict.place.starts_with("-: unpacked byte ")) << verdict.place;
}

// What stands both in front of a member and in the directory.
std::string Fields(const std::string& name, const std::string& content, std::size_t packed,
                   unsigned method) {
  uLong crc = crc32(0, nullptr, 0);
  crc =
      crc32(crc, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  return Bytes(0, 2) + Bytes(method, 2) + Bytes(0, 4) + Bytes(crc, 4) + Bytes(packed, 4) +
         Bytes(content.size(), 4) + Bytes(name.size(), 2) + Bytes(0, 2);
}
// The directory behind `before`, about the one member at its start.
std::string WithDirectory(const std::string& before, const std::string& fields,
                          const std::string& name) {
  const std::string entry =
      "PK\x01\x02" + Bytes(20, 2) + Bytes(20, 2) + fields + Bytes(0, 14) + name;
  return before + entry + "PK\x05\x06" + Bytes(0, 4) + Bytes(1, 2) + Bytes(1, 2) +
         Bytes(entry.size(), 4) + Bytes(before.size(), 4) + Bytes(0, 2);
}
// A member that is stored as it is, and the directory.
std::string Stored(const std::string& name, const std::string& content,
                   const std::string& between = "") {
  const std::string fields = Fields(name, content, content.size(), 0);
  const std::string member = "PK\x03\x04" + Bytes(20, 2) + fields + name + content + between;
  return WithDirectory(member, fields, name);
}

// Several of them.
std::string StoredFiles(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string members, directory;
  for (const auto& [name, content] : files) {
    const std::string fields = Fields(name, content, content.size(), 0);
    directory += "PK\x01\x02" + Bytes(20, 2) + Bytes(20, 2) + fields + Bytes(0, 10) +
                 Bytes(members.size(), 4) + name;
    members += "PK\x03\x04" + Bytes(20, 2) + fields + name + content;
  }
  return members + directory + "PK\x05\x06" + Bytes(0, 4) + Bytes(files.size(), 2) +
         Bytes(files.size(), 2) + Bytes(directory.size(), 4) + Bytes(members.size(), 4) +
         Bytes(0, 2);
}

TEST(ZipTest, ADataFolderIsWorthNoMoreThanInATarFile) {
  std::vector<std::pair<std::string, std::string>> files = {
      {"d/PG_VERSION", "15\n"}, {"d/global/pg_filenode.map", std::string(512, 'x')}};
  const Verdict without = VerifyBytes(StoredFiles(files), "d.zip");
  EXPECT_EQ(without.outcome, Outcome::kUnjudged) << without.ToString();
  EXPECT_EQ(without.message.rfind("in d/: a data folder without global/pg_control", 0), 0U);
  files.emplace_back("d/global/pg_control", std::string(8192, 'x'));
  const Verdict damaged = VerifyBytes(StoredFiles(files), "d.zip");
  EXPECT_EQ(damaged.outcome, Outcome::kBroken) << damaged.ToString();
  EXPECT_EQ(damaged.place.rfind("d/global/pg_control", 0), 0U) << damaged.place;
  std::swap(files[0], files[2]);
  EXPECT_EQ(VerifyBytes(StoredFiles(files), "d.zip").outcome, Outcome::kBroken) << "first, too";
  files = {{"a", "b"}, {"global/pg_control", "c"}};
  EXPECT_EQ(VerifyBytes(StoredFiles(files), "d.zip").outcome, Outcome::kIntact)
      << "no data folder's";
}

std::string Found(std::string_view bytes, std::size_t piece) {
  PieceSource source(bytes, piece);
  Reader reader(source);
  const Walked<Walk> walk = WalkStream(reader, "shop.zip");
  return walk ? walk->format : walk.error().message;
}

TEST(ZipTest, TheVerdictDoesNotDependOnHowTheBytesArrive) {
  std::uint32_t state = 1;
  const auto random = [&state](std::size_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
  };
  for (const std::string name : {"cut-dump", "files-pipe", "zip64-stream", "bzip2", "encrypted"}) {
    const std::string whole = Zip(name);
    for (int round = 0; round < 300; ++round) {
      std::string bytes = whole;
      for (std::size_t i = random(4); i > 0; --i) {
        bytes[random(bytes.size())] = static_cast<char>(random(2) == 0 ? random(256) : 255);
      }
      if (random(4) == 0) bytes.resize(random(bytes.size()));
      EXPECT_EQ(Found(bytes, 1 + random(40)), Found(bytes, 1 << 20)) << name << " " << round;
    }
  }
}

TEST(ZipTest, WhatHoldsNothingIsBroken) {
  EXPECT_EQ(WalkZipBytes("PK\x05\x06" + std::string(18, '\0')).reason, Reason::kTooSmall);
  EXPECT_EQ(WalkZipBytes(Stored("-", "")).reason, Reason::kTooSmall) << "an empty pipe";
  EXPECT_EQ(WalkZipBytes(Stored("shop.sql", "")).reason, Reason::kTooSmall);
  EXPECT_EQ(WalkZipBytes(Stored("folder/", "")).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkZipBytes(Stored("folder/mark", "")).outcome, Outcome::kIntact);
}

TEST(ZipTest, SignaturesOfAndroidStandBeforeTheDirectory) {
  const std::string block = Bytes(124, 8) + std::string(100, 's') + Bytes(124, 8);
  EXPECT_EQ(WalkZipBytes(Stored("a", "bytes", block + "APK Sig Block 42")).outcome,
            Outcome::kIntact);
  EXPECT_EQ(WalkZipBytes(Stored("a", "bytes", block + "APK Sig Block 43")).outcome,
            Outcome::kBroken);
}

TEST(ZipTest, ArchivesInArchivesHaveALimit) {
  std::string bytes = Zip("files");
  bytes = Stored("a.zip", Stored("b.zip", bytes));
  EXPECT_EQ(WalkZipBytes(bytes).format, "zip archive in zip in zip");
  const Verdict verdict = WalkZipBytes(Stored("c.zip", bytes));
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.reason, Reason::kLimit);
}

TEST(ZipTest, BombsAreALimit) {
  // A piece that can be repeated: it ends with a flush, not with the stream.
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string zeros(64 << 20, '\0');
  std::string piece(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(piece.data());
  stream.avail_out = static_cast<uInt>(piece.size());
  deflate(&stream, Z_FULL_FLUSH);
  piece.resize(stream.total_out);
  deflateEnd(&stream);
  std::string inner;
  for (int i = 0; i < 80; ++i) inner += piece;
  const std::string inner_zip =
      "PK\x03\x04" + Bytes(20, 2) + Fields("zeros", "", inner.size(), 8) + "zeros" + inner;
  const std::string packed = Deflated(inner_zip, -15);
  const std::string fields = Fields("b.zip", inner_zip, packed.size(), 8);
  const std::string bomb =
      WithDirectory("PK\x03\x04" + Bytes(20, 2) + fields + "b.zip" + packed, fields, "b.zip");
  EXPECT_LT(bomb.size(), 200'000u);
  const Verdict verdict = WalkZipBytes(bomb);
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
  EXPECT_EQ(verdict.reason, Reason::kLimit) << verdict.ToString();
}

TEST(ZipTest, WhatADumpOfAFolderNeedsASecondLookForIsFoundInItToo) {
  const Verdict verdict = WalkZipBytes(Stored("shop.tar", Sample("tar.dump")));
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_TRUE(verdict.format.ends_with(" in zip")) << verdict.format;
}

}  // namespace
}  // namespace drwatch::verify
