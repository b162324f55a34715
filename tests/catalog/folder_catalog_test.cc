#include "catalog/folder_catalog.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "base/digest.h"
#include "base/strings.h"
#include "catalog/folder_summary.h"
#include "support/as_nobody.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

// 2026-01-10 00:00:00 UTC.
constexpr base::Timestamp kNow = base::FromUnixMillis(1'768'003'200'000);

class FolderCatalogTest : public ::testing::Test {
 protected:
  // A file that was changed `age` ago.
  std::string Write(const std::string& name, base::Duration age, std::string_view content = "x") {
    const std::string path = folder_.Write(name, content);
    Touch(name, age);
    return path;
  }
  void Touch(const std::string& name, base::Duration age) {
    const auto at = base::ToUnixMillis(kNow - age);
    const timespec time{at / 1000, at % 1000 * 1'000'000};
    const timespec times[2] = {time, time};
    ::utimensat(AT_FDCWD, folder_.Path(name).c_str(), times, 0);
  }
  Listing List(base::Timestamp now = kNow) {
    if (!catalog_) {
      if (options_.path.empty()) options_.path = folder_.path();
      catalog_ = std::make_unique<FolderCatalog>(options_);
    }
    return catalog_->List(now, base::Deadline::After(1min), {});
  }
  // "a b | c": complete ones, oldest first, and those being written.
  std::string Names(base::Timestamp now = kNow) {
    const Listing listing = List(now);
    if (listing.blind) return "blind: " + listing.blind->message;
    std::string text;
    for (const Artefact& artefact : listing.complete) text += artefact.name + " ";
    text += "|";
    for (const std::string& name : listing.in_progress) text += " " + name;
    return text;
  }

  testing::TempDir folder_;
  FolderOptions options_;
  std::unique_ptr<FolderCatalog> catalog_;
};

TEST_F(FolderCatalogTest, WhatLiesBesideBackupsIsNone) {
  for (const char* name : {"shop.sql", "shop.log.sql", "catalog.gz", "latest.dump.1", "shop-1"}) {
    Write(name, 1h);
  }
  for (const char* name : {"backup.log", "backup.LOG.2.gz", "backup.log-20260101", "nightly.out",
                           "README", "readme.md", "notes.txt", "nightly.sh", "job.pid", "my.conf",
                           "shop.sql.sig", "shop.sql.vol127+73.par2"}) {
    Write(name, 1h);
  }
  EXPECT_EQ(Names(), "catalog.gz latest.dump.1 shop-1 shop.log.sql shop.sql |");
  catalog_.reset();
  options_.pattern = "*.txt";
  EXPECT_EQ(Names(), "notes.txt |");
  catalog_.reset();
  options_.pattern = "*";
  options_.every_file = true;
  EXPECT_EQ(List().complete.size(), 17u);
}

TEST_F(FolderCatalogTest, ListsMatchingFilesOldestFirst) {
  options_.pattern = "shop-*.dump";
  Write("shop-b.dump", 2h);
  Write("shop-a.dump", 1h, "content");
  Write("other.dump", 1h);
  Write("shop-a.dump.sha256", 1h);
  EXPECT_EQ(Names(), "shop-b.dump shop-a.dump |");
  const Artefact newest = List().complete.back();
  EXPECT_EQ(newest.path, folder_.Path("shop-a.dump"));
  EXPECT_EQ(newest.size_bytes, 7);
  EXPECT_EQ(newest.time, kNow - 1h);
  EXPECT_EQ(newest.time_source, TimeSource::kModified);
}

