#include "verify/data_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/digest.h"
#include "base/strings.h"
#include "samples.h"
#include "verify/content_check.h"
#include "verify/control_file.h"
#include "wal_builder.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::uint32_t kStopped = 1;
constexpr std::uint32_t kRunning = 6;

void Append(std::string& bytes, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
}

struct Control {
  std::uint32_t version = 1300;  // PostgreSQL 13 to 16
  std::uint32_t state = kStopped;
  Lsn redo = 0;
  Lsn checkpoint = 0;
};

// As pg_control.h says, with 288 bytes of fields before the checksum.
std::string MakeControl(const Control& control) {
  std::string bytes;
  Append(bytes, WalBuilder::kSystem, 8);
  Append(bytes, control.version, 4);
  Append(bytes, 202'209'061, 4);
  Append(bytes, control.state, 8);
  Append(bytes, 1'790'000'000, 8);
  Append(bytes, control.checkpoint, 8);
  if (control.version < 1100) Append(bytes, 1, 8);
  Append(bytes, control.redo, 8);
  Append(bytes, 1, 4);
  bytes += Noise(288 - bytes.size());
  Append(bytes, Crc32c(0, bytes), 4);
  bytes.resize(kControlBytes);
  return bytes;
}

std::string ListOf(const std::map<std::string, std::string>& files, const std::string& prefix) {
  std::string list;
  for (const auto& [name, content] : files) {
    const auto digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, content);
    list += base::Hex(digest) + "  " + prefix + name + "\n";
  }
  return list;
}

