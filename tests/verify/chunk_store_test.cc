// Repositories of restic and Borg, as their programs lay them out.
#include "verify/chunk_store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/digest.h"
#include "base/strings.h"
#include "support/temp_dir.h"
#include "verify/verify.h"

namespace drwatch::verify {
namespace {

using model::Reason;

class ChunkStoreTest : public ::testing::Test {
 protected:
  // A file that is named after its SHA-256, in `folder`.
  std::string Put(const std::string& folder, std::string_view content) {
    const std::string name =
        base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, content));
    folder_.Write(folder + "/" + name, content);
    return folder + "/" + name;
  }
  void MakeRestic() {
    folder_.Write("r/config", "sealed settings");
    folder_.Write("r/locks/unused", "");
    Put("r/keys", R"({"created":"2026-01-01"})");
    snapshot_ = Put("r/snapshots", "sealed snapshot");
    index_ = Put("r/index", "sealed index");
    pack_ = Put("r/data/6e", "sealed pack");
  }
  void MakeBorg() {
    folder_.Write("b/README", "This is a Borg Backup repository.\n");
    folder_.Write("b/config", "[repository]\nversion = 1\n");
    folder_.Write("b/nonce", "0000000020000019");
    for (const char* name : {"b/hints.4", "b/index.4", "b/integrity.4"}) folder_.Write(name, "x");
    folder_.Write("b/data/0/3", "BORG_SEGsealed");
    folder_.Write("b/data/0/4", "BORG_SEGsealed");
  }
  Verdict Verify(const std::string& name) const { return VerifyPath(folder_.Path(name), {}); }

  testing::TempDir folder_;
  std::string snapshot_;
  std::string index_;
  std::string pack_;
};

TEST_F(ChunkStoreTest, WhatIsWholeIsUnjudged) {
  MakeRestic();
  MakeBorg();
  for (const auto& [name, format] :
       {std::pair("r", "restic repository"), std::pair("b", "Borg repository")}) {
    const Verdict verdict = Verify(name);
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
    EXPECT_EQ(verdict.reason, Reason::kUnverified);
    EXPECT_EQ(verdict.level, Level::kSize);
    EXPECT_EQ(verdict.format, format);
  }
  EXPECT_EQ(Verify("r").message, "what its packs hold only \"restic check --read-data\" proves");
}

TEST_F(ChunkStoreTest, WhatIsNamedAfterItsBytesMustBeThem) {
  MakeRestic();
  for (const std::string& name : {snapshot_, index_}) {
    const std::string whole = testing::ReadTestFile(folder_.Path(name));
    folder_.Write(name, whole.substr(1));
    const Verdict verdict = Verify("r");
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.reason, Reason::kCorrupt);
    EXPECT_EQ(verdict.place, name.substr(2) + ": byte 0");
    folder_.Write(name, whole);
  }
  folder_.Write(pack_, "");
  EXPECT_EQ(Verify("r").reason, Reason::kTooSmall);
}

TEST_F(ChunkStoreTest, SegmentsOfBorgSayWhatTheyAre) {
  MakeBorg();
  folder_.Write("b/data/0/4", "\0\0\0\0\0\0\0\0zeros");
  EXPECT_EQ(Verify("b").outcome, Outcome::kBroken);
  folder_.Write("b/data/0/4", "");
  EXPECT_EQ(Verify("b").reason, Reason::kTooSmall);
}

TEST_F(ChunkStoreTest, ARepositoryWithoutABackupIsNone) {
  MakeRestic();
  std::filesystem::remove(folder_.Path(snapshot_));
  const Verdict verdict = Verify("r");
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
  EXPECT_EQ(verdict.message, "the repository holds no snapshot");
}

TEST_F(ChunkStoreTest, OtherFoldersWithSuchNamesAreNone) {
  folder_.Write("app/config", "a: b");
  folder_.Write("app/README", "how to");
  folder_.Write("app/data/x", "y");
  EXPECT_EQ(RecogniseChunkStore(FolderFiles(folder_.Path("app"))), ChunkStore::kNone);
}

}  // namespace
}  // namespace drwatch::verify