TEST_F(FolderCatalogTest, RedisSnapshotsTellTheirTime) {
  const auto rdb = [](std::int64_t seconds) {
    std::string bytes =
        "REDIS0010\xfa\x05"
        "ctime\xc2";
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(seconds >> (8 * i));
    return bytes;
  };
  const std::int64_t now = base::ToUnixMillis(kNow) / 1000;
  Write("a.rdb", 1h, rdb(now - 7200));
  Write("b.rdb", 2h, rdb(now - 3600 * 4));
  EXPECT_EQ(Names(), "b.rdb a.rdb |");
  EXPECT_EQ(List().complete.back().time, kNow - 2h);
  EXPECT_EQ(List().complete.back().time_source, TimeSource::kContent);
  Write("b.rdb", 1h, rdb(now - 60));
  EXPECT_EQ(Names(), "a.rdb b.rdb |");
  EXPECT_EQ(List().complete.back().time, kNow - 1min);
}

// pg_dump writes toc.dat last.
TEST_F(FolderCatalogTest, ADumpThatDidNotComeToItsTocIsOneArtefact) {
  options_.recursive = true;
  Write("2025-12-31/shop/toc.dat", 25h);
  Write("2025-12-31/shop/3343.dat.gz", 25h);
  Write("2026-01-01/shop/3343.dat.gz", 1h);
  Write("2026-01-01/shop/3344.dat.gz", 1h);
  Write("2026-01-01/globals.sql", 1h);
  const Listing listing = List();
  ASSERT_EQ(listing.complete.size(), 3U);
  for (const Artefact& artefact : listing.complete) {
    EXPECT_EQ(artefact.folder, artefact.name.ends_with("/shop")) << artefact.name;
  }
}

TEST_F(FolderCatalogTest, AppendOnlyFoldersAreOneArtefact) {
  Write("appendonlydir/appendonly.aof.manifest", 1h, "file a.1.incr.aof seq 1 type i\n");
  Write("appendonlydir/a.1.incr.aof", 1h);
  EXPECT_EQ(Names(), "appendonlydir |");
  EXPECT_EQ(List().complete.back().files, 2);
}

TEST_F(FolderCatalogTest, ARepositoryOfResticOrBorgIsAsOldAsItsLastBackup) {
  Write("r/config", 900h);
  Write("r/keys/k", 900h);
  Write("r/snapshots/s1", 50h);
  Write("r/snapshots/s2", 26h);
  Write("r/data/6e/p", 26h);
  EXPECT_EQ(Names(), "r |");
  Write("r/index/after-a-prune", 1h);
  Write("r/data/6e/of-a-backup-that-runs", 1s);
  EXPECT_EQ(Names(), "r |");
  EXPECT_EQ(List().complete.back().time, kNow - 26h);
  EXPECT_EQ(List().complete.back().files, 7);
  for (const char* name : {"README", "config", "hints.3", "index.3", "integrity.3"}) {
    Write("b/" + std::string(name), 1h);
  }
  Write("b/data/0/2", 20h);
  Write("b/data/0/3", 19h);
  EXPECT_EQ(Names(), "r b |");
  EXPECT_EQ(List().complete.back().time, kNow - 19h);
}

TEST_F(FolderCatalogTest, OfARepositoryOnlyWhatIsNewIsReadAgain) {
  Write("r/config", 900h);
  const auto put = [this](const std::string& folder, std::string_view content) {
    const auto digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, content);
    Write("r/" + folder + "/" + base::Hex(digest), 26h, content);
  };
  for (const char* folder : {"keys", "snapshots", "index", "data/6e"}) put(folder, folder);
  verify::VerifyOptions options;
  options.reuse = 24h;
  const auto read = [&] {
    const verify::Verdict verdict = catalog_->Verify(List().complete.back(), options);
    EXPECT_EQ(verdict.outcome, verify::Outcome::kIntact) << verdict.ToString();
    return verdict.bytes_read;
  };
  List();
  EXPECT_GT(read(), 0);
  EXPECT_EQ(read(), 0);
  put("data/6f", "another");
  EXPECT_EQ(read(), 7);
  options.reuse = base::Duration(0);
  EXPECT_GT(read(), 7);
}

