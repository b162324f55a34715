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

TEST(VerifyCommandTest, ASealedWalArchiveIsUnjudged) {
  const testing::TempDir folder;
  VerifyOptions options;
  options.wal_folders = {folder.path()};
  for (const char* name : {"000000020000000000000005", "000000020000000000000006",
                           "000000020000000000000005.00000028.backup", "00000002.history"}) {
    folder.Write(std::string(name) + ".gpg", "no known cipher");
  }
  const auto verify = [&options] {
    ::testing::internal::CaptureStdout();
    const int code = Verify(options);
    return std::pair(code, ::testing::internal::GetCapturedStdout());
  };
  const auto [code, text] = verify();
  EXPECT_EQ(code, 3) << text;
  EXPECT_NE(text.find("unjudged: 2 segments, 0 missing, 0 damaged, 2 unjudged"), text.npos) << text;
  EXPECT_EQ(text.find("broken"), text.npos) << text;
  folder.Write("000000020000000000000008.gpg", "no known cipher");
  EXPECT_EQ(verify().first, 2);
}

// Every file is as good as before when one of them is gone.
TEST(VerifyCommandTest, AFolderOfWalIsBrokenWhereASegmentIsMissing) {
  const testing::TempDir folder;
  VerifyOptions options;
  options.paths = {folder.path()};
  for (const char* name : {"000000010000000000000005", "000000010000000000000006",
                           "000000010000000000000008", "00000001.history"}) {
    folder.Write(std::string(name) + ".gpg", "no known cipher");
  }
  const auto verify = [&options] {
    ::testing::internal::CaptureStdout();
    const int code = Verify(options);
    return std::pair(code, ::testing::internal::GetCapturedStdout());
  };
  const auto [code, text] = verify();
  EXPECT_EQ(code, 2) << text;
  EXPECT_NE(text.find("broken (incomplete), level 1: a WAL archive in which files are missing"),
            text.npos)
      << text;
  EXPECT_NE(text.find("missing 000000010000000000000007"), text.npos) << text;
  EXPECT_NE(text.find("hint: drwatch verify --wal " + folder.path()), text.npos) << text;
  folder.Write("000000010000000000000007.gpg", "no known cipher");
  EXPECT_EQ(verify().first, 3);
}

// A restore ends at the switch.
TEST(VerifyCommandTest, WalOfATimelineWithoutItsHistoryIsBroken) {
  const testing::TempDir folder;
  VerifyOptions of_wal;
  of_wal.wal_folders = {folder.path()};
  VerifyOptions of_path;
  of_path.paths = {folder.path()};
  const auto verify = [](const VerifyOptions& options) {
    ::testing::internal::CaptureStdout();
    const int code = Verify(options);
    return std::pair(code, ::testing::internal::GetCapturedStdout());
  };
  folder.Write("000000020000000000000006.gpg", "no known cipher");
  EXPECT_EQ(verify(of_wal).first, 3) << "nothing of what was before is here";
  folder.Write("000000010000000000000005.gpg", "no known cipher");
  for (const VerifyOptions& options : {of_wal, of_path}) {
    const auto [code, text] = verify(options);
    EXPECT_EQ(code, 2) << text;
    EXPECT_NE(text.find("the history file of timeline 2"), text.npos) << text;
  }
  folder.Write("00000002.history.gpg", "no known cipher");
  EXPECT_EQ(verify(of_wal).first, 3);
  EXPECT_EQ(verify(of_path).first, 3);
}

}  // namespace
}  // namespace drwatch::exporter
