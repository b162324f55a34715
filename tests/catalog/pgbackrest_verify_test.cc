// Proofs of pgBackRest backups with many files: what is not held is read again.
#include "catalog/pgbackrest_verify.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "catalog/pgbackrest_bundles.h"
#include "pgbackrest_repository.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Outcome;
using verify::PgBackRestFile;
using verify::Verdict;

constexpr const char* kLabel = PgBackRestRepository::kFull;
constexpr int kFiles = 60;

std::string NameOf(int number) { return "pg_data/base/1/" + std::to_string(1000 + number); }

// A backup of some small files, in one bundle or each for itself.
class ManyFiles {
 public:
  explicit ManyFiles(bool bundled) : bundled_(bundled) {
    std::string bundle;
    for (int i = 0; i < kFiles; ++i) {
      const std::string content = "content of " + std::to_string(i + 1000);
      if (bundled) {
        bundle += content;
      } else {
        folder_.Write(Path() + NameOf(i), content);
      }
    }
    if (bundled) folder_.Write(Path() + "bundle/1", bundle);
    WriteManifest(kFiles);
  }
  void WriteManifest(int files) const {
    IniText text;
    text.Add("backup", "backup-bundle", bundled_ ? "true" : "false");
    text.Add("backup", "backup-label", std::string("\"") + kLabel + "\"");
    text.Add("backup:option", "option-compress-type", "\"none\"");
    int offset = 0;
    for (int i = 0; i < files; ++i) {
      const std::string content = "content of " + std::to_string(i + 1000);
      const std::string bundle =
          bundled_ ? "\"bni\":1,\"bno\":" + std::to_string(offset) + "," : "";
      text.Add("target:file", NameOf(i),
               "{" + bundle + "\"checksum\":\"" + Sha1Hex(content) +
                   "\",\"size\":" + std::to_string(content.size()) + "}");
      offset += static_cast<int>(content.size());
    }
    folder_.Write(Path() + "backup.manifest", text.Text());
    folder_.Write(Path() + "backup.manifest.copy", text.Text());
  }
  static std::string Path() { return std::string("backup/main/") + kLabel + "/"; }
  Verdict Verify(Place& place) const {
    ProvenFiles proven;
    verify::VerifyOptions options;
    options.jobs = 3;
    RepositoryFacts facts;
    facts.kind = "full";
    return VerifyPgBackRest(place, "backup/main/", kLabel, facts, proven, options);
  }
  Verdict Verify() const { return Verify(*MakeFolderPlace(folder_.path())); }

  testing::TempDir folder_;

 private:
  const bool bundled_;
};

TEST(PgBackRestVerifyTest, IntactBackupsAreIntact) {
  for (const bool bundled : {false, true}) {
    const Verdict verdict = ManyFiles(bundled).Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.level, verify::Level::kContent);
    EXPECT_EQ(verdict.format, "pgBackRest full backup, 60 files");
    EXPECT_TRUE(verdict.details.empty());
  }
}

TEST(PgBackRestVerifyTest, NamesTheFirstOfManyDamages) {
  for (const bool bundled : {false, true}) {
    const ManyFiles backup(bundled);
    if (bundled) {
      const std::string bundle = ManyFiles::Path() + "bundle/1";
      const std::string bytes = testing::ReadTestFile(backup.folder_.Path(bundle));
      backup.folder_.Write(bundle, std::string(bytes.size(), 'x'));
    } else {
      std::filesystem::remove_all(backup.folder_.Path(ManyFiles::Path() + "pg_data"));
    }
    const Verdict verdict = backup.Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    const std::string in = std::string(kLabel) + (bundled ? "/bundle/1: " : "/");
    EXPECT_TRUE(verdict.ToString().starts_with(in + NameOf(0) + ": ")) << verdict.ToString();
    // No more than a verdict holds, and how many there are.
    ASSERT_EQ(verdict.details.size(), 21u);
    EXPECT_TRUE(verdict.details[0].starts_with(in + NameOf(1) + ": ")) << verdict.details[0];
    EXPECT_TRUE(verdict.details[19].starts_with(in + NameOf(20) + ": ")) << verdict.details[19];
    EXPECT_EQ(verdict.details[20], "60 files are damaged in all");
  }
}

