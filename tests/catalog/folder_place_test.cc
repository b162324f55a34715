#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "catalog/place.h"
#include "support/as_nobody.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using testing::TempDir;

PlaceContext InTime() { return {base::Deadline(base::SteadyTime::max()), {}}; }

std::vector<std::string> Names(const PlaceListing& listing) {
  std::vector<std::string> names;
  for (const PlaceObject& object : listing.objects) names.push_back(object.name);
  return names;
}

PlaceListing List(Place& place, const ListOptions& options) {
  auto listing = place.List(options, InTime());
  EXPECT_TRUE(listing) << (listing ? "" : listing.error().message);
  return listing.value_or(PlaceListing{});
}

TEST(FolderPlaceTest, ListsInTheOrderOfBytes) {
  const TempDir folder;
  std::vector<std::string> names = {"a/b", "a", "a.txt", "a-1/x", "b/c/d", "b.c", "B", "z/1", "0"};
  std::erase(names, "a");  // a folder of that name is there
  for (const std::string& name : names) folder.Write(name, name);
  std::sort(names.begin(), names.end());
  const auto place = MakeFolderPlace(folder.path() + "//");
  EXPECT_EQ(place->Describe(), folder.path());
  const PlaceListing listing = List(*place, {});
  EXPECT_EQ(Names(listing), names);
  EXPECT_TRUE(listing.folders.empty());
  for (const PlaceObject& object : listing.objects) {
    EXPECT_EQ(object.size_bytes, static_cast<std::int64_t>(object.name.size()));
    EXPECT_NE(object.fingerprint, 0u);
    EXPECT_GT(base::ToUnixMillis(object.modified), 0);
  }
  // Every name as the start gives exactly those behind it.
  for (const std::string& after : names) {
    ListOptions options;
    options.start_after = after;
    const std::vector<std::string> rest(std::upper_bound(names.begin(), names.end(), after),
                                        names.end());
    EXPECT_EQ(Names(List(*place, options)), rest) << after;
  }
  ListOptions inside;
  inside.start_after = "b/";
  EXPECT_EQ(Names(List(*place, inside)), (std::vector<std::string>{"b/c/d", "z/1"}));
}

TEST(FolderPlaceTest, PrefixesAreTextNotFolders) {
  const TempDir folder;
  for (const char* name : {"wal/01", "wal/02", "wal2/03", "wa", "x/wal/4"}) folder.Write(name, "1");
  const auto place = MakeFolderPlace(folder.path());
  const auto names = [&](const std::string& prefix) {
    ListOptions options;
    options.prefix = prefix;
    return Names(List(*place, options));
  };
  EXPECT_EQ(names("wal"), (std::vector<std::string>{"wal/01", "wal/02", "wal2/03"}));
  EXPECT_EQ(names("wal/"), (std::vector<std::string>{"wal/01", "wal/02"}));
  EXPECT_EQ(names("wal/02"), (std::vector<std::string>{"wal/02"}));
  EXPECT_EQ(names("nothing/here/"), std::vector<std::string>{});
  EXPECT_EQ(names("wa/"), std::vector<std::string>{});
  EXPECT_EQ(names("../"), std::vector<std::string>{});
  EXPECT_EQ(names("/etc/"), std::vector<std::string>{});
}

TEST(FolderPlaceTest, OneLevelSeparatesFoldersFromObjects) {
  const TempDir folder;
  for (const char* name : {"base/1/x", "base/2/x", "base/2/y", "base/info", "base.txt"}) {
    folder.Write(name, "1");
  }
  const auto place = MakeFolderPlace(folder.path());
  ListOptions options;
  options.one_level = true;
  PlaceListing top = List(*place, options);
  EXPECT_EQ(Names(top), std::vector<std::string>{"base.txt"});
  EXPECT_EQ(top.folders, std::vector<std::string>{"base/"});
  options.prefix = "base/";
  const PlaceListing inner = List(*place, options);
  EXPECT_EQ(Names(inner), std::vector<std::string>{"base/info"});
  EXPECT_EQ(inner.folders, (std::vector<std::string>{"base/1/", "base/2/"}));
  options.start_after = "base/1/x";
  EXPECT_EQ(List(*place, options).folders, (std::vector<std::string>{"base/1/", "base/2/"}));
  options.start_after = "base/10";
  EXPECT_EQ(List(*place, options).folders, std::vector<std::string>{"base/2/"});
}

