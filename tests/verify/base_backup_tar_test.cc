#include "verify/base_backup_tar.h"

#include <gtest/gtest.h>

#include "backup_files.h"

namespace drwatch::verify {
namespace {

using model::Reason;

using Entries = std::vector<TarEntry>;

Entries WalEntries(const std::string& folder = "pg_wal/") {
  Entries entries;
  for (std::size_t i = 0; i < kWal.segments.size(); ++i) {
    entries.push_back({folder + kWal.names[i], kWal.segments[i]});
  }
  return entries;
}

Entries FileEntries() {
  Entries entries;
  for (const auto& [name, content] : kFiles) entries.push_back({name, content});
  return entries;
}

Entries operator+(Entries one, const Entries& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

// As pg_basebackup -D - -Ft -X fetch writes them.
Entries BackupEntries(const ManifestOptions& options = {}) {
  return FileEntries() + WalEntries() + Entries{{"backup_manifest", MakeManifest(kFiles, options)}};
}

Entries Below(const std::string& folder, Entries entries) {
  for (TarEntry& entry : entries) entry.name = folder + entry.name;
  return Entries{{folder, "", '5'}} + entries;
}

TarEntry& Find(Entries& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&name](const TarEntry& entry) { return entry.name == name; });
  return *found;
}

// With the manifest where it stands, and before all others; packed and not; in a folder and not.
void ExpectEverywhere(const Entries& entries, const std::function<void(const Verdict&)>& expect) {
  Entries turned = entries;
  std::stable_partition(turned.begin(), turned.end(),
                        [](const TarEntry& entry) { return entry.name == "backup_manifest"; });
  for (const Entries& order : {entries, turned}) {
    for (const std::string folder : {"", "pg/2026-01-02/"}) {
      SCOPED_TRACE("below \"" + folder + "\" from " + order.front().name);
      expect(VerifyBytes(Tar(Below(folder, order)), "b.tar"));
      expect(VerifyBytes(Gzip(Tar(Below(folder, order))), "b.tgz"));
    }
  }
}

void ExpectBroken(const Entries& entries, Reason reason, const std::string& place) {
  ExpectEverywhere(entries, [&](const Verdict& verdict) {
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.reason, reason) << verdict.ToString();
    EXPECT_NE(verdict.place.find(place), std::string::npos) << verdict.ToString();
  });
}

TEST(BaseBackupTarTest, FitsItsManifestWhereverThatLies) {
  for (const char* algorithm : {"CRC32C", "SHA256", "SHA512"}) {
    ManifestOptions options;
    options.algorithm = algorithm;
    ExpectEverywhere(BackupEntries(options), [](const Verdict& verdict) {
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
      EXPECT_EQ(verdict.level, Level::kContent) << verdict.ToString();
      EXPECT_TRUE(verdict.format.starts_with("base backup, tar")) << verdict.format;
    });
  }
  ManifestOptions none;
  none.algorithm = "NONE";
  const Verdict verdict = VerifyBytes(Tar(BackupEntries(none)), "b.tar");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
}

TEST(BaseBackupTarTest, IsReadTwiceOnlyIfItsChecksumsCannotBeSummedBefore) {
  const std::string summed = Tar(BackupEntries());
  const Verdict once = VerifyBytes(summed, "b.tar");
  EXPECT_EQ(once.bytes_read, static_cast<std::int64_t>(summed.size()));
  EXPECT_EQ(once.details, std::vector<std::string>{"7 files, 32.0 KiB, 2 WAL segments"});
  ManifestOptions options;
  options.algorithm = "SHA256";
  const std::string hashed = Tar(BackupEntries(options));
  const Verdict twice = VerifyBytes(hashed, "b.tar");
  EXPECT_EQ(twice.bytes_read, 2 * static_cast<std::int64_t>(hashed.size()));
  EXPECT_EQ(twice.details, once.details);
}

