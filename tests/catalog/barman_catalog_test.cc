#include "catalog/barman_catalog.h"

#include <gtest/gtest.h>

#include "catalog/barman_names.h"
#include "catalog/barman_repository.h"
#include "catalog/make_place.h"
#include "catalog/repository.h"
#include "catalog/repository_trees.h"
#include "support/fake_clock.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using repository_test::At;
using repository_test::BarmanRepository;
using repository_test::Bits;
using repository_test::Damages;
using repository_test::kFirstSegment;
using repository_test::kNow;
using repository_test::kSecondSegment;
using repository_test::LookedAtFolder;
using verify::Level;
using verify::Outcome;
using verify::Verdict;

constexpr const char* kFirst = BarmanRepository::kFirst;
constexpr const char* kSecond = BarmanRepository::kSecond;

// A repository in a folder of its own, looked at once.
struct Looked : LookedAtFolder {
  explicit Looked(const BarmanRepository& repository, base::Timestamp now = kNow,
                  const std::string& server = "")
      : LookedAtFolder(
            repository, "main/base/", [&](Place& at) { return MakeBarmanCatalog(at, {server}); },
            now) {}
};

TEST(BarmanNamesTest, TellsWhatBelongsToABackup) {
  EXPECT_EQ(ParseCloudTar("data.tar.gz")->number, 0);
  EXPECT_EQ(ParseCloudTar("data_0012.tar.snappy")->number, 12);
  EXPECT_EQ(ParseCloudTar("16387_0001.tar")->stem, "16387");
  for (const char* name : {"data.tgz", "data_x.tar", "base.tar", "data_.tar", "data", "x/data.tar",
                           "data_99999999999999999999.tar", "data.tar.exe"}) {
    EXPECT_FALSE(ParseCloudTar(name)) << name;
  }
  EXPECT_EQ(NameInDataFolder("data/base/1/2"), "base/1/2");
  EXPECT_EQ(NameInDataFolder("16387/PG_15/5/1"), "pg_tblspc/16387/PG_15/5/1");
  EXPECT_EQ(NameInDataFolder("backup.info"), "");
  EXPECT_EQ(LookAtBarman("annotations/keep"), kLeftOut);
  EXPECT_EQ(LookAtBarman("annotations/delete_this"), kBarmanDeleted | kLeftOut);
  EXPECT_EQ(LookAtBarman("annotations/note"), kLeftOut);
  EXPECT_EQ(ParseBarmanMeta("20260101T020000-backup.info")->id, "20260101T020000");
  EXPECT_EQ(ParseBarmanMeta("20260101T020000-backup.info")->marks, kBarmanInfo);
  EXPECT_EQ(ParseBarmanMeta("a-b-delete_this")->id, "a-b");
  EXPECT_EQ(ParseBarmanMeta("1-delete_this")->marks, kBarmanDeleted);
  for (const char* name : {"backup.info", "-backup.info", "1-backup.info.tmp", "1-backup_manifest",
                           "main-xlog.db", ".1-delete_this", "1-keep", "", "-"}) {
    EXPECT_FALSE(ParseBarmanMeta(name)) << name;
  }
}

TEST(BarmanCatalogTest, ListsBackupsWithWhatTheySay) {
  const Looked looked(BarmanRepository().AddPlain(kFirst).AddTar(kSecond));
  EXPECT_EQ(looked.Names(), std::string(kFirst) + " " + kSecond + " | |");
  EXPECT_TRUE(looked.listing.findings.empty()) << looked.listing.findings.front().message;
  const Artefact& second = looked.listing.complete.back();
  EXPECT_FALSE(second.defect) << second.defect->message;
  EXPECT_EQ(second.time, At("2026-11-21T02:10:00.250Z"));
  EXPECT_EQ(second.facts->kind, "full");
  EXPECT_EQ(second.facts->wal_start, kFirstSegment);
  EXPECT_EQ(second.facts->wal_stop, kSecondSegment);
  EXPECT_EQ(second.facts->wal_folder, "main/wals/");
  EXPECT_EQ(second.facts->server_version, "15");
  EXPECT_EQ(second.facts->system_identifier, repository_test::SystemIdentifier());
  EXPECT_EQ(
      looked.catalog->CurrentFingerprint(second, base::Deadline::After(base::Duration(5000)), {}),
      second.fingerprint);
}