TEST(FolderPlaceTest, FollowsLinksAsARestoreDoes) {
  const TempDir outside;
  const TempDir folder;
  const std::string elsewhere = outside.Write("file", "s");
  outside.Write("deep/er", "e");
  folder.Write("d/real", "r");
  ASSERT_EQ(::symlink(elsewhere.c_str(), folder.Path("out").c_str()), 0);
  ASSERT_EQ(::symlink(outside.path().c_str(), folder.Path("outdir").c_str()), 0);
  ASSERT_EQ(::symlink("d/real", folder.Path("in").c_str()), 0);
  ASSERT_EQ(::symlink("d", folder.Path("indir").c_str()), 0);
  ASSERT_EQ(::mkfifo(folder.Path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/dev/zero", folder.Path("zero").c_str()), 0);
  const auto place = MakeFolderPlace(folder.path());
  EXPECT_EQ(Names(List(*place, {})),
            (std::vector<std::string>{"d/real", "in", "out", "outdir/deep/er", "outdir/file"}));
  EXPECT_EQ(place->Read("in", 10, InTime()).value_or("?"), "r");
  // A whole path that leads in again.
  ASSERT_EQ(::symlink(folder.Path("d/real").c_str(), folder.Path("whole").c_str()), 0);
  EXPECT_EQ(place->Read("whole", 10, InTime()).value_or("?"), "r");
  for (const char* const name : {"out", "outdir/file"}) {
    EXPECT_EQ(place->Read(name, 10, InTime()).value_or("?"), "s") << name;
  }
  for (const PlaceObject& object : List(*place, {}).objects) {
    const auto looked = place->look()->Look(object.name);
    ASSERT_TRUE(looked) << object.name;
    EXPECT_EQ(looked->fingerprint, object.fingerprint) << object.name;
    EXPECT_EQ(looked->size_bytes, object.size_bytes);
  }
  ListOptions options;
  options.prefix = "outdir/deep/";
  EXPECT_EQ(Names(List(*place, options)), std::vector<std::string>{"outdir/deep/er"});
  options.prefix = "";
  options.one_level = true;
  EXPECT_EQ(List(*place, options).folders, (std::vector<std::string>{"d/", "outdir/"}));
  // Only regular files are opened.
  for (const char* const name : {"d", "fifo", "indir", "zero", "outdir/deep"}) {
    EXPECT_FALSE(place->look()->Look(name)) << name;
    EXPECT_FALSE(place->Read(name, 10, InTime())) << name;
  }
}

TEST(FolderPlaceTest, NoNameLeadsOutByItself) {
  const TempDir folder;
  folder.Write("d/real", "r");
  const auto place = MakeFolderPlace(folder.path());
  verify::ReadBudget budget{{}};
  for (const std::string name : {"../x", "/etc/passwd", "", "none", "d/../d/real"}) {
    const auto read = place->Read(name, 10, InTime());
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(read.error().reason, Reason::kNotFound) << name;
    EXPECT_FALSE(place->Open(name, budget, nullptr)) << name;
    const auto looked = place->look()->Look(name);
    ASSERT_FALSE(looked) << name;
    EXPECT_EQ(looked.error().reason, Reason::kNotFound) << name;
  }
}

TEST(FolderPlaceTest, LinksThatLeadInACircleEnd) {
  const TempDir top;
  const TempDir other;
  top.Write("place/d/real", "r");
  top.Write("beside", "b");
  other.Write("file", "o");
  const std::string root = top.Path("place");
  ASSERT_EQ(::symlink("..", (root + "/d/loop").c_str()), 0);
  ASSERT_EQ(::symlink("../..", (root + "/d/above").c_str()), 0);
  ASSERT_EQ(::symlink("/", (root + "/all").c_str()), 0);
  ASSERT_EQ(::symlink("self", (root + "/self").c_str()), 0);
  ASSERT_EQ(::symlink(other.path().c_str(), (root + "/other").c_str()), 0);
  ASSERT_EQ(::symlink(root.c_str(), other.Path("back").c_str()), 0);
  ASSERT_EQ(::symlink((root + "/d").c_str(), other.Path("in").c_str()), 0);
  ASSERT_EQ(::symlink(".", other.Path("itself").c_str()), 0);
  const auto place = MakeFolderPlace(root);
  EXPECT_EQ(Names(List(*place, {})), (std::vector<std::string>{"d/real", "other/file"}));
  for (const char* const prefix : {"all/", "d/loop/", "d/above/", "other/back/", "other/itself/"}) {
    ListOptions options;
    options.prefix = prefix;
    EXPECT_TRUE(Names(List(*place, options)).empty()) << prefix;
  }
  // Folders that all lead to each other: so many ways that somebody has to stop.
  const TempDir knot;
  for (int i = 0; i < 10; ++i) {
    const std::string one = "r" + std::to_string(i);
    std::filesystem::create_directory(knot.Path(one));
    for (int j = 0; j < 10; ++j) {
      const std::string name = one + "/" + std::to_string(j);
      ASSERT_EQ(::symlink(knot.Path("r" + std::to_string(j)).c_str(), knot.Path(name).c_str()), 0);
    }
  }
  const auto tangled = MakeFolderPlace(knot.Path("r0"))->List({}, InTime());
  ASSERT_FALSE(tangled);
  EXPECT_EQ(tangled.error().reason, Reason::kLimit);
}

TEST(FolderPlaceTest, TablespacesElsewhereAreNoPartOfABackup) {
  const TempDir space;
  const TempDir folder;
  space.Write("PG_15/5/1", "t");
  folder.Write("data/PG_VERSION", "15");
  folder.Write("data/pg_tblspc/note", "n");
  ASSERT_EQ(::symlink(space.path().c_str(), folder.Path("data/pg_tblspc/16387").c_str()), 0);
  EXPECT_EQ(Names(List(*MakeFolderPlace(folder.path()), {})),
            (std::vector<std::string>{"data/PG_VERSION", "data/pg_tblspc/note"}));
}

TEST(FolderPlaceTest, TellsOfLinksThatLeadNowhere) {
  const TempDir folder;
  folder.Write("d/real", "r");
  ASSERT_EQ(::symlink("nowhere", folder.Path("d/gone").c_str()), 0);
  ASSERT_EQ(::symlink("/nowhere/at/all", folder.Path("archive").c_str()), 0);
  const auto place = MakeFolderPlace(folder.path());
  std::vector<std::string> dead;
  ListOptions options;
  options.dead_links = &dead;
  EXPECT_EQ(Names(List(*place, options)), std::vector<std::string>{"d/real"});
  EXPECT_EQ(dead, (std::vector<std::string>{"archive", "d/gone"}));
  const std::string text = "archive\" is a link that leads nowhere";
  options.prefix = "archive/main/";
  const auto listed = place->List(options, InTime());
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().reason, Reason::kNotFound);
  EXPECT_TRUE(listed.error().message.ends_with(text)) << listed.error().message;
  const auto read = place->Read("archive/main/archive.info", 10, InTime());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, Reason::kNotFound);
  EXPECT_TRUE(read.error().message.ends_with(text)) << read.error().message;
}

