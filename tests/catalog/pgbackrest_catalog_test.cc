// Repositories as pgBackRest writes them, and what can happen to them.
#include "catalog/pgbackrest_catalog.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <random>
#include <set>

#include "catalog/archive_check.h"
#include "catalog/backup_wal.h"
#include "catalog/make_place.h"
#include "pgbackrest_repository.h"
#include "support/fake_clock.h"
#include "support/fake_s3.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {
namespace {

namespace fs = std::filesystem;
using model::Reason;
using verify::Level;
using verify::Outcome;
using verify::Verdict;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

constexpr const char* kFull = PgBackRestRepository::kFull;
constexpr const char* kDiff = PgBackRestRepository::kDiff;
constexpr const char* kIncr = PgBackRestRepository::kIncr;

// A repository in a folder, as a probe meets it.
class Look {
 public:
  explicit Look(const PgBackRestRepository& repository) {
    repository.Save(folder_);
    place_ = MakeFolderPlace(folder_.path());
    catalog_ = MakePgBackRestCatalog(*place_, options);
  }
  Listing List() { return catalog_->List(now_, base::Deadline::After(1min), {}); }
  Verdict Verify(const std::string& label, const verify::VerifyOptions& with = {}) {
    const Listing listing = List();
    for (const Artefact& artefact : listing.complete) {
      if (artefact.name == label) return catalog_->Verify(artefact, with);
    }
    Verdict none;
    none.message = "not listed";
    return none;
  }
  std::string DefectOf(const std::string& label) {
    for (const Artefact& artefact : List().complete) {
      if (artefact.name == label) return artefact.defect ? artefact.defect->message : "none";
    }
    return "not listed";
  }
  void SetAge(const std::string& name, base::Duration age) {
    const auto when = fs::file_time_type::clock::now() -
                      std::chrono::duration_cast<fs::file_time_type::duration>(age);
    fs::last_write_time(folder_.Path(name), when);
  }

