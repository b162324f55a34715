// What is on its way: the pieces of a dump, the checksum file of one, the one of a checksum file.
#include "probes/backup_unfinished.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/strings.h"
#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

// Begun in another second.
std::string OtherDump() {
  std::string dump = GoodDump();
  dump[17] = static_cast<char>(dump[17] ^ 1);
  return dump;
}

std::string HexOf(std::string_view bytes) {
  return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, bytes));
}

class BackupUnfinishedTest : public BackupProbeTest {
 protected:
  // The state of a service that was right until now.
  void ExpectRight(const char* why) {
    EXPECT_EQ(RunForReason(), Reason::kNone) << why << ": " << last_.Headline().message;
    EXPECT_EQ(Value("backup_success"), 1) << why;
  }
  // As --once beside it, which remembers nothing.
  model::CheckOutcome Once() {
    ProbeServices services;
    services.clock = &clock_;
    services.only_run = true;
    BackupProbe probe(config_, services);
    return probe.Run({base::Deadline::After(10s), {}, clock_.Now(), &clock_}).Headline();
  }
};

TEST_F(BackupUnfinishedTest, PiecesThatArriveWithOldTimesAreNotBrokenYet) {
  // What the file system says of when they came is of the machine's clock.
  clock_.StepWall(std::chrono::floor<base::Duration>(base::SystemClock().Now() - clock_.Now()));
  Write("shop-1.dump", 24h, GoodDump());
  Run();
  Write("shop-2.dump.aa", 2h, GoodDump().substr(0, 3000));
  EXPECT_EQ(RunForReason(), Reason::kNone) << "rsync -a";
  Write("shop-2.dump.ab", 2h, GoodDump().substr(3000, 3000));
  Write("SHA256SUMS", 2h, std::string(64, 'a') + "  shop-2.dump\n");
  EXPECT_EQ(RunForReason(), Reason::kNone) << "whatever checksum files say of the whole";
  EXPECT_EQ(Value("backup_success"), 1);
  EXPECT_EQ(Value("backup_in_progress"), 1);
  clock_.StepWall(4min);
  EXPECT_EQ(RunForReason(), Reason::kNone);
  clock_.StepWall(61s);
  Touch("shop-2.dump.aa", 2h + 5min + 1s);
  EXPECT_NE(RunForReason(), Reason::kNone) << "nothing came for 20 quiet times";
  EXPECT_EQ(Value("backup_success"), 0);
}

TEST_F(BackupUnfinishedTest, TouchingPiecesBringsNone) {
  clock_.StepWall(std::chrono::floor<base::Duration>(base::SystemClock().Now() - clock_.Now()) -
                  10min);
  Write("shop-1.dump", 24h, GoodDump());
  Run();
  Write("shop-2.dump.aa", 1min, GoodDump().substr(0, 3000));
  ExpectRight("it came a moment ago");
  clock_.StepWall(5min);
  EXPECT_NE(RunForReason(), Reason::kNone);
  clock_.StepWall(5min);
  Touch("shop-2.dump.aa", 11min);
  EXPECT_NE(RunForReason(), Reason::kNone) << "only the file system's note of its change is new";
}

TEST_F(BackupUnfinishedTest, AnOverwrittenDumpWaitsForItsChecksumFile) {
  Write("latest.dump", 24h, GoodDump());
  Write("SHA256SUMS", 24h - 1min, HexOf(GoodDump()) + "  latest.dump\n");
  ExpectRight("both are there");
  Write("latest.dump", 1min, OtherDump());
  ExpectRight("the list is still that of the old one");
  EXPECT_EQ(Value("backup_in_progress"), 1);
  ASSERT_EQ(last_.copies.size(), 1u);
  EXPECT_FALSE(last_.copies[0].good) << "its bytes are gone";
  EXPECT_EQ(Once().severity, model::Severity::kUnknown) << "whoever knows nothing of the old one";
  ExpectRight("still");
  clock_.Advance(4min + 1s);
  EXPECT_EQ(RunForReason(), Reason::kCorrupt) << "20 quiet times after its last change";
  EXPECT_EQ(Once().reason, Reason::kCorrupt);
  Write("SHA256SUMS", 1s, HexOf(OtherDump()) + "  latest.dump\n");
  ExpectRight("it is there");
  EXPECT_TRUE(last_.copies.at(0).good);
}

TEST_F(BackupUnfinishedTest, AMismatchOfANewerListIsOne) {
  Write("latest.dump", 24h, GoodDump());
  Write("latest.dump.sha256", 24h, HexOf(GoodDump()));
  ExpectRight("both are there");
  Write("latest.dump", 1min, OtherDump());
  Write("latest.dump.sha256", 1min, HexOf("something else"));
  EXPECT_EQ(RunForReason(), Reason::kCorrupt);
  EXPECT_EQ(Once().reason, Reason::kCorrupt);
}

TEST_F(BackupUnfinishedTest, ARequiredChecksumMayBeBeingComputed) {
  spec_.require_checksum = true;
  spec_.max_age.reset();
  spec_.schedule = *config::Schedule::Parse("0 22 * * *");
  spec_.grace = 3h;
  Write("shop-1.dump", 25h, GoodDump());
  Write("shop-1.dump.sha256", 25h, HexOf(GoodDump()));
  ExpectRight("both are there");
  Write("shop-2.dump", 1h, OtherDump());
  ExpectRight("00:00, until 01:00");
  EXPECT_EQ(Value("backup_in_progress"), 1);
  EXPECT_EQ(Value("backup_age_seconds"), 25 * 3600);
  EXPECT_EQ(Once().reason, Reason::kNone);
  clock_.Advance(1h + 1min);
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
  EXPECT_EQ(Once().reason, Reason::kIncomplete);
  Write("shop-2.dump.sha256", 1s, HexOf(OtherDump()));
  ExpectRight("it is there");
}