class DataFolderTest : public ::testing::Test {
 protected:
  DataFolderTest() {
    WalBuilder builder(2);
    control_.redo = builder.Add("first");
    builder.FillTo(40);
    builder.Add(Noise(20'000));
    control_.checkpoint = builder.Add(Noise(100), 0, 0);
    const std::vector<std::string> segments = builder.Segments();
    for (std::size_t i = 0; i < segments.size(); ++i) {
      files_["pg_wal/" + builder.Name(i)] = segments[i];
    }
    first_segment_ = "pg_wal/" + builder.Name(0);
    last_segment_ = "pg_wal/" + builder.Name(segments.size() - 1);
    files_["PG_VERSION"] = "15\n";
    files_["base/1/1259"] = Noise(8192);
    files_["base/1/PG_VERSION"] = "15\n";
    files_["pg_multixact/members/0000"] = std::string(8192, '\0');
    files_["pg_xact/0000"] = std::string(8192, '\0');
    files_["postgresql.auto.conf"] = "error: none\n";
    files_["global/pg_internal.init"] = "";
    SetState(kStopped);
  }

  void SetState(std::uint32_t state) {
    control_.state = state;
    files_["global/pg_control"] = MakeControl(control_);
  }
  void Write(const std::string& name = "d") {
    std::filesystem::remove_all(folder_.Path(name));
    for (const auto& [file, content] : files_) folder_.Write(name + "/" + file, content);
  }
  Verdict Verify(const std::string& name = "d") { return VerifyPath(folder_.Path(name), {}); }
  // As `tar -C .. d`, packed or not.
  std::string Archive(const std::string& below = "d/") {
    std::vector<TarEntry> entries;
    files_["global/pg_filenode.map"] = Noise(512);
    for (const auto& [file, content] : files_) entries.push_back({below + file, content});
    return Tar(entries);
  }
  void ExpectBroken(Reason reason, const std::string& place) {
    Write();
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << place;
    EXPECT_EQ(verdict.reason, reason) << verdict.ToString();
    EXPECT_NE(verdict.place.find(place), std::string::npos) << verdict.ToString();
  }

  testing::TempDir folder_;
  std::map<std::string, std::string> files_;
  Control control_;
  std::string first_segment_;
  std::string last_segment_;
};

TEST_F(DataFolderTest, ColdCopyIsNotBrokenByPagesOfZeros) {
  Write();
  Verdict verdict = Verify();
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kSize);
  EXPECT_EQ(verdict.ToString(), "no backup_manifest: nothing to check its files against");
  EXPECT_EQ(verdict.details.at(0), "its server was stopped before it was copied");
  // Wherever it lies.
  Write("all/2026-11-30/pgdata");
  verdict = Verify("all");
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
  EXPECT_EQ(verdict.place, "2026-11-30/pgdata");
}

TEST_F(DataFolderTest, ChecksumFilesProveIt) {
  Write();
  folder_.Write("d/SHA256SUMS", ListOf(files_, ""));
  EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
  EXPECT_EQ(Verify().level, Level::kChecksum);
  Write("all/2026/pgdata");
  folder_.Write("all/SHA256SUMS", ListOf(files_, "2026/pgdata/"));
  EXPECT_EQ(Verify("all").outcome, Outcome::kIntact) << Verify("all").ToString();
  folder_.Write("SHA256SUMS", ListOf(files_, "all/2026/pgdata/"));
  for (const char* path : {"d/base/1/1259", "all/2026/pgdata/base/1/1259"}) {
    folder_.Write(path, Noise(8191));
  }
  EXPECT_EQ(Verify().place, "base/1/1259");
  EXPECT_EQ(Verify("all").place, "2026/pgdata/base/1/1259");
  EXPECT_EQ(Verify("all").reason, Reason::kCorrupt);
  std::filesystem::remove(folder_.Path("all/SHA256SUMS"));
  EXPECT_EQ(Verify("all").reason, Reason::kCorrupt) << "the list beside it";
  std::filesystem::remove(folder_.Path("d/base/1/1259"));
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
}

TEST_F(DataFolderTest, WhatAServerNeedsToStartIsMissed) {
  for (const std::string name : {"pg_xact/0000", "global/pg_control"}) {
    const std::string content = files_.at(name);
    files_.erase(name);
    ExpectBroken(Reason::kIncomplete, name == "pg_xact/0000" ? "pg_xact" : name);
    files_[name] = content;
  }
  files_["global/pg_control"] = MakeControl(control_).substr(0, 290);
  ExpectBroken(Reason::kIncomplete, "global/pg_control");
  files_["global/pg_control"] = std::string(8192, '\0');
  ExpectBroken(Reason::kCorrupt, "global/pg_control");
  SetState(kStopped);
  files_["PG_VERSION"] = "14\n";
  ExpectBroken(Reason::kWrongFormat, "WAL segment");
}

TEST_F(DataFolderTest, TheWalOfTheLastCheckpointIsRead) {
  const std::string last = files_.at(last_segment_);
  files_[last_segment_] = Flipped(last, control_.checkpoint % WalBuilder::kSegment + 30);
  ExpectBroken(Reason::kCorrupt, "WAL segment");
  files_.erase(last_segment_);
  ExpectBroken(Reason::kIncomplete, "WAL segment");
  files_.erase(first_segment_);
  Write();
  const Verdict without = Verify();
  EXPECT_EQ(without.outcome, Outcome::kUnjudged) << "an archive may have it";
  EXPECT_NE(without.ToString().find("pg_wal: it carries no WAL"), std::string::npos)
      << without.ToString();
}

TEST_F(DataFolderTest, CopyOfARunningServerMayBeASnapshot) {
  SetState(kRunning);
  Write();
  folder_.Write("d/SHA256SUMS", ListOf(files_, ""));
  const Verdict verdict = Verify();
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_NE(verdict.message.find("no backup_label"), std::string::npos) << verdict.ToString();
  // With one the WAL is wherever it was archived.
  files_["backup_label"] = "START WAL LOCATION: 0/5000028 (file 000000010000000000000005)\n";
  Write();
  EXPECT_EQ(Verify().message, "no backup_manifest: nothing to check its files against");
}

// Taken by hand between pg_backup_start() and pg_backup_stop(), as the manual wants it.
TEST_F(DataFolderTest, TarFilesAreNoBetterThanWhatTheyWereMadeOf) {
  const std::string stopped = "its server was stopped before it was copied";
  for (const std::string below : {"d/", "", "var/lib/15/main/"}) {
    SetState(kStopped);
    const Verdict cold = VerifyBytes(Gzip(Archive(below)), "d.tgz");
    EXPECT_EQ(cold.outcome, Outcome::kIntact) << cold.ToString();
    EXPECT_EQ(cold.level, Level::kContent);
    EXPECT_EQ(cold.details.at(0), stopped);
    SetState(kRunning);
    for (const std::string& bytes : {Archive(below), Gzip(Archive(below))}) {
      const Verdict live = VerifyBytes(bytes, "d.tar");
      EXPECT_EQ(live.outcome, Outcome::kUnjudged) << live.ToString();
      EXPECT_EQ(live.reason, Reason::kUnverified);
      EXPECT_EQ(live.level, Level::kSize);
      const std::string where = below.empty() ? "" : "in " + below + ": ";
      EXPECT_TRUE(live.message.starts_with(where + "its server was not stopped")) << live.message;
      EXPECT_TRUE(live.format.starts_with("tar archive")) << live.format;
    }
  }
  // Damages count more than the doubt.
  EXPECT_EQ(VerifyBytes(Gzip(Archive()).substr(0, 9000), "d.tgz").outcome, Outcome::kBroken);
  folder_.Write("d.tar", Archive());
  folder_.Write("d.tar.sha256", ListOf({{"d.tar", Archive()}}, ""));
  EXPECT_EQ(Verify("d.tar").outcome, Outcome::kUnjudged);
  EXPECT_EQ(Verify("d.tar").level, Level::kChecksum);
  // A backup that was begun, with its WAL and without.
  files_["backup_label"] = "START WAL LOCATION: 0/1000028 (file x)\n";
  EXPECT_EQ(VerifyBytes(Archive(), "d.tar").outcome, Outcome::kIntact);
  EXPECT_EQ(VerifyBytes(Archive(), "d.tar").details.size(), 1U) << "the number of members";
  std::erase_if(files_, [](const auto& file) { return file.first.starts_with("pg_wal/"); });
  EXPECT_EQ(VerifyBytes(Archive(), "d.tar").details.at(0),
            "it carries no WAL: recovery needs that of an archive");
}

TEST_F(DataFolderTest, TarFilesWithoutAControlFileAreToldAndDamagedOnesBroken) {
  files_.erase("global/pg_control");
  const Verdict without = VerifyBytes(Archive(), "d.tar");
  EXPECT_EQ(without.outcome, Outcome::kUnjudged) << without.ToString();
  EXPECT_NE(without.message.find("without global/pg_control"), std::string::npos);
  SetState(kStopped);
  files_["global/pg_control"] = Flipped(files_["global/pg_control"], 60);
  const Verdict damaged = VerifyBytes(Archive(), "d.tar");
  EXPECT_EQ(damaged.outcome, Outcome::kBroken) << damaged.ToString();
  EXPECT_EQ(damaged.reason, Reason::kCorrupt);
  EXPECT_EQ(damaged.place.rfind("d/global/pg_control", 0), 0U) << damaged.place;
}

TEST_F(DataFolderTest, WithALabelAndNoWalItSaysWhatAnArchiveMustHave) {
  SetState(kRunning);
  files_["backup_label"] = "START WAL LOCATION: 0/5000028 (file 000000010000000000000005)\n";
  for (const std::string& segment : {first_segment_, last_segment_}) files_.erase(segment);
  Write();
  const Verdict verdict = Verify();
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
  EXPECT_EQ(verdict.level, Level::kSize) << "nothing proves its files";
  EXPECT_EQ(verdict.place, "pg_wal");
  EXPECT_EQ(verdict.message,
            "it carries no WAL: to be restored it needs that of timeline 1 from 0/5000028 on from "
            "an archive");
  ASSERT_EQ(verdict.needs_wal.ranges.size(), 1u);
  EXPECT_EQ(verdict.needs_wal.ranges[0].timeline, 1u);
  EXPECT_EQ(verdict.needs_wal.ranges[0].start, 0x5000028u);
  EXPECT_EQ(verdict.needs_wal.ranges[0].end, 0x5000029u);
  EXPECT_EQ(verdict.needs_wal.system_identifier, WalBuilder::kSystem);
  folder_.Write("d/SHA256SUMS", ListOf(files_, ""));
  EXPECT_EQ(Verify().level, Level::kChecksum);
  EXPECT_FALSE(Verify().needs_wal.empty());
  folder_.Write("d/base/1/1259", "other pages");
  EXPECT_TRUE(Verify().needs_wal.empty()) << "no archive helps";
}

TEST_F(DataFolderTest, ItsManifestIsOfThePastOnceAServerWasStartedInIt) {
  files_["backup_manifest"] = "{}";
  ExpectBroken(Reason::kIncomplete, "backup_manifest");
  files_["backup_label.old"] = "START WAL LOCATION: 0/5000028 (file 000000010000000000000005)\n";
  Write();
  EXPECT_EQ(Verify().outcome, Outcome::kUnjudged) << Verify().ToString();
  EXPECT_NE(Verify().message.find("was started in it"), std::string::npos) << Verify().message;
  files_["backup_label"] = files_["backup_label.old"];
  ExpectBroken(Reason::kIncomplete, "backup_manifest");
}

TEST(ControlFileTest, EveryBitOfItsFieldsCounts) {
  for (const std::uint32_t version : {942u, 1002u, 1100u, 1300u, 1800u}) {
    const std::string bytes = MakeControl({version, kStopped, 0x2000028, 0x2000100});
    const auto control = ParseControlFile(bytes);
    ASSERT_TRUE(control) << version;
    EXPECT_TRUE(control->stopped);
    ASSERT_TRUE(control->checkpoint);
    EXPECT_EQ(control->checkpoint->timeline, 1u);
    EXPECT_EQ(control->checkpoint->start, 0x2000028u);
    EXPECT_EQ(control->checkpoint->end, 0x2000101u);
    for (std::size_t at = 0; at < 292; ++at) {
      if (at >= 8 && at < 12) continue;  // another version
      EXPECT_FALSE(ParseControlFile(Flipped(bytes, at, static_cast<int>(at % 8)))) << at;
    }
  }
  // What cannot be read says nothing: older ones, and those of another byte order.
  EXPECT_FALSE(ParseControlFile(MakeControl({937})).value().checkpoint);
  EXPECT_FALSE(ParseControlFile(MakeControl({__builtin_bswap32(1300)})).value().checkpoint);
  EXPECT_FALSE(ParseControlFile(std::string(100, 'x')));
}

}  // namespace
}  // namespace drwatch::verify
