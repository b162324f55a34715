#include "exporter/verify_repository.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "catalog/pgbackrest_repository.h"
#include "exporter/find_repository.h"
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
  ASSERT_TRUE(FindRepository(folder.path()));
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
  ASSERT_TRUE(FindRepository(folder.path()));
  EXPECT_EQ(LinesOf(folder), (std::vector<std::string>{"unjudged : main"}));
}

TEST(VerifyRepositoryTest, OtherFoldersAreNone) {
  const testing::TempDir folder;
  EXPECT_FALSE(FindRepository(folder.path()));
  folder.Write("backup/main/readme", "x");
  folder.Write("db1/base/1/2", "x");
  EXPECT_FALSE(FindRepository(folder.path()));
  EXPECT_FALSE(FindRepository(folder.Path("backup/main/readme")));
  EXPECT_FALSE(FindRepository(folder.Path("nowhere")));
  folder.Write("db1/base/20260101T000000/backup.info", "x");
  EXPECT_TRUE(FindRepository(folder.path()));
}

TEST(VerifyRepositoryTest, TheFolderOfOneStanzaIsOfTheRepositoryAboveIt) {
  const testing::TempDir folder;
  PgBackRestRepository repository = PgBackRestRepository().Build();
  repository.Save(folder);
  folder.Write("backup/main/backup.history/backup.info", "x");
  const auto stanza = FindRepository(folder.Path("backup/main"));
  ASSERT_TRUE(stanza);
  EXPECT_EQ(stanza->path, std::filesystem::canonical(folder.path()));
  EXPECT_EQ(stanza->stanzas, std::vector<std::string>{"main"});
  const testing::TempDir home;
  home.Write("db1/base/20260101T000000/backup.info", "x");
  home.Write("db2/base/20260101T000000/backup.info", "x");
  const auto server = FindRepository(home.Path("db2"));
  ASSERT_TRUE(server);
  EXPECT_EQ(server->path, std::filesystem::canonical(home.path()));
  EXPECT_EQ(server->kind, config::Repository::kBarman);
  EXPECT_EQ(server->stanzas, std::vector<std::string>{"db2"});
  EXPECT_FALSE(FindRepository(home.Path("db2/base")));
}

// A bundle begins like a packed file, and is none.
TEST(VerifyRepositoryTest, TheFolderOfOneBackupIsJudgedAsThatBackup) {
  const testing::TempDir folder;
  PgBackRestRepository repository;
  repository.bundles = true;
  repository.Build();
  const std::string root = folder.path() + "/repo";
  for (const auto& [name, bytes] : repository.files) folder.Write("repo/" + name, bytes);
  folder.Write("repo/backup/main/backup.history/backup.info", "x");
  for (const char* const label : {repository.kFull, repository.kIncr}) {
    const auto found = FindRepository(root + "/backup/main/" + label + "/");
    ASSERT_TRUE(found) << label;
    EXPECT_EQ(found->label, label);
    std::vector<std::string> lines;
    VerifyRepository(root + "/backup/main/" + label, 2, [&](const VerifiedPath& one) {
      lines.push_back(std::string(verify::OutcomeName(one.verdict.outcome)) + " " +
                      one.path.substr(one.path.rfind('/') + 1));
    });
    EXPECT_EQ(lines, std::vector<std::string>{std::string("intact ") + label});
  }
  // A folder of repositories: each is one.
  folder.Write("note.json", "{}");
  std::filesystem::create_directories(folder.Path("spool/archive"));
  EXPECT_EQ(SplitAtRepositories(folder.path()),
            (std::vector<std::string>{folder.path() + "/note.json", root}));
  EXPECT_EQ(SplitAtRepositories(root), std::vector<std::string>{root});
  EXPECT_EQ(SplitAtRepositories(root + "/archive"), std::vector<std::string>{root + "/archive"});
  // Where its stanza lies on another disk, too.
  std::filesystem::rename(root + "/backup", folder.path() + "/disk");
  std::filesystem::create_directory_symlink(folder.path() + "/disk", root + "/backup");
  EXPECT_TRUE(FindRepository(root + "/backup/main/" + repository.kFull));
}

}  // namespace
}  // namespace drwatch::exporter