TEST(BarmanCatalogTest, ProvesIntactBackups) {
  for (const int jobs : {1, 3}) {
    verify::VerifyOptions options;
    options.jobs = jobs;
    const Looked looked(BarmanRepository().AddPlain(kFirst).AddTar(kSecond));
    const Looked cloud(BarmanRepository().AddCloud(kFirst));
    for (const auto& [verdict, layout] :
         {std::pair(looked.Verify(kFirst, options), "plain"),
          std::pair(looked.Verify(kSecond, options), "tar"),
          std::pair(cloud.Verify(kFirst, options), "barman-cloud")}) {
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << layout << ": " << verdict.ToString();
      EXPECT_EQ(verdict.level, Level::kContent) << layout;
      EXPECT_EQ(verdict.format, std::string("Barman backup, full, PostgreSQL 15, ") + layout);
      EXPECT_GT(verdict.bytes_read, 20'000);
    }
  }
}

TEST(BarmanCatalogTest, WithoutAManifestNothingIsProven) {
  const Verdict verdict = Looked(BarmanRepository().AddRsync(kFirst)).Verify(kFirst);
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
  EXPECT_EQ(verdict.reason, Reason::kUnverified);
  EXPECT_EQ(verdict.level, Level::kSize);
  EXPECT_NE(verdict.message.find("barman generate-manifest"), std::string::npos);
}

// Each file of a backup and of its WAL, damaged in each way.
void FindsEveryDamage(const BarmanRepository& intact) {
  const auto seen = [](const BarmanRepository& repository) {
    const Looked looked(repository);
    if (looked.Find(kFirst) == nullptr || !looked.Defect(kFirst).empty()) return true;
    const Verdict verdict = looked.Verify(kFirst);
    return verdict.outcome == Outcome::kBroken && !verdict.message.empty();
  };
  EXPECT_FALSE(seen(intact));
  for (const auto& [name, bytes] : intact.files) {
    if (name.ends_with("xlog.db")) continue;  // an index, of no use to a restore
    const bool info = name.ends_with("backup.info");
    BarmanRepository repository = intact;
    repository.files.erase(name);
    EXPECT_TRUE(seen(repository)) << name << " removed";
    for (const auto& [what, damaged] : Damages(bytes, info ? Bits::kText : Bits::kCovered)) {
      // The last byte of a manifest is the end of its line; a line more in backup.info means
      // nothing.
      if (name.ends_with("backup_manifest") && what == "last byte lost") continue;
      if (info && what == "junk behind it") continue;
      repository.files[name] = damaged;
      EXPECT_TRUE(seen(repository)) << name << " " << what;
    }
  }
}
TEST(BarmanCatalogTest, FindsEveryDamageOfPlainBackups) {
  FindsEveryDamage(BarmanRepository().AddPlain(kFirst));
}
TEST(BarmanCatalogTest, FindsEveryDamageOfTarBackups) {
  FindsEveryDamage(BarmanRepository().AddTar(kFirst));
}
TEST(BarmanCatalogTest, FindsEveryDamageOfCloudBackups) {
  FindsEveryDamage(BarmanRepository().AddCloud(kFirst));
}

TEST(BarmanCatalogTest, FindsEveryDamageOfTheNewerLayout) {
  FindsEveryDamage(BarmanRepository().AddPlain(kFirst).MoveInfo(kFirst).RenameIndex());
}

TEST(BarmanCatalogTest, ReadsTheNewerLayoutBesideTheOlder) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst).AddTar(kSecond);
  repository.MoveInfo(kSecond).RenameIndex();
  repository.files[repository.Meta(kSecond, "keep")] = "full";
  repository.files["main/identity.json"] = "{}";
  const Looked looked(repository);
  EXPECT_EQ(looked.Names(), std::string(kFirst) + " " + kSecond + " | |");
  EXPECT_TRUE(looked.listing.findings.empty()) << looked.listing.findings.front().message;
  for (const Artefact& artefact : looked.listing.complete) {
    EXPECT_FALSE(artefact.defect) << artefact.defect->message;
    EXPECT_EQ(artefact.facts->wal_stop, kSecondSegment);
    EXPECT_EQ(looked.catalog->CurrentFingerprint(artefact,
                                                 base::Deadline::After(base::Duration(5000)), {}),
              artefact.fingerprint);
    const Verdict verdict = looked.catalog->Verify(artefact, {});
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  }
}

