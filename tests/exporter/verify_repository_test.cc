#include "exporter/verify_repository.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "catalog/pgbackrest_repository.h"
#include "support/temp_dir.h"

namespace drwatch::exporter {
namespace {

using catalog::PgBackRestRepository;
using verify::Outcome;

// "intact /backup/main/...": a line for each thing that was verified, the folder left out.
std::vector<std::string> LinesOf(const testing::TempDir& folder) {
  std::vector<std::string> lines;
  VerifyRepository(folder.path(), 2, [&](const VerifiedPath& one) {
    lines.push_back(std::string(verify::OutcomeName(one.verdict.outcome)) + " " +
                    one.path.substr(folder.path().size()));
  });
  return lines;
}

TEST(VerifyRepositoryTest, VerifiesEveryBackupAndTheWal) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  const testing::TempDir folder;
  repository.Save(folder);
  ASSERT_TRUE(IsRepository(folder.path()));
  const std::string backups = " /backup/main/";
  EXPECT_EQ(LinesOf(folder),
            (std::vector<std::string>{
                "intact : main", "intact /archive/main/15-1", "intact" + backups + repository.kFull,
                "intact" + backups + repository.kDiff, "intact" + backups + repository.kIncr}));
  // A segment that no backup itself needs.
  const std::string wal = repository.WalFile("000000010000000000000018");
  std::string other = wal;
  other.replace(other.find("018-"), 3, "019");
  folder.Write(other, repository.files[wal]);
  EXPECT_EQ(LinesOf(folder)[1], "broken /archive/main/15-1");
  std::filesystem::remove(folder.Path(other));
  // Gone from the list: what builds upon it cannot be restored, whole as it is.
  repository.Forget(repository.kFull);
  repository.Save(folder);
  EXPECT_EQ(LinesOf(folder), (std::vector<std::string>{"intact : main", "intact /archive/main/15-1",
                                                       "broken" + backups + repository.kDiff,
                                                       "broken" + backups + repository.kIncr}));
}

TEST(VerifyRepositoryTest, SaysWhatCannotBeListed) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  repository.files["backup/main/backup.info"].resize(50);
  repository.files["backup/main/backup.info.copy"].resize(50);
  const testing::TempDir folder;
  repository.Save(folder);
  ASSERT_TRUE(IsRepository(folder.path()));
  EXPECT_EQ(LinesOf(folder), (std::vector<std::string>{"unjudged : main"}));
}

TEST(VerifyRepositoryTest, OtherFoldersAreNone) {
  const testing::TempDir folder;
  EXPECT_FALSE(IsRepository(folder.path()));
  folder.Write("backup/main/readme", "x");
  folder.Write("db1/base/1/2", "x");
  EXPECT_FALSE(IsRepository(folder.path()));
  EXPECT_FALSE(IsRepository(folder.Path("backup/main/readme")));
  EXPECT_FALSE(IsRepository(folder.Path("nowhere")));
  folder.Write("db1/base/20260101T000000/backup.info", "x");
  EXPECT_TRUE(IsRepository(folder.path()));
}

}  // namespace
}  // namespace drwatch::exporter