TEST_F(FolderCatalogTest, NewestIsByTheTimeInTheNameNotByTheCopysTime) {
  Write("shop-20260105T020000Z.dump", 1min);
  Write("shop-20260109T020000Z.dump", 1h);
  EXPECT_EQ(Names(), "shop-20260105T020000Z.dump shop-20260109T020000Z.dump |");
  EXPECT_EQ(List().complete.back().time, kNow - 22h);
  EXPECT_EQ(List().complete.back().time_source, TimeSource::kName);
}

TEST_F(FolderCatalogTest, NameWithoutZoneGivesWayToANearModificationTime) {
  Write("shop-20260109_020000.dump", 20h);
  EXPECT_EQ(List().complete.at(0).time, kNow - 20h);
  Touch("shop-20260109_020000.dump", 24h * 30);
  EXPECT_EQ(List().complete.at(0).time, kNow - 22h);
  Write("shop-2025-12-01.dump", 1h);
  EXPECT_EQ(List().complete.at(0).name, "shop-2025-12-01.dump");
  EXPECT_EQ(base::FormatRfc3339(List().complete.at(0).time), "2025-12-01T00:00:00Z");
}

TEST_F(FolderCatalogTest, TimesFromTheFutureAreNotBelieved) {
  Write("shop-20300101T000000Z.dump", 3h);
  Listing listing = List();
  EXPECT_EQ(listing.complete.at(0).time, kNow - 3h);
  ASSERT_EQ(listing.findings.size(), 1u);
  EXPECT_EQ(listing.findings[0].reason, Reason::kStale);
  Touch("shop-20300101T000000Z.dump", -3h);
  listing = List();
  EXPECT_EQ(listing.complete.at(0).time, kNow);
  // Clocks that are a little apart are no finding.
  Write("fresh.dump", -2min);
  std::filesystem::remove(folder_.Path("shop-20300101T000000Z.dump"));
  listing = List(kNow + 1min);
  EXPECT_TRUE(listing.findings.empty());
}

TEST_F(FolderCatalogTest, UnfinishedFilesAreInProgress) {
  options_.pattern = "shop-*.dump";
  Write("shop-1.dump", 1h);
  Write("shop-2.dump.part", 1h);
  Write(".shop-3.dump.Xy12Zz", 1h);
  Write("shop-4.dump", 5s);
  Write("other.part", 1h);
  const Listing listing = List();
  EXPECT_EQ(listing.complete.size(), 1u);
  EXPECT_EQ(listing.in_progress.size(), 3u);
  // Quiet for long enough.
  EXPECT_EQ(List(kNow + 2min).complete.size(), 2u);
  // A temporary file from yesterday is nobody's any more.
  Touch("shop-2.dump.part", 48h);
  EXPECT_EQ(List().in_progress.size(), 2u);
  EXPECT_EQ(List().findings.at(0).reason, Reason::kIncomplete);
}

TEST_F(FolderCatalogTest, OfWhatIsHiddenRsyncsIsInProgress) {
  for (const char* name : {".shop.dump.Xy12Zz", ".shop.dump.abcde1", ".npm.backup", ".app.config",
                           ".gitignore", ".Xy12Zz", ".shop.Xy12-z", ".shop.dump.Xy12Zza"}) {
    Write(name, 1h);
  }
  EXPECT_EQ(Names(), "| .shop.dump.Xy12Zz .shop.dump.abcde1");
}

TEST_F(FolderCatalogTest, WhatIsHiddenCountsWhereItIsAskedFor) {
  Write(".shop.dump", 1h);
  Write(".shop.dump.part", 1h);
  Write(".other.dump", 1h);
  EXPECT_EQ(Names(), "|");
  catalog_.reset();
  options_.pattern = "*.dump";
  EXPECT_EQ(Names(), "| .other.dump .shop.dump .shop.dump.part") << "on the way to other names";
  catalog_.reset();
  options_.pattern = ".shop.*";
  EXPECT_EQ(Names(), ".shop.dump | .shop.dump.part");
}