  RepositoryOptions options;
  testing::TempDir folder_;
  std::unique_ptr<Place> place_;
  std::unique_ptr<ArtefactCatalog> catalog_;
  base::Timestamp now_ = base::FromUnixMillis(1000 * (PgBackRestRepository::kFirst + 26 * 3600));
};

std::vector<PgBackRestRepository> AllKinds() {
  std::vector<PgBackRestRepository> all;
  for (const char* const compression : {"none", "gz", "lz4", "zst", "bz2"}) {
    for (const int kind : {0, 1, 2, 3, 4, 5}) {
      // Bundles and blocks do not ask how their content is packed.
      if (std::string_view(compression) != "lz4" && kind != 2) continue;
      PgBackRestRepository repository;
      repository.compression = compression;
      repository.bundles = kind % 2 == 1;
      repository.repo_checksums = kind != 2 && kind != 3;
      repository.blocks = kind >= 4;
      repository.Build();
      all.push_back(repository);
    }
  }
  return all;
}

std::string NameOf(const PgBackRestRepository& repository) {
  return repository.compression + (repository.bundles ? " bundles" : "") +
         (repository.blocks ? " blocks" : "") + (repository.repo_checksums ? "" : " no rck");
}

TEST(PgBackRestCatalogTest, IntactBackupsAreIntact) {
  for (const PgBackRestRepository& repository : AllKinds()) {
    SCOPED_TRACE(NameOf(repository));
    Look look(repository);
    const Listing listing = look.List();
    ASSERT_FALSE(listing.blind) << listing.blind->message;
    EXPECT_TRUE(listing.findings.empty()) << listing.findings.front().message;
    ASSERT_EQ(listing.complete.size(), 3u);
    for (const Artefact& artefact : listing.complete) {
      EXPECT_FALSE(artefact.defect) << artefact.defect->message;
      for (const int jobs : {1, 3}) {
        verify::VerifyOptions options;
        options.jobs = jobs;
        const Verdict verdict = look.catalog_->Verify(artefact, options);
        EXPECT_EQ(verdict.outcome, Outcome::kIntact) << artefact.name << verdict.ToString();
        EXPECT_EQ(verdict.level, Level::kContent) << artefact.name << verdict.ToString();
        EXPECT_TRUE(verdict.details.empty()) << verdict.details.front();
        EXPECT_GT(verdict.bytes_read, 9000);
      }
      EXPECT_EQ(look.catalog_->CurrentFingerprint(artefact, base::Deadline::After(1min), {}),
                artefact.fingerprint);
    }
  }
}

TEST(PgBackRestCatalogTest, TellsWhatPgBackRestWroteDown) {
  Look look(PgBackRestRepository().Build());
  const Listing listing = look.List();
  ASSERT_EQ(listing.complete.size(), 3u);
  const Artefact& incr = listing.complete.back();
  EXPECT_EQ(incr.name, kIncr);
  EXPECT_EQ(incr.path, look.folder_.path() + "/backup/main/" + kIncr);
  EXPECT_EQ(incr.time_source, TimeSource::kContent);
  EXPECT_EQ(base::ToUnixMillis(incr.time), 1000 * (PgBackRestRepository::kFirst + 25 * 3600 + 60));
  EXPECT_EQ(incr.size_bytes, 30000);
  const RepositoryFacts& facts = *incr.facts;
  EXPECT_EQ(facts.kind, "incremental");
  EXPECT_EQ(facts.parent, kDiff);
  EXPECT_EQ(facts.references, (std::vector<std::string>{kFull, kDiff}));
  EXPECT_EQ(facts.wal_folder, "archive/main/15-1/");
  EXPECT_EQ(facts.system_identifier, 7710681104129229196u);
  EXPECT_EQ(facts.server_version, "15");
  EXPECT_EQ(facts.start_lsn, 0x1700028u);
  EXPECT_EQ(facts.own_bytes, 10000);
  EXPECT_FALSE(facts.damaged_source);
  EXPECT_EQ(listing.complete[1].facts->kind, "differential");
  EXPECT_EQ(listing.complete[0].facts->kind, "full");
}

// Every backup that needs the bytes notices, and no other one. A file of the full backup is needed
// by all, unless later ones have it anew; nullopt: that depends on where a bundle is damaged.
std::optional<bool> Needs(const std::string& label, const std::string& file,
                          const PgBackRestRepository& world) {
  if (file.find(label + "/") != file.npos || file.starts_with("archive/")) return true;
  if (file.find(std::string("/") + kFull + "/") == file.npos) return false;
  if (file.ends_with("bundle/1")) return std::nullopt;
  if (file.ends_with(".pgbi")) return world.blocks;
  return file.find("1259") != file.npos || file.find("2600") != file.npos ||
         file.find("empty") != file.npos;
}

using Damage = std::function<void(std::string&)>;

const std::vector<std::pair<std::string, Damage>>& Damages() {
  static const std::vector<std::pair<std::string, Damage>> kAll = {
      {"first byte flipped", [](std::string& bytes) { bytes.front() ^= 1; }},
      {"middle flipped", [](std::string& bytes) { bytes[bytes.size() / 2] ^= 64; }},
      {"last byte flipped", [](std::string& bytes) { bytes.back() ^= 4; }},
      {"cut off", [](std::string& bytes) { bytes.pop_back(); }},
      {"cut in half", [](std::string& bytes) { bytes.resize(bytes.size() / 2); }},
      {"emptied", [](std::string& bytes) { bytes.clear(); }},
      {"zeroed", [](std::string& bytes) { bytes.assign(bytes.size(), '\0'); }},
  };
  return kAll;
}

// Of the stored files, not of the texts, which have copies.
bool IsStored(const std::string& name) {
  return name.find("/pg_data/") != name.npos || name.find("/bundle/") != name.npos ||
         name.find("/00000001") != name.npos;
}

// Expects each backup that needs the file to be broken, and the others to be intact.
void ExpectDamage(Look& look, const PgBackRestRepository& world, const std::string& file,
                  const std::string& what) {
  const Listing listing = look.List();
  ASSERT_EQ(listing.complete.size(), 3u);
  for (const Artefact& artefact : listing.complete) {
    const auto needs = Needs(artefact.name, file, world);
    if (!needs) continue;
    // What did not change is not read again: quicker, and a way to miss what did.
    verify::VerifyOptions options;
    options.reuse = 1h;
    const Verdict verdict = look.catalog_->Verify(artefact, options);
    EXPECT_EQ(verdict.outcome, *needs ? Outcome::kBroken : Outcome::kIntact)
        << NameOf(world) << ": " << file << " " << what << ", " << artefact.name << ": "
        << verdict.ToString();
  }
}

TEST(PgBackRestCatalogTest, FindsEveryDamageInEveryBackupThatNeedsIt) {
  for (const PgBackRestRepository& intact : AllKinds()) {
    // What is not packed, or not bundled, adds nothing to what follows.
    if (intact.bundles != intact.blocks) continue;
    // Without checksums of what is stored a flipped bit in a packed frame's header may not matter.
    const bool exact = intact.repo_checksums || intact.compression == "none";
    Look look(intact);
    for (const auto& [name, bytes] : intact.files) {
      // The WAL is the same in all of them, and long.
      const bool wal = name.starts_with("archive/");
      if (!IsStored(name) || (wal && intact.compression != "none")) continue;
      for (const auto& [what, damage] : Damages()) {
        if (bytes.empty()) continue;
        std::string damaged = bytes;
        damage(damaged);
        const bool flipped = what.find("flipped") != what.npos;
        if (damaged == bytes || (!exact && !wal && flipped)) continue;
        look.folder_.Write(name, damaged);
        ExpectDamage(look, intact, name, what);
        look.folder_.Write(name, bytes);
      }
      fs::remove(look.folder_.Path(name));
      ExpectDamage(look, intact, name, "removed");
      look.folder_.Write(name, bytes);
    }
    EXPECT_EQ(look.Verify(kIncr).outcome, Outcome::kIntact);
  }
}

TEST(PgBackRestCatalogTest, NamesThePlaceOfADamage) {
  PgBackRestRepository repository;
  repository.bundles = true;
  repository.Build();
  std::string& bundle = repository.files[std::string("backup/main/") + kFull + "/bundle/1"];
  bundle[5] ^= 1;
  Look look(repository);
  const Verdict verdict = look.Verify(kIncr);
  EXPECT_EQ(verdict.reason, Reason::kCorrupt);
  EXPECT_EQ(verdict.ToString(), std::string(kFull) +
                                    "/bundle/1: pg_data/base/1/1259: byte 0: its stored bytes are "
                                    "not what they were");
  EXPECT_EQ(verdict.format, "pgBackRest incremental backup, 5 files, lz4");
}

TEST(PgBackRestCatalogTest, UsesTheCopyOfADamagedText) {
  const PgBackRestRepository intact = PgBackRestRepository().Build();
  for (const std::string& name :
       {std::string("backup/main/backup.info"), std::string("archive/main/archive.info"),
        std::string("backup/main/") + kFull + "/backup.manifest"}) {
    for (const std::string& which : {name, name + ".copy"}) {
      for (const int how : {0, 1, 2}) {
        SCOPED_TRACE(which + " " + std::to_string(how));
        PgBackRestRepository repository = intact;
        std::string& text = repository.files[which];
        if (how == 0) text[text.size() / 2] ^= 1;
        if (how == 1) text.resize(text.size() / 2);
        if (how == 2) repository.files.erase(which);
        Look look(repository);
        const Listing listing = look.List();
        ASSERT_FALSE(listing.blind);
        ASSERT_EQ(listing.complete.size(), 3u);
        const bool manifest = name.ends_with("manifest");
        ASSERT_EQ(listing.findings.size(), manifest ? 0u : 1u);
        // A warning of the probe's, unless it is gone.
        if (!manifest && how != 2) {
          EXPECT_EQ(listing.findings[0].reason, Reason::kCorrupt);
        }
        const Verdict verdict = look.Verify(kFull);
        EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
        EXPECT_EQ(verdict.level, Level::kContent);
        EXPECT_EQ(verdict.details.size(), manifest ? 1u : 0u);
      }
    }
    PgBackRestRepository repository = intact;
    repository.files[name][100] ^= 1;
    repository.files[name + ".copy"].resize(110);
    Look look(repository);
    const Listing listing = look.List();
    EXPECT_EQ(listing.blind.has_value(), name.ends_with("backup.info"));
    if (listing.blind) {
      EXPECT_EQ(listing.blind->reason, Reason::kCorrupt);
      continue;
    }
    ASSERT_EQ(listing.complete.size(), 3u);
    if (name.ends_with("archive.info")) {
      EXPECT_NE(look.DefectOf(kFull).find("its WAL cannot be fetched"), std::string::npos);
    } else {
      EXPECT_EQ(look.Verify(kFull).outcome, Outcome::kBroken);
    }
  }
}

TEST(PgBackRestCatalogTest, AChainNeedsEachOfItsBackups) {
  const PgBackRestRepository intact = PgBackRestRepository().Build();
  PgBackRestRepository gone = intact;
  gone.RemoveFolder(kDiff);
  Look look(gone);
  EXPECT_EQ(look.DefectOf(kFull), "none");
  EXPECT_EQ(look.DefectOf(kDiff), "its folder is missing");
  EXPECT_EQ(look.DefectOf(kIncr), std::string("the backup ") + kDiff + " it needs is missing");
  PgBackRestRepository expired = intact;
  expired.Forget(kFull);
  Look later(expired);
  EXPECT_EQ(later.DefectOf(kFull), "not listed");
  EXPECT_EQ(later.DefectOf(kDiff),
            std::string("the backup ") + kFull + " it needs is not in backup.info any more");
  PgBackRestRepository bare = intact;
  for (const char* const name : {"/backup.manifest", "/backup.manifest.copy"}) {
    bare.files.erase(std::string("backup/main/") + kFull + name);
  }
  Look bald(bare);
  EXPECT_EQ(bald.DefectOf(kFull), "its backup.manifest is missing");
  EXPECT_EQ(bald.Verify(kFull).outcome, Outcome::kUnjudged);
}

TEST(PgBackRestCatalogTest, ABackupNeedsItsOwnWal) {
  for (const char* const segment : {"000000010000000000000017", "000000010000000000000018"}) {
    PgBackRestRepository repository = PgBackRestRepository().Build();
    repository.files.erase(repository.WalFile(segment));
    Look look(repository);
    const std::string message =
        std::string("the WAL that makes it consistent is missing from ") + segment + " on";
    EXPECT_EQ(look.DefectOf(kFull), message);
    const Verdict verdict = look.Verify(kFull);
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.reason, Reason::kIncomplete);
    EXPECT_NE(verdict.message.find(segment), std::string::npos);
  }
  PgBackRestRepository none = PgBackRestRepository().Build();
  std::erase_if(none.files, [](const auto& file) { return file.first.starts_with("archive/"); });
  Look bare(none);
  EXPECT_NE(bare.DefectOf(kFull).find("archive.info is missing"), std::string::npos);
  // Made of a stopped server, or with its WAL in it.
  PgBackRestRepository offline;
  offline.wal_start.clear();
  offline.Build();
  std::erase_if(offline.files, [](const auto& file) { return file.first.starts_with("archive/"); });
  Look cold(offline);
  EXPECT_EQ(cold.DefectOf(kFull), "none");
  EXPECT_EQ(cold.Verify(kFull).outcome, Outcome::kIntact);
  PgBackRestRepository copied;
  copied.extra_keys = ",\"option-archive-copy\":true";
  copied.Build();
  copied.files.erase(copied.WalFile("000000010000000000000017"));
  EXPECT_EQ(Look(copied).DefectOf(kFull), "none");
}

