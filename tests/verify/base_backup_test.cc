#include "verify/base_backup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "backup_files.h"
#include "base/strings.h"
#include "verify/content_check.h"
#include "verify/json_bytes.h"
#include "verify/manifest.h"
#include "verify/wal_files.h"

namespace drwatch::verify {
namespace {

using base::DigestAlgorithm;
using model::Reason;

class BaseBackupTest : public ::testing::Test {
 protected:
  void WritePlain(const ManifestOptions& options = {}) {
    for (const auto& [name, content] : kFiles) folder_.Write("b/" + name, content);
    for (std::size_t i = 0; i < kWal.segments.size(); ++i) {
      folder_.Write("b/pg_wal/" + kWal.names[i], kWal.segments[i]);
    }
    folder_.Write("b/backup_manifest", MakeManifest(kFiles, options));
  }
  void WriteTar(bool packed) {
    std::vector<TarEntry> entries;
    for (const auto& [name, content] : kFiles) entries.push_back({name, content});
    entries.push_back({"pg_wal/", "", '5'});
    const std::string wal =
        Tar({{kWal.names[0], kWal.segments[0]}, {kWal.names[1], kWal.segments[1]}});
    const std::string suffix = packed ? ".gz" : "";
    folder_.Write("b/base.tar" + suffix, packed ? Gzip(Tar(entries)) : Tar(entries));
    folder_.Write("b/pg_wal.tar" + suffix, packed ? Gzip(wal) : wal);
    folder_.Write("b/backup_manifest", MakeManifest(kFiles));
  }
  Verdict Verify() { return VerifyPath(folder_.Path("b"), {}); }
  void ExpectBroken(Reason reason, const std::string& place) {
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.reason, reason) << verdict.ToString();
    EXPECT_NE(verdict.place.find(place), std::string::npos) << verdict.ToString();
  }
  testing::TempDir folder_;
};

TEST(Crc32cTest, MatchesTheCheckValue) {
  EXPECT_EQ(Crc32c(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(Crc32c(0, "1234"), "56789"), 0xe3069283u);
}

TEST_F(BaseBackupTest, PlainOneIsIntactWithEveryChecksumAlgorithm) {
  for (const std::string algorithm : {"CRC32C", "SHA224", "SHA256", "SHA384", "SHA512", "NONE"}) {
    for (const int version : {1, 2}) {
      WritePlain({version, algorithm, false});
      const Verdict verdict = Verify();
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << algorithm << verdict.ToString();
      EXPECT_EQ(verdict.level, algorithm == "NONE" ? Level::kFormat : Level::kContent);
    }
  }
  WritePlain({1, "CRC32C", true});
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << "of a big-endian server";
}

TEST_F(BaseBackupTest, WalNeedsNoChecksumInTheManifest) {
  WritePlain();
  auto files = kFiles;
  files["pg_wal/" + kWal.names[0]] = kWal.segments[0];
  files["pg_wal/archive_status/" + kWal.names[0] + ".done"] = "";
  folder_.Write("b/backup_manifest", MakeManifest(files, {2, "CRC32C", false}));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  EXPECT_EQ(Verify().level, Level::kContent);
}

TEST_F(BaseBackupTest, FilesTheServerMayTouchDoNotMatter) {
  WritePlain();
  folder_.Write("b/postgresql.auto.conf", "changed = 1\n");
  folder_.Write("b/standby.signal", "");
  folder_.Write("b/pg_wal/archive_status/x.done", "");
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  std::filesystem::remove(folder_.Path("b/postgresql.auto.conf"));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
}

// As they are in a bucket.
TEST_F(BaseBackupTest, LostEmptyFoldersAreNamed) {
  WritePlain();
  for (const char* name : {"pg_logical/snapshots", "pg_notify", "pg_replslot"}) {
    std::filesystem::create_directories(folder_.Path(std::string("b/") + name));
  }
  EXPECT_EQ(Verify().outcome, Outcome::kIntact);
  EXPECT_NE(Verify().details.back().find("create pg_tblspc, pg_twophase when"), std::string::npos);
  std::filesystem::create_directories(folder_.Path("b/pg_tblspc"));
  std::filesystem::create_directories(folder_.Path("b/pg_twophase"));
  EXPECT_EQ(Verify().details.back().find("create"), std::string::npos);
}

TEST_F(BaseBackupTest, PlainDamageIsFound) {
  WritePlain();
  folder_.Write("b/base/1/1259", Flipped(kFiles.at("base/1/1259"), 5000));
  ExpectBroken(Reason::kCorrupt, "base/1/1259");
  folder_.Write("b/base/1/1259", kFiles.at("base/1/1259").substr(1));
  ExpectBroken(Reason::kIncomplete, "base/1/1259");
  folder_.Write("b/base/1/1259", kFiles.at("base/1/1259") + "x");
  ExpectBroken(Reason::kCorrupt, "base/1/1259");
  std::filesystem::remove(folder_.Path("b/base/1/1259"));
  ExpectBroken(Reason::kIncomplete, "base/1/1259");
  folder_.Write("b/base/1/1259", kFiles.at("base/1/1259"));
  folder_.Write("b/base/1/7777", "x");
  ExpectBroken(Reason::kCorrupt, "base/1/7777");
}

TEST_F(BaseBackupTest, WalThatMakesItConsistentMustBeThere) {
  WritePlain();
  folder_.Write("b/pg_wal/000000010000000000000003", kWal.segments[0]);
  ExpectBroken(Reason::kCorrupt, "000000010000000000000003");
  std::filesystem::remove(folder_.Path("b/pg_wal/000000010000000000000003"));
  ExpectBroken(Reason::kIncomplete, "000000010000000000000003");
  std::filesystem::remove(folder_.Path("b/pg_wal/000000010000000000000002"));
  ExpectBroken(Reason::kIncomplete, "pg_wal");
}

// Positions of another cluster look like its own.
TEST_F(BaseBackupTest, OneWithWalSaysWhoseItIs) {
  const auto expect_own = [this] {
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_TRUE(verdict.needs_wal.empty());
    EXPECT_EQ(verdict.needs_wal.system_identifier, WalBuilder::kSystem);
  };
  WriteTar(true);
  expect_own();
  std::filesystem::remove_all(folder_.Path("b"));
  WritePlain();
  expect_own();
}

// "pg_basebackup -X none".
TEST_F(BaseBackupTest, WithoutWalItSaysWhatAnArchiveMustHave) {
  const auto expect_lack = [this] {
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.reason, Reason::kIncomplete);
    EXPECT_EQ(verdict.level, Level::kContent) << "of its files";
    EXPECT_EQ(verdict.ToString(),
              "pg_wal: its files are intact, but it carries no WAL: to be restored it needs WAL " +
                  FormatLsn(kWal.start) + " to " + FormatLsn(kWal.end) +
                  " of timeline 1 from an archive");
    ASSERT_EQ(verdict.needs_wal.ranges.size(), 1u);
    EXPECT_EQ(verdict.needs_wal.ranges[0].timeline, 1u);
    EXPECT_EQ(verdict.needs_wal.ranges[0].start, kWal.start);
    EXPECT_EQ(verdict.needs_wal.ranges[0].end, kWal.end);
    EXPECT_EQ(verdict.needs_wal.system_identifier, WalBuilder::kSystem) << "of pg_control";
  };
  WriteTar(true);
  std::filesystem::remove(folder_.Path("b/pg_wal.tar.gz"));
  expect_lack();
  std::filesystem::remove_all(folder_.Path("b"));
  WritePlain();
  for (const std::string& name : kWal.names) {
    std::filesystem::remove(folder_.Path("b/pg_wal/" + name));
  }
  expect_lack();
  folder_.Write("b/base/1/1259", Flipped(kFiles.at("base/1/1259"), 5000));
  EXPECT_TRUE(Verify().needs_wal.empty()) << "no archive helps";
  ExpectBroken(Reason::kCorrupt, "base/1/1259");
  folder_.Write("b/base/1/1259", kFiles.at("base/1/1259"));
  // Some of it is not none.
  folder_.Write("b/pg_wal/" + kWal.names[1], kWal.segments[1]);
  EXPECT_TRUE(Verify().needs_wal.empty());
  ExpectBroken(Reason::kIncomplete, kWal.names[0]);
}

TEST_F(BaseBackupTest, EveryRecordItNeedsIsChecked) {
  WritePlain();
  const std::string& first = kWal.segments[0];
  const std::string& second = kWal.segments[1];
  const auto end = static_cast<std::size_t>(kWal.end - 0x300000);
  const auto write_second = [&](const std::string& bytes) {
    folder_.Write("b/pg_wal/" + kWal.names[1], bytes);
  };
  for (const std::size_t at : {0x40, 5000, 600'000, (1 << 20) - 20}) {
    folder_.Write("b/pg_wal/" + kWal.names[0], Flipped(first, at));
    ExpectBroken(Reason::kCorrupt, kWal.names[at == (1 << 20) - 20]);
  }
  folder_.Write("b/pg_wal/" + kWal.names[0], first);
  for (const std::size_t at : {std::size_t{100}, std::size_t{8193}, end - 30}) {
    write_second(Flipped(second, at));
    ExpectBroken(Reason::kCorrupt, kWal.names[1] + ": byte ");
  }
  write_second(second.substr(0, 8192) + std::string(second.size() - 8192, '\0'));
  ExpectBroken(Reason::kIncomplete, kWal.names[1]);
  // What follows is not needed.
  write_second(Flipped(second, end + 1000));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  write_second(second.substr(0, end) + std::string(second.size() - end, '\0'));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  EXPECT_EQ(Verify().level, Level::kContent);
}

TEST_F(BaseBackupTest, WalInTarFilesIsCheckedOnTheWay) {
  WriteTar(true);
  const std::string second = Flipped(kWal.segments[1], 9000);
  folder_.Write("b/pg_wal.tar.gz",
                Gzip(Tar({{kWal.names[0], kWal.segments[0]}, {kWal.names[1], second}})));
  ExpectBroken(Reason::kCorrupt, "pg_wal.tar.gz: WAL segment " + kWal.names[1] + ": byte ");
  // A record goes on from one to the other: nobody saw both of its halves in turn.
  folder_.Write("b/pg_wal.tar.gz",
                Gzip(Tar({{kWal.names[1], kWal.segments[1]}, {kWal.names[0], kWal.segments[0]}})));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  EXPECT_EQ(Verify().level, Level::kFormat);
}

TEST_F(BaseBackupTest, WalOfAnotherClusterIsNoneOfIt) {
  WritePlain();
  std::map<std::string, std::string> files = kFiles;
  files["global/pg_control"] = ControlFile(42);
  folder_.Write("b/global/pg_control", files["global/pg_control"]);
  folder_.Write("b/backup_manifest", MakeManifest(files));
  ExpectBroken(Reason::kWrongFormat, "pg_wal");
}

TEST_F(BaseBackupTest, WalOfAnotherReleaseIsNoneOfIt) {
  const auto with_magic = [](std::string segment, unsigned char low) {
    for (std::size_t page = 0; page < segment.size(); page += 8192) {
      segment[page] = static_cast<char>(low);
    }
    return segment;
  };
  // A flipped bit may make another known release's of it or nobody's.
  for (const unsigned char low : {0x10, 0x18, 0x11}) {
    const std::string segment = with_magic(kWal.segments[1], low);
    WritePlain();
    folder_.Write("b/pg_wal/" + kWal.names[1], segment);
    if (low == 0x10) {
      EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
      continue;
    }
    ExpectBroken(Reason::kWrongFormat, "WAL segment " + kWal.names[1]);
    std::filesystem::remove_all(folder_.Path("b"));
    WriteTar(true);
    folder_.Write("b/pg_wal.tar.gz",
                  Gzip(Tar({{kWal.names[0], kWal.segments[0]}, {kWal.names[1], segment}})));
    ExpectBroken(Reason::kWrongFormat, "WAL segment " + kWal.names[1]);
    std::filesystem::remove_all(folder_.Path("b"));
  }
  std::map<std::string, std::string> files = kFiles;
  files["PG_VERSION"] = "99\n";  // newer than what is known
  WritePlain();
  folder_.Write("b/PG_VERSION", files["PG_VERSION"]);
  folder_.Write("b/backup_manifest", MakeManifest(files));
  ExpectBroken(Reason::kWrongFormat, "WAL segment " + kWal.names[0]);
  for (std::size_t i = 0; i < kWal.names.size(); ++i) {
    folder_.Write("b/pg_wal/" + kWal.names[i], with_magic(kWal.segments[i], 0x7F));
  }
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
}

TEST_F(BaseBackupTest, TarIsIntactPackedOrNot) {
  for (const bool packed : {false, true}) {
    WriteTar(packed);
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kContent);
    std::filesystem::remove_all(folder_.Path("b"));
  }
}

TEST_F(BaseBackupTest, TarDamageIsFoundWithItsMember) {
  WriteTar(false);
  const std::string good = testing::ReadTestFile(folder_.Path("b/base.tar"));
  const std::size_t content = good.find(kFiles.at("base/1/1249"));
  folder_.Write("b/base.tar", Flipped(good, content + 100));
  ExpectBroken(Reason::kCorrupt, "base.tar: base/1/1249");
  for (std::size_t cut = 1; cut < good.size(); cut += 1777) {
    folder_.Write("b/base.tar", good.substr(0, good.size() - cut));
    ExpectBroken(Reason::kIncomplete, "base.tar");
  }
  // A whole tar, one member short.
  folder_.Write("b/base.tar", Tar({{"PG_VERSION", "15\n"}}));
  ExpectBroken(Reason::kIncomplete, "backup_label");
  folder_.Write("b/base.tar", good);
  std::filesystem::remove(folder_.Path("b/pg_wal.tar"));
  ExpectBroken(Reason::kIncomplete, "pg_wal");
  std::filesystem::remove(folder_.Path("b/base.tar"));
  ExpectBroken(Reason::kIncomplete, "");
}

TEST_F(BaseBackupTest, TablespacesBelongBelowPgTblspc) {
  std::map<std::string, std::string> files = kFiles;
  files["pg_tblspc/16400/PG_15/1/2"] = "rows";
  WriteTar(true);
  folder_.Write("b/backup_manifest", MakeManifest(files));
  folder_.Write("b/16400.tar.gz", Gzip(Tar({{"PG_15/1/2", "rows"}})));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  folder_.Write("b/16400.tar.gz", Gzip(Tar({{"PG_15/1/2", "Rows"}})));
  ExpectBroken(Reason::kCorrupt, "pg_tblspc/16400/PG_15/1/2");
}

TEST_F(BaseBackupTest, ManifestMustBeWhole) {
  WritePlain();
  const std::string good = testing::ReadTestFile(folder_.Path("b/backup_manifest"));
  for (std::size_t at = 0; at + 2 < good.size(); at += 13) {
    folder_.Write("b/backup_manifest", Flipped(good, at));
    EXPECT_EQ(Verify().outcome, Outcome::kBroken) << at;
    folder_.Write("b/backup_manifest", good.substr(0, at));
    ExpectBroken(Reason::kIncomplete, "backup_manifest");
  }
}

TEST_F(BaseBackupTest, WithoutManifestTheLevelSaysSo) {
  WriteTar(false);
  std::filesystem::remove(folder_.Path("b/backup_manifest"));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact);
  EXPECT_EQ(Verify().level, Level::kFormat);
  std::filesystem::remove_all(folder_.Path("b"));
  WritePlain();
  std::filesystem::remove(folder_.Path("b/backup_manifest"));
  ExpectBroken(Reason::kIncomplete, "pg_xact");
  folder_.Write("b/pg_xact/0000", "x");
  ExpectBroken(Reason::kCorrupt, "global/pg_control");  // data_folder_test.cc
}

