// Repositories of restic, as it lays them out.
#include "verify/restic_repository.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/digest.h"
#include "base/strings.h"
#include "support/noted_files.h"
#include "support/temp_dir.h"
#include "verify/verify.h"

namespace drwatch::verify {
namespace {

using model::Reason;

class ResticRepositoryTest : public ::testing::Test {
 protected:
  ResticRepositoryTest() {
    folder_.Write("r/config", "sealed settings");
    folder_.Write("r/locks/unused", "");
    key_ = Put("keys", R"({"created":"2026-01-01"})");
    snapshot_ = Put("snapshots", "sealed snapshot");
    index_ = Put("index", "sealed index");
    pack_ = Put("data/6e", "sealed pack");
  }
  // A file that is named after its SHA-256, in `folder`.
  std::string Put(const std::string& folder, std::string_view content) {
    std::string name = folder + "/";
    name += base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, content));
    folder_.Write("r/" + name, content);
    return name;
  }
  Verdict Verify(const VerifyOptions& options = {}) const {
    return VerifyPath(folder_.Path("r"), options);
  }
  void Damage(const std::string& name) {
    std::string content = testing::ReadTestFile(folder_.Path("r/" + name));
    content.back() ^= 1;
    folder_.Write("r/" + name, content);
  }

  testing::TempDir folder_;
  std::string key_, snapshot_, index_, pack_;
};

TEST_F(ResticRepositoryTest, FilesThatAreWhatTheirNamesSayAreIntact) {
  const Verdict verdict = Verify();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kChecksum) << "nobody knows what is in them";
  EXPECT_EQ(verdict.format, "restic repository");
  EXPECT_EQ(verdict.details, std::vector<std::string>{"1 snapshots, 1 packs"});
}

TEST_F(ResticRepositoryTest, WhatIsNamedAfterItsBytesMustBeThem) {
  for (const std::string& name : {key_, snapshot_, index_, pack_}) {
    Damage(name);
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.reason, Reason::kCorrupt);
    EXPECT_EQ(verdict.place, name + ": byte 0");
    EXPECT_EQ(verdict.message, "its SHA-256 is not the one it is named after");
    Damage(name);
  }
  for (const std::string& name : {pack_, std::string("config")}) {
    const std::string whole = testing::ReadTestFile(folder_.Path("r/" + name));
    folder_.Write("r/" + name, "");
    EXPECT_EQ(Verify().reason, Reason::kTooSmall) << name;
    folder_.Write("r/" + name, whole);
  }
  EXPECT_EQ(Verify().outcome, Outcome::kIntact);
}

TEST_F(ResticRepositoryTest, EachKindMustBeThere) {
  for (const auto& [name, what] : {std::pair(key_, "key"), std::pair(snapshot_, "snapshot"),
                                   std::pair(index_, "index"), std::pair(pack_, "pack")}) {
    const std::string path = folder_.Path("r/" + name);
    std::filesystem::rename(path, folder_.Path("away"));
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << what;
    EXPECT_EQ(verdict.reason, Reason::kIncomplete);
    EXPECT_EQ(verdict.message, std::string("the repository holds no ") + what);
    std::filesystem::rename(folder_.Path("away"), path);
  }
}

TEST_F(ResticRepositoryTest, WhatWasNeverUploadedWholeIsLeftAlone) {
  folder_.Write("r/" + pack_ + "-tmp-2718", "sealed");
  folder_.Write("r/data/6e/.nfs0001", "");
  EXPECT_EQ(Verify().outcome, Outcome::kIntact);
}

TEST_F(ResticRepositoryTest, WhatWasReadIsNotReadAgainUntilItChanges) {
  testing::NotedFiles known;
  VerifyOptions options;
  options.known = &known;
  const Verdict first = Verify(options);
  EXPECT_EQ(known.size(), 5u);
  const Verdict second = Verify(options);
  EXPECT_EQ(second.outcome, Outcome::kIntact);
  EXPECT_EQ(second.level, first.level);
  EXPECT_EQ(second.details, first.details);
  EXPECT_EQ(second.bytes_read, 0);
  Damage(pack_);
  EXPECT_EQ(Verify(options).outcome, Outcome::kBroken);
  EXPECT_EQ(Verify(options).outcome, Outcome::kBroken) << "damage is no proof";
}

TEST_F(ResticRepositoryTest, OfManyPacksTheFirstThatIsDamagedIsNamed) {
  std::vector<std::string> packs = {pack_};
  for (int i = 0; i < 1200; ++i) packs.push_back(Put("data/00", "pack " + std::to_string(i)));
  std::sort(packs.begin(), packs.end());
  VerifyOptions options;
  options.jobs = 2;
  options.streams = 4;
  const Verdict whole = Verify(options);
  EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.ToString();
  EXPECT_EQ(whole.details, std::vector<std::string>{"1 snapshots, 1201 packs"});
  Damage(packs[1050]);
  Damage(packs[1150]);
  EXPECT_EQ(Verify(options).place, packs[1050] + ": byte 0");
}

}  // namespace
}  // namespace drwatch::verify