TEST(PgBackRestCatalogTest, PartsMayLieOnOtherDisks) {
  const std::string full = std::string("backup/main/") + kFull;
  const std::vector<std::string> parts = {"archive", "archive/main", "archive/main/15-1",
                                          "backup",  "backup/main",  full};
  for (const std::string& part : parts) {
    Look look(PgBackRestRepository().Build());
    const testing::TempDir disk;
    fs::rename(look.folder_.Path(part), disk.Path("moved"));
    fs::create_directory_symlink(disk.Path("moved"), look.folder_.Path(part));
    EXPECT_EQ(look.List().complete.size(), 3u) << part;
    for (const char* const label : {kFull, kDiff, kIncr}) {
      EXPECT_EQ(look.DefectOf(label), "none") << part;
      EXPECT_EQ(look.Verify(label).outcome, Outcome::kIntact) << part;
    }
    // The disk is away.
    fs::rename(disk.Path("moved"), disk.Path("gone"));
    look.options.stanza = "main";
    look.catalog_ = MakePgBackRestCatalog(*look.place_, look.options);
    const Listing listing = look.List();
    const std::string told = listing.blind ? listing.blind->message : look.DefectOf(kFull);
    EXPECT_NE(told.find(part + "\" is a link that leads nowhere"), std::string::npos) << told;
  }
}

