#include "catalog/walg_catalog.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "catalog/make_place.h"
#include "catalog/repository.h"
#include "catalog/walg_names.h"
#include "catalog/walg_repository.h"
#include "support/fake_clock.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using repository_test::At;
using repository_test::Bits;
using repository_test::Damages;
using repository_test::kFirstSegment;
using repository_test::kNow;
using repository_test::kSecondSegment;
using repository_test::LookedAtFolder;
using repository_test::Lz4;
using repository_test::WalGRepository;
using testing::TempDir;
using verify::Level;
using verify::Outcome;
using verify::Verdict;

constexpr const char* kFull = WalGRepository::kFull;
constexpr const char* kDelta = WalGRepository::kDelta;

// A repository in a folder of its own, looked at once.
struct Looked : LookedAtFolder {
  explicit Looked(const WalGRepository& repository, base::Timestamp now = kNow)
      : LookedAtFolder(
            repository, "basebackups_005/", [](Place& at) { return MakeWalGCatalog(at, {}); },
            now) {}
};

TEST(WalGNamesTest, TellsBackupsOfPostgres) {
  EXPECT_EQ(ParseWalGName(kFull)->segment, kFirstSegment);
  EXPECT_EQ(ParseWalGName(kDelta)->parent_segment, kFirstSegment);
  EXPECT_TRUE(ParseWalGName(kFull)->needs_control_tar());
  EXPECT_FALSE(ParseWalGName(std::string(kFull) + "_00000028")->needs_control_tar());
  for (const char* name :
       {"stream_20260101T000000Z", "base_", "base_00000001000000000000001",
        "base_000000010000000000000017_X", "base_000000010000000000000017_D_12"}) {
    EXPECT_FALSE(ParseWalGName(name)) << name;
  }
  EXPECT_EQ(TarNumber("part_012.tar.lz4"), 12);
  EXPECT_EQ(TarNumber("pg_control.tar.br"), 0);
  EXPECT_EQ(TarNumber("backup_label.tar"), 0);
  EXPECT_EQ(TarNumber("part_00000003.tar.lzo"), 3);
  EXPECT_EQ(TarNumber("part_001.tar.exe"), std::nullopt);
  EXPECT_EQ(TarNumber("x/part_001.tar"), std::nullopt);
  EXPECT_EQ(TarNumber("notes.txt"), std::nullopt);
}

TEST(WalGNamesTest, FindsTheLastSegmentWhateverItsSize) {
  const auto range = [](const std::string& segment, verify::Lsn start, verify::Lsn finish) {
    verify::WalGBackup said;
    said.start = start;
    said.finish = finish;
    const auto found = RangeOf({segment, ""}, said);
    return found ? found->last : "error: " + found.error();
  };
  EXPECT_EQ(range("000000010000000000000017", 0x17000028, 0x18000100), "000000010000000000000018");
  EXPECT_EQ(range("000000010000000000000017", 0x17000028, 0x18000000), "000000010000000000000017");
  EXPECT_EQ(range("0000000100000000000000FF", 0xFF000028, 0x100000100), "000000010000000100000000");
  // 64 MiB: 0x17 * 64 MiB = 0x5C000000; 1 MiB.
  EXPECT_EQ(range("000000010000000000000017", 0x5C000028, 0x60000028), "000000010000000000000018");
  EXPECT_EQ(range("000000010000000000000FFF", 0xFFF00028, 0x100000028), "000000010000000100000000");
  EXPECT_TRUE(range("000000010000000000000017", 0x99000028, 0x99000100).starts_with("error"));
  EXPECT_TRUE(range("000000010000000000000017", 0x17000028, 0x17000028).starts_with("error"));
}