// What Barman 3.20.1 made: see tests/testdata/barman/README.md.
TEST(BarmanCatalogTest, ReadsWhatARealNewerBarmanMade) {
  const auto place = MakeFolderPlace(testing::TestData("testdata/barman"));
  const base::Deadline deadline = base::Deadline::After(std::chrono::minutes(1));
  const auto found = RecogniseRepository(*place, {deadline, {}});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->kind, config::Repository::kBarman);
  EXPECT_EQ(found->stanzas, std::vector<std::string>{"main"});
  const auto proven = std::make_shared<ProvenFiles>();
  RepositoryOptions options;
  options.proven = proven;
  const auto catalog = MakeBarmanCatalog(*place, options);
  const Listing listing = catalog->List(At("2026-12-01T12:00:00Z"), deadline, {});
  ASSERT_FALSE(listing.blind) << listing.blind->message;
  EXPECT_TRUE(listing.findings.empty()) << listing.findings.front().message;
  EXPECT_TRUE(listing.in_progress.empty());
  ASSERT_EQ(listing.failed.size(), 1u);
  EXPECT_EQ(listing.failed.front().name, "main/base/20261201T074352");
  EXPECT_EQ(listing.failed.front().message, "failure copying files (143)");
  ASSERT_EQ(listing.complete.size(), 2u);
  const Artefact& full = listing.complete.front();
  const Artefact& incremental = listing.complete.back();
  EXPECT_EQ(full.time, At("2026-12-01T07:43:33.445Z"));
  EXPECT_EQ(full.facts->kind, "full");
  EXPECT_EQ(incremental.facts->kind, "incremental");
  EXPECT_EQ(incremental.facts->references, std::vector<std::string>{"20261201T074330"});
  for (const Artefact& artefact : listing.complete) {
    EXPECT_FALSE(artefact.defect) << artefact.defect->message;
    EXPECT_EQ(artefact.facts->server_version, "18");
    EXPECT_EQ(artefact.facts->system_identifier, 7714238021370395030u);
  }
  const Verdict wal =
      VerifyArchive(*place, full.facts->wal_folder, full.facts->system_identifier, *proven, {});
  EXPECT_EQ(wal.outcome, Outcome::kIntact) << wal.ToString();
}

TEST(BarmanCatalogTest, TheNewerPlaceCounts) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst);
  // An upgraded Barman leaves the older file where it is.
  const std::string stale = repository.files[repository.Name(kFirst, "backup.info")];
  repository.MoveInfo(kFirst).SetInfo(kFirst, "status", "FAILED");
  repository.files[repository.Name(kFirst, "backup.info")] = stale;
  EXPECT_EQ(Looked(repository).Names(), std::string("| | ") + kFirst);
  // Half written.
  repository.SetInfo(kFirst, "status", "DONE");
  repository.files[repository.Meta(kFirst, "backup.info.tmp")] = "status=STARTED\n";
  EXPECT_EQ(Looked(repository).Names(), std::string(kFirst) + " | |");
}

TEST(BarmanCatalogTest, InfoWithoutDataIsABackupThatBeginsOrOneThatIsLost) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst).MoveInfo(kFirst);
  std::erase_if(repository.files,
                [](const auto& file) { return file.first.starts_with("main/base/"); });
  const Looked lost(repository, kNow, "main");
  EXPECT_NE(lost.Defect(kFirst).find("its data is missing"), std::string::npos);
  EXPECT_EQ(lost.Verify(kFirst).outcome, Outcome::kBroken);
  repository.files[repository.Meta(kFirst, "backup.info")] = "begin_time=None\nstatus=EMPTY\n";
  Looked looked(repository, kNow, "main");
  looked.listing = looked.List(base::SystemClock().Now());
  EXPECT_EQ(looked.Names(), std::string("| ") + kFirst + " |");
  looked.listing = looked.List(base::SystemClock().Now() + std::chrono::hours(25));
  EXPECT_EQ(looked.Names(), std::string("| | ") + kFirst);
}

TEST(BarmanCatalogTest, WhatIsBeingDeletedIsNoBackup) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst).AddPlain(kSecond);
  repository.MoveInfo(kFirst).MoveInfo(kSecond);
  repository.files[repository.Meta(kSecond, "backup.info")] +=
      std::string("parent_backup_id=") + kFirst + "\n";
  repository.files[repository.Meta(kFirst, "delete_this")] = "delete";
  repository.files.erase(repository.Name(kFirst, "data/PG_VERSION"));
  const Looked looked(repository);
  EXPECT_EQ(looked.Names(), std::string(kSecond) + " | |");
  EXPECT_NE(looked.Defect(kSecond).find("is not there or is not DONE"), std::string::npos);
}