// A Redis that is killed while it saves leaves its file behind for ever.
TEST_F(FolderCatalogTest, WhatRedisWritesToIsInProgress) {
  options_.pattern = "*";
  Write("dump.rdb", 3h);
  for (const char* name : {"temp-4711.rdb", "temp-1764660000.4711.rdb", "temp-4711-2.rdb",
                           "temp-rewriteaof-4711.aof", "temp-rewriteaof-bg-4711.aof",
                           "temp-appendonly.aof.incr", "temp-appendonly.aof.manifest"}) {
    Write(name, 1h);
  }
  Listing listing = List();
  ASSERT_EQ(listing.complete.size(), 1u) << Names();
  EXPECT_EQ(listing.complete.at(0).name, "dump.rdb");
  EXPECT_EQ(listing.in_progress.size(), 7u);
  Touch("temp-4711.rdb", 48h);
  listing = List();
  EXPECT_EQ(listing.in_progress.size(), 6u);
  EXPECT_EQ(listing.findings.at(0).message, "\"temp-4711.rdb\" was never finished");
}

TEST_F(FolderCatalogTest, OtherNamesThatBeginLikeThoseOfRedisAreBackups) {
  options_.pattern = "*";
  for (const char* name : {"temp-20261201.rdb", "temp-2026-12-01.rdb", "temp-cache.rdb",
                           "temp-rewriteaof-.aof", "temp-4711.dump"}) {
    Write(name, 1h);
  }
  EXPECT_EQ(List().complete.size(), 5u) << Names();
  catalog_.reset();
  Write("temp-4711.rdb", 1h);
  Write("temp-4712.rdb.part", 1h);
  options_.pattern = "temp-*.rdb*";
  EXPECT_EQ(List().complete.size(), 4u) << "it is them that are asked for: " << Names();
  EXPECT_EQ(List().in_progress.size(), 1u);
}

TEST_F(FolderCatalogTest, ChecksumFileMarksAFileComplete) {
  const std::string hex(64, 'a');
  Write("a.dump", 5s);
  Write("b.dump", 5s);
  EXPECT_EQ(Names(), "| a.dump b.dump");
  Write("a.dump.sha256", 4s, hex + "\n");
  EXPECT_EQ(List().complete.size(), 1u);
  Write("SHA256SUMS", 4s, hex + "  b.dump\n");
  EXPECT_EQ(List().complete.size(), 2u);
  EXPECT_NE(List().complete.at(0).checksum_stamp, 0u);
  // An older list is about older bytes.
  Touch("SHA256SUMS", 6s);
  EXPECT_EQ(List().complete.size(), 1u);
}

TEST_F(FolderCatalogTest, TheChecksumOfWhatWasCutIsAboutItsFirstPiece) {
  for (const char* name : {"a.dump.aa", "a.dump.ab", "b.dump.01", "b.dump.02"}) Write(name, 2h);
  Write("a.dump.sha256", 1h, std::string(64, 'a') + "\n");
  Write("b.dump.sha256", 1h, std::string(64, 'b') + "\n");
  const Listing listing = List();
  ASSERT_EQ(listing.complete.size(), 4U);
  for (const Artefact& artefact : listing.complete.all()) {
    EXPECT_EQ(artefact.checksum_stamp != 0, artefact.name == "a.dump.aa") << artefact.name;
  }
}

TEST_F(FolderCatalogTest, AFileWithSeveralNamesCountsOnce) {
  Write("base-1/base.tar.gz", 30s, "12345");
  Write("base-1/backup_manifest", 25s, "{}");
  Write("elsewhere/more", 25s, "1234567");
  const std::filesystem::path backup = folder_.Path("base-1");
  std::filesystem::create_hard_link(backup / "base.tar.gz", backup / "again.tar.gz");
  std::filesystem::create_symlink("base.tar.gz", backup / "link.tar.gz");
  std::filesystem::create_directory_symlink("../elsewhere", backup / "moved");
  std::filesystem::create_directory_symlink(".", backup / "loop");
  std::filesystem::create_symlink("../elsewhere/more", backup / "outside");
  const base::StopToken never;
  const auto summary = SummariseFolder(backup, base::Deadline(base::SteadyTime::max()), never);
  ASSERT_TRUE(summary);
  // One of the names of what lies outside is a link, the other is none.
  EXPECT_EQ(summary->size_bytes, 5 + 2 + 7 + 7);
  std::filesystem::remove(backup / "outside");
  EXPECT_EQ(SummariseFolder(backup, base::Deadline(base::SteadyTime::max()), never)->size_bytes,
            5 + 2 + 7);
}

