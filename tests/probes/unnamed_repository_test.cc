// Probes on loose files whose folder is a repository.
#include "probes/unnamed_repository.h"

#include <gtest/gtest.h>

#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using std::chrono_literals::operator""h;

class UnnamedRepositoryTest : public BackupProbeTest {
 protected:
  UnnamedRepositoryTest() { spec_.min_size_bytes = 1; }
  void WriteServer(const std::string& folder) {
    Write(folder + "base/20261201T020000/backup.info", 1h, "status=DONE\n");
    Write(folder + "wals/xlog.db", 1h, "");
    Write(folder + "identity.json", 1h, "{\"systemid\": \"7\", \"version\": \"15\"}");
  }
};

TEST_F(UnnamedRepositoryTest, WhatLiesInAServersFolderOfBarmanIsNoBackup) {
  WriteServer("");
  Run();
  EXPECT_EQ(Value("backup_success"), 0) << Check("exists").message;
  EXPECT_EQ(Check("exists").severity, Severity::kCritical);
  EXPECT_EQ(Check("place").reason, Reason::kConfig);
  EXPECT_TRUE(Check("place").message.ends_with(
      "is part of a repository of Barman: its backups count with \"repository: barman\", \"path\" "
      "the folder above it"))
      << Check("place").message;
}

TEST_F(UnnamedRepositoryTest, ARepositoryIsSaidToBeOne) {
  WriteServer("main/");
  Run();
  EXPECT_EQ(Value("backup_success"), 0);
  EXPECT_TRUE(
      Check("place").message.ends_with("is a repository of Barman: its backups count with "
                                       "\"repository: barman\""))
      << Check("place").message;
  std::filesystem::remove_all(folder_.Path("backups/main"));
  Write("backup/main/backup.info", 1h, "x");
  Restart();
  Run();
  EXPECT_NE(Check("place").message.find("\"repository: pgbackrest\""), std::string::npos);
  std::filesystem::remove_all(folder_.Path("backups/backup"));
  Write("basebackups_005/base_1_backup_stop_sentinel.json", 1h, "{}");
  Restart();
  Run();
  EXPECT_NE(Check("place").message.find("\"repository: wal-g\""), std::string::npos);
}

TEST_F(UnnamedRepositoryTest, DumpsBesideARepositoryCount) {
  WriteServer("main/");
  Write("shop.dump", 1h, GoodDump());
  Run();
  EXPECT_EQ(Value("backup_success"), 1) << last_.Headline().message;
  EXPECT_EQ(Check("place").severity, Severity::kOk);
}

TEST_F(UnnamedRepositoryTest, CertainFilesOfARepositoryMayBeAskedFor) {
  WriteServer("");
  spec_.pattern = "*.json";
  Run();
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Check("place").severity, Severity::kOk);
}

}  // namespace
}  // namespace drwatch::probes