TEST(WalGNamesTest, ListsNoMoreOfTheArchiveThanABackupNeeds) {
  const testing::FakeClock clock;
  testing::FakeS3 server("bucket", 100);
  const auto put = [&](std::uint64_t number) {
    server.Put(
        "pg/wal_005/" + verify::SegmentName(1, number, verify::kDefaultSegmentBytes) + ".lz4", "x",
        kNow);
  };
  for (std::uint64_t i = 0; i < 2000; ++i) put(0xF000 + i);
  const auto place = MakeS3Place({"s3://bucket/pg", repository_test::S3Of(server)}, clock);
  RepositoryFacts facts;
  facts.wal_folder = "wal_005/";
  facts.wal_start = verify::SegmentName(1, 0xF1FE, verify::kDefaultSegmentBytes);
  facts.wal_stop = verify::SegmentName(1, 0xF302, verify::kDefaultSegmentBytes);
  facts.start_lsn = std::uint64_t{0xF1FE} << 24;
  const PlaceContext context{base::Deadline::After(std::chrono::minutes(1)), {}};
  const auto wal = FindFlatWal(*place, facts, context);
  ASSERT_TRUE(wal) << wal.error().message;
  EXPECT_FALSE(wal->missing);
  EXPECT_EQ(wal->objects.size(), 0xF302u - 0xF1FEu + 1);
  // Three stretches of 256, a hundred names at a time.
  EXPECT_EQ(server.requests().size(), 9u);
}

