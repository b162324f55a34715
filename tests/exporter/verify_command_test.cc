#include <gtest/gtest.h>

#include <filesystem>

#include "exporter/commands.h"
#include "support/temp_dir.h"
#include "verify/incremental_backups.h"
#include "verify/wal_builder.h"

namespace drwatch::exporter {
namespace {

// How it ended, and what it wrote.
std::pair<int, std::string> VerifyAndSay(const VerifyOptions& options) {
  ::testing::internal::CaptureStdout();
  const int code = Verify(options);
  return {code, ::testing::internal::GetCapturedStdout()};
}

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
  const auto verify = [&options] { return VerifyAndSay(options); };
  const auto [code, text] = verify();
  EXPECT_EQ(code, 3) << text;
  EXPECT_NE(text.find("unjudged: 2 segments, 0 missing, 0 damaged, 2 unjudged"), text.npos) << text;
  EXPECT_EQ(text.find("broken"), text.npos) << text;
  folder.Write("000000020000000000000008.gpg", "no known cipher");
  EXPECT_EQ(verify().first, 2);
}

// Only pg_combinebackup makes something of it, and needs all it was made upon.
TEST(VerifyCommandTest, AnIncrementalBaseBackupIsIntactOnlyWithItsParents) {
  const testing::TempDir folder;
  verify::WritePlainBackup(folder, "b/full", 0x2000028, 0);
  verify::WritePlainBackup(folder, "b/first", 0x3000028, 0x2000028);
  verify::WriteTarBackup(folder, "b/second", 0x4000028, 0x3000028, true);
  const auto verify = [&folder](const std::vector<std::string>& names) {
    VerifyOptions options;
    for (const std::string& name : names) options.paths.push_back(folder.Path(name));
    ::testing::internal::CaptureStdout();
    const int code = Verify(options);
    return std::pair(code, ::testing::internal::GetCapturedStdout());
  };
  const auto [alone, text] = verify({"b/first"});
  EXPECT_EQ(alone, 2);
  EXPECT_NE(text.find("broken (incomplete), level 4: incremental: it cannot be restored by itself, "
                      "only with the backup that it was made upon, which starts at 0/2000028 of "
                      "timeline 1 and is not among what is verified here"),
            text.npos)
      << text;
  const auto [whole, told] = verify({"b/second", "b/first", "b/full"});
  EXPECT_EQ(whole, 0) << told;
  EXPECT_NE(told.find("incremental: made upon " + folder.Path("b/first")), told.npos) << told;
  EXPECT_EQ(verify({"b"}).first, 0);
  EXPECT_EQ(verify({"b/second", "b/first"}).first, 2) << "the full one is missing";
  folder.Write("b/full/PG_VERSION", "51\n");
  EXPECT_EQ(verify({"b/full"}).first, 2);
  const auto [broken, why] = verify({"b/full", "b/first", "b/second"});
  EXPECT_EQ(broken, 2);
  EXPECT_NE(why.find("b/first\", which is broken"), why.npos) << why;
  std::filesystem::remove_all(folder.Path("b/full"));
  EXPECT_EQ(verify({"b"}).first, 2) << "of a folder that holds them";
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
  const auto verify = [&options] { return VerifyAndSay(options); };
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

TEST(VerifyCommandTest, LinksInAWalArchiveAreFollowedAndDeadOnesTold) {
  const testing::TempDir folder;
  const testing::TempDir disk;
  for (const char* name : {"000000010000000000000005.gpg", "000000010000000000000006.gpg"}) {
    std::filesystem::create_symlink(disk.Write(name, "no known cipher"), folder.Path(name));
  }
  VerifyOptions options;
  options.wal_folders = {folder.path()};
  const auto verify = [&options] { return VerifyAndSay(options); };
  const auto [code, text] = verify();
  EXPECT_EQ(code, 3) << text;
  EXPECT_NE(text.find("unjudged: 2 segments, 0 missing"), text.npos) << text;
  std::filesystem::remove(disk.Path("000000010000000000000006.gpg"));
  const auto [broken, why] = verify();
  EXPECT_EQ(broken, 2) << why;
  EXPECT_NE(why.find("missing \"000000010000000000000006.gpg\": a link that leads nowhere"),
            why.npos)
      << why;
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

// A recovery would take the old timeline's and bring back what was left.
TEST(VerifyCommandTest, AnArchiveWithoutTheFirstSegmentOfItsTimelineIsBroken) {
  const testing::TempDir folder;
  verify::WalBuilder builder(1);
  for (int segment = 0; segment < 4; ++segment) {
    builder.Commit(1'700'000'000 + segment);
    builder.FillTo(0);
  }
  const std::vector<std::string> segments = builder.Segments();
  for (std::size_t i = 0; i < 4; ++i) folder.Write(builder.Name(i), segments[i]);
  folder.Write(builder.Name(0) + ".00000028.backup",
               "START WAL LOCATION: 0/100028 (file 000000010000000000000001)\n"
               "STOP WAL LOCATION: 0/100100 (file 000000010000000000000001)\n"
               "START TIME: 2023-11-14 22:13:20 UTC\nSTOP TIME: 2023-11-14 22:13:20 UTC\n");
  VerifyOptions options;
  options.wal_folders = {folder.path()};
  const auto verify = [&options] { return VerifyAndSay(options); };
  EXPECT_EQ(verify().first, 0);
  folder.Write("00000002.history", "1\t0/300800\tbefore the mistake\n");
  const auto [code, text] = verify();
  EXPECT_EQ(code, 2) << text;
  EXPECT_NE(text.find("broken: 4 segments, 1 missing"), text.npos) << text;
  EXPECT_NE(text.find("missing 000000020000000000000003: until it is here, a recovery to the "
                      "latest point goes on with timeline 1 behind the switch"),
            text.npos)
      << text;
  EXPECT_NE(text.find(" to 2023-11-14T22:13:21Z, where WAL breaks off"), text.npos) << text;
  options.wal_folders.clear();
  options.paths = {folder.path()};
  EXPECT_EQ(verify().first, 2) << "asked as any folder";
}

}  // namespace
}  // namespace drwatch::exporter