TEST_F(BackupUnfinishedTest, OneWithoutItsRequiredChecksumIsUnknownToWhoeverAsksOnce) {
  spec_.require_checksum = true;
  config_.spec = spec_;
  Write("shop-1.dump", 1min, GoodDump());
  EXPECT_EQ(Once().severity, model::Severity::kUnknown);
  clock_.Advance(5min);
  EXPECT_EQ(Once().reason, Reason::kIncomplete);
}

TEST_F(BackupUnfinishedTest, AChecksumFileMayComeBeforeItsDump) {
  Write("latest.dump", 24h, GoodDump());
  Write("SHA256SUMS", 24h, HexOf(GoodDump()) + "  latest.dump\n");
  ExpectRight("both are there");
  // rsync sends it first.
  Write("SHA256SUMS", 1min, HexOf(OtherDump()) + "  latest.dump\n");
  Write(".latest.dump.Xy12Zw", 1s, "half");
  ExpectRight("the new list is there");
  ASSERT_EQ(last_.copies.size(), 1u);
  EXPECT_TRUE(last_.copies[0].good) << "its bytes were proven";
  EXPECT_EQ(Once().severity, model::Severity::kUnknown) << Once().message;
  clock_.Advance(5min - 1s);
  ExpectRight("on its way");
  std::filesystem::remove(folder_.Path("backups/.latest.dump.Xy12Zw"));
  EXPECT_EQ(Once().reason, Reason::kCorrupt) << "nothing tells that another one comes";
  clock_.Advance(1s);
  EXPECT_EQ(RunForReason(), Reason::kCorrupt) << "20 quiet times after the list";
  Write("latest.dump", 1min, OtherDump());
  ExpectRight("it is there");
}

TEST_F(BackupUnfinishedTest, ADumpMayTakeLongAfterItsChecksumFile) {
  Write("latest.dump", 24h, GoodDump());
  Write("SHA256SUMS", 24h, HexOf(GoodDump()) + "  latest.dump\n");
  ExpectRight("both are there");
  Write("SHA256SUMS", 1s,
        HexOf("another") + "  crm.dump\n" + HexOf(OtherDump()) + "  latest.dump\n");
  for (const char* const arriving :
       {".crm.dump.Ab34Cd", ".latest.dump.Xy12Zw", "latest.dump.filepart",
        "latest.dump.1a2b3c4d.partial", ".latest.dump.part"}) {
    for (int minutes = 0; minutes < 12; minutes += 4) {
      Write(arriving, 1s, "more and more");
      clock_.Advance(4min);
      ExpectRight(arriving);
      EXPECT_TRUE(last_.copies.at(0).good) << "its bytes were proven";
      EXPECT_EQ(Once().severity, model::Severity::kUnknown) << arriving;
    }
    std::filesystem::remove(folder_.Path("backups/" + std::string(arriving)));
  }
  Write("latest.dump", 1min, OtherDump());
  ExpectRight("it is there");
}

TEST_F(BackupUnfinishedTest, ADumpThatStoppedArrivingIsNotWaitedFor) {
  Write("latest.dump", 24h, GoodDump());
  Write("SHA256SUMS", 24h, HexOf(GoodDump()) + "  latest.dump\n");
  ExpectRight("both are there");
  Write("SHA256SUMS", 1s, HexOf(OtherDump()) + "  latest.dump\n");
  Write(".latest.dump.Xy12Zw", 1s, "half");
  ExpectRight("on its way");
  clock_.Advance(4min);
  Write(".latest.dump.Xy12Zw", 1s, "more than half");
  clock_.Advance(4min);
  ExpectRight("written to four minutes ago");
  clock_.Advance(1min);
  Write(".crm.dump.Ab34Cd", 1s, "no list names it");
  EXPECT_EQ(RunForReason(), Reason::kCorrupt) << "nothing came for 20 quiet times";
  EXPECT_EQ(Once().reason, Reason::kCorrupt);
}

TEST_F(BackupUnfinishedTest, AListThatNoLongerNamesADumpMayPrecedeTheNext) {
  spec_.require_checksum = true;
  Write("shop-1.dump", 24h, GoodDump());
  Write("SHA256SUMS", 24h, HexOf(GoodDump()) + "  shop-1.dump\n");
  ExpectRight("both are there");
  Write("SHA256SUMS", 1s, HexOf(OtherDump()) + "  shop-2.dump\n");
  ExpectRight("the new list is there");
  clock_.Advance(8min);
  Write(".shop-2.dump.Xy12Zw", 1s, "half");
  ExpectRight("on its way");
  Write("shop-2.dump", 1min, OtherDump());
  ExpectRight("it is there");
}

TEST_F(BackupUnfinishedTest, AListThatIsBeingWrittenSaysNothingYet) {
  spec_.require_checksum = true;
  Write("latest.dump", 24h, GoodDump());
  Write("SHA256SUMS", 24h, HexOf(GoodDump()) + "  latest.dump\n");
  ExpectRight("both are there");
  Write("SHA256SUMS", 1s, "");
  ExpectRight("sha256sum * > SHA256SUMS");
  clock_.Advance(5min);
  EXPECT_EQ(RunForReason(), Reason::kIncomplete);
}

}  // namespace
}  // namespace drwatch::probes
