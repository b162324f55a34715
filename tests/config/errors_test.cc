// One file with every kind of mistake, and exactly what is said of it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "base/file.h"
#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

TEST(ConfigErrorsTest, ReportsAllOfThemAtOnceWithTheirPlaces) {
  const std::string text = testing::ReadTestFile(testing::TestData("testdata/config/errors.yml"));
  const std::map<std::string, std::string> environment;
  Problems problems;
  const auto config = ParseConfig(text, "/nonexistent/errors.yml", problems, {&environment});
  EXPECT_FALSE(config.has_value());
  std::string said;
  for (const Problem& problem : problems.all()) said += problem.ToString() + "\n";
  const std::string path = testing::TestData("testdata/config/errors.txt");
  // DRWATCH_UPDATE_GOLDEN=1 writes what is said now; read the difference before it is committed.
  if (std::getenv("DRWATCH_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(base::WriteFileAtomically(path, said).has_value());
  }
  EXPECT_EQ(said, testing::ReadTestFile(path));
  EXPECT_EQ(said.find("geheim"), std::string::npos);
}

}  // namespace
}  // namespace drwatch::config