TEST_F(BaseBackupTest, WithoutManifestALostBaseTarShows) {
  folder_.Write("b/pg_wal.tar.gz", Gzip(Tar({{kWal.names[0], kWal.segments[0]}})));
  EXPECT_EQ(Verify().format, "folder of 1 files") << "anybody may pack a folder of that name";
  folder_.Write("b/16400.tar.gz", Gzip(Tar({{"PG_15_202209061/5/1", "x"}})));
  ExpectBroken(Reason::kIncomplete, "base.tar");
}

TEST_F(BaseBackupTest, WithoutManifestItSaysItselfWhatBelongsToIt) {
  std::vector<TarEntry> entries = {
      {"backup_label", "START WAL LOCATION: " + FormatLsn(kWal.start) + " (file " + kWal.names[0] +
                           ")\nCHECKPOINT LOCATION: 0/200060\n"},
      {"tablespace_map", "16400 /srv/a\\\n16401 b\n"},
      {"PG_VERSION", "15\n"},
      {"global/pg_control", ControlFile(WalBuilder::kSystem)}};
  const std::string wal = Tar({{kWal.names[0], kWal.segments[0]}});
  const auto write_all = [&] {
    folder_.Write("b/base.tar", Tar(entries));
    folder_.Write("b/16400.tar", Tar({}));
    folder_.Write("b/pg_wal.tar", wal);
  };
  write_all();
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  EXPECT_EQ(Verify().level, Level::kFormat);
  std::filesystem::remove(folder_.Path("b/16400.tar"));
  ExpectBroken(Reason::kIncomplete, "16400.tar");
  write_all();
  folder_.Write("b/pg_wal.tar", Tar({{kWal.names[1], kWal.segments[1]}}));
  ExpectBroken(Reason::kIncomplete, kWal.names[0]);
  folder_.Write("b/pg_wal.tar", Tar({{kWal.names[0], Flipped(kWal.segments[0], 50)}}));
  ExpectBroken(Reason::kCorrupt, kWal.names[0]);
  std::filesystem::remove(folder_.Path("b/pg_wal.tar"));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << "its WAL may be archived";
  write_all();
  folder_.Write("b/base.tar", wal);
  ExpectBroken(Reason::kIncomplete, "base.tar");
  entries.back() = {"global/pg_control", ControlFile(42)};
  write_all();
  ExpectBroken(Reason::kWrongFormat, "pg_wal");
  // Anybody may call a tar file so.
  std::filesystem::remove_all(folder_.Path("b"));
  folder_.Write("b/base.tar", Tar({{"etc/hosts", "::1"}}));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact);
}

