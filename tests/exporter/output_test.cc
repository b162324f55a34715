#include "exporter/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "support/temp_dir.h"

namespace drwatch::exporter {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_mode;
}

TEST(OutputTest, ReplacesAFileThatOthersMayRead) {
  const testing::TempDir folder;
  const std::string path = folder.Write("drwatch.prom", "a longer text than the next one");
  const mode_t before = ::umask(022);
  EXPECT_TRUE(WriteOutput(path, "backup_success 1\n"));
  ::umask(before);
  EXPECT_EQ(testing::ReadTestFile(path), "backup_success 1\n");
  EXPECT_EQ(ModeOf(path) & 0777U, 0644U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
      << "nothing lies beside it";
  const base::Status nowhere = WriteOutput(folder.path() + "/none/x", "text");
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("no such file or directory"), std::string::npos);
}

TEST(OutputTest, WritesToWhatIsNoFileAndLeavesItThere) {
  const testing::TempDir folder;
  const std::string path = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_TRUE(WriteOutput(path, "text"));
  std::array<char, 16> got{};
  EXPECT_EQ(::read(reader, got.data(), got.size()), 4);
  ::close(reader);
  EXPECT_TRUE(S_ISFIFO(ModeOf(path)));
  EXPECT_TRUE(WriteOutput("/dev/null", "text"));
  EXPECT_TRUE(S_ISCHR(ModeOf("/dev/null")));
  const base::Status full = WriteOutput("/dev/full", "text");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message, "cannot write \"/dev/full\": no space left on device");
  EXPECT_TRUE(S_ISCHR(ModeOf("/dev/full")));
}

}  // namespace
}  // namespace drwatch::exporter