TEST(BaseBackupTarTest, DamagesAreFoundAndNamed) {
  for (const char* algorithm : {"CRC32C", "SHA256"}) {
    ManifestOptions options;
    options.algorithm = algorithm;
    const Entries whole = BackupEntries(options);
    Entries entries = whole;
    Find(entries, "base/1/1259").content = Flipped(Noise(8192), 4000);
    ExpectBroken(entries, Reason::kCorrupt, "base/1/1259");
    entries = whole;
    Find(entries, "base/1/1259").content.resize(8000);
    ExpectBroken(entries, Reason::kIncomplete, "base/1/1259");
    entries = whole;
    Find(entries, "base/1/1249").name = "base/1/1250";
    ExpectBroken(entries, Reason::kCorrupt, "base/1/1250");
    entries = whole;
    std::erase_if(entries, [](const TarEntry& entry) { return entry.name == "PG_VERSION"; });
    ExpectBroken(entries, Reason::kIncomplete, "PG_VERSION");
    ExpectBroken(whole + Entries{{"base/1/1260", "x"}}, Reason::kCorrupt, "base/1/1260");
    entries = whole;
    std::string& manifest = Find(entries, "backup_manifest").content;
    manifest[manifest.find("1259")] = '2';
    ExpectBroken(entries, Reason::kCorrupt, "backup_manifest");
  }
}

TEST(BaseBackupTarTest, NeedsItsWal) {
  const Entries whole = BackupEntries();
  for (const std::string& name : kWal.names) {
    Entries entries = whole;
    std::erase_if(entries,
                  [&name](const TarEntry& entry) { return entry.name == "pg_wal/" + name; });
    ExpectBroken(entries, Reason::kIncomplete, name);
    entries = whole;
    std::string& segment = Find(entries, "pg_wal/" + name).content;
    segment = Flipped(segment, 50);
    ExpectBroken(entries, Reason::kCorrupt, name);
  }
  Entries entries = FileEntries() + Entries{{"backup_manifest", MakeManifest(kFiles)}};
  ExpectEverywhere(entries, [](const Verdict& verdict) {
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.place, "pg_wal");
    EXPECT_EQ(verdict.level, Level::kContent);
    EXPECT_EQ(verdict.needs_wal.system_identifier, WalBuilder::kSystem);
    EXPECT_EQ(verdict.needs_wal.ranges.size(), 1U);
  });
  // tar takes files as they come: a record that goes on from one to the other cannot be followed.
  Entries turned = BackupEntries();
  std::reverse(turned.begin(), turned.end());
  const Verdict loose = VerifyBytes(Tar(turned), "b.tar");
  EXPECT_EQ(loose.outcome, Outcome::kIntact) << loose.ToString();
  EXPECT_EQ(loose.level, Level::kFormat);
  EXPECT_EQ(loose.details.back(), kUnchainedText);
  // Another cluster's.
  Find(entries, "global/pg_control").content = ControlFile(42);
  std::map<std::string, std::string> files = kFiles;
  files["global/pg_control"] = ControlFile(42);
  Find(entries, "backup_manifest").content = MakeManifest(files);
  ExpectBroken(entries + WalEntries(), Reason::kWrongFormat, "pg_wal");
}

TEST(BaseBackupTarTest, ItsFolderMayHoldTarFiles) {
  const std::string manifest = MakeManifest(kFiles);
  for (const bool packed : {false, true}) {
    const std::string ending = packed ? ".gz" : "";
    const auto pack = [packed](const Entries& entries) {
      return packed ? Gzip(Tar(entries)) : Tar(entries);
    };
    const Entries whole = {{"base.tar" + ending, pack(FileEntries())},
                           {"pg_wal.tar" + ending, pack(WalEntries(""))},
                           {"backup_manifest", manifest},
                           {"README", "not a part of it"}};
    ExpectEverywhere(whole, [](const Verdict& verdict) {
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
      EXPECT_EQ(verdict.level, Level::kContent) << verdict.ToString();
      EXPECT_TRUE(verdict.format.starts_with("base backup, tar")) << verdict.format;
    });
    Entries files = FileEntries();
    Find(files, "base/1/1259").content[9] ^= 1;
    Entries entries = whole;
    entries[0].content = pack(files);
    ExpectBroken(entries, Reason::kCorrupt, "base/1/1259");
    entries[0].content = "no tar file";
    ExpectEverywhere(entries,
                     [](const Verdict& verdict) { EXPECT_EQ(verdict.outcome, Outcome::kBroken); });
    entries = whole;
    entries.erase(entries.begin());
    ExpectEverywhere(entries, [&](const Verdict& verdict) {
      EXPECT_EQ(verdict.outcome, Outcome::kBroken);
      EXPECT_EQ(verdict.reason, Reason::kIncomplete);
    });
  }
}