TEST(BarmanCatalogTest, AChildDoesNotMakeItsParentAnotherBackup) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst).MoveInfo(kFirst);
  Looked looked(repository);
  verify::VerifyOptions options;
  options.reuse = std::chrono::hours(1);
  const std::int64_t all = looked.Verify(kFirst, options).bytes_read;
  EXPECT_GT(all, 20'000);
  const std::string info = repository.Meta(kFirst, "backup.info");
  looked.folder.Write(info, repository.files[info] + "children_backup_ids=" + kSecond + "\n");
  looked.listing = looked.List(kNow);
  const Verdict again = looked.Verify(kFirst, options);
  EXPECT_EQ(again.outcome, Outcome::kIntact) << again.ToString();
  EXPECT_LT(again.bytes_read, all / 2);
}

TEST(BarmanCatalogTest, SizesSpeakForBackupsWithoutAManifest) {
  const BarmanRepository intact = BarmanRepository().AddRsync(kFirst);
  const auto outcome = [&](const std::string& name, const std::string& bytes) {
    BarmanRepository repository = intact;
    repository.files[repository.Name(kFirst, name)] = bytes;
    return Looked(repository).Verify(kFirst);
  };
  EXPECT_EQ(outcome("data/base/1/1259", "").reason, Reason::kIncomplete);
  EXPECT_EQ(outcome("16387/PG_15_202209061/5/16390", "short").reason, Reason::kIncomplete);
  EXPECT_EQ(outcome("data/base/1/foreign", std::string(8192, 'x')).reason, Reason::kCorrupt);
  EXPECT_EQ(outcome("data/global/pg_control", repository_test::Control(7)).reason,
            Reason::kCorrupt);
  EXPECT_EQ(outcome("data/backup_label", repository_test::Label("0/1000028", "x")).reason,
            Reason::kCorrupt);
}

TEST(BarmanCatalogTest, SizesAreTheDatasAloneInTheNewerLayout) {
  BarmanRepository older = BarmanRepository().AddRsync(kFirst);
  BarmanRepository newer = older;
  newer.MoveInfo(kFirst);
  // A copy that a newer Barman made of an older backup keeps the sum.
  older.files[older.Meta(kFirst, "backup.info")] =
      older.files.extract(older.Name(kFirst, "backup.info")).mapped();
  for (BarmanRepository* repository : {&older, &newer}) {
    const Verdict intact = Looked(*repository).Verify(kFirst);
    EXPECT_EQ(intact.reason, Reason::kUnverified) << intact.ToString();
    repository->files[repository->Name(kFirst, "data/base/1/1259")].resize(10'000);
    EXPECT_EQ(Looked(*repository).Verify(kFirst).reason, Reason::kIncomplete);
  }
}

// Barman 3.18 and later send what pg_basebackup writes into a bucket, as barman-cloud lays it out.
TEST(BarmanCatalogTest, ServersMayKeepTheirBackupsInABucket) {
  for (const char* mode : {"postgres", "local-to-cloud-concurrent"}) {
    BarmanRepository repository = BarmanRepository().AddCloud(kFirst);
    repository.SetInfo(kFirst, "mode", mode);
    const Verdict verdict = Looked(repository).Verify(kFirst);
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.format, "Barman backup, full, PostgreSQL 15, barman-cloud");
  }
}

TEST(BarmanCatalogTest, BarmansOwnManifestLeavesOutTablespaces) {
  const BarmanRepository intact = BarmanRepository().AddRsyncWithManifest(kFirst);
  const Verdict verdict = Looked(intact).Verify(kFirst);
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
  EXPECT_NE(verdict.message.find("leaves out the files of tablespaces"), std::string::npos);
  for (const char* name : {"data/base/1/16384", "16387/PG_15_202209061/5/16390"}) {
    BarmanRepository repository = intact;
    repository.files[repository.Name(kFirst, name)].clear();
    EXPECT_EQ(Looked(repository).Verify(kFirst).outcome, Outcome::kBroken) << name;
  }
  BarmanRepository without = intact;
  without.files.erase(without.Name(kFirst, "16387/PG_15_202209061/5/16390"));
  without.SetInfo(kFirst, "size", "None");
  const Verdict whole = Looked(without).Verify(kFirst);
  EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.ToString();
  EXPECT_EQ(whole.level, Level::kContent);
}

