// Backups that come by another clock than that of their schedule.
#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

constexpr std::string_view kHint = "look at the job's log and run it now";

// It is 2026-01-01 00:00; daily at 07:00.
class BackupZoneTest : public BackupProbeTest {
 protected:
  BackupZoneTest() {
    spec_.max_age.reset();
    spec_.verify.enabled = false;
    spec_.schedule = *config::Schedule::Parse("0 7 * * *");
  }
  // That of the last days at `ages` before now, each of them overdue.
  std::string HintFor(const std::vector<base::Duration>& ages) {
    int number = 0;
    for (const base::Duration age : ages) Write("shop-" + std::to_string(++number), age, "-");
    EXPECT_EQ(RunForReason(), model::Reason::kOverdue);
    return Check("fresh").hint;
  }
};

TEST_F(BackupZoneTest, ThoseThatComeWholeHoursBeforeTheirSlotsMayRunByAnotherZone) {
  EXPECT_EQ(HintFor({65h + 58min, 41h + 56min, 17h + 59min}),
            "each of the last 3 came 1h before its slot: set timezone if the job runs by another "
            "one than the schedule, else look at the job's log and run it now");
}

TEST_F(BackupZoneTest, SoMayThoseThatComeWholeHoursBehindThem) {
  // At 12:05, west of the Atlantic, and not yet at 13:30 when it is due at 07:00.
  clock_.Advance(11h + 30min);
  EXPECT_EQ(HintFor({71h + 25min, 47h + 25min, 23h + 25min}),
            "each of the last 3 came 5h after its slot: set timezone if the job runs by another "
            "one than the schedule, else look at the job's log and run it now");
}

TEST_F(BackupZoneTest, OneThatKeptItsSlotsBeforeDoesNot) {
  EXPECT_EQ(HintFor({88h + 58min, 64h + 58min, 40h + 58min}), kHint);
}

TEST_F(BackupZoneTest, NeitherDoOnesThatCameAtAnyHourOrAreFew) {
  EXPECT_EQ(HintFor({65h + 58min, 42h + 58min, 17h + 59min}), kHint);
  EXPECT_EQ(HintFor({65h + 20min, 41h + 20min, 17h + 20min}), kHint);
}

// Names with a day, of files whose times are lost.
TEST_F(BackupZoneTest, ADayLastsToItsEnd) {
  spec_.schedule = *config::Schedule::Parse("15 2 * * *");
  spec_.grace = 1h;
  clock_.Advance(21h + 52min);
  const auto years = 24h * 365 * 40;
  Write("shop-2025-12-30.sql", years, "-");
  Write("shop-2025-12-31.sql", years, "-");
  EXPECT_EQ(RunForReason(), model::Reason::kOverdue);
  Write("shop-2026-01-01.sql", years, "-");
  EXPECT_EQ(RunForReason(), model::Reason::kNone) << Check("fresh").message;
  EXPECT_EQ(Value("backup_age_seconds"), 78'720) << "of which it may be any";
  EXPECT_EQ(Value("backup_schedule_missed_slots"), 0);
  clock_.Advance(5h + 22min);
  EXPECT_EQ(RunForReason(), model::Reason::kNone);
  clock_.Advance(2min);
  EXPECT_EQ(RunForReason(), model::Reason::kOverdue);
  EXPECT_EQ(Value("backup_schedule_missed_slots"), 1);
}

TEST_F(BackupZoneTest, ADayEndsByTheScheduleClock) {
  spec_.timezone = "Europe/Berlin";
  spec_.schedule = *config::Schedule::Parse("30 0 * * *", spec_.timezone);
  spec_.grace = 1h;
  clock_.Advance(12h);
  Write("shop-2025-12-31.sql", 24h * 365 * 40, "-");
  EXPECT_EQ(RunForReason(), model::Reason::kOverdue) << "by that clock the next day's is due";
}

TEST_F(BackupZoneTest, TwoAreTooFew) { EXPECT_EQ(HintFor({41h + 58min, 17h + 59min}), kHint); }

}  // namespace
}  // namespace drwatch::probes
