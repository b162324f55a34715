#include "exporter/verify_paths.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace drwatch::exporter {
namespace {

TEST(VerifyPathsTest, AnswersInOrderHoweverManyRun) {
  const testing::TempDir folder;
  std::vector<std::string> paths;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "f" + std::to_string(i) + ".json";
    paths.push_back(folder.Write(name, i == 7 ? "[" : "[" + std::string(i * 1000, ' ') + "]"));
  }
  paths.push_back(folder.path() + "/missing");
  for (const int jobs : {1, 4, 100}) {
    std::vector<std::string> seen;
    std::vector<verify::Outcome> outcomes;
    VerifyPaths(paths, jobs, [&](const VerifiedPath& one) {
      seen.push_back(one.path);
      outcomes.push_back(one.verdict.outcome);
    });
    EXPECT_EQ(seen, paths);
    EXPECT_EQ(outcomes[0], verify::Outcome::kIntact);
    EXPECT_EQ(outcomes[7], verify::Outcome::kBroken);
    EXPECT_EQ(outcomes[40], verify::Outcome::kUnjudged);
  }
  VerifyPaths({}, 2, [](const VerifiedPath&) { FAIL(); });
}

TEST(VerifyPathsTest, ProgressTellsRateAndTimeLeft) {
  VerifyProgress progress{0, 4 << 20, base::Duration(100), 0, 3};
  EXPECT_EQ(FormatVerifyProgress(progress), "0/3 done, 0 B of 4.0 MiB");
  progress = {1 << 20, 4 << 20, base::Duration(1000), 1, 3};
  EXPECT_EQ(FormatVerifyProgress(progress), "1/3 done, 1.0 MiB of 4.0 MiB, 1.0 MiB/s, 4s left");
  progress = {4 << 20, 4 << 20, base::Duration(2000), 3, 3};
  EXPECT_EQ(FormatVerifyProgress(progress), "3/3 done, 4.0 MiB of 4.0 MiB, 2.0 MiB/s");
  progress.total_bytes = 0;
  EXPECT_EQ(FormatVerifyProgress(progress), "3/3 done, 4.0 MiB, 2.0 MiB/s");
  progress.total_bytes = 1 << 20;  // less than was read
  EXPECT_EQ(FormatVerifyProgress(progress), "3/3 done, 4.0 MiB, 2.0 MiB/s");
}

}  // namespace
}  // namespace drwatch::exporter