TEST(BarmanCatalogTest, FindsForeignFiles) {
  const auto message = [](BarmanRepository repository, const std::string& name,
                          const std::string& bytes) {
    repository.files[repository.Name(kFirst, name)] = bytes;
    return Looked(repository).Verify(kFirst).ToString();
  };
  const std::string tar = verify::Gzip(verify::Tar({{"x", "y"}}));
  EXPECT_NE(message(BarmanRepository().AddPlain(kFirst), "data/base/1/9999", "x")
                .find("not in the manifest"),
            std::string::npos);
  EXPECT_NE(message(BarmanRepository().AddCloud(kFirst), "16999.tar.gz", tar)
                .find("backup.info does not name"),
            std::string::npos);
  EXPECT_NE(message(BarmanRepository().AddCloud(kFirst), "data_0003.tar.gz", tar)
                .find("part 2 of it is missing"),
            std::string::npos);
  EXPECT_NE(message(BarmanRepository().AddCloud(kFirst), "notes.txt", "hello")
                .find("is no part of a backup"),
            std::string::npos);
  // A note of Barman's own is none.
  const Looked kept([] {
    BarmanRepository repository = BarmanRepository().AddCloud(kFirst);
    repository.files[repository.Name(kFirst, "annotations/keep")] = "standalone";
    return repository;
  }());
  EXPECT_EQ(kept.Verify(kFirst).outcome, Outcome::kIntact) << kept.Verify(kFirst).ToString();
}

TEST(BarmanCatalogTest, OnlyDoneIsFinished) {
  const auto names = [](const std::string& status, base::Duration later,
                        const std::string& error = "None") {
    BarmanRepository repository = BarmanRepository().AddPlain(kFirst);
    repository.SetInfo(kFirst, "status", status);
    repository.SetInfo(kFirst, "error", error);
    Looked looked(repository);
    looked.listing = looked.List(base::SystemClock().Now() + later);
    return looked.Names() +
           (looked.listing.failed.empty() ? "" : ": " + looked.listing.failed.front().message);
  };
  const std::string id = kFirst;
  using std::chrono_literals::operator""h;
  for (const char* status : {"STARTED", "EMPTY", "WAITING_FOR_WALS", "SYNCING"}) {
    EXPECT_EQ(names(status, 0h), "| " + id + " |") << status;
    EXPECT_EQ(names(status, 25h),
              "| | " + id + ": left behind without being finished: it says " + status);
  }
  EXPECT_EQ(names("FAILED", 0h, "failure copying files (disk full)"),
            "| | " + id + ": failure copying files (disk full)");
}

TEST(BarmanCatalogTest, ALaterBackupShowsThatOneIsDead) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst).AddPlain(kSecond);
  repository.SetInfo(kFirst, "status", "STARTED");
  const std::string later = "2099-01-01 02:00:00+00:00";
  repository.SetInfo(kSecond, "begin_time", later);
  EXPECT_EQ(Looked(repository).Names(), std::string(kSecond) + " | | " + kFirst);
  // What has no backup.info is being written, or removed.
  repository = BarmanRepository().AddPlain(kFirst).AddPlain(kSecond);
  repository.files.erase(repository.Name(kSecond, "backup.info"));
  Looked looked(repository);
  looked.listing = looked.List(base::SystemClock().Now());
  EXPECT_EQ(looked.Names(), std::string(kFirst) + " | " + kSecond + " |");
}

TEST(BarmanCatalogTest, NamesWhatShowsWithoutReading) {
  const BarmanRepository intact = BarmanRepository().AddPlain(kFirst);
  const auto defect = [&](const std::string& removed) {
    BarmanRepository repository = intact;
    EXPECT_EQ(repository.files.erase(removed), 1u) << removed;
    return Looked(repository).Defect(kFirst);
  };
  const std::string wals = "main/wals/0000000100000000/";
  const std::string missing = " is missing in wals/: without it the backup is not consistent";
  EXPECT_EQ(defect(wals + kFirstSegment), std::string("WAL segment ") + kFirstSegment + missing);
  EXPECT_EQ(defect(wals + kSecondSegment), std::string("WAL segment ") + kSecondSegment + missing);
  EXPECT_EQ(defect(intact.Name(kFirst, "data/global/pg_control")),
            "data/global/pg_control is missing");
  EXPECT_NE(defect(intact.Name(kFirst, "data/PG_VERSION")).find("its data is missing"),
            std::string::npos);
  BarmanRepository cut = intact;
  cut.files[wals + kSecondSegment].resize(1000);
  EXPECT_NE(Looked(cut).Defect(kFirst).find("has 1000 bytes, wals/xlog.db says "),
            std::string::npos);
}

