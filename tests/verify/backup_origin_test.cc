#include "verify/backup_origin.h"

#include <gtest/gtest.h>

#include "verify/incremental_backups.h"
#include "verify/verify.h"

namespace drwatch::verify {
namespace {

constexpr Lsn kFull = 0x2000028;
constexpr Lsn kLater = 0x3000028;

class BackupOriginTest : public ::testing::Test {
 protected:
  std::optional<BackupOrigin> Read(const std::string& name) {
    const VerifyOptions options;
    ReadBudget budget(options);
    const auto read = ReadBackupOrigin(FolderFiles(folder_.Path(name)), budget);
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : std::nullopt;
  }
  testing::TempDir folder_;
};

TEST_F(BackupOriginTest, TellsWhatABackupWasMadeUpon) {
  WritePlainBackup(folder_, "plain", kLater, kFull);
  WriteTarBackup(folder_, "tar", kLater, kFull, false);
  WriteTarBackup(folder_, "packed", kLater, kFull, true);
  for (const char* name : {"plain", "tar", "packed"}) {
    EXPECT_EQ(VerifyPath(folder_.Path(name), {}).outcome, Outcome::kIntact) << name;
    const auto origin = Read(name);
    ASSERT_TRUE(origin) << name;
    EXPECT_EQ(origin->own, (BackupStart{1, kLater})) << name;
    EXPECT_EQ(origin->parent, (BackupStart{1, kFull})) << name;
  }
  EXPECT_EQ(BackupOrigin::Describe({1, kFull}), "starts at 0/2000028 of timeline 1");
}

TEST_F(BackupOriginTest, AFullOneHasNoParent) {
  WritePlainBackup(folder_, "plain", kFull, 0);
  WriteTarBackup(folder_, "packed", kFull, 0, true);
  for (const char* name : {"plain", "packed"}) {
    const auto origin = Read(name);
    ASSERT_TRUE(origin) << name;
    EXPECT_EQ(origin->own, (BackupStart{1, kFull}));
    EXPECT_FALSE(origin->parent);
  }
}

TEST_F(BackupOriginTest, WithoutALabelNothingIsSaid) {
  folder_.Write("dump/toc.dat", "PGDMP");
  folder_.Write("cut/base.tar.gz", Gzip(Tar({{"backup_label", LabelOf(kFull, 0)}})).substr(0, 20));
  std::vector<TarEntry> many;
  for (int i = 0; i < 100; ++i) many.push_back({"base/1/" + std::to_string(i), "x"});
  folder_.Write("other/base.tar", Tar(many));
  for (const char* name : {"dump", "cut", "other", "none"}) EXPECT_FALSE(Read(name)) << name;
}

TEST(BackupLabelTest, AParentIsItsStartAndItsTimeline) {
  EXPECT_EQ(ParseBackupParent("INCREMENTAL FROM LSN: 1/A0\nINCREMENTAL FROM TLI: 12\n"),
            (BackupStart{12, 0x1000000A0}));
  for (const char* text : {"", "INCREMENTAL FROM LSN: 1/A0\n", "INCREMENTAL FROM TLI: 1\n",
                           "INCREMENTAL FROM LSN: x\nINCREMENTAL FROM TLI: 1\n"}) {
    EXPECT_FALSE(ParseBackupParent(text)) << text;
  }
}

}  // namespace
}  // namespace drwatch::verify
