#include "verify/split_pieces.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/digest.h"
#include "base/strings.h"
#include "samples.h"
#include "support/temp_dir.h"
#include "verify/verify.h"

namespace drwatch::verify {
namespace {

std::string Numbered(std::string_view name) {
  const auto piece = ParsePieceName(name);
  if (!piece) return "none";
  return std::string(piece->stem) + " " + std::to_string(piece->Number()) +
         (piece->first() ? " first" : "");
}

TEST(SplitPiecesTest, NamesTellPieces) {
  EXPECT_EQ(Numbered("shop.dump.aa"), "shop.dump. 0 first");
  EXPECT_EQ(Numbered("shop.dump.bc"), "shop.dump. 28");
  EXPECT_EQ(Numbered("xaa"), "x 0 first");
  EXPECT_EQ(Numbered("shop.tar.gz.partab"), "shop.tar.gz.part 1");
  EXPECT_EQ(Numbered("shop.tar.00"), "shop.tar. 0 first");
  EXPECT_EQ(Numbered("shop.tar.bz2.001"), "shop.tar.bz2. 1 first");
  EXPECT_EQ(Numbered("shop.tar.011"), "shop.tar. 11");
  for (const std::string name : {"", "aa", "00", "shop.1", "shop.20261201", "shop-2026-12-01",
                                 "shop.2026.12.01", "shop_02:00", "shop.A"}) {
    EXPECT_EQ(Numbered(name), "none") << name;
  }
}

TEST(SplitPiecesTest, TheNextOne) {
  EXPECT_EQ(NextPieceName("x.aa"), "x.ab");
  EXPECT_EQ(NextPieceName("x.az"), "x.ba");
  EXPECT_EQ(NextPieceName("x.zz"), std::nullopt);
  EXPECT_EQ(NextPieceName("x.009"), "x.010");
  EXPECT_EQ(NextPieceName("x.99"), std::nullopt);
  EXPECT_EQ(NextPieceName("x"), std::nullopt);
}

TEST(SplitPiecesTest, TheFileThatWasCut) {
  EXPECT_EQ(WholeName("shop.dump.aa"), "shop.dump");
  EXPECT_EQ(WholeName("daily/shop.tar.gz-000"), "daily/shop.tar.gz");
  EXPECT_EQ(WholeName("shop.tar.partaa"), "shop.tar");
  EXPECT_EQ(WholeName("shop.tar.part_01"), "shop.tar");
  EXPECT_EQ(WholeName("xaa"), "x");
  EXPECT_EQ(WholeName("shop.dump.ab"), std::nullopt);
  EXPECT_EQ(WholeName("shop.dump"), std::nullopt);
}

TEST(SplitPiecesTest, WhatBeginsAnewIsNoPiece) {
  const std::string gzip("\x1f\x8b\x08\x00 ", 5);
  const std::string sql = "--\n-- PostgreSQL database dump\n--\n";
  EXPECT_TRUE(BeginsAnew("PGDMP1", "PGDMP2"));
  EXPECT_TRUE(BeginsAnew(sql, sql));
  EXPECT_TRUE(BeginsAnew(gzip + "a", gzip + "b"));
  EXPECT_FALSE(BeginsAnew("PGDMP1", gzip)) << "a block of the dump";
  EXPECT_FALSE(BeginsAnew(gzip, std::string("\x1f\x8b\x08\x02", 4)));
  EXPECT_FALSE(BeginsAnew("PGDMP1", "DMP"));
  EXPECT_FALSE(BeginsAnew("PGDMP1", ""));
  const std::string tar = Tar({{.name = "a", .content = "x"}});
  EXPECT_FALSE(BeginsAnew(tar, tar)) << "a piece may begin with a member";
}

class SplitPiecesVerifyTest : public ::testing::Test {
 protected:
  // Cuts a good dump into pieces of so many bytes.
  void Cut(std::size_t size, std::string name) {
    const std::string dump =
        testing::ReadTestFile(testing::TestData("testdata/verify/custom.dump"));
    for (std::size_t at = 0; at < dump.size(); at += size) {
      folder_.Write(name, dump.substr(at, size));
      last_ = name;
      name = NextPieceName(name).value();
    }
  }
  Verdict Verify(const std::string& name) const { return VerifyPath(folder_.Path(name), {}); }