TEST_F(FolderCatalogTest, BaseBackupFolderIsOneArtefact) {
  Write("base-1/base.tar.gz", 30s, "12345");
  EXPECT_EQ(Names(), "| base-1");
  Write("base-1/backup_manifest", 25s, "{}");
  const Listing listing = List();
  ASSERT_EQ(listing.complete.size(), 1u);
  EXPECT_TRUE(listing.complete[0].folder);
  EXPECT_EQ(listing.complete[0].size_bytes, 7);
  EXPECT_EQ(listing.complete[0].modified, kNow - 25s);
  // Copied anew: the manifest is older than what is being written.
  Touch("base-1/base.tar.gz", 3s);
  EXPECT_EQ(Names(), "| base-1");
}

TEST_F(FolderCatalogTest, BackupLabelAndManifestTellTheTime) {
  Write("base-1/PG_VERSION", 1h);
  Write("base-1/backup_label", 1h, "CHECKPOINT\nSTART TIME: 2026-01-08 12:00:00 UTC\n");
  EXPECT_EQ(List().complete.at(0).time, kNow - 36h);
  EXPECT_EQ(List().complete.at(0).time_source, TimeSource::kContent);
}

TEST_F(FolderCatalogTest, DataFolderIsOneArtefact) {
  for (const char* file : {"PG_VERSION", "global/pg_control", "base/1/1259", "pg_xact/0000"}) {
    Write(std::string("2026-01-09/") + file, 2h);
  }
  options_.recursive = true;
  EXPECT_EQ(Names(), "2026-01-09 |");
}

TEST_F(FolderCatalogTest, OfAFolderThatAServerUsedNeitherManifestNorLabelTellTheTime) {
  Write("base-1/PG_VERSION", 1h);
  Write("base-1/backup_label.old", 1h, "START TIME: 2026-01-08 12:00:00 UTC\n");
  Write(
      "base-1/backup_manifest", 36h,
      "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n{ \"Path\": \"a\", \"Size\": 1, "
      "\"Last-Modified\": \"2026-01-08 12:00:00 GMT\" }\n],\n");
  EXPECT_EQ(List().complete.at(0).time_source, TimeSource::kModified);
}

TEST_F(FolderCatalogTest, ADumpFolderWithoutItsTableOfContentsIsOneArtefact) {
  Write("2026-01-08/shop/toc.dat", 24h);
  Write("2026-01-08/shop/3343.dat.gz", 24h);
  Write("2026-01-09/shop/3343.dat.gz", 30s);
  Write("2026-01-09/shop/.3344.dat.gz.Xy12Zz", 20s);
  Write("2026-01-09/globals.sql", 2h);
  options_.recursive = true;
  EXPECT_EQ(Names(), "2026-01-08/shop 2026-01-09/globals.sql | 2026-01-09/shop");
  EXPECT_EQ(Names(kNow + 1h), "2026-01-08/shop 2026-01-09/globals.sql 2026-01-09/shop |");
  catalog_.reset();
  options_.path = folder_.Path("2026-01-09/shop");
  EXPECT_EQ(Names(kNow + 1h), "shop |");
}

TEST_F(FolderCatalogTest, OtherFilesOfThatKindAreArtefactsOfTheirOwn) {
  Write("app/3343.dat", 3h);
  Write("app/data.dat", 2h);
  Write("days/20260109.dat.gz", 1h);
  options_.recursive = true;
  EXPECT_EQ(Names(), "app/3343.dat app/data.dat days/20260109.dat.gz |");
  catalog_.reset();
  std::filesystem::remove(folder_.Path("app/data.dat"));
  options_.pattern = "*.dat";
  EXPECT_EQ(Names(), "app/3343.dat |") << "asked for";
}