TEST(PgBackRestCatalogTest, WhatWasNeverWholeMayBeOnItsWay) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  repository.RemoveFolder(kIncr);
  Look look(repository);
  const base::Timestamp stop =
      base::FromUnixMillis(1000 * (PgBackRestRepository::kFirst + 25 * 3600 + 60));
  look.now_ = stop + 9min;
  EXPECT_EQ(look.List().in_progress, (std::vector<std::string>{kIncr}));
  EXPECT_EQ(look.DefectOf(kIncr), "not listed");
  look.now_ = stop + 10min;
  EXPECT_EQ(look.DefectOf(kIncr), "its folder is missing");
  // What was there is lost.
  Look whole(PgBackRestRepository().Build());
  whole.now_ = stop + 1min;
  EXPECT_EQ(whole.DefectOf(kIncr), "none");
  fs::remove_all(whole.folder_.Path(std::string("backup/main/") + kIncr));
  EXPECT_EQ(whole.DefectOf(kIncr), "its folder is missing");
}

TEST(PgBackRestCatalogTest, SegmentsAreCountedOverFolders) {
  const testing::TempDir folder;
  const auto put = [&folder](const std::string& segment) {
    folder.Write("a/" + segment.substr(0, 16) + "/" + segment + "-" + std::string(40, '0') + ".gz",
                 "x");
  };
  for (const char* const segment : {"0000000100000000000000FE", "0000000100000000000000FF",
                                    "000000010000000100000000", "000000010000000100000001"}) {
    put(segment);
  }
  const auto place = MakeFolderPlace(folder.path());
  const PlaceContext context{base::Deadline::After(1min), {}};
  RepositoryFacts facts;
  facts.wal_folder = "a/";
  facts.wal_start = "0000000100000000000000FE";
  facts.wal_stop = "000000010000000100000001";
  auto wal = FindBackupWal(*place, facts, context);
  ASSERT_TRUE(wal);
  EXPECT_FALSE(wal->missing) << *wal->missing;
  EXPECT_EQ(wal->objects.size(), 4u);
  fs::remove_all(folder.Path("a/0000000100000001"));
  wal = FindBackupWal(*place, facts, context);
  ASSERT_TRUE(wal);
  EXPECT_EQ(wal->missing, "000000010000000100000000");
  // A promotion while a standby was copied: either timeline's segment will do.
  put("000000020000000100000000");
  put("000000020000000100000001");
  facts.wal_stop = "000000020000000100000001";
  wal = FindBackupWal(*place, facts, context);
  ASSERT_TRUE(wal);
  EXPECT_FALSE(wal->missing) << *wal->missing;
  for (const char* const bad : {"", "x", "0000000100000000000000FD", "000000FF0000000000000000"}) {
    facts.wal_stop = bad;
    EXPECT_FALSE(FindBackupWal(*place, facts, context)) << bad;
  }
  facts.wal_stop = "00000001FFFFFFFF000000FF";
  EXPECT_FALSE(FindBackupWal(*place, facts, context));
}

