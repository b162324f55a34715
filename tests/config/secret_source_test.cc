#include <gtest/gtest.h>

#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

TEST(ReadSecretTest, ReadsTheFileAtEachUse) {
  const testing::TempDir dir;
  SecretSource source;
  source.file = dir.Write("token", "first\n");
  EXPECT_FALSE(source.empty());
  EXPECT_EQ(ReadSecret(source).value().Reveal(), "first");
  dir.Write("token", " second \r\n");
  EXPECT_EQ(ReadSecret(source).value().Reveal(), " second ");
  dir.Write("token", "third\n\n");
  EXPECT_EQ(ReadSecret(source).value().Reveal(), "third\n");
}

TEST(ReadSecretTest, GivesTheValueWithoutAFile) {
  EXPECT_TRUE(SecretSource().empty());
  EXPECT_TRUE(ReadSecret(SecretSource()).value().empty());
  const SecretSource source{base::Secret("x"), ""};
  EXPECT_EQ(ReadSecret(source).value().Reveal(), "x");
}

TEST(ReadSecretTest, NamesTheFileAndNeverItsContent) {
  const testing::TempDir dir;
  const base::Result<base::Secret> missing = ReadSecret({{}, dir.Path("absent")});
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().message.find("absent\": no such file"), std::string::npos);
  const base::Result<base::Secret> empty = ReadSecret({{}, dir.Write("empty", "\n")});
  ASSERT_FALSE(empty.has_value());
  EXPECT_NE(empty.error().message.find("empty\" is empty"), std::string::npos);
  const base::Result<base::Secret> huge =
      ReadSecret({{}, dir.Write("huge", std::string(1 << 20, 'p'))});
  ASSERT_FALSE(huge.has_value());
  EXPECT_EQ(huge.error().ToString().find("ppp"), std::string::npos);
  EXPECT_FALSE(ReadSecret({{}, dir.path()}).has_value());
}

}  // namespace
}  // namespace drwatch::config