TEST(BarmanCatalogTest, WalMayBeOnItsWayForAWhile) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst);
  repository.files.erase(std::string("main/wals/0000000100000000/") + kSecondSegment);
  EXPECT_EQ(Looked(repository, At("2026-11-20T02:15:00Z")).Names(),
            std::string("| ") + kFirst + " |");
  EXPECT_EQ(Looked(repository, At("2026-11-20T02:25:00Z")).Names(), std::string(kFirst) + " | |");
}

TEST(BarmanCatalogTest, PartsMayLieOnOtherDisks) {
  for (const std::string part : {"main", "main/base", "main/wals"}) {
    const testing::TempDir home;
    const testing::TempDir disk;
    BarmanRepository().AddPlain(kFirst).AddTar(kSecond).WriteTo(home);
    std::filesystem::rename(home.Path(part), disk.Path("moved"));
    std::filesystem::create_directory_symlink(disk.Path("moved"), home.Path(part));
    const auto place = MakeFolderPlace(home.path());
    const auto catalog = MakeBarmanCatalog(*place, {});
    const Listing listing = catalog->List(kNow, base::Deadline(base::SteadyTime::max()), {});
    ASSERT_FALSE(listing.blind) << part << ": " << listing.blind->message;
    ASSERT_EQ(listing.complete.size(), 2u) << part;
    for (const Artefact& backup : listing.complete) {
      EXPECT_FALSE(backup.defect) << part << ": " << backup.defect->message;
      EXPECT_EQ(catalog->Verify(backup, {}).outcome, Outcome::kIntact) << part;
    }
  }
}

TEST(BarmanCatalogTest, ParentsMustBeDone) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst).AddPlain(kSecond);
  repository.files[repository.Name(kSecond, "backup.info")] +=
      std::string("parent_backup_id=") + kFirst + "\n";
  const Looked intact(repository);
  EXPECT_EQ(intact.Defect(kSecond), "");
  EXPECT_EQ(intact.Find(kSecond)->facts->kind, "incremental");
  EXPECT_EQ(intact.Find(kSecond)->facts->references, std::vector<std::string>{kFirst});
  EXPECT_EQ(intact.Verify(kSecond).outcome, Outcome::kIntact) << intact.Verify(kSecond).ToString();
  BarmanRepository failed = repository;
  failed.SetInfo(kFirst, "status", "FAILED");
  EXPECT_NE(Looked(failed).Defect(kSecond).find("is not there or is not DONE"), std::string::npos);
  BarmanRepository hollow = repository;
  hollow.files.erase(hollow.Name(kFirst, "data/PG_VERSION"));
  EXPECT_NE(Looked(hollow).Defect(kSecond).find("its parent"), std::string::npos);
  BarmanRepository damaged = repository;
  damaged.files[damaged.Name(kFirst, "data/base/1/16384")][5000] ^= 1;
  EXPECT_EQ(Looked(damaged).Verify(kSecond).outcome, Outcome::kBroken);
}

TEST(BarmanCatalogTest, TheIndexOfWalMustAgree) {
  const auto findings = [](const BarmanRepository& repository) {
    Looked looked(repository);
    // Files that were written a moment ago may not be listed yet.
    looked.listing = looked.List(base::SystemClock().Now() + std::chrono::hours(1));
    std::string text;
    for (const Finding& finding : looked.listing.findings) text += finding.message + "\n";
    return text;
  };
  const BarmanRepository intact = BarmanRepository().AddPlain(kFirst);
  EXPECT_EQ(findings(intact), "");
  BarmanRepository repository = intact;
  repository.files["main/wals/xlog.db"] += "00000001000000000000001A\t42\t1763690400.0\tNone\n";
  EXPECT_NE(findings(repository)
                .find("names 1 files that are not there, the first is "
                      "\"00000001000000000000001A\""),
            std::string::npos)
      << findings(repository);
  repository = intact;
  repository.files["main/wals/0000000100000000/000000010000000000000019"] = "x";
  EXPECT_NE(findings(repository).find("1 WAL files are not in wals/xlog.db"), std::string::npos);
  repository.files["main/wals/xlog.db"] = "rubbish\n";
  EXPECT_NE(findings(repository).find("wals/xlog.db: byte 0: damaged line"), std::string::npos);
  // The newer name counts.
  repository = intact;
  repository.files["main/wals/main-xlog.db"] = repository.files["main/wals/xlog.db"];
  repository.files["main/wals/xlog.db"] = "rubbish\n";
  EXPECT_EQ(findings(repository), "");
  repository.RenameIndex();
  EXPECT_NE(findings(repository).find("wals/main-xlog.db: byte 0: damaged line"),
            std::string::npos);
}