TEST(PgBackRestCatalogTest, TellsRunningFromLeftBehind) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  const std::string running = "backup/main/20260103-010000F/";
  repository.files[running + "backup.manifest.copy"] = "x";
  repository.files[running + "pg_data/PG_VERSION.lz4"] = "x";
  repository.files["backup/main/backup.history/2026/x.manifest.gz"] = "x";
  Look look(repository);
  look.now_ = base::SystemClock().Now();
  Listing listing = look.List();
  EXPECT_EQ(listing.in_progress, (std::vector<std::string>{"20260103-010000F"}));
  EXPECT_TRUE(listing.failed.empty());
  EXPECT_EQ(listing.complete.size(), 3u);
  for (const char* const name : {"backup.manifest.copy", "pg_data/PG_VERSION.lz4"}) {
    look.SetAge(running + name, 30h);
  }
  listing = look.List();
  EXPECT_TRUE(listing.in_progress.empty());
  ASSERT_EQ(listing.failed.size(), 1u);
  EXPECT_EQ(listing.failed[0].name, "20260103-010000F");
  // Taken off the list, about to be deleted: neither.
  fs::remove(look.folder_.Path(running + "backup.manifest.copy"));
  look.SetAge(running + "pg_data/PG_VERSION.lz4", 31h);
  look.now_ += PgBackRestCatalog::kSettledEvery;
  listing = look.List();
  EXPECT_TRUE(listing.failed.empty());
  EXPECT_TRUE(listing.in_progress.empty());
}

