// What is on its way: the pieces of a dump.
#include "probes/backup_unfinished.h"

#include <gtest/gtest.h>

#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

class BackupUnfinishedTest : public BackupProbeTest {
 protected:
  // The state of a service that was right until now.
  void ExpectRight(const char* why) {
    EXPECT_EQ(RunForReason(), Reason::kNone) << why << ": " << last_.Headline().message;
    EXPECT_EQ(Value("backup_success"), 1) << why;
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

}  // namespace
}  // namespace drwatch::probes