TEST(BarmanCatalogTest, AnIndexThatComesIsFound) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst);
  const std::string index = repository.files.extract("main/wals/xlog.db").mapped();
  Looked looked(repository);
  looked.folder.Write("main/wals/main-xlog.db", index + "00000001000000000000001A\t1\t1.5\tNone\n");
  looked.listing = looked.List(kNow + std::chrono::minutes(5));
  EXPECT_TRUE(looked.listing.findings.empty());
  looked.listing = looked.List(kNow + std::chrono::minutes(11));
  ASSERT_FALSE(looked.listing.findings.empty());
  EXPECT_NE(looked.listing.findings.front().message.find("wals/main-xlog.db names 1 files"),
            std::string::npos);
}

TEST(BarmanCatalogTest, IsRecognisedInEachLayout) {
  const auto servers = [](const BarmanRepository& repository) {
    const testing::TempDir folder;
    repository.WriteTo(folder);
    const auto place = MakeFolderPlace(folder.path());
    const auto found =
        RecogniseRepository(*place, {base::Deadline::After(std::chrono::minutes(1)), {}});
    EXPECT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->kind == config::Repository::kBarman, !found->stanzas.empty());
    return found->stanzas;
  };
  const std::vector<std::string> main = {"main"};
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst).AddPlain(kSecond);
  EXPECT_EQ(servers(repository), main);
  repository.files[".old/base/20261101T000000/backup.info"] = "status=DONE\n";
  EXPECT_EQ(servers(repository), main) << "a hidden folder is no server";
  EXPECT_EQ(servers(repository.MoveInfo(kSecond)), main);
  EXPECT_EQ(servers(repository.MoveInfo(kFirst).RenameIndex()), main);
  std::erase_if(repository.files,
                [](const auto& file) { return file.first.starts_with("main/meta/"); });
  EXPECT_TRUE(servers(repository).empty());
  // The backups are elsewhere.
  repository = BarmanRepository().AddPlain(kFirst).MoveInfo(kFirst);
  std::erase_if(repository.files,
                [](const auto& file) { return file.first.starts_with("main/base/"); });
  EXPECT_TRUE(servers(repository).empty());
}

TEST(BarmanCatalogTest, AServerMustBeNamedAmongSeveral) {
  BarmanRepository repository = BarmanRepository().AddPlain(kFirst);
  repository.files["other/base/20261101T000000/backup.info"] = "status=STARTED\n";
  const Looked several(repository);
  EXPECT_EQ(several.listing.blind->reason, Reason::kConfig);
  EXPECT_NE(several.Names().find("holds 2 servers"), std::string::npos);
  EXPECT_EQ(Looked(repository, kNow, "main").Names(), std::string(kFirst) + " | |");
  BarmanRepository hidden = BarmanRepository().AddPlain(kFirst);
  hidden.files[".old/base/20261101T000000/backup.info"] = "status=DONE\n";
  EXPECT_EQ(Looked(hidden).Names(), std::string(kFirst) + " | |");
  EXPECT_EQ(Looked(repository, kNow, "nobody").Names(), "| |");
  EXPECT_EQ(Looked(BarmanRepository(), kNow).listing.blind->reason, Reason::kNotFound);
}

TEST(BarmanCatalogTest, EncryptedAndSnapshotBackupsAreNoFailure) {
  BarmanRepository repository = BarmanRepository().AddTar(kFirst);
  repository.SetInfo(kFirst, "compression", "gzip\nencryption=gpg");
  const Verdict encrypted = Looked(repository).Verify(kFirst);
  EXPECT_EQ(encrypted.outcome, Outcome::kUnjudged) << encrypted.ToString();
  EXPECT_NE(encrypted.message.find("encrypted"), std::string::npos);
  repository = BarmanRepository();
  repository.AddPlain(kFirst);
  const std::string info = repository.files[repository.Name(kFirst, "backup.info")];
  std::erase_if(repository.files,
                [](const auto& file) { return file.first.starts_with("main/base/"); });
  repository.files[repository.Name(kFirst, "backup.info")] = info + "snapshots_info={'a': 1}\n";
  const Looked snapshot(repository);
  EXPECT_EQ(snapshot.Defect(kFirst), "");
  EXPECT_EQ(snapshot.Verify(kFirst).outcome, Outcome::kUnjudged);
}