TEST_F(FolderCatalogTest, PlaceThatIsItselfAnArtefact) {
  Write("b/base.tar", 1h, "123");
  options_.path = folder_.Path("b");
  EXPECT_EQ(Names(), "b |");
  catalog_.reset();
  options_.path = folder_.Path("b/base.tar");
  EXPECT_EQ(Names(), "base.tar |");
  EXPECT_EQ(List().complete.at(0).path, folder_.Path("b/base.tar"));
}

TEST_F(FolderCatalogTest, PlainFoldersCountOnlyWhenThePatternMeansThem) {
  Write("2026-01-08/a.dump", 20h);
  Write("2026-01-09/a.dump", 2h);
  EXPECT_EQ(Names(), "|");
  catalog_.reset();
  options_.pattern = "2026-*";
  EXPECT_EQ(Names(), "2026-01-08 2026-01-09 |");
  catalog_.reset();
  options_.pattern = "*.dump";
  EXPECT_EQ(Names(), "|");
  catalog_.reset();
  options_.recursive = true;
  EXPECT_EQ(Names(), "2026-01-08/a.dump 2026-01-09/a.dump |");
  catalog_.reset();
  options_.pattern = "*-09/*.dump";
  EXPECT_EQ(Names(), "2026-01-09/a.dump |");
}

TEST_F(FolderCatalogTest, CountsTheFoldersThatItDoesNotLookInto) {
  for (const char* name : {"2026-01-08/a.dump", "2026-01-09/a.dump", "shop/a.dump", ".old/a.dump",
                           "lost+found/x", "base/base.tar"}) {
    Write(name, 2h);
  }
  EXPECT_EQ(Names(), "base |");
  EXPECT_EQ(List().left_out, (FoldersLeftOut{3, 2}));
  catalog_.reset();
  options_.pattern = "*.dump";
  EXPECT_EQ(List().left_out, (FoldersLeftOut{3, 2}));
  catalog_.reset();
  options_.recursive = true;
  EXPECT_EQ(List().left_out, FoldersLeftOut());
}

TEST_F(FolderCatalogTest, LooksIntoFoldersNamedByDatesWhereThatIsAllThereIs) {
  options_.into_dated_folders = true;
  Write("2026-01-08/a.dump", 20h);
  Write("2026-01-09/a.dump", 2h);
  std::filesystem::create_symlink("2026-01-09", folder_.Path("latest"));
  EXPECT_EQ(List().complete.size(), 2u);
  Write("2025/12/31/a.dump", 240h);
  EXPECT_EQ(List().complete.size(), 3u);
  std::filesystem::create_directory(folder_.Path("wal"));
  EXPECT_EQ(Names(), "|") << "that is of something else";
  std::filesystem::remove(folder_.Path("wal"));
  Write("b.dump", 1h);
  EXPECT_EQ(Names(), "b.dump |");
}

TEST_F(FolderCatalogTest, SeesAChangeInPlaceAmongThousands) {
  // More than one thread looks at so many.
  for (int i = 0; i < 6000; ++i) {
    Write(std::string(1 + static_cast<std::size_t>(i % 40), 'n') + std::to_string(i), 1h);
  }
  std::filesystem::create_symlink("gone", folder_.Path("dangling.dump"));
  const Listing first = List();
  ASSERT_EQ(first.complete.size(), 6000u);
  EXPECT_EQ(first.findings.size(), 1u);
  std::set<std::string> names;
  for (const Artefact& artefact : first.complete) names.insert(artefact.name);
  EXPECT_EQ(names.size(), 6000u);
  const Artefact& one = first.complete[3210];
  folder_.Write(one.name, "longer than it was");
  Write("new", 2h);
  std::filesystem::remove(first.complete[7].path);
  const Listing second = List();
  EXPECT_EQ(second.complete.size() + second.in_progress.size(), 6000u);
  std::map<std::string, std::uint64_t> fingerprints;
  for (const Artefact& artefact : second.complete) {
    fingerprints[artefact.name] = artefact.fingerprint;
  }
  for (const Artefact& artefact : second.recent) {
    fingerprints[artefact.name] = artefact.fingerprint;
  }
  int changed = 0;
  for (const Artefact& artefact : first.complete) {
    const auto found = fingerprints.find(artefact.name);
    if (found == fingerprints.end() || found->second != artefact.fingerprint) ++changed;
  }
  EXPECT_EQ(changed, 2) << "the one that was removed and the one that was written to";
  EXPECT_TRUE(fingerprints.contains("new"));
  base::StopSource stop;
  stop.RequestStop();
  const Listing stopped =
      catalog_->List(kNow, base::Deadline::After(base::Duration(5000)), stop.token());
  ASSERT_TRUE(stopped.blind);
  EXPECT_EQ(stopped.blind->reason, model::Reason::kTimeout);
}

