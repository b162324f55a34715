// Incremental base backups and those that they were made upon.
#include "probes/backup_chains.h"

#include "probes/backup_probe_fixture.h"
#include "verify/incremental_backups.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using verify::Lsn;

constexpr Lsn kFull = 0x2000028;
constexpr Lsn kFirst = 0x3000028;
constexpr Lsn kSecond = 0x4000028;

class BackupChainsTest : public ::testing::Test {
 protected:
  BackupChainsTest() {
    config_.name = "base";
    config_.type = "backup";
    config_.service = "shop";
    spec_.place.path = folder_.Path("b");
    spec_.quiet_time = base::Duration(0);
    spec_.free_space_warning_ratio = 0;
    clock_.Advance(base::SystemClock().Now() + 1h - clock_.Now());  // later than they are written
    Write("full", kFull, 0, 30h);
    Write("first", kFirst, kFull, 20h);
    Write("second", kSecond, kFirst, 10h);
  }
  void Write(const std::string& name, Lsn start, Lsn parent, base::Duration age) {
    verify::WritePlainBackup(folder_, "b/" + name, start, parent);
    Date(name, age);
  }
  // The manifest says when it was taken.
  void Date(const std::string& name, base::Duration age) {
    const std::string manifest = folder_.Path("b/" + name + "/backup_manifest");
    std::string text = testing::ReadTestFile(manifest);
    text = text.substr(0, text.find("\"Manifest-Checksum\""));
    const std::string old = "2026-01-02 03:04:05 GMT";
    std::string made = base::FormatRfc3339(clock_.Now() - age);
    made = made.substr(0, 10) + " " + made.substr(11, 8) + " GMT";
    for (std::size_t at = text.find(old); at != text.npos; at = text.find(old)) {
      text.replace(at, old.size(), made);
    }
    folder_.Write("b/" + name + "/backup_manifest",
                  text + "\"Manifest-Checksum\": \"" +
                      base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, text)) +
                      "\"}\n");
  }
  void Remove(const std::string& name) { std::filesystem::remove_all(folder_.Path("b/" + name)); }
  model::ProbeResult Run() {
    if (!probe_) {
      config_.spec = spec_;
      ProbeServices services;
      services.clock = &clock_;
      services.positions = &positions_;
      services.only_run = only_run_;
      probe_ = std::make_unique<BackupProbe>(config_, services);
    }
    return probe_->Run({base::Deadline::After(10s), {}, clock_.Now(), &clock_});
  }
  static std::vector<std::string> Good(const model::ProbeResult& result) {
    std::vector<std::string> names;
    for (const model::StoredCopy& copy : result.copies) {
      if (copy.good) names.push_back(copy.name);
    }
    return names;
  }
  ArchiveNotes& notes() { return positions_.archive_notes(); }
  std::vector<catalog::WalBase> Bases() { return notes().Bases({}, {"shop", spec_.data}); }
  using Names = std::vector<std::string>;

  testing::TempDir folder_;
  testing::FakeClock clock_;
  PositionRing positions_{nullptr};
  bool only_run_ = false;
  config::Probe config_;
  config::BackupProbe spec_;
  std::unique_ptr<BackupProbe> probe_;
};

TEST_F(BackupChainsTest, AChainIsGoodAndAllOfItIsRead) {
  const model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_EQ(Good(result), (Names{"second", "first", "full"}));
}

TEST_F(BackupChainsTest, WithoutItsFullOneNoneIsGood) {
  EXPECT_TRUE(Run().ok());
  Remove("full");
  for (const bool again : {false, true}) {
    if (again) probe_.reset();
    only_run_ = again;
    const model::ProbeResult result = Run();
    EXPECT_EQ(result.Headline().reason, Reason::kIncomplete);
    EXPECT_EQ(result.Headline().message,
              "incremental: it was made upon \"first\", which cannot be restored: incremental: the "
              "backup that it was made upon is not here, it starts at 0/2000028 of timeline 1");
    EXPECT_TRUE(Good(result).empty());
    EXPECT_TRUE(Bases().empty()) << "nothing to replay WAL on";
  }
}

TEST_F(BackupChainsTest, ALaterFullOneIsNoParent) {
  Remove("full");
  Write("new", 0x5000028, 0, 1h);
  const model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_EQ(Good(result), Names{"new"});
}

TEST_F(BackupChainsTest, WhatBreaksOneBreaksThoseUponIt) {
  folder_.Write("b/full/base/1/1249", "damaged");
  for (int i = 0; i < 3; ++i) Run();
  const model::ProbeResult result = Run();
  EXPECT_EQ(result.Headline().reason, Reason::kIncomplete);
  EXPECT_NE(result.Headline().message.find("which cannot be restored: base/1/1249"),
            std::string::npos)
      << result.Headline().message;
  EXPECT_TRUE(Good(result).empty());
}

TEST_F(BackupChainsTest, TarBackupsAreChainsAsWell) {
  for (const char* name : {"full", "first", "second"}) Remove(name);
  verify::WriteTarBackup(folder_, "b/tar-1", kFull, 0, true);
  Date("tar-1", 3h);
  verify::WriteTarBackup(folder_, "b/tar-2", kFirst, kFull, true);
  Date("tar-2", 2h);
  EXPECT_EQ(Good(Run()), (Names{"tar-2", "tar-1"}));
  Remove("tar-1");
  EXPECT_TRUE(Good(Run()).empty());
}

// Whatever place it is.
TEST_F(BackupChainsTest, LabelsAreReadInABucket) {
  verify::WriteTarBackup(folder_, "b/tar", 0x5000028, kSecond, true);
  config_.spec = spec_;
  const auto place = catalog::MakeFolderPlace(folder_.Path("b"));
  const BackupVerdicts verdicts(nullptr, "base");
  const auto defects = [&](const Names& names) {
    BackupChains chains(config_, nullptr, false);
    catalog::Listing listing;
    for (const std::string& name : names) {
      catalog::Artefact& artefact = listing.complete.Edit().emplace_back();
      artefact.name = name;
      artefact.path = "s3://bucket/" + name;
      artefact.folder = true;
    }
    chains.Judge(listing, verdicts, place.get(),
                 {base::Deadline::After(10s), {}, clock_.Now(), &clock_});
    Names found;
    for (const catalog::Artefact& artefact : listing.complete) {
      if (artefact.defect) found.push_back(artefact.name);
    }
    return found;
  };
  EXPECT_EQ(defects({"full", "first", "second", "tar"}), Names{});
  EXPECT_EQ(defects({"full", "second", "tar"}), (Names{"second", "tar"}));
}

TEST_F(BackupChainsTest, AnotherProbeOfTheDataMayHaveTheFullOne) {
  Remove("full");
  const auto weekly = notes().ExpectBases("weekly", {"shop", spec_.data});
  EXPECT_TRUE(Run().ok()) << "nobody has looked there yet";
  notes().EndRun("weekly", false);
  EXPECT_TRUE(Run().ok()) << "who looked could not see it";
  notes().PutBases("weekly", {"shop", spec_.data},
                   {{kFull, kFull + 100, 1, clock_.Now() - 30h, "full", 0, "weekly"}});
  EXPECT_EQ(Good(Run()), (Names{"second", "first"}));
  notes().PutBases("weekly", {"shop", spec_.data}, {});
  EXPECT_TRUE(Good(Run()).empty());
}

}  // namespace
}  // namespace drwatch::probes