  const testing::TempDir folder_;
  std::string last_;
};

TEST_F(SplitPiecesVerifyTest, TogetherTheyAreOneFile) {
  for (const std::string first : {"shop.dump.aa", "shop.dump.001"}) {
    Cut(700, first);
    const Verdict whole = Verify(first);
    EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.ToString();
    EXPECT_EQ(whole.level, Level::kContent);
    ASSERT_FALSE(whole.details.empty());
    EXPECT_TRUE(whole.details.back().ends_with(" pieces")) << whole.details.back();
  }
}

TEST_F(SplitPiecesVerifyTest, WhatIsMissingOrDamagedShows) {
  Cut(700, "shop.dump.aa");
  folder_.Write(last_, "xx");
  EXPECT_EQ(Verify("shop.dump.aa").outcome, Outcome::kBroken);
  Cut(700, "shop.dump.aa");
  std::filesystem::remove(folder_.Path(last_));
  EXPECT_EQ(Verify("shop.dump.aa").outcome, Outcome::kBroken);
  Cut(700, "shop.dump.aa");
  std::filesystem::remove(folder_.Path("shop.dump.ab"));
  EXPECT_EQ(Verify("shop.dump.aa").outcome, Outcome::kBroken);
}

TEST_F(SplitPiecesVerifyTest, InAFolderTheyAreProvenTogether) {
  Cut(700, "shop.dump.aa");
  folder_.Write("shop.dump.sql",
                "-- PostgreSQL database dump\n\n-- PostgreSQL database dump complete\n");
  const Verdict whole = Verify("");
  EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.ToString();
  EXPECT_EQ(whole.level, Level::kFormat) << "that of the script";
  std::filesystem::remove(folder_.Path("shop.dump.ac"));
  const Verdict cut = Verify("");
  EXPECT_EQ(cut.outcome, Outcome::kBroken);
  EXPECT_TRUE(cut.place.starts_with("shop.dump.aa")) << cut.place;
}

TEST_F(SplitPiecesVerifyTest, AFileThatFollowsIsJudgedOnItsOwn) {
  Cut(700, "shop.dump.aa");
  folder_.Write(NextPieceName(*NextPieceName(last_)).value(), "noise");
  const Verdict whole = Verify("");
  EXPECT_EQ(whole.outcome, Outcome::kUnjudged);
  EXPECT_EQ(whole.place, *NextPieceName(*NextPieceName(last_)));
}

// The bytes of each, whatever they are together: in a dump without compression a row may change.
TEST_F(SplitPiecesVerifyTest, TheirChecksumsCount) {
  for (const std::string changed : {"shop.dump.aa", "shop.dump.ac"}) {
    Cut(700, "shop.dump.aa");
    std::string sums;
    for (std::string name = "shop.dump.aa";; name = NextPieceName(name).value()) {
      const std::string content = testing::ReadTestFile(folder_.Path(name));
      const auto digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, content);
      sums += base::Hex(digest) + "  " + name + "\n";
      if (name == last_) break;
    }
    folder_.Write("SHA256SUMS", sums);
    EXPECT_EQ(Verify("").outcome, Outcome::kIntact);
    EXPECT_EQ(Verify("").level, Level::kContent);
    EXPECT_EQ(Verify("shop.dump.aa").outcome, Outcome::kIntact);
    EXPECT_EQ(Verify("SHA256SUMS").outcome, Outcome::kIntact);
    const std::size_t at = sums.find(changed) - 3;
    sums[at] = sums[at] == '0' ? '1' : '0';
    folder_.Write("SHA256SUMS", sums);
    const Verdict whole = Verify("");
    EXPECT_EQ(whole.outcome, Outcome::kBroken) << changed;
    EXPECT_TRUE(whole.place.starts_with(changed)) << whole.place;
    EXPECT_EQ(Verify("shop.dump.aa").outcome, Outcome::kBroken) << changed;
    EXPECT_EQ(Verify("SHA256SUMS").outcome, Outcome::kBroken) << changed;
  }
}

std::string Sha256Of(std::string_view content) {
  return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, content));
}