TEST(BaseBackupTarTest, WhatOnlyLooksLikeOneIsATarFile) {
  const Entries whole = BackupEntries();
  const auto expect_tar = [](const Entries& entries) {
    ExpectEverywhere(entries, [](const Verdict& verdict) {
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
      EXPECT_TRUE(verdict.format.starts_with("tar archive")) << verdict.format;
    });
  };
  // A data folder keeps the manifest of the backup that it was made from.
  Entries entries = whole + Entries{{"postmaster.opts", "postgres -D data"}};
  Find(entries, "base/1/1259").content[0] ^= 1;
  expect_tar(entries);
  entries = whole;
  Find(entries, "backup_label").name = "backup_label.old";
  expect_tar(entries);
  expect_tar({{"backup_manifest", "anything"}, {"x", "y"}});
  expect_tar({{"base.tar", "no tar file"}, {"x", "y"}});
  // Beside the folder there may be others.
  const Verdict beside =
      VerifyBytes(Tar(Below("b/", whole) + Entries{{"etc/hosts", "::1"}, {"b.txt", "x"}}), "b.tar");
  EXPECT_EQ(beside.outcome, Outcome::kIntact) << beside.ToString();
  EXPECT_EQ(beside.level, Level::kFormat);
  EXPECT_EQ(beside.details.back(), "2 members beside it");
  EXPECT_EQ(beside.format, "base backup, tar");
}

TEST(BaseBackupTarTest, MembersThatTarStoredInAnotherWayAreNotCompared) {
  Entries entries = BackupEntries();
  TarEntry& link = Find(entries, "base/1/1259");
  link.content.clear();
  link.type = '1';
  TarEntry& sparse = Find(entries, "base/1/1249");
  sparse.content = "x";
  sparse.type = 'S';
  Find(entries, "global/pg_control").type = 'S';
  const Verdict verdict = VerifyBytes(Tar(entries), "b.tar");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
  EXPECT_EQ(verdict.details.back(),
            "3 members are links or sparse: not compared with the manifest");
  // Nor is WAL: that does not make it missing.
  Find(entries, "pg_wal/" + kWal.names[0]).type = 'S';
  const Verdict hidden = VerifyBytes(Tar(entries), "b.tar");
  EXPECT_EQ(hidden.outcome, Outcome::kIntact) << hidden.ToString();
  EXPECT_EQ(hidden.level, Level::kFormat);
}

TEST(BaseBackupTarTest, AFolderMayHoldOneAlone) {
  const testing::TempDir folder;
  const auto verify = [&folder](const Entries& entries, const std::string& ending) {
    const std::string bytes = ending.empty() ? Tar(entries) : Gzip(Tar(entries));
    folder.Write("b" + ending + "/base.tar" + ending, bytes);
    return VerifyPath(folder.Path("b" + ending), {});
  };
  for (const std::string ending : {"", ".gz"}) {
    const Verdict intact = verify(BackupEntries(), ending);
    EXPECT_EQ(intact.outcome, Outcome::kIntact) << intact.ToString();
    EXPECT_EQ(intact.level, Level::kContent);
    Entries entries = BackupEntries();
    Find(entries, "base/1/1259").content[100] ^= 1;
    const Verdict broken = verify(entries, ending);
    EXPECT_EQ(broken.outcome, Outcome::kBroken);
    EXPECT_EQ(broken.place, "base.tar" + ending + ": base/1/1259");
    entries = FileEntries() + Entries{{"backup_manifest", MakeManifest(kFiles)}};
    EXPECT_FALSE(verify(entries, ending).needs_wal.empty());
  }
}

}  // namespace
}  // namespace drwatch::verify