TEST(PgBackRestCatalogTest, RemarksDamagedPages) {
  PgBackRestRepository repository;
  repository.extra_keys = ",\"backup-error\":true";
  repository.Build();
  Look look(repository);
  const Listing listing = look.List();
  ASSERT_EQ(listing.complete.size(), 3u);
  EXPECT_TRUE(listing.complete[0].facts->damaged_source);
  EXPECT_FALSE(listing.complete[0].defect);
}

TEST(PgBackRestCatalogTest, AStanzaIsChosenOrNamed) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  std::map<std::string, std::string> more = repository.files;
  for (const auto& [name, bytes] : more) {
    std::string other = name;
    other.replace(other.find("/main/"), 6, "/other/");
    repository.files[other] = bytes;
  }
  Look look(repository);
  ASSERT_TRUE(look.List().blind);
  EXPECT_NE(look.List().blind->message.find("holds 2 stanzas"), std::string::npos);
  look.catalog_ = MakePgBackRestCatalog(*look.place_, {"other"});
  EXPECT_EQ(look.List().complete.size(), 3u);
  look.catalog_ = MakePgBackRestCatalog(*look.place_, {"third"});
  ASSERT_TRUE(look.List().blind);
  EXPECT_EQ(look.List().blind->reason, Reason::kNotFound);
}

TEST(PgBackRestCatalogTest, WhatIsEncryptedIsListedAndNotJudged) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  for (auto& [name, bytes] : repository.files) {
    bytes = (name.find(".info") != name.npos ? "PGBR006_Salted__" : "Salted__") + bytes;
    bytes.resize((bytes.size() / 16 + 2) * 16);
  }
  Look look(repository);
  look.now_ = base::SystemClock().Now();
  const Listing listing = look.List();
  ASSERT_EQ(listing.complete.size(), 3u);
  for (const Artefact& artefact : listing.complete) {
    EXPECT_FALSE(artefact.defect);
    const Verdict verdict = look.catalog_->Verify(artefact, {});
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
    EXPECT_EQ(verdict.reason, Reason::kUnverified);
    EXPECT_EQ(verdict.level, Level::kSize);
    EXPECT_EQ(look.catalog_->CurrentFingerprint(artefact, base::Deadline::After(1min), {}),
              artefact.fingerprint);
  }
  EXPECT_EQ(listing.complete.back().facts->kind, "incremental");
}

TEST(PgBackRestCatalogTest, AnEncryptedFileThatIsCutOffShowsByItsSize) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  std::string full_file;
  for (auto& [name, bytes] : repository.files) {
    bytes = (name.find(".info") != name.npos ? "PGBR006_Salted__" : "Salted__") + bytes;
    bytes.resize((bytes.size() / 16 + 2) * 16);
    if (name.find(std::string(kFull) + "/pg_data/") != name.npos) full_file = name;
  }
  std::string& bytes = repository.files.at(full_file);
  for (const std::size_t size : {bytes.size() - 1, std::size_t{0}}) {
    bytes.resize(size);
    Look look(repository);
    look.now_ = base::SystemClock().Now();
    EXPECT_EQ(look.List().in_progress.size(), 3u) << "it may be on its way";
    look.now_ += 11min;
    const Listing listing = look.List();
    ASSERT_EQ(listing.complete.size(), 3u);
    for (const Artefact& artefact : listing.complete) {
      ASSERT_TRUE(artefact.defect) << artefact.name << " needs it";
      EXPECT_NE(artefact.defect->message.find("bytes, as no encrypted file has"),
                std::string::npos);
    }
  }
}