Walked<Manifest> ParseManifest(std::string_view text, ManifestParts parts = ManifestParts::kAll) {
  MemorySource source(text);
  Reader reader(source);
  return ReadManifest(reader, parts);
}

TEST(ManifestTest, ReadsNamesAndTimes) {
  std::string text = MakeManifest({{"backup_label", "x"}}, {2, "CRC32C", false});
  const std::string encoded = MakeManifest({{"a", "x"}});
  auto manifest = ParseManifest(text);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->system_identifier, WalBuilder::kSystem);
  EXPECT_EQ(base::FormatRfc3339(*manifest->taken), "2026-01-02T03:04:05Z");
  EXPECT_EQ(manifest->wal.at(0).start, 0x200028u);
  EXPECT_EQ(manifest->files.size(), 1u);
  const auto summary = ParseManifest(text, ManifestParts::kWithoutFiles);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->taken, manifest->taken);
  EXPECT_EQ(summary->wal.at(0).end, manifest->wal.at(0).end);
  EXPECT_TRUE(summary->files.empty());
  EXPECT_EQ(ParseLsn("1/2"), 0x100000002u);
  EXPECT_EQ(ParseLsn("1/100000000"), std::nullopt);
  EXPECT_EQ(ParseLsn("12"), std::nullopt);
}

