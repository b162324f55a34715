#include "exporter/adhoc.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "net/s3_address.h"
#include "support/fake_s3.h"
#include "support/temp_dir.h"

namespace drwatch::exporter {
namespace {

TEST(AdHocProbeTest, TellsWhatATargetIs) {
  EXPECT_EQ(MakeAdHocProbe("postgres://me:pw@db1:5432/shop")->type, "postgres");
  EXPECT_EQ(MakeAdHocProbe("s3://company-backups/daily")->type, "backup");
  EXPECT_EQ(MakeAdHocProbe("/")->type, "backup");
  EXPECT_FALSE(MakeAdHocProbe("/no/such/path"));
}

TEST(AdHocProbeTest, TheNameOfAFileIsNoPattern) {
  const testing::TempDir folder;
  const auto pattern_of = [](const std::string& target) {
    return std::get<config::BackupProbe>(MakeAdHocProbe(target)->spec).pattern;
  };
  EXPECT_EQ(pattern_of(folder.Write("shop [1]*?\\.dump", "x")), "shop \\[1]\\*\\?\\\\.dump");
  EXPECT_EQ(pattern_of("s3://bucket/daily/shop[1].dump"), "shop\\[1].dump");
}

// "prefix pattern" of the objects that are asked for.
std::string ObjectsOf(const std::string& target) {
  const auto probe = MakeAdHocProbe(target);
  if (!probe) return probe.error().message;
  const auto& backup = std::get<config::BackupProbe>(probe->spec);
  return net::ParseS3Path(backup.place.path)->second + " " + backup.pattern;
}

TEST(AdHocProbeTest, NoSlashOfAKeyIsLost) {
  EXPECT_EQ(ObjectsOf("s3://b"), " *");
  EXPECT_EQ(ObjectsOf("s3://b/"), " *");
  EXPECT_EQ(ObjectsOf("s3://b/x.dump"), " x.dump");
  EXPECT_EQ(ObjectsOf("s3://b//x.dump"), "/ x.dump");
  EXPECT_EQ(ObjectsOf("s3://b/p/x.dump"), "p/ x.dump");
  EXPECT_EQ(ObjectsOf("s3://b/p//x.dump"), "p// x.dump");
  EXPECT_EQ(ObjectsOf("s3://b/p///x.dump"), "p/// x.dump");
  EXPECT_EQ(ObjectsOf("s3://b/p"), "p/ *");
  EXPECT_EQ(ObjectsOf("s3://b/v1.2/"), "v1.2/ *");
  EXPECT_EQ(ObjectsOf("s3://b/p//"), "p// *");
}

TEST(AdHocProbeTest, AnAddressWithoutABucketIsRefused) {
  for (const std::string target : {"s3://", "s3:///", "s3:///x", "s3://../x", "s3://a b/x"}) {
    const auto probe = MakeAdHocProbe(target);
    ASSERT_FALSE(probe) << target;
    EXPECT_TRUE(probe.error().message.starts_with("bad bucket name ")) << probe.error().message;
    EXPECT_NE(probe.error().hint.find("s3://bucket/prefix"), std::string::npos);
  }
}

TEST(AdHocProbeTest, WhatCannotBeLookedAtIsNotMissing) {
  const testing::TempDir folder;
  std::filesystem::create_symlink("loop", folder.Path("loop"));
  const auto probe = MakeAdHocProbe(folder.Path("loop"));
  ASSERT_FALSE(probe);
  EXPECT_NE(probe.error().message.find("too many levels"), std::string::npos)
      << probe.error().message;
}

TEST(AdHocProbeTest, KeysInABucketsAddressAreRefusedAndNotPrinted) {
  for (const std::string target : {"s3://AKIA1:hidden@bucket/daily", "s3://hidden@bucket"}) {
    const auto probe = MakeAdHocProbe(target);
    ASSERT_FALSE(probe) << target;
    EXPECT_EQ(probe.error().message.find(":hidden"), std::string::npos) << probe.error().message;
    EXPECT_NE(probe.error().message.find("keys do not belong"), std::string::npos);
  }
  EXPECT_FALSE(MakeAdHocProbe("gopher://me:hidden@host"));
}

// "repository path stanza" of each probe.
std::vector<std::string> Probes(const std::string& target) {
  std::vector<std::string> all;
  for (const config::Probe& probe : EachStanza(*MakeAdHocProbe(target))) {
    const auto& backup = std::get<config::BackupProbe>(probe.spec);
    const bool loose = backup.repository == config::Repository::kNone;
    all.push_back((loose ? "files " : "repository ") + backup.place.path + " " + backup.stanza);
  }
  return all;
}

TEST(AdHocProbeTest, ARepositoryIsLookedAtAsOne) {
  const testing::TempDir folder;
  const std::string home = std::filesystem::canonical(folder.path()).string();
  for (const std::string server : {"db1/", "db2/"}) {
    folder.Write(server + "base/20260101T000000/backup.info", "x");
    folder.Write(server + "identity.json", "{}");
  }
  folder.Write("barman.log", "x");
  const std::vector<std::string> both = {"repository " + home + " db1",
                                         "repository " + home + " db2"};
  EXPECT_EQ(Probes(home), both);
  EXPECT_EQ(Probes(home + "/db2"), std::vector<std::string>{both.back()});
  EXPECT_EQ(Probes(home + "/db2/base"), std::vector<std::string>{"files " + home + "/db2/base "});
  // Dumps that lie beside it are what is asked for.
  folder.Write("shop.sql.gz", "x");
  const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ::utimensat(AT_FDCWD, folder.Path("shop.sql.gz").c_str(), old, 0);
  EXPECT_EQ(Probes(home), std::vector<std::string>{"files " + home + " "});
}

// The types of the probes that a folder is asked with.
std::vector<std::string> Types(const std::string& target) {
  std::vector<std::string> types;
  for (const config::Probe& probe : EachStanza(*MakeAdHocProbe(target))) {
    types.push_back(probe.type);
  }
  return types;
}

class AdHocWalTest : public ::testing::Test {
 protected:
  void Write(const std::string& name) {
    folder_.Write(name, "x");
    const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    ::utimensat(AT_FDCWD, folder_.Path(name).c_str(), old, 0);
  }
  void WriteSegments(int count, const std::string& below = "") {
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(1000 + i);
      Write(below + "00000001000000000000" + number + ".gz");
    }
  }
  using Found = std::vector<std::string>;
  const testing::TempDir folder_;
};

TEST_F(AdHocWalTest, AFolderOfSegmentsIsAWalArchive) {
  WriteSegments(3);
  Write("00000002.history");
  Write("000000010000000000001001.00000028.backup");
  Write("000000010000000000001004.partial");
  EXPECT_EQ(Types(folder_.path()), Found{"wal_archive"});
  const config::Probe probe = EachStanza(*MakeAdHocProbe(folder_.path())).front();
  EXPECT_EQ(std::get<config::WalArchiveProbe>(probe.spec).place.path, folder_.path());
  EXPECT_EQ(std::get<config::WalArchiveProbe>(probe.spec).backup, probe.name);
}

TEST_F(AdHocWalTest, FoldersOfSegmentsAreAWalArchive) {
  WriteSegments(3, "0000000100000000/");
  Write("000000010000000000001001.00000028.backup");
  EXPECT_EQ(Types(folder_.path()), Found{"wal_archive"});
}

TEST_F(AdHocWalTest, WhatElseLiesBetweenThemIsAskedAsWell) {
  WriteSegments(9);
  Write("shop.dump");
  EXPECT_EQ(Types(folder_.path()), Found{"backup"});  // one in ten is no stray
  WriteSegments(10);
  EXPECT_EQ(Types(folder_.path()), (Found{"wal_archive", "backup"}));
}

TEST_F(AdHocWalTest, BackupsWithTheirWalAreNoArchive) {
  WriteSegments(12, "pg_wal/");
  Write("backup_manifest");
  Write("backup_label");
  Write("PG_VERSION");
  EXPECT_EQ(Types(folder_.path()), Found{"backup"});
  std::filesystem::create_directory(folder_.Path("pg_wal/archive_status"));
  EXPECT_EQ(Types(folder_.Path("pg_wal")), Found{"backup"});
}

TEST_F(AdHocWalTest, SegmentsBesideBaseBackupsAreNoArchive) {
  WriteSegments(30);
  Write("base-1/backup_manifest");
  Write("base-1/PG_VERSION");
  EXPECT_EQ(Types(folder_.path()), Found{"backup"});
}

TEST_F(AdHocWalTest, ABucketOfSegmentsIsAWalArchive) {
  testing::FakeS3 bucket("backups");
  ::setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  ::setenv("AWS_ENDPOINT_URL_S3", bucket.endpoint().c_str(), 1);
  const auto put = [&bucket](const std::string& key) {
    bucket.Put(key, "x", base::Timestamp(base::Duration(1'000'000'000)));
  };
  for (const std::string name : {"A", "B", "C"}) put("wal/00000001000000000000000" + name + ".gpg");
  put("wal/00000002.history");
  put("daily/shop.dump");
  EXPECT_EQ(Types("s3://backups/wal"), Found{"wal_archive"});
  EXPECT_EQ(Types("s3://backups/daily"), Found{"backup"});
  EXPECT_EQ(Types("s3://backups"), Found{"backup"});
  EXPECT_EQ(Types("s3://nobodys/wal"), Found{"backup"}) << "which tells what is wrong with it";
  const config::Probe probe = EachStanza(*MakeAdHocProbe("s3://backups/wal/")).front();
  EXPECT_TRUE(std::get<config::WalArchiveProbe>(probe.spec).place.s3);
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"}) {
    ::unsetenv(name);
  }
}

}  // namespace
}  // namespace drwatch::exporter
