// Looks at a folder that was looked at before: what they remember must not show.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>

#include "catalog/folder_catalog.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {

// For messages of failed comparisons.
void PrintTo(const Artefact& artefact, std::ostream* out) {
  *out << artefact.name << " of " << base::FormatRfc3339(artefact.time) << " by "
       << TimeSourceName(artefact.time_source) << ", fingerprint " << artefact.fingerprint
       << ", stamp " << artefact.checksum_stamp;
}

namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

// 2026-01-10 00:00:00 UTC.
constexpr base::Timestamp kNow = base::FromUnixMillis(1'768'003'200'000);

// The start of a Redis snapshot of that time.
std::string Rdb(base::Timestamp time) {
  std::string bytes =
      "REDIS0010\xfa\x05"
      "ctime\xc2";
  for (int i = 0; i < 4; ++i) {
    bytes += static_cast<char>(base::ToUnixMillis(time) / 1000 >> (8 * i));
  }
  return bytes;
}

class LastLookTest : public ::testing::Test {
 protected:
  LastLookTest() {
    options_.path = folder_.Path("place");
    options_.recursive = true;
    catalog_ = std::make_unique<FolderCatalog>(options_);
    std::filesystem::create_directory(options_.path);
  }
  // A file in the place that was changed `age` ago.
  void Write(const std::string& name, base::Duration age, std::string_view content = "x") {
    folder_.Write("place/" + name, content);
    const auto at = base::ToUnixMillis(kNow - age);
    const timespec time{at / 1000, at % 1000 * 1'000'000};
    const timespec times[2] = {time, time};
    ::utimensat(AT_FDCWD, Path(name).c_str(), times, 0);
  }
  std::string Path(const std::string& name) const { return folder_.Path("place/" + name); }
  static Listing ListOf(FolderCatalog& catalog, base::Timestamp now) {
    return catalog.List(now, base::Deadline::After(1min), {});
  }
  Listing List(base::Timestamp now = kNow) { return ListOf(*catalog_, now); }
  // Looks again, and for the first time with another catalog.
  void CompareWithFirstLook(base::Timestamp now = kNow) {
    const Listing again = List(now);
    FolderCatalog other(options_);
    const Listing first = ListOf(other, now);
    EXPECT_EQ(again.complete.all(), first.complete.all());
    EXPECT_EQ(again.in_progress, first.in_progress);
    EXPECT_EQ(again.recent, first.recent);
    EXPECT_EQ(again.findings.size(), first.findings.size());
  }
  void Link(const std::string& target, const std::string& name) {
    std::filesystem::create_symlink(target, Path(name));
  }

  testing::TempDir folder_;
  FolderOptions options_;
  std::unique_ptr<FolderCatalog> catalog_;
};

TEST_F(LastLookTest, GivesTheSameListWhenNothingChanged) {
  Write("shop-1.dump", 3h);
  Write("sub/shop-2.dump", 2h);
  Write("shop-2.dump.part", 10s);
  Write("shop-20300101T000000Z.dump", 3h);
  Write("base-1/PG_VERSION", 1h);
  Write("base-1/backup_manifest", 1h, "{}");
  Link("shop-1.dump", "latest.dump");
  const Listing first = List();
  ASSERT_EQ(first.complete.size(), 4u);
  const Listing second = List(kNow + 20s);
  EXPECT_TRUE(second.complete.SharedWith(first.complete));
  EXPECT_EQ(second.in_progress, first.in_progress);
  EXPECT_EQ(second.findings.size(), 1u) << "what is wrong is said each time";
  Write("shop-3.dump", 1h);
  const Listing third = List();
  EXPECT_EQ(third.complete.size(), 5u);
  EXPECT_EQ(first.complete.size(), 4u) << "a list that somebody holds does not change";
  std::filesystem::remove(Path("shop-3.dump"));
  EXPECT_EQ(List().complete.all(), first.complete.all());
}

TEST_F(LastLookTest, LooksLikeAFirstOneWhateverChanged) {
  std::mt19937 random(4711);
  const auto name = [&random] {
    const unsigned number = random() % 60;
    const std::string folder = number % 5 == 0 ? "sub/" : "";
    const std::string ending = number % 7 == 0 ? ".rdb" : ".dump";
    return folder + "shop-" + std::to_string(number) + ending;
  };
  std::filesystem::create_directory(Path("sub"));
  base::Timestamp now = kNow;
  for (int round = 0; round < 60; ++round) {
    for (int change = random() % 6; change > 0; --change) {
      const std::string one = name();
      const std::string other = name();
      const base::Duration age = std::chrono::seconds(random() % 300) - 60s;
      std::error_code none;
      switch (random() % 6) {
        case 0:
        case 1:
          Write(one, age, one.ends_with(".rdb") ? Rdb(now - age) : std::string(change, 'y'));
          break;
        case 2:
          std::filesystem::remove(Path(one), none);
          break;
        case 3:
          std::filesystem::rename(Path(one), Path(other), none);
          break;
        case 4:
          std::filesystem::remove(Path("SHA256SUMS"), none);
          Write("SHA256SUMS", 1min, std::string(64, 'a') + "  " + one + "\n");
          break;
        default:
          std::filesystem::remove(Path(other), none);
          std::filesystem::create_symlink(Path(one), Path(other), none);
      }
    }
    // Mostly forward.
    now += std::chrono::seconds(static_cast<int>(random() % 40) - 10);
    SCOPED_TRACE("round " + std::to_string(round));
    CompareWithFirstLook(now);
  }
}

TEST_F(LastLookTest, ChecksumFilesThatAppearLaterCount) {
  Write("a.dump", 2h);
  EXPECT_EQ(List().complete.at(0).checksum_stamp, 0u);
  Write("SHA256SUMS", 1h, std::string(64, 'a') + "  a.dump\n");
  const std::uint64_t stamp = List().complete.at(0).checksum_stamp;
  EXPECT_NE(stamp, 0u);
  Write("SHA256SUMS", 1h, std::string(64, 'b') + "  a.dump\n");
  EXPECT_NE(List().complete.at(0).checksum_stamp, stamp);
  std::filesystem::remove(Path("SHA256SUMS"));
  EXPECT_EQ(List().complete.at(0).checksum_stamp, 0u);
}

TEST_F(LastLookTest, ClockThatStepsBackIsFollowed) {
  Write("a.dump", 2h);
  Write("shop-20260109T230000Z.dump", 40h);
  List();
  CompareWithFirstLook(kNow - 90min);
  CompareWithFirstLook(kNow - 3h);
  CompareWithFirstLook(kNow);
}

TEST_F(LastLookTest, LinksToOneFileElsewhereCountOnce) {
  folder_.Write("elsewhere.dump", "x");
  Link("../elsewhere.dump", "b.dump");
  Link("../elsewhere.dump", "a.dump");
  const base::Timestamp later = base::FromUnixMillis(4'000'000'000'000);
  for (int look = 0; look < 2; ++look) {
    const Listing listing = List(later);
    ASSERT_EQ(listing.complete.size(), 1u);
    EXPECT_EQ(listing.complete[0].name, "a.dump");
  }
}

}  // namespace
}  // namespace drwatch::catalog