// Hands out one byte after the other.
class SlowSource final : public Source {
 public:
  explicit SlowSource(std::string_view bytes) : bytes_(bytes) {}
  Walked<std::string_view> Next() override {
    const std::string_view one = bytes_.substr(0, 1);
    bytes_.remove_prefix(one.size());
    return one;
  }

 private:
  std::string_view bytes_;
};

TEST(ManifestTest, EveryByteIsCoveredHoweverItArrives) {
  const std::string text = MakeManifest({{"a", "x"}, {"Manifest-Checksum", "y"}, {"b", "z"}});
  const auto slow = [](std::string_view bytes, ManifestParts parts) {
    SlowSource source(bytes);
    Reader reader(source);
    return ReadManifest(reader, parts);
  };
  for (const ManifestParts parts : {ManifestParts::kAll, ManifestParts::kWithoutFiles}) {
    EXPECT_TRUE(ParseManifest(text, parts));
    EXPECT_TRUE(slow(text, parts));
    const std::size_t last = text.find_last_not_of("}\n ");
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      // Behind the checksum there is only the bracket.
      if (at <= last) {
        EXPECT_FALSE(ParseManifest(damaged, parts)) << at;
      }
      const auto cut = ParseManifest(std::string_view(text).substr(0, at), parts);
      ASSERT_FALSE(cut) << at;
      EXPECT_EQ(cut.error().reason, Reason::kIncomplete) << at << cut.error().message;
    }
  }
}