TEST(PgBackRestCatalogTest, EncryptedBlocksHaveAnySize) {
  PgBackRestRepository repository = PgBackRestRepository().Build();
  for (auto& [name, bytes] : repository.files) {
    bytes = (name.find(".info") != name.npos ? "PGBR006_Salted__" : "Salted__") + bytes;
    bytes.resize((bytes.size() / 16 + 2) * 16);
  }
  const std::string folder = std::string("backup/main/") + kFull + "/";
  std::string& bundle = repository.files[folder + "bundle/1"];
  bundle = std::string(1001, 'x');
  repository.files[folder + "pg_data/base/5/16384.pgbi"] = std::string(333, 'x');
  for (const bool empty : {false, true}) {
    if (empty) bundle.clear();
    Look look(repository);
    look.now_ = base::SystemClock().Now() + 11min;
    look.List();
    look.now_ += 11min;
    const Listing listing = look.List();
    ASSERT_EQ(listing.complete.size(), 3u);
    for (const Artefact& artefact : listing.complete) {
      EXPECT_EQ(artefact.defect.has_value(), empty) << artefact.name;
    }
  }
}

TEST(PgBackRestCatalogTest, TheArchiveIsReadOnceForItselfAndItsBackups) {
  const PgBackRestRepository intact = PgBackRestRepository().Build();
  verify::VerifyOptions options;
  options.reuse = 1h;
  for (const bool damaged : {false, true}) {
    PgBackRestRepository repository = intact;
    const std::string segment = repository.WalFile("000000010000000000000018");
    if (damaged) repository.files[segment][repository.files[segment].size() / 2] ^= 1;
    Look look(repository);
    look.options.proven = std::make_shared<ProvenFiles>();
    look.catalog_ = MakePgBackRestCatalog(*look.place_, look.options);
    const auto facts = look.List().complete.front().facts;
    for (const int jobs : {1, 3}) {
      options.jobs = jobs;
      const Verdict archive = VerifyArchive(
          *look.place_, facts->wal_folder, facts->system_identifier, *look.options.proven, options);
      EXPECT_EQ(archive.outcome, damaged ? Outcome::kBroken : Outcome::kIntact);
    }
    const Verdict alone = Look(repository).Verify(kFull, options);
    const Verdict after = look.Verify(kFull, options);
    EXPECT_EQ(after.outcome, alone.outcome);
    EXPECT_EQ(after.ToString(), alone.ToString());
    EXPECT_LT(after.bytes_read, alone.bytes_read);
    // What was proven of one cluster's segments says nothing of another's.
    RepositoryFacts other = *facts;
    other.system_identifier = 7;
    verify::ReadBudget budget(options);
    const auto wal = FindBackupWal(*look.place_, other, {options.deadline, {}});
    ASSERT_TRUE(wal);
    EXPECT_EQ(VerifyBackupWal(*look.place_, other, *wal, *look.options.proven, budget).outcome,
              Outcome::kBroken);
  }
}

TEST(PgBackRestCatalogTest, ReadsSharedFilesOnce) {
  PgBackRestRepository repository;
  repository.blocks = true;
  repository.Build();
  Look look(repository);
  verify::VerifyOptions options;
  options.reuse = 1h;
  const std::int64_t first = look.Verify(kFull, options).bytes_read;
  const std::int64_t again = look.Verify(kFull, options).bytes_read;
  EXPECT_LT(again, first / 2);  // the manifests
  const std::int64_t incr = look.Verify(kIncr, options).bytes_read;
  EXPECT_LT(incr, look.Verify(kIncr, {}).bytes_read / 2);
  EXPECT_EQ(
      look.Verify(kIncr, options).bytes_read,
      // Twice, and once the copy.
      again + 3 * (static_cast<std::int64_t>(
                       repository.files[std::string("backup/main/") + kIncr + "/backup.manifest"]
                           .size()) -
                   static_cast<std::int64_t>(
                       repository.files[std::string("backup/main/") + kFull + "/backup.manifest"]
                           .size())));
  // What changed is read again.
  const std::string name = std::string("backup/main/") + kFull + "/pg_data/base/1/1259.lz4";
  std::string bytes = repository.files[name];
  bytes[40] ^= 1;
  look.folder_.Write(name, bytes);
  EXPECT_EQ(look.Verify(kIncr, options).outcome, Outcome::kBroken);
}

TEST(PgBackRestCatalogTest, StopsWhenAsked) {
  Look look(PgBackRestRepository().Build());
  base::StopSource stop;
  stop.RequestStop();
  verify::VerifyOptions options;
  options.stop = stop.token();
  options.jobs = 2;
  const Verdict verdict = look.Verify(kFull, options);
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.reason, Reason::kTimeout);
}