// Changes the manifest before it is read for the second time.
class RestlessPlace final : public Place {
 public:
  RestlessPlace(const std::string& path, std::function<void()> change)
      : inner_(MakeFolderPlace(path)), change_(std::move(change)) {}
  std::string Describe() const override { return inner_->Describe(); }
  tl::expected<PlaceListing, Finding> List(const ListOptions& options,
                                           const PlaceContext& context) override {
    return inner_->List(options, context);
  }
  tl::expected<std::string, Finding> Read(const std::string& name, std::int64_t max_bytes,
                                          const PlaceContext& context) override {
    return inner_->Read(name, max_bytes, context);
  }
  tl::expected<std::string, Finding> ReadHead(const std::string& name, std::int64_t size,
                                              const PlaceContext& context) override {
    return inner_->ReadHead(name, size, context);
  }
  verify::Walked<std::unique_ptr<verify::Source>> Open(const std::string& name,
                                                       verify::ReadBudget& budget,
                                                       verify::DigestTee* tee) override {
    if (name.ends_with(".manifest") && ++opened_ == 2) change_();
    return inner_->Open(name, budget, tee);
  }

 private:
  const std::unique_ptr<Place> inner_;
  const std::function<void()> change_;
  int opened_ = 0;
};

TEST(PgBackRestVerifyTest, AManifestThatChangesMeanwhileProvesNothing) {
  const ManyFiles backup(false);
  const std::string manifest = backup.folder_.Path(ManyFiles::Path() + "backup.manifest");
  const std::vector<std::function<void()>> changes = {
      [&] { backup.WriteManifest(kFiles - 1); },
      [&] { backup.WriteManifest(kFiles); },
      [&] { std::filesystem::resize_file(manifest, 2000); },
      [&] { std::filesystem::remove(manifest); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    backup.WriteManifest(kFiles);
    RestlessPlace place(backup.folder_.path(), changes[i]);
    const Verdict verdict = backup.Verify(place);
    const bool same = i == 1;
    EXPECT_EQ(verdict.outcome, same ? Outcome::kIntact : Outcome::kUnjudged) << i;
    if (same) continue;
    EXPECT_EQ(verdict.reason, Reason::kUnverified) << i;
    EXPECT_NE(verdict.message.find("changed while it was read"), std::string::npos) << i;
  }
}

TEST(PgBackRestVerifyTest, BundlesHoldFilesOfAnySize) {
  BundledFiles bundles;
  std::vector<PgBackRestFile> files;
  const auto add = [&](int reference, std::int64_t bundle, std::int64_t offset,
                       std::int64_t bytes) -> PgBackRestFile& {
    PgBackRestFile& file = files.emplace_back();
    file.name = "f" + std::to_string(files.size());
    file.number = static_cast<std::int64_t>(files.size());
    file.reference = reference;
    file.bundle = bundle;
    file.offset = offset;
    file.repo_bytes = file.size = bytes;
    file.checksum.emplace().fill('c');
    return file;
  };
  add(-1, 7, 300, 10);
  add(-1, 7, 100, 10).repo_checksum.emplace().fill('r');
  add(2, 7, 0, 10).checksum.reset();
  add(-1, 7, 200, std::int64_t{5} << 30);
  add(-1, 7, std::int64_t{1} << 41, 10);
  add(-1, 7, 150, 10).map_bytes = 5;
  for (const PgBackRestFile& file : files) bundles.Add(file);
  bundles.Sort();
  ASSERT_EQ(bundles.size(), 2u);
  const std::vector<PgBackRestFile> first = bundles.Get(0);
  std::vector<std::int64_t> numbers;
  for (const PgBackRestFile& file : first) {
    numbers.push_back(file.number);
    const PgBackRestFile& known = files[static_cast<std::size_t>(file.number) - 1];
    EXPECT_EQ(file.reference, -1);
    EXPECT_EQ(file.bundle, 7);
    EXPECT_EQ(file.offset, known.offset);
    EXPECT_EQ(file.repo_bytes, known.repo_bytes);
    EXPECT_EQ(file.size, known.size);
    EXPECT_EQ(file.map_bytes, known.map_bytes);
    EXPECT_EQ(file.repo_checksum, known.repo_checksum);
    if (!known.repo_checksum) {
      EXPECT_EQ(file.checksum, known.checksum);
    }
  }
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{2, 6, 4, 1, 5}));
  EXPECT_EQ(first[1].name, "f6") << "its blocks are asked for by name";
  const std::vector<PgBackRestFile> second = bundles.Get(1);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].reference, 2);
  EXPECT_FALSE(second[0].checksum);
}

}  // namespace
}  // namespace drwatch::catalog