TEST_F(FolderCatalogTest, LinksCountOnce) {
  Write("shop-1.dump", 1h);
  std::filesystem::create_symlink("shop-1.dump", folder_.Path("latest.dump"));
  std::filesystem::create_symlink("gone", folder_.Path("dangling.dump"));
  EXPECT_EQ(Names(), "shop-1.dump |");
  ASSERT_EQ(List().findings.size(), 1u);
  EXPECT_EQ(List().findings[0].message, "\"dangling.dump\" is a link that points nowhere");
  // A link to something elsewhere is an artefact.
  catalog_.reset();
  options_.pattern = "latest*";
  EXPECT_EQ(Names(), "latest.dump |");
}

TEST_F(FolderCatalogTest, LinksToFoldersCountOnce) {
  Write("base-1/backup_manifest", 1h);
  Write("base-1/PG_VERSION", 1h);
  std::filesystem::create_directory_symlink("base-1", folder_.Path("current"));
  std::filesystem::create_directory_symlink("base-1", folder_.Path("a-link"));
  EXPECT_EQ(Names(), "base-1 |");
  EXPECT_EQ(Names(), "base-1 |") << "nor at the next look";
  // A link to something elsewhere is an artefact.
  catalog_.reset();
  options_.pattern = "current";
  EXPECT_EQ(Names(), "current |");
}

TEST_F(FolderCatalogTest, SpecialFilesAreNoArtefacts) {
  ASSERT_EQ(::mkfifo(folder_.Path("pipe.dump").c_str(), 0600), 0);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder_.Path("s.dump");
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(listener);
  std::filesystem::create_symlink("/dev/zero", folder_.Path("device.dump"));
  EXPECT_EQ(Names(), "|");
  EXPECT_EQ(List().findings.size(), 3u);
}

TEST_F(FolderCatalogTest, PlaceThatCannotBeSeenIsBlind) {
  options_.path = folder_.Path("nowhere");
  EXPECT_EQ(List().blind->reason, Reason::kNotFound);
  const Listing late = FolderCatalog({folder_.path()}).List(kNow, base::Deadline::After(1min), {});
  EXPECT_FALSE(late.blind);
}

TEST_F(FolderCatalogTest, WhatMayNotBeReadIsNotMissing) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  Write("a.dump", 1h);
  Write("lost+found/x", 1h);
  ASSERT_EQ(::chmod(folder_.Path("lost+found").c_str(), 0), 0);
  options_.recursive = true;
  {
    const testing::AsNobody nobody;
    EXPECT_EQ(Names(), "a.dump |") << "fsck's folder is nobody's backup";
  }
  Write("sub/b.dump", 1h);
  ASSERT_EQ(::chmod(folder_.Path("sub").c_str(), 0), 0);
  const testing::AsNobody nobody;
  EXPECT_EQ(List().blind->reason, Reason::kPermission);
  // A folder that is an artefact, one that cannot be read whole.
  catalog_.reset();
  options_.recursive = false;
  options_.pattern = "s*";
  EXPECT_EQ(Names(), "|");
  ASSERT_EQ(List().findings.size(), 1u);
  EXPECT_EQ(List().findings[0].reason, Reason::kPermission);
}