TEST(PgBackRestCatalogTest, ReadsABucket) {
  PgBackRestRepository repository;
  repository.bundles = true;
  repository.blocks = true;
  repository.Build();
  const testing::FakeClock clock(
      base::FromUnixMillis(1000 * (PgBackRestRepository::kFirst + 26 * 3600)));
  testing::FakeS3 server("bucket", 5);
  for (const auto& [name, bytes] : repository.files) {
    server.Put("pg/" + name, bytes, clock.Now() - 2h);
  }
  config::S3 s3;
  s3.endpoint = server.endpoint();
  s3.access_key_id = "AK";
  s3.secret_access_key.value = base::Secret("topsecret");
  const auto place = MakeS3Place({"s3://bucket/pg", s3}, clock);
  const auto catalog = MakePgBackRestCatalog(*place, {});
  Listing listing = catalog->List(clock.Now(), base::Deadline::After(1min), {});
  ASSERT_FALSE(listing.blind) << listing.blind->message;
  ASSERT_EQ(listing.complete.size(), 3u);
  for (const Artefact& artefact : listing.complete) {
    EXPECT_FALSE(artefact.defect);
    const Verdict verdict = catalog->Verify(artefact, {});
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kContent);
    EXPECT_EQ(catalog->CurrentFingerprint(artefact, base::Deadline::After(1min), {}),
              artefact.fingerprint);
  }
  // What has settled is not listed again at each look, nor are texts read again.
  const int lists = server.Count("LIST");
  const int gets = server.Count("GET");
  listing = catalog->List(clock.Now() + 1min, base::Deadline::After(1min), {});
  EXPECT_EQ(listing.complete.size(), 3u);
  EXPECT_EQ(server.Count("GET"), gets);
  EXPECT_LE(server.Count("LIST") - lists, 8);
  // What cannot be listed for a moment is not gone.
  server.Intercept([](const testing::FakeRequest& request) -> std::optional<testing::FakeReply> {
    if (request.target.find(kFull) == std::string::npos) return std::nullopt;
    return testing::FakeReply{.status = 403};
  });
  const std::uint64_t before = listing.complete.back().fingerprint;
  listing = catalog->List(clock.Now() + 2h, base::Deadline::After(1min), {});
  ASSERT_EQ(listing.complete.size(), 3u);
  EXPECT_EQ(listing.complete.back().fingerprint, before);
  EXPECT_FALSE(listing.complete.back().defect);
  const auto fresh = MakePgBackRestCatalog(*place, {});
  EXPECT_TRUE(fresh->List(clock.Now(), base::Deadline::After(1min), {}).blind);
  server.Intercept(nullptr);
  server.Remove(std::string("pg/backup/main/") + kIncr + "/bundle/1");
  listing = catalog->List(clock.Now() + 2min, base::Deadline::After(1min), {});
  EXPECT_EQ(catalog->Verify(listing.complete.back(), {}).outcome, Outcome::kBroken);
}

// Whatever stands in the texts: an answer, and soon.
TEST(PgBackRestCatalogTest, HostileTextsDoNoHarm) {
  PgBackRestRepository intact;
  intact.bundles = true;
  intact.blocks = true;
  intact.Build();
  std::mt19937 random(7);
  const std::string manifest = std::string("backup/main/") + kIncr + "/backup.manifest";
  for (int round = 0; round < 10; ++round) {
    PgBackRestRepository repository = intact;
    for (const std::string& name : {manifest, std::string("backup/main/backup.info"),
                                    std::string("archive/main/archive.info")}) {
      std::string& text = repository.files[name];
      const auto at = random() % text.size();
      const char* const pieces[] = {
          "{",    "}",  "[[[[",   "\"", "\n", "=", "99999999999999999999", "../../../../etc/passwd",
          "null", "-1", "\\u0000"};
      text.replace(at, random() % 20, pieces[random() % 11]);
      repository.files.erase(name + ".copy");
    }
    testing::TempDir folder;
    repository.Save(folder);
    const auto place = MakeFolderPlace(folder.path());
    const auto catalog = MakePgBackRestCatalog(*place, {});
    Listing listing = catalog->List(base::SystemClock().Now(), base::Deadline::After(1min), {});
    for (const Artefact& artefact : listing.complete) {
      EXPECT_NE(catalog->Verify(artefact, {}).message, "x");
    }
  }
}

}  // namespace
}  // namespace drwatch::catalog
