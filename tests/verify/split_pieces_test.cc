#include "verify/split_pieces.h"

#include <gtest/gtest.h>

#include <filesystem>

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