TEST(FolderPlaceTest, HandsOverWhatItLists) {
  const TempDir folder;
  for (const char* name : {"a/b/1", "a/b.c", "a/b/2", "z", "a/c/d/e"}) folder.Write(name, name);
  const auto place = MakeFolderPlace(folder.path());
  for (const std::string prefix : {"", "a/", "a/b", "a/b/", "none/", "../"}) {
    ListOptions options;
    options.prefix = prefix;
    const auto listing = List(*place, options);
    std::vector<std::string> names;
    std::uint64_t fingerprints = 0;
    ASSERT_TRUE(place->Each(options, InTime(), [&](const PlaceObject& object) {
      names.push_back(object.name);
      fingerprints += object.fingerprint;
    }));
    EXPECT_EQ(names, Names(listing)) << prefix;
    for (const PlaceObject& object : listing.objects) fingerprints -= object.fingerprint;
    EXPECT_EQ(fingerprints, 0u) << prefix;
  }
  ListOptions few;
  few.max_objects = 4;
  const auto over = place->Each(few, InTime(), [](const PlaceObject&) {});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().reason, Reason::kLimit);
}

TEST(FolderPlaceTest, ReadsWithLimits) {
  const TempDir folder;
  const std::string large(700'000, 'x');
  folder.Write("a/large", large);
  folder.Write("empty", "");
  const auto place = MakeFolderPlace(folder.path());
  EXPECT_EQ(place->Read("a/large", 700'000, InTime()).value_or(""), large);
  const auto over = place->Read("a/large", 699'999, InTime());
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().reason, Reason::kLimit);
  EXPECT_EQ(place->ReadHead("a/large", 40, InTime()).value_or("").size(), 40u);
  EXPECT_EQ(place->ReadHead("a/large", 800'000, InTime()).value_or(""), large);
  EXPECT_EQ(place->ReadHead("empty", 40, InTime()).value_or("?"), "");
  verify::ReadBudget budget{{}};
  auto source = place->Open("a/large", budget, nullptr);
  ASSERT_TRUE(source);
  EXPECT_EQ(verify::Drain(**source).value_or(0), 700'000);
  const auto missing = place->Open("a/none", budget, nullptr);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, Reason::kNotFound);
}

TEST(FolderPlaceTest, SaysWhyItIsBlind) {
  const TempDir folder;
  for (int i = 0; i < 600; ++i) folder.Write("f" + std::to_string(i), "");
  const auto reason = [](const tl::expected<PlaceListing, Finding>& listing) {
    return listing ? Reason::kNone : listing.error().reason;
  };
  EXPECT_EQ(reason(MakeFolderPlace(folder.Path("none"))->List({}, InTime())), Reason::kNotFound);
  EXPECT_EQ(reason(MakeFolderPlace(folder.Path("f1"))->List({}, InTime())), Reason::kNotFound);
  const auto place = MakeFolderPlace(folder.path());
  ListOptions few;
  few.max_objects = 599;
  EXPECT_EQ(reason(place->List(few, InTime())), Reason::kLimit);
  few.max_objects = 600;
  EXPECT_EQ(reason(place->List(few, InTime())), Reason::kNone);
  const PlaceContext late{base::Deadline::After(base::Duration(0)), {}};
  EXPECT_EQ(reason(place->List({}, late)), Reason::kTimeout);
  const base::StopSource stop;
  stop.RequestStop();
  EXPECT_EQ(reason(place->List({}, {base::Deadline(base::SteadyTime::max()), stop.token()})),
            Reason::kTimeout);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  std::filesystem::create_directory(folder.Path("shut"));
  ASSERT_EQ(::chmod(folder.Path("shut").c_str(), 0), 0);
  folder.Write("root/lost+found/x", "");
  ASSERT_EQ(::chmod(folder.Path("root/lost+found").c_str(), 0), 0);
  {
    const testing::AsNobody nobody;
    // Whoever may not look into this one loses nothing.
    EXPECT_EQ(reason(MakeFolderPlace(folder.Path("root"))->List({}, InTime())), Reason::kNone);
    EXPECT_EQ(reason(place->List({}, InTime())), Reason::kPermission);
  }
}

}  // namespace
}  // namespace drwatch::catalog