// "sha256sum shop.dump > shop.dump.sha256; split shop.dump shop.dump."
TEST_F(SplitPiecesVerifyTest, TheChecksumOfTheWholeCounts) {
  Cut(700, "shop.dump.aa");
  const std::string dump = testing::ReadTestFile(testing::TestData("testdata/verify/custom.dump"));
  folder_.Write("shop.dump.sha256", Sha256Of(dump) + "  shop.dump\n");
  for (const std::string name : {"shop.dump.aa", "", "shop.dump.sha256"}) {
    const Verdict whole = Verify(name);
    EXPECT_EQ(whole.outcome, Outcome::kIntact) << name << whole.ToString();
    EXPECT_EQ(whole.level, Level::kContent) << name;
    EXPECT_EQ(whole.checksum, ChecksumState::kMatched) << name;
  }
  folder_.Write("shop.dump.sha256", Sha256Of(dump + "x") + "  shop.dump\n");
  for (const std::string name : {"shop.dump.aa", "", "shop.dump.sha256"}) {
    const Verdict whole = Verify(name);
    EXPECT_EQ(whole.outcome, Outcome::kBroken) << name;
    EXPECT_EQ(whole.checksum, ChecksumState::kMismatched) << name;
    EXPECT_EQ(whole.message, "sha256 differs from the one in \"shop.dump.sha256\"");
  }
}

TEST_F(SplitPiecesVerifyTest, TheChecksumOfTheWholeTellsWhatNobodyCanRead) {
  for (const bool each_is_listed : {false, true}) {
    folder_.Write("shop.gpg.aa", Noise(700));
    folder_.Write("shop.gpg.ab", Noise(500));
    folder_.Write("shop.gpg.sha256", Sha256Of(Noise(700) + Noise(500)) + "\n");
    if (each_is_listed) {
      folder_.Write("SHA256SUMS", Sha256Of(Noise(700)) + "  shop.gpg.aa\n" + Sha256Of(Noise(500)) +
                                      "  shop.gpg.ab\n");
    }
    for (const std::string name : {"shop.gpg.aa", ""}) {
      const Verdict whole = Verify(name);
      EXPECT_EQ(whole.outcome, Outcome::kIntact) << name << whole.ToString();
      EXPECT_EQ(whole.level, Level::kChecksum) << name;
    }
    folder_.Write("shop.gpg.ab", Noise(499));
    EXPECT_EQ(Verify("shop.gpg.aa").outcome, Outcome::kBroken);
    EXPECT_EQ(Verify("").outcome, Outcome::kBroken);
  }
}

TEST_F(SplitPiecesVerifyTest, TheChecksumOfAFileThatIsThereIsAboutThatFile) {
  folder_.Write("shop.gpg", Noise(300));
  folder_.Write("shop.gpg.sha256", Sha256Of(Noise(300)) + "\n");
  folder_.Write("shop.gpg.01", Noise(700));
  folder_.Write("shop.gpg.02", Noise(500));
  EXPECT_EQ(Verify("shop.gpg.01").outcome, Outcome::kUnjudged);
  EXPECT_EQ(Verify("").outcome, Outcome::kUnjudged);
  EXPECT_EQ(Verify("shop.gpg.sha256").outcome, Outcome::kIntact);
}

// Two dumps of a rotation, the first of them cut off.
TEST_F(SplitPiecesVerifyTest, OtherFilesHideNoDamage) {
  const std::string dump = testing::ReadTestFile(testing::TestData("testdata/verify/custom.dump"));
  folder_.Write("shop.dump.01", dump.substr(0, dump.size() / 2));
  folder_.Write("shop.dump.02", dump);
  EXPECT_EQ(Verify("shop.dump.01").outcome, Outcome::kBroken);
  EXPECT_EQ(Verify("shop.dump.02").outcome, Outcome::kIntact);
}

}  // namespace
}  // namespace drwatch::verify
