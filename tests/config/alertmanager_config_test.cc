// Configurations of Alertmanager: what it refuses is refused here, too; what it takes is taken, or
// said to be unsupported where that stands.
#include <gtest/gtest.h>

#include <sstream>

#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

struct Row {
  std::string file;
  bool valid = false;
};

std::vector<Row> Rows() {
  std::istringstream lines(
      testing::ReadTestFile(testing::TestData("testdata/alertmanager/configs/expected.tsv")));
  std::string line;
  std::getline(lines, line);
  std::vector<Row> rows;
  while (std::getline(lines, line)) {
    const std::size_t tab = line.find('\t');
    rows.push_back({line.substr(0, tab), line.compare(tab + 1, 6, "valid\t") == 0});
  }
  return rows;
}

TEST(AlertmanagerConfigTest, IsTakenOrRefusedForAReason) {
  const std::vector<Row> rows = Rows();
  ASSERT_GT(rows.size(), 60u);
  int taken = 0;
  for (const Row& row : rows) {
    const std::string text =
        testing::ReadTestFile(testing::TestData("testdata/alertmanager/configs/" + row.file));
    Problems problems;
    const std::optional<Config> config = ParseConfig(text, "/" + row.file, problems);
    // Without a route everything goes to the first receiver here.
    if (row.file == "in-RootRouteExists.yml") continue;
    if (!row.valid) {
      EXPECT_FALSE(config) << row.file;
      continue;
    }
    if (config) ++taken;
    for (const Problem& problem : problems.all()) {
      if (problem.kind != Problem::Kind::kError) continue;
      // Files of secrets are looked at here, and are not there.
      EXPECT_TRUE(problem.message.find("not supported") != std::string::npos ||
                  problem.message.find("_file\": cannot read") != std::string::npos)
          << row.file << ": " << problem.ToString();
      EXPECT_GT(problem.position.line, 0) << row.file;
    }
  }
  EXPECT_GE(taken, 14);
}

}  // namespace
}  // namespace drwatch::config