TEST(WalGCatalogTest, ListsBackupsWithWhatTheySay) {
  const Looked looked(WalGRepository().Build());
  EXPECT_EQ(looked.Names(), std::string(kFull) + " " + kDelta + " | |");
  EXPECT_TRUE(looked.listing.findings.empty());
  const Artefact& delta = looked.listing.complete.back();
  EXPECT_FALSE(delta.defect) << delta.defect->message;
  EXPECT_EQ(delta.time, At("2026-11-21T02:10:00.123Z"));
  EXPECT_EQ(delta.time_source, TimeSource::kContent);
  EXPECT_EQ(delta.facts->kind, "incremental");
  EXPECT_EQ(delta.facts->parent, kFull);
  EXPECT_EQ(delta.facts->references, std::vector<std::string>{kFull});
  EXPECT_EQ(delta.facts->wal_start, kSecondSegment);
  EXPECT_EQ(delta.facts->wal_stop, kSecondSegment);
  EXPECT_EQ(delta.facts->wal_folder, "wal_005/");
  EXPECT_EQ(delta.facts->server_version, "15");
  EXPECT_EQ(delta.facts->system_identifier, repository_test::SystemIdentifier());
  EXPECT_EQ(delta.facts->original_bytes, 70'000);
  const Artefact& full = looked.listing.complete.front();
  EXPECT_EQ(full.facts->kind, "full");
  EXPECT_EQ(full.facts->wal_stop, kSecondSegment);
  EXPECT_EQ(delta.facts->stored_bytes, full.facts->own_bytes + delta.facts->own_bytes);
  EXPECT_EQ(
      looked.catalog->CurrentFingerprint(delta, base::Deadline::After(base::Duration(5000)), {}),
      delta.fingerprint);
}

TEST(WalGCatalogTest, ProvesIntactBackups) {
  for (const bool with_files : {true, false}) {
    WalGRepository repository;
    repository.files_metadata = with_files;
    const Looked looked(repository.Build());
    for (const char* name : {kFull, kDelta}) {
      for (const int jobs : {1, 3}) {
        verify::VerifyOptions options;
        options.jobs = jobs;
        const Verdict verdict = looked.Verify(name, options);
        EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
        EXPECT_EQ(verdict.level, Level::kContent);
        EXPECT_GT(verdict.bytes_read, 50'000);
      }
    }
    EXPECT_EQ(looked.Verify(kDelta).format, "WAL-G backup, incremental, PostgreSQL 15, lz4");
  }
}

TEST(WalGCatalogTest, UnpackedTarFilesAreOnlyWalked) {
  WalGRepository repository;
  repository.ending = "";
  repository.pack = [](std::string_view bytes) { return std::string(bytes); };
  const Looked looked(repository.Build());
  const Verdict verdict = looked.Verify(kFull);
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
}

// Each file that a restore of the delta needs, damaged in each way: always found.
TEST(WalGCatalogTest, FindsEveryDamage) {
  const WalGRepository intact = WalGRepository().Build();
  const auto seen = [](const WalGRepository& repository) {
    const Looked looked(repository);
    if (looked.Find(kDelta) == nullptr || !looked.Defect(kDelta).empty()) return true;
    const Verdict verdict = looked.Verify(kDelta);
    return verdict.outcome == Outcome::kBroken && !verdict.message.empty();
  };
  EXPECT_FALSE(seen(intact));
  for (const auto& [name, bytes] : intact.files) {
    if (name.ends_with("/metadata.json")) continue;  // a restore does without it
    if (name.find(kFirstSegment) != name.npos && name.starts_with("wal_005/")) continue;
    const bool text = name.ends_with(".json");
    WalGRepository repository = intact;
    repository.files.erase(name);
    EXPECT_TRUE(seen(repository)) << name << " removed";
    for (const auto& [what, damaged] : Damages(bytes, text ? Bits::kText : Bits::kCovered)) {
      repository.files[name] = damaged;
      EXPECT_TRUE(seen(repository)) << name << " " << what;
    }
  }
}

TEST(WalGCatalogTest, FindsForeignFiles) {
  const WalGRepository intact = WalGRepository().Build();
  const auto message = [&](const std::string& name, const std::string& bytes) {
    WalGRepository repository = intact;
    repository.Of(kFull, name) = bytes;
    return Looked(repository).Verify(kDelta).ToString();
  };
  const std::string tar = Lz4(verify::Tar({{"/base/1/9", "foreign"}}));
  EXPECT_NE(message("tar_partitions/part_009.tar.lz4", tar).find("not named by files_metadata"),
            std::string::npos);
  EXPECT_NE(message("tar_partitions/notes.txt", "hello").find("is no tar file"), std::string::npos);
  // Of another cluster, another backup.
  EXPECT_NE(message("tar_partitions/pg_control.tar.lz4",
                    Lz4(verify::Tar({{"global/pg_control", repository_test::Control(5)}})))
                .find("is of cluster 5"),
            std::string::npos);
  EXPECT_NE(message("tar_partitions/backup_label.tar.lz4",
                    Lz4(verify::Tar({{"backup_label", repository_test::Label("0/5000028", "x")},
                                     {"tablespace_map", ""}})))
                .find("begins at 0/5000028"),
            std::string::npos);
  EXPECT_NE(message("tar_partitions/part_002.tar.lz4", Lz4(verify::Tar({{"/base/1/9", "other"}})))
                .find("one of them \"/base/1/16384\""),
            std::string::npos);
}

TEST(WalGCatalogTest, FilesLeftOutMustBeInTheParent) {
  WalGRepository repository = WalGRepository().Build();
  std::string& files = repository.Of(kDelta, "files_metadata.json");
  files.insert(files.find("\"/base/1/1259\""),
               R"("/base/1/2600":{"IsIncremented":false,"IsSkipped":true},)");
  const Verdict verdict = Looked(repository).Verify(kDelta);
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_NE(verdict.message.find("not in its parent, one of them \"/base/1/2600\""),
            std::string::npos)
      << verdict.message;
}

TEST(WalGCatalogTest, WithoutAListNumbersTellWhatIsMissing) {
  WalGRepository repository;
  repository.files_metadata = false;
  repository.Build();
  repository.files.erase(std::string("basebackups_005/") + kFull +
                         "/tar_partitions/part_001.tar.lz4");
  const Verdict verdict = Looked(repository).Verify(kFull);
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_NE(verdict.message.find("tar file 1 is missing"), std::string::npos) << verdict.message;
}

TEST(WalGCatalogTest, NamesWhatShowsWithoutReading) {
  const WalGRepository intact = WalGRepository().Build();
  const auto defect = [&](const std::string& name, const std::string& removed) {
    WalGRepository repository = intact;
    EXPECT_EQ(repository.files.erase(removed), 1u) << removed;
    return Looked(repository).Defect(name);
  };
  const std::string full = std::string("basebackups_005/") + kFull;
  EXPECT_EQ(defect(kFull, full + "/tar_partitions/pg_control.tar.lz4"),
            "tar_partitions/pg_control.tar is missing");
  EXPECT_EQ(defect(kDelta, full + "/tar_partitions/pg_control.tar.lz4"),
            "its parent " + std::string(kFull) + ": tar_partitions/pg_control.tar is missing");
  EXPECT_EQ(defect(kFull, full + "/files_metadata.json"),
            "files_metadata.json is missing: WAL-G does not restore without it");
  EXPECT_EQ(defect(kDelta, full + "_backup_stop_sentinel.json"),
            "the backup that it was made upon, \"" + std::string(kFull) +
                "\", is not there or was never finished");
  const std::string missing = "is missing in wal_005/: without it the backup is not consistent";
  EXPECT_EQ(defect(kFull, std::string("wal_005/") + kFirstSegment + ".lz4"),
            std::string("WAL segment ") + kFirstSegment + " " + missing);
  EXPECT_EQ(defect(kFull, std::string("wal_005/") + kSecondSegment + ".lz4"),
            std::string("WAL segment ") + kSecondSegment + " " + missing);
  EXPECT_EQ(defect(kDelta, std::string("wal_005/") + kFirstSegment + ".lz4"), "");
}

TEST(WalGCatalogTest, AParentMustBeTheOneItWas) {
  WalGRepository repository = WalGRepository().Build();
  std::string& text = repository.Sentinel(kDelta);
  text.replace(text.find("385876008"), 9, "385879999");
  EXPECT_NE(Looked(repository).Defect(kDelta).find("is not the backup that it was made upon"),
            std::string::npos);
  // A chain that bites its tail.
  repository = WalGRepository().Build();
  std::string& full = repository.Sentinel(kFull);
  full.insert(1, std::string(R"("DeltaFrom":")") + kDelta + "\",");
  EXPECT_EQ(Looked(repository).Defect(kDelta),
            "its parent " + std::string(kFull) + ": its chain of parents has no end");
}

TEST(WalGCatalogTest, WalMayBeOnItsWayForAWhile) {
  WalGRepository repository = WalGRepository().Build();
  repository.files.erase(std::string("wal_005/") + kSecondSegment + ".lz4");
  const Looked early(repository, At("2026-11-21T02:15:00Z"));
  EXPECT_EQ(early.Names(), std::string(kFull) + " | " + kDelta + " |");
  EXPECT_NE(early.Defect(kFull), "");
  const Looked late(repository, At("2026-11-21T02:25:00Z"));
  EXPECT_EQ(late.Names(), std::string(kFull) + " " + kDelta + " | |");
  EXPECT_NE(late.Defect(kDelta), "");
}

TEST(WalGCatalogTest, WhatWasSeenWholeIsJudgedAtOnce) {
  const base::Timestamp soon = At("2026-11-21T02:12:00Z");
  Looked looked(WalGRepository().Build(), soon);
  ASSERT_EQ(looked.Names(), std::string(kFull) + " " + kDelta + " | |");
  const std::uint64_t before = looked.Find(kDelta)->fingerprint;
  std::filesystem::remove(looked.folder.Path(std::string("basebackups_005/") + kDelta +
                                             "/tar_partitions/pg_control.tar.lz4"));
  looked.listing = looked.List(soon + std::chrono::minutes(1));
  EXPECT_EQ(looked.Defect(kDelta), "tar_partitions/pg_control.tar is missing");
  EXPECT_NE(looked.Find(kDelta)->fingerprint, before);
}

TEST(WalGCatalogTest, WalThatChangesIsAnotherBackup) {
  Looked looked(WalGRepository().Build());
  const std::uint64_t before = looked.Find(kDelta)->fingerprint;
  looked.folder.Write(std::string("wal_005/") + kSecondSegment + ".lz4", "x");
  looked.listing = looked.List(kNow + std::chrono::minutes(11));
  EXPECT_EQ(looked.Defect(kDelta), "");
  EXPECT_NE(looked.Find(kDelta)->fingerprint, before);
  EXPECT_EQ(looked.Verify(kDelta).outcome, Outcome::kBroken);
}

TEST(WalGCatalogTest, BackupsWithoutSentinelAreUnfinishedOrDead) {
  WalGRepository repository = WalGRepository().Build();
  repository.files.erase(std::string("basebackups_005/") + kDelta + "_backup_stop_sentinel.json");
  Looked looked(repository);
  // Written a moment ago by the clock of this machine.
  const base::Timestamp written = base::SystemClock().Now();
  looked.listing = looked.List(written);
  EXPECT_EQ(looked.Names(), std::string(kFull) + " | " + kDelta + " |");
  looked.listing = looked.List(written + std::chrono::hours(25));
  EXPECT_EQ(looked.Names(), std::string(kFull) + " | | " + kDelta);
  EXPECT_EQ(looked.listing.failed.front().message,
            "left behind without being finished: it has no sentinel");
}

TEST(WalGCatalogTest, OldSentinelsAreUnderstood) {
  WalGRepository repository;
  repository.files_metadata = false;
  repository.Build();
  // Before version 2: the files in the sentinel, times in metadata.json, a delta's parent by name.
  repository.Sentinel(kFull) =
      R"({"LSN":385876008,"Files":{"/a":{"IsSkipped":false}},"PgVersion":90600,"FinishLSN":402653440})";
  repository.Sentinel(kDelta) = R"({"LSN":402653224,"PgVersion":90600,"FinishLSN":402653696})";
  const Looked looked(repository);
  EXPECT_EQ(looked.Defect(kDelta), "");
  EXPECT_EQ(looked.Find(kDelta)->facts->parent, kFull);
  EXPECT_EQ(looked.Find(kDelta)->facts->server_version, "9.6");
  EXPECT_EQ(looked.Find(kFull)->time, At("2026-11-20T02:10:00.123Z"));
  EXPECT_EQ(looked.Verify(kDelta).outcome, Outcome::kIntact) << looked.Verify(kDelta).ToString();
}

TEST(WalGCatalogTest, EncryptedBackupsAreNoFailure) {
  WalGRepository repository;
  // libsodium's streams begin with a random header and have no magic number.
  repository.pack = [](std::string_view bytes) {
    std::string hidden(bytes);
    std::uint32_t state = 12345;
    for (char& c : hidden) {
      state = state * 1664525 + 1013904223;
      c = static_cast<char>(c ^ (state >> 24));
    }
    return hidden;
  };
  for (const char* ending : {".lz4", ".br", ".lzma", ""}) {
    repository.ending = ending;
    const Looked looked(repository.Build());
    EXPECT_EQ(looked.Defect(kFull), "");
    const Verdict verdict = looked.Verify(kFull);
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << ending;
    EXPECT_EQ(verdict.reason, Reason::kUnverified) << ending;
    EXPECT_EQ(verdict.level, Level::kSize) << ending;
    EXPECT_NE(verdict.message.find("encrypted"), std::string::npos) << verdict.message;
  }
}

TEST(WalGCatalogTest, WhatWasProvenIsNotReadAgain) {
  const Looked looked(WalGRepository().Build());
  verify::VerifyOptions options;
  options.reuse = std::chrono::hours(1);
  const Verdict full = looked.Verify(kFull, options);
  ASSERT_EQ(full.outcome, Outcome::kIntact);
  const Verdict delta = looked.Verify(kDelta, options);
  const Verdict alone = Looked(WalGRepository().Build()).Verify(kDelta);
  EXPECT_EQ(delta.outcome, Outcome::kIntact) << delta.ToString();
  EXPECT_EQ(delta.level, Level::kContent);
  EXPECT_LT(delta.bytes_read, alone.bytes_read / 2);
}

TEST(WalGCatalogTest, TheArchiveIsReadOnceForItselfAndItsBackups) {
  const WalGRepository intact = WalGRepository().Build();
  RepositoryOptions options;
  options.proven = std::make_shared<ProvenFiles>();
  const LookedAtFolder looked(
      intact, "basebackups_005/", [&](Place& at) { return MakeWalGCatalog(at, options); }, kNow);
  repository_test::ExpectWalIsReadOnce(looked, Looked(intact), kFull, *options.proven);
  // What changed since is read again.
  const std::string name = std::string("wal_005/") + kFirstSegment + ".lz4";
  std::string segment = intact.files.at(name);
  segment[segment.size() / 2] ^= 1;
  looked.folder.Write(name, segment);
  verify::VerifyOptions reuse;
  reuse.reuse = std::chrono::hours(1);
  EXPECT_EQ(looked.Verify(kFull, reuse).outcome, Outcome::kBroken);
}

TEST(WalGCatalogTest, HostileTextsStayWithinLimits) {
  const WalGRepository intact = WalGRepository().Build();
  for (const std::string& text :
       {std::string(2'000, '['), "{\"LSN\":\"" + std::string(1'200'000, 'x') + "\"}",
        std::string("{\"DeltaFrom\":\"../../../etc/passwd\"}"),
        std::string("{\"LSN\":18446744073709551615,\"FinishLSN\":18446744073709551615}"),
        std::string("\xff\xfe{}"), std::string("null")}) {
    WalGRepository repository = intact;
    repository.Sentinel(kFull) = text;
    const Looked looked(repository);
    ASSERT_FALSE(looked.listing.blind);
    const Verdict verdict = looked.Verify(kFull);
    (void)verdict;  // whatever it says, it says it soon
    repository = intact;
    repository.Of(kFull, "files_metadata.json") = text;
    EXPECT_NE(Looked(repository).Verify(kFull).outcome, Outcome::kIntact) << text.substr(0, 40);
  }
}

TEST(WalGCatalogTest, SentinelsTooLongToReadLeaveTheRestToMetadata) {
  WalGRepository repository = WalGRepository().Build();
  repository.Sentinel(kFull) += std::string(17 << 20, ' ');
  const Looked looked(repository);
  EXPECT_EQ(looked.Defect(kFull), "");
  EXPECT_EQ(looked.Find(kFull)->time, At("2026-11-20T02:10:00.123Z"));
}

TEST(WalGCatalogTest, NoRepositoryIsNoBackup) {
  const TempDir folder;
  folder.Write("readme", "x");
  const auto place = MakeFolderPlace(folder.path());
  const auto catalog = MakeWalGCatalog(*place, {});
  const Listing listing = catalog->List(kNow, base::Deadline(base::SteadyTime::max()), {});
  EXPECT_FALSE(listing.blind);
  EXPECT_TRUE(listing.complete.empty());
  const auto nowhere = MakeFolderPlace(folder.Path("nowhere"));
  const auto blind = MakeWalGCatalog(*nowhere, {});
  EXPECT_EQ(blind->List(kNow, base::Deadline(base::SteadyTime::max()), {}).blind->reason,
            Reason::kNotFound);
}

TEST(WalGCatalogTest, ReadsABucketWithFewRequests) {
  const testing::FakeClock clock;
  testing::FakeS3 server("bucket", 100);
  const WalGRepository repository = WalGRepository().Build();
  for (const auto& [name, bytes] : repository.files) {
    server.Put("pg/" + name, bytes, kNow - std::chrono::hours(9));
  }
  const auto place = MakeS3Place({"s3://bucket/pg", repository_test::S3Of(server)}, clock);
  const auto catalog = MakeWalGCatalog(*place, {});
  const auto list = [&](base::Timestamp now) {
    return catalog->List(now, base::Deadline::After(std::chrono::minutes(1)), {});
  };
  const Listing listing = list(kNow);
  ASSERT_FALSE(listing.blind) << listing.blind->message;
  ASSERT_EQ(listing.complete.size(), 2u);
  for (const Artefact& artefact : listing.complete) {
    EXPECT_FALSE(artefact.defect) << artefact.defect->message;
    const Verdict verdict = catalog->Verify(artefact, {});
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  }
  // Nothing changed: one request.
  const std::size_t before = server.requests().size();
  EXPECT_EQ(list(kNow + std::chrono::minutes(1)).complete.size(), 2u);
  EXPECT_EQ(server.requests().size(), before + 1);
}

}  // namespace
}  // namespace drwatch::catalog