TEST_F(FolderCatalogTest, AFolderThatMayBeListedButNotEnteredIsNotEmpty) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  Write("place/a.dump", 1h);
  options_.path = folder_.Path("place");
  ASSERT_EQ(::chmod(options_.path.c_str(), 0744), 0);
  const testing::AsNobody nobody;
  const Listing listing = List();
  ASSERT_TRUE(listing.blind);
  EXPECT_EQ(listing.blind->reason, Reason::kPermission);
}

TEST_F(FolderCatalogTest, FingerprintFollowsTheBytes) {
  Write("a.dump", 1h);
  const Artefact before = List().complete.at(0);
  EXPECT_EQ(List().complete.at(0).fingerprint, before.fingerprint);
  EXPECT_EQ(catalog_->CurrentFingerprint(before, base::Deadline::After(1min), {}),
            before.fingerprint);
  // Same size, same modification time: the change time tells.
  Write("a.dump", 1h, "y");
  EXPECT_NE(List().complete.at(0).fingerprint, before.fingerprint);
  EXPECT_NE(catalog_->CurrentFingerprint(before, base::Deadline::After(1min), {}),
            before.fingerprint);
  std::filesystem::remove(folder_.Path("a.dump"));
  EXPECT_EQ(catalog_->CurrentFingerprint(before, base::Deadline::After(1min), {}), std::nullopt);
}

TEST_F(FolderCatalogTest, ExpiredDeadlineIsBlind) {
  for (int i = 0; i < 300; ++i) Write("f" + std::to_string(i), 1h);
  FolderCatalog catalog({folder_.path()});
  const Listing listing = catalog.List(kNow, base::Deadline::After(base::Duration(0)), {});
  ASSERT_TRUE(listing.blind);
  EXPECT_EQ(listing.blind->reason, Reason::kTimeout);
  EXPECT_EQ(catalog.List(kNow, base::Deadline::After(1min), {}).complete.size(), 300u);
}

TEST_F(FolderCatalogTest, ManyFilesAreQuick) {
  constexpr int kFiles = 3000;
  for (int i = 0; i < kFiles; ++i) {
    const std::string path = folder_.Path("shop-" + std::to_string(i) + ".dump");
    ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  }
  options_.pattern = "shop-*.dump";
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(List(base::Timestamp(base::Duration(4'000'000'000'000))).complete.size(),
            static_cast<std::size_t>(kFiles));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s)
      << "a few milliseconds on an idle machine";
}

TEST_F(FolderCatalogTest, ATreeIsAsNewAsItsFoldersWhereThatIsAskedFor) {
  // Whatever the file system says of when it was made.
  const base::Timestamp now = base::SystemClock().Now() + 2h;
  const base::Duration old = kNow - (now - 40h);
  Write("tree-1/sub/a", old);
  Touch("tree-1/sub", kNow - (now - 1h));
  Touch("tree-1", old);
  options_.pattern = "tree-*";
  EXPECT_EQ(List(now).complete.at(0).time, now - 40h);
  catalog_.reset();
  options_.dated_by_folder = true;
  EXPECT_EQ(List(now).complete.at(0).time, now - 1h);
  EXPECT_TRUE(List(now - 1h + 10s).complete.empty()) << "somebody writes in it";
}

TEST_F(FolderCatalogTest, WhatSaysWhenATreeWasMadeSaysItBetterThanItsFolders) {
  const base::Timestamp now = base::SystemClock().Now() + 2h;
  Write("tree-20260101T000000Z/a", 24h);
  Touch("tree-20260101T000000Z", kNow - (now - 1h));
  options_.pattern = "tree-*";
  options_.dated_by_folder = true;
  EXPECT_EQ(List(now).complete.at(0).time_source, TimeSource::kName);
}

}  // namespace
}  // namespace drwatch::catalog
