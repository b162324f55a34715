#include "base/glob.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace drwatch::base {
namespace {

using Paths = std::vector<std::string>;

TEST(GlobTest, FindsWhatFits) {
  const testing::TempDir dir;
  const std::string one = dir.Write("a/b/1.yml", "");
  const std::string two = dir.Write("c/b/2.yml", "");
  EXPECT_EQ(Glob(dir.Path("*/b/*.yml")).value(), (Paths{one, two}));
  EXPECT_EQ(Glob(dir.Path("*/?/*.yml")).value(), (Paths{one, two}));
  EXPECT_EQ(Glob(dir.Path("a/../c/b/[0-9].yml")).value(), Paths{dir.Path("a/../c/b/2.yml")});
  EXPECT_EQ(Glob(dir.Path("none/*")).value(), Paths{});
}

// "/*/../*/../*" would look at everything as often as there are folders, again and again.
TEST(GlobTest, DoesNotLookThroughWithoutAnEnd) {
  std::string endless;
  for (int i = 0; i < 50; ++i) endless += "/*/..";
  EXPECT_NE(Glob(endless + "/x").error().message.find("goes up (\"..\") behind a wildcard"),
            std::string::npos);
  const auto deep = Glob("/*/*/*/*/x*");
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().message,
            "the pattern \"/*/*/*/*/x*\" has wildcards in 4 folders, at most 2 are looked through");
  EXPECT_FALSE(deep.error().hint.empty());
}

}  // namespace
}  // namespace drwatch::base