TEST(ManifestTest, WhatTheParserKeepsIsLimited) {
  for (const char filler : {' ', '9', 'a'}) {
    const std::string text = std::string(filler == 'a' ? "{\"" : "{\"a\": ") +
                             std::string(JsonBytes::kMaxTextBytes + 10, filler);
    MemorySource source(text);
    Reader reader(source);
    JsonBytes bytes(reader);
    while (!bytes.ended() && !bytes.fault()) bytes.Step();
    EXPECT_TRUE(bytes.fault()) << filler;
  }
  // Line by line it may be as long as it likes.
  std::string lines = "[";
  while (lines.size() < 2 * JsonBytes::kMaxTextBytes) lines += "1,\n";
  MemorySource source(lines);
  Reader reader(source);
  JsonBytes bytes(reader);
  while (!bytes.ended() && !bytes.fault()) bytes.Step();
  EXPECT_FALSE(bytes.fault());
}

TEST(ManifestTest, FilesStayReadableWhenItIsMoved) {
  std::map<std::string, std::string> files;
  for (int i = 0; i < 5000; ++i) files["base/16384/" + std::to_string(100'000 + i)] = "x";
  auto manifest = ParseManifest(MakeManifest(files));
  ASSERT_TRUE(manifest) << manifest.error().message;
  const Manifest moved = std::move(*manifest);
  ASSERT_EQ(moved.files.size(), 5000u);
  EXPECT_EQ(moved.files.front().path(), "base/16384/100000");
  EXPECT_EQ(moved.files.back().path(), "base/16384/104999");
  EXPECT_EQ(moved.files.back().checksum().size(), 4u);
}

// The fault of the first segment alone; nullopt: none.
std::optional<Reason> FaultOf(const std::vector<WalRange>& ranges, std::string_view bytes) {
  WalFiles files;
  files.Need(ranges);
  MemorySource source(bytes);
  const auto added = files.Add(kWal.names[0], WalBuilder::kSegment, source);
  if (!added) return added.error().reason;
  const auto checked = files.Check();
  return checked ? std::nullopt : std::optional(checked.error().reason);
}

TEST(WalFilesTest, ASegmentThatShrankWhileItWasReadIsIncomplete) {
  const std::vector<WalRange> ranges = {{1, kWal.start, kWal.start + 40}};
  EXPECT_EQ(FaultOf(ranges, kWal.segments[0]), std::nullopt);
  EXPECT_EQ(FaultOf(ranges, std::string_view(kWal.segments[0]).substr(0, 9000)),
            Reason::kIncomplete);
  EXPECT_TRUE(FaultOf(ranges, "short"));
}

TEST(WalFilesTest, RangesNeverCountForEver) {
  const std::string& segment = kWal.segments[0];
  EXPECT_EQ(FaultOf({}, segment), std::nullopt);
  EXPECT_EQ(FaultOf({{1, 0, UINT64_MAX}}, segment), Reason::kCorrupt);
  EXPECT_EQ(FaultOf({{1, 5, 5}}, segment), Reason::kCorrupt);
  EXPECT_EQ(FaultOf({{2, 0x200028, 0x200100}}, segment), Reason::kIncomplete);
}

}  // namespace
}  // namespace drwatch::verify
