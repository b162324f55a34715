#include "verify/dump_folder_tar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "samples.h"

namespace drwatch::verify {
namespace {

using model::Reason;
using Entries = std::vector<TarEntry>;

// The files of a pg_dump -Fd.
Entries DumpEntries() {
  Entries entries;
  const std::string folder = testing::TestData("testdata/verify/folder");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    entries.push_back(
        {entry.path().filename().string(), testing::ReadTestFile(entry.path().string())});
  }
  std::sort(entries.begin(), entries.end(),
            [](const TarEntry& a, const TarEntry& b) { return a.name < b.name; });
  return entries;
}

TarEntry& Find(Entries& entries, const std::string& ending) {
  return *std::find_if(entries.begin(), entries.end(),
                       [&ending](const TarEntry& entry) { return entry.name.ends_with(ending); });
}

// With the table of contents before all others and behind them; packed and not; in a folder and
// not.
void ExpectEverywhere(Entries entries, const std::function<void(const Verdict&)>& expect) {
  for (int turn = 0; turn < 2; ++turn) {
    for (const std::string folder : {"", "dumps/shop/"}) {
      SCOPED_TRACE("below \"" + folder + "\" from " + entries.front().name);
      Entries below = entries;
      for (TarEntry& entry : below) entry.name = folder + entry.name;
      expect(VerifyBytes(Tar(below), "d.tar"));
      expect(VerifyBytes(Gzip(Tar(below)), "d.tgz"));
    }
    std::reverse(entries.begin(), entries.end());
  }
}

void ExpectBroken(const Entries& entries, Reason reason, const std::string& place) {
  ExpectEverywhere(entries, [&](const Verdict& verdict) {
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_EQ(verdict.reason, reason) << verdict.ToString();
    EXPECT_NE(verdict.ToString().find(place), std::string::npos) << verdict.ToString();
  });
}

TEST(DumpFolderTarTest, GoodOneIsIntact) {
  const Verdict folder = VerifyPath(testing::TestData("testdata/verify/folder"), {});
  ExpectEverywhere(DumpEntries(), [&folder](const Verdict& verdict) {
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kContent);
    EXPECT_TRUE(verdict.format.starts_with(folder.format + " in tar")) << verdict.format;
    EXPECT_EQ(verdict.contents.tables, folder.contents.tables);
    EXPECT_EQ(verdict.contents.begun, folder.contents.begun);
  });
}

TEST(DumpFolderTarTest, EveryFileHasToBeThereAndWhole) {
  const Entries whole = DumpEntries();
  for (const TarEntry& entry : whole) {
    if (entry.name == "toc.dat") continue;
    Entries entries = whole;
    std::erase_if(entries, [&entry](const TarEntry& other) { return other.name == entry.name; });
    ExpectBroken(entries, Reason::kIncomplete, entry.name.substr(0, entry.name.find('.')));
    if (!entry.name.ends_with(".gz")) continue;
    entries = whole;
    std::string& content = Find(entries, entry.name).content;
    content = Flipped(content, content.size() / 2);
    ExpectBroken(entries, Reason::kCorrupt, entry.name);
    content = "<html><body>403 Forbidden</body></html>";
    ExpectBroken(entries, Reason::kCorrupt, entry.name);
    content.clear();
    ExpectBroken(entries, Reason::kIncomplete, entry.name);
  }
  Entries entries = whole;
  Find(entries, "toc.dat").content.resize(Find(entries, "toc.dat").content.size() - 3);
  ExpectBroken(entries, Reason::kIncomplete, "toc.dat");
  Entries extra = whole;
  extra.insert(extra.begin() + 1, {"blob_99999.dat.gz", Gzip("x")});
  ExpectBroken(extra, Reason::kCorrupt, "blob_99999");
}

using IsIn = std::function<bool(const std::string& name)>;

// What `tar -g` writes of a folder: a list of its files, and behind it those that have changed.
Entries Increment(const Entries& whole, const std::string& folder, const IsIn& changed) {
  Entries entries = {{folder, "", 'D'}};
  std::string list;
  for (const TarEntry& entry : whole) {
    const bool in = changed(entry.name);
    list += (in ? "Y" : "N") + entry.name + '\0';
    if (in) entries.push_back({folder + entry.name, entry.content});
  }
  entries.front().content = list + '\0';
  return entries;
}

// `drop` is left out although the list says that it is there.
void ExpectOfIncrement(Entries whole, const IsIn& changed, const std::string& drop,
                       const std::function<void(const Verdict&)>& expect) {
  for (int turn = 0; turn < 2; ++turn) {
    for (const std::string folder : {"./", "dumps/shop/"}) {
      Entries entries = Increment(whole, folder, changed);
      std::erase_if(entries, [&](const TarEntry& entry) { return entry.name == folder + drop; });
      expect(VerifyBytes(Tar(entries), "d.tar"));
      expect(VerifyBytes(Gzip(Tar(entries)), "d.tgz"));
    }
    std::reverse(whole.begin(), whole.end());
  }
}

TEST(DumpFolderTarTest, WhatAnIncrementLeavesOutIsNotMissing) {
  const IsIn only_toc = [](const std::string& name) { return name == "toc.dat"; };
  const IsIn tables = [](const std::string& name) { return !name.starts_with("blob"); };
  const IsIn all_but_list = [](const std::string& name) { return name != "blobs.toc"; };
  for (const IsIn& changed : {only_toc, tables, all_but_list}) {
    ExpectOfIncrement(DumpEntries(), changed, "no such file", [](const Verdict& verdict) {
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
      EXPECT_GE(verdict.level, Level::kFormat);
      const auto& details = verdict.details;
      EXPECT_TRUE(std::any_of(details.begin(), details.end(), [](const std::string& detail) {
        return detail.starts_with("an increment: ");
      }));
    });
  }
}

TEST(DumpFolderTarTest, WhatAnIncrementSaysToHoldHasToBeThereAndWhole) {
  const IsIn tables = [](const std::string& name) { return !name.starts_with("blob"); };
  Entries entries = DumpEntries();
  TarEntry& table = Find(entries, ".dat.gz");
  const std::string number = table.name.substr(0, table.name.find('.'));
  const auto expect_broken = [&](Reason reason) {
    return [reason, &number](const Verdict& verdict) {
      EXPECT_EQ(verdict.outcome, Outcome::kBroken);
      EXPECT_EQ(verdict.reason, reason) << verdict.ToString();
      EXPECT_NE(verdict.ToString().find(number), std::string::npos) << verdict.ToString();
    };
  };
  ExpectOfIncrement(entries, tables, table.name, expect_broken(Reason::kIncomplete));
  table.content = Flipped(table.content, table.content.size() / 2);
  ExpectOfIncrement(entries, tables, "no such file", expect_broken(Reason::kCorrupt));
}

TEST(DumpFolderTarTest, WhatOnlyLooksLikeOneIsATarFile) {
  for (const Entries& entries : {Entries{{"x/toc.dat", "anything"}, {"y", "z"}},
                                 Entries{{"x/blobs.toc", "1"}, {"y", "z"}}}) {
    const Verdict verdict = VerifyBytes(Tar(entries), "d.tar");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.format, "tar archive");
  }
  Entries beside = DumpEntries();
  for (TarEntry& entry : beside) entry.name = "shop/" + entry.name;
  beside.push_back({"globals.sql", "SELECT 1;"});
  const Verdict verdict = VerifyBytes(Tar(beside), "d.tar");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kFormat);
  EXPECT_EQ(verdict.details.back(), "1 members beside it");
}

}  // namespace
}  // namespace drwatch::verify
