#include <gtest/gtest.h>

#include "exporter/commands.h"
#include "support/temp_dir.h"

namespace drwatch::exporter {
namespace {

TEST(VerifyCommandTest, NothingOfAFileReachesATerminalAsItIs) {
  const testing::TempDir folder;
  VerifyOptions options;
  // An RDB file that says who wrote it, and a name.
  const std::string evil = "8\x1b[31m";
  options.paths = {folder.Write("a.rdb", std::string("REDIS0010\xfa\x0avalkey-ver\x06", 22) + evil +
                                             "\xff" + std::string(8, '\0')),
                   folder.Write("b\x1b[31m.gz", "no gzip")};
  options.wal_folders = {folder.Path("\x1b[31m")};
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(Verify(options), 2);
  const std::string text = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(text.find("Valkey 8\\x1b[31m"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
}

}  // namespace
}  // namespace drwatch::exporter
