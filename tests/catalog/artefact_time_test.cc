#include "catalog/artefact_time.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/folder_catalog.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

// 2026-01-10 00:00:00 UTC.
constexpr base::Timestamp kNow = base::FromUnixMillis(1'768'003'200'000);

struct Chosen {
  Artefact artefact;
  std::string problem;
};

Chosen Choose(const TimeEvidence& evidence) {
  Chosen chosen;
  chosen.artefact.modified = evidence.modified;
  chosen.problem = ChooseTime(evidence, kNow, chosen.artefact);
  return chosen;
}

TEST(ArtefactTimeTest, ClocksThatAreSomeMinutesAheadAreBelieved) {
  const Chosen chosen = Choose({std::nullopt, "shop.sql", kNow + 4min});
  EXPECT_EQ(chosen.problem, "");
  EXPECT_EQ(chosen.artefact.time, kNow);
  EXPECT_FALSE(IsMisdated(chosen.artefact, kNow));
}

TEST(ArtefactTimeTest, OfADateInTheFutureTheTimeOfTheChangeIsTaken) {
  const Chosen chosen = Choose({std::nullopt, "shop.sql", kNow + 4000h, nullptr, kNow - 30h});
  EXPECT_EQ(chosen.artefact.time, kNow - 30h);
  EXPECT_EQ(chosen.artefact.time_source, TimeSource::kChanged);
  EXPECT_NE(chosen.problem.find("is from the future"), std::string::npos);
  EXPECT_TRUE(IsMisdated(chosen.artefact, kNow));
  EXPECT_FALSE(chosen.artefact.defect);
}

TEST(ArtefactTimeTest, ABetterClockIsAskedBefore) {
  const Chosen content = Choose({kNow - 9h, "shop.sql", kNow + 4000h, nullptr, kNow - 1h});
  EXPECT_EQ(content.artefact.time, kNow - 9h);
  EXPECT_FALSE(IsMisdated(content.artefact, kNow)) << "it does not matter";
  const Chosen name =
      Choose({std::nullopt, "shop-20260109T020000Z.sql", kNow + 4000h, nullptr, kNow - 1h});
  EXPECT_EQ(name.artefact.time, kNow - 22h);
  EXPECT_FALSE(IsMisdated(name.artefact, kNow));
  // The name is wrong, the file's time is not.
  const Chosen file = Choose({std::nullopt, "shop-20280109T020000Z.sql", kNow - 2h});
  EXPECT_EQ(file.artefact.time, kNow - 2h);
  EXPECT_FALSE(IsMisdated(file.artefact, kNow));
}

TEST(ArtefactTimeTest, LocalTimeOfAnotherZoneIsNow) {
  const Chosen chosen = Choose({std::nullopt, "shop.sql", kNow + 13h});
  EXPECT_EQ(chosen.artefact.time, kNow);
  EXPECT_FALSE(chosen.artefact.defect);
  EXPECT_TRUE(IsMisdated(chosen.artefact, kNow)) << "and it is said";
}

TEST(ArtefactTimeTest, WhereEveryClockIsWrongItIsNotTheNewest) {
  Chosen chosen = Choose({kNow + 4000h, "shop.sql", kNow + 4000h, nullptr, kNow + 4000h});
  EXPECT_EQ(chosen.artefact.time, base::Timestamp{});
  ASSERT_TRUE(chosen.artefact.defect);
  EXPECT_EQ(chosen.artefact.defect->reason, model::Reason::kStale);
  EXPECT_TRUE(IsMisdated(chosen.artefact, kNow));
  Artefact old;
  old.time = kNow - 9000h;
  EXPECT_TRUE(IsBefore(chosen.artefact, old));
}

// The file system's own clock is that of this machine.
TEST(ArtefactTimeTest, AFolderTellsWhenItsFilesWereChanged) {
  testing::TempDir folder;
  folder.Write("shop.sql", "x");
  folder.Write("base/backup_label", "x");
  folder.Write("base/PG_VERSION", "15");
  const timespec later{4'000'000'000, 0};  // 2096
  const timespec times[2] = {later, later};
  for (const char* name : {"shop.sql", "base/PG_VERSION"}) {
    ASSERT_EQ(::utimensat(AT_FDCWD, folder.Path(name).c_str(), times, 0), 0);
  }
  FolderOptions options;
  options.path = folder.path();
  FolderCatalog catalog(options);
  const base::Timestamp now = base::SystemClock().Now();
  for (const base::Duration after : {0h, 2h}) {  // looked at again, it grows older
    const Listing listing = catalog.List(now + after, base::Deadline::After(1min), {});
    ASSERT_EQ(listing.complete.size(), 2u);
    for (const Artefact& artefact : listing.complete) {
      EXPECT_LT(artefact.time, now + 1s) << artefact.name;
      EXPECT_GT(artefact.time, now - 1min) << artefact.name;
      EXPECT_EQ(artefact.time_source, TimeSource::kChanged) << artefact.name;
    }
    EXPECT_EQ(listing.findings.size(), 2u);
  }
}

}  // namespace
}  // namespace drwatch::catalog