TEST(BarmanCatalogTest, TheArchiveIsReadOnceForItselfAndItsBackups) {
  for (const BarmanRepository& intact :
       {BarmanRepository().AddPlain(kFirst), BarmanRepository().AddTar(kFirst),
        BarmanRepository().AddCloud(kFirst)}) {
    const auto proven = std::make_shared<ProvenFiles>();
    RepositoryOptions options;
    options.proven = proven;
    const LookedAtFolder looked(
        intact, "main/base/", [&](Place& at) { return MakeBarmanCatalog(at, options); }, kNow);
    repository_test::ExpectWalIsReadOnce(looked, Looked(intact), kFirst, *proven);
  }
}

TEST(BarmanCatalogTest, HostileInfoStaysWithinLimits) {
  const BarmanRepository intact = BarmanRepository().AddPlain(kFirst);
  for (const std::string& text :
       {std::string(5 << 20, 'x'), std::string(3'000'000, '\n'), std::string(1'000'000, '='),
        "status=DONE\nbegin_wal=" + std::string(1'000'000, '0') + "\n",
        std::string("status=DONE\nbegin_wal=000000010000000000000001\n"
                    "end_wal=FFFFFFFFFFFFFFFF000000FF\nversion=150000\n"),
        std::string("status=DONE\nparent_backup_id=../../etc\n"),
        std::string("\xff\xfe\x00s", 4)}) {
    BarmanRepository repository = intact;
    repository.files[repository.Name(kFirst, "backup.info")] = text;
    const Looked looked(repository);
    ASSERT_FALSE(looked.listing.blind) << text.substr(0, 40);
    EXPECT_NE(looked.Defect(kFirst), "") << text.substr(0, 40);
    EXPECT_EQ(looked.Verify(kFirst).outcome, Outcome::kBroken) << text.substr(0, 40);
  }
}

// A bucket with what a repository holds, and the catalog of it.
class Bucket {
 public:
  explicit Bucket(const BarmanRepository& repository) {
    for (const auto& [name, bytes] : repository.files) {
      server_.Put("pg/" + name, bytes, kNow - std::chrono::hours(30));
    }
  }

  Listing List(base::Timestamp now) {
    return catalog_->List(now, base::Deadline::After(std::chrono::minutes(1)), {});
  }
  Verdict Verify(const Artefact& artefact) { return catalog_->Verify(artefact, {}); }
  std::size_t requests() const { return server_.requests().size(); }

 private:
  const testing::FakeClock clock_;
  testing::FakeS3 server_{"bucket", 100};
  const std::unique_ptr<Place> place_ =
      MakeS3Place({"s3://bucket/pg", repository_test::S3Of(server_)}, clock_);
  const std::unique_ptr<ArtefactCatalog> catalog_ = MakeBarmanCatalog(*place_, {"main"});
};

TEST(BarmanCatalogTest, ReadsABucketOfBarmanCloud) {
  Bucket bucket(BarmanRepository().AddCloud(kFirst));
  const Listing listing = bucket.List(kNow);
  ASSERT_FALSE(listing.blind) << listing.blind->message;
  ASSERT_EQ(listing.complete.size(), 1u);
  EXPECT_FALSE(listing.complete.front().defect) << listing.complete.front().defect->message;
  const Verdict verdict = bucket.Verify(listing.complete.front());
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  // Nothing changed: the backups are listed, and whether there is an index.
  const std::size_t before = bucket.requests();
  EXPECT_EQ(bucket.List(kNow + std::chrono::minutes(1)).complete.size(), 1u);
  EXPECT_EQ(bucket.requests(), before + 2);
}

TEST(BarmanCatalogTest, ReadsACopyOfAHomeInABucket) {
  BarmanRepository older = BarmanRepository().AddPlain(kFirst).AddTar(kSecond);
  BarmanRepository newer = older;
  newer.MoveInfo(kFirst).MoveInfo(kSecond).RenameIndex();
  for (const auto& [repository, lists] : {std::pair(older, 4u), std::pair(newer, 3u)}) {
    Bucket bucket(repository);
    const Listing listing = bucket.List(kNow);
    ASSERT_FALSE(listing.blind) << listing.blind->message;
    ASSERT_EQ(listing.complete.size(), 2u);
    EXPECT_TRUE(listing.findings.empty());
    for (const Artefact& artefact : listing.complete) {
      EXPECT_EQ(bucket.Verify(artefact).outcome, Outcome::kIntact);
    }
    // The backups are listed, what is noted of them, and the index.
    const std::size_t before = bucket.requests();
    EXPECT_EQ(bucket.List(kNow + std::chrono::minutes(1)).complete.size(), 2u);
    EXPECT_EQ(bucket.requests(), before + lists);
  }
}

}  // namespace
}  // namespace drwatch::catalog
