#include "config/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "config/schedule_pause.h"

namespace drwatch::config {
namespace {

using base::Timestamp;

// "2026-03-29T01:00:00Z" and the like, without a time zone library of its own.
Timestamp At(const std::string& text) {
  std::tm parts{};
  EXPECT_NE(::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts), nullptr) << text;
  return base::FromUnixMillis(static_cast<std::int64_t>(::timegm(&parts)) * 1000);
}

Schedule Make(std::string_view line, const std::string& zone = "UTC") {
  base::Result<Schedule> schedule = Schedule::Parse(line, zone);
  if (!schedule) {
    ADD_FAILURE() << line << ": " << schedule.error().ToString();
    return *Schedule::Parse("@yearly");
  }
  return *schedule;
}

std::string Next(const Schedule& schedule, const std::string& from) {
  return base::FormatRfc3339(schedule.NextSlot(At(from)));
}
std::string Latest(const Schedule& schedule, const std::string& from) {
  return base::FormatRfc3339(schedule.LatestSlot(At(from)));
}
std::string ErrorOf(std::string_view line, const std::string& zone = "UTC") {
  const base::Result<Schedule> schedule = Schedule::Parse(line, zone);
  return schedule ? "ok" : schedule.error().ToString();
}

TEST(ScheduleTest, FindsDailySlots) {
  const Schedule daily = Make("0 2 * * *");
  EXPECT_EQ(Next(daily, "2026-11-21T01:59:59Z"), "2026-11-21T02:00:00Z");
  EXPECT_EQ(Next(daily, "2026-11-21T02:00:00Z"), "2026-11-22T02:00:00Z");
  EXPECT_EQ(Latest(daily, "2026-11-21T02:00:00Z"), "2026-11-21T02:00:00Z");
  EXPECT_EQ(Latest(daily, "2026-11-21T01:59:59Z"), "2026-11-20T02:00:00Z");
  EXPECT_EQ(Latest(daily, "2026-01-01T00:00:00Z"), "2025-12-31T02:00:00Z");
  const Timestamp half = At("2026-11-21T02:00:00Z") - base::Duration(1);
  EXPECT_EQ(base::FormatRfc3339(daily.NextSlot(half)), "2026-11-21T02:00:00Z");
  EXPECT_EQ(base::FormatRfc3339(daily.LatestSlot(half)), "2026-11-20T02:00:00Z");
}

TEST(ScheduleTest, UnderstandsEveryForm) {
  EXPECT_EQ(Next(Make("*/15 * * * *"), "2026-11-21T10:46:00Z"), "2026-11-21T11:00:00Z");
  EXPECT_EQ(Next(Make("5/20 * * * *"), "2026-11-21T10:26:00Z"), "2026-11-21T10:45:00Z");
  EXPECT_EQ(Next(Make("0 8-18/5 * * *"), "2026-11-21T13:00:00Z"), "2026-11-21T18:00:00Z");
  EXPECT_EQ(Next(Make("0,30 1,13 * * *"), "2026-11-21T01:30:00Z"), "2026-11-21T13:00:00Z");
  EXPECT_EQ(Next(Make("0 0 * * Mon-Fri"), "2026-11-20T12:00:00Z"), "2026-11-23T00:00:00Z");
  EXPECT_EQ(Next(Make("0 0 * * 7"), "2026-11-21T00:00:00Z"), "2026-11-22T00:00:00Z");
  EXPECT_EQ(Next(Make("0 0 * * 5-7"), "2026-11-21T00:00:00Z"), "2026-11-22T00:00:00Z");
  EXPECT_EQ(Next(Make("0 0 * * 1/2"), "2026-11-20T00:00:00Z"), "2026-11-23T00:00:00Z");
  EXPECT_EQ(Next(Make("0 0 1 JAN,jul *"), "2026-01-01T00:00:00Z"), "2026-07-01T00:00:00Z");
  EXPECT_EQ(Next(Make("  0\t0  1 1 *  "), "2026-01-01T00:00:00Z"), "2027-01-01T00:00:00Z");
  EXPECT_EQ(Next(Make("@hourly"), "2026-11-21T10:26:00Z"), "2026-11-21T11:00:00Z");
  EXPECT_EQ(Next(Make("@daily"), "2026-11-21T10:26:00Z"), "2026-11-22T00:00:00Z");
  EXPECT_EQ(Next(Make("@weekly"), "2026-11-21T10:26:00Z"), "2026-11-22T00:00:00Z");
  EXPECT_EQ(Next(Make("@monthly"), "2026-11-21T10:26:00Z"), "2026-12-01T00:00:00Z");
  EXPECT_EQ(Next(Make("@yearly"), "2026-11-21T10:26:00Z"), "2027-01-01T00:00:00Z");
}

TEST(ScheduleTest, TakesDayAndWeekdayAsAlternatives) {
  const Schedule either = Make("0 0 13 * fri");
  EXPECT_EQ(Next(either, "2026-11-08T00:00:00Z"), "2026-11-13T00:00:00Z");
  EXPECT_EQ(Next(either, "2026-11-13T00:00:00Z"), "2026-11-20T00:00:00Z");
  EXPECT_EQ(Next(either, "2026-12-12T00:00:00Z"), "2026-12-13T00:00:00Z");
  // "*/2" begins with a star, so it restricts beside the other field instead of adding to it.
  EXPECT_EQ(Next(Make("0 0 */2 * sun"), "2026-11-21T00:00:00Z"), "2026-11-29T00:00:00Z");
}

TEST(ScheduleTest, FindsLeapDaysAcrossACentury) {
  const Schedule leap = Make("30 4 29 2 *");
  EXPECT_EQ(Next(leap, "2026-01-01T00:00:00Z"), "2028-02-29T04:30:00Z");
  EXPECT_EQ(Latest(leap, "2026-01-01T00:00:00Z"), "2024-02-29T04:30:00Z");
  EXPECT_EQ(Next(leap, "2096-03-01T00:00:00Z"), "2104-02-29T04:30:00Z");
  EXPECT_EQ(Latest(leap, "2104-02-29T04:29:59Z"), "2096-02-29T04:30:00Z");
  const Schedule saturday = Make("0 0 29 2 */6");
  EXPECT_EQ(Next(saturday, "2053-01-01T00:00:00Z"), "2060-02-29T00:00:00Z");
}

TEST(ScheduleTest, MovesASkippedSlotToTheEndOfTheGap) {
  // Berlin 2026-03-29: 02:00 -> 03:00 at 01:00 UTC.
  const Schedule berlin = Make("30 2 * * *", "Europe/Berlin");
  EXPECT_EQ(Next(berlin, "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z");
  EXPECT_EQ(Next(berlin, "2026-03-29T01:00:00Z"), "2026-03-30T00:30:00Z");
  EXPECT_EQ(Latest(berlin, "2026-03-29T01:00:00Z"), "2026-03-29T01:00:00Z");
  EXPECT_EQ(Latest(berlin, "2026-03-29T00:59:59Z"), "2026-03-28T01:30:00Z");
  // New York 2026-03-08: 02:00 -> 03:00 at 07:00 UTC.
  EXPECT_EQ(Next(Make("0 2 * * *", "America/New_York"), "2026-03-08T06:00:00Z"),
            "2026-03-08T07:00:00Z");
  // Several slots of one gap are one slot.
  const Schedule often = Make("*/10 2 * * *", "Europe/Berlin");
  EXPECT_EQ(Next(often, "2026-03-29T00:00:00Z"), "2026-03-29T01:00:00Z");
  EXPECT_EQ(Next(often, "2026-03-29T01:00:00Z"), "2026-03-30T00:00:00Z");
  // Lord Howe moves by half an hour: 2026-10-04 02:00 -> 02:30 at 15:30 UTC the day before.
  const Schedule howe = Make("15 2 * * *", "Australia/Lord_Howe");
  EXPECT_EQ(Next(howe, "2026-10-03T15:00:00Z"), "2026-10-03T15:30:00Z");
}

TEST(ScheduleTest, RunsARepeatedSlotOnce) {
  // Berlin 2026-10-25: 03:00 -> 02:00 at 01:00 UTC; 02:30 is at 00:30 and 01:30 UTC.
  const Schedule berlin = Make("30 2 * * *", "Europe/Berlin");
  EXPECT_EQ(Next(berlin, "2026-10-25T00:00:00Z"), "2026-10-25T00:30:00Z");
  EXPECT_EQ(Next(berlin, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
  EXPECT_EQ(Next(berlin, "2026-10-25T01:15:00Z"), "2026-10-26T01:30:00Z");
  EXPECT_EQ(Latest(berlin, "2026-10-25T01:15:00Z"), "2026-10-25T00:30:00Z");
  EXPECT_EQ(Latest(berlin, "2026-10-25T01:45:00Z"), "2026-10-25T00:30:00Z");
  // New York 2026-11-01: 02:00 -> 01:00 at 06:00 UTC. Slots go on after the repeated hour.
  const Schedule hourly = Make("0 * * * *", "America/New_York");
  EXPECT_EQ(Next(hourly, "2026-11-01T05:00:00Z"), "2026-11-01T07:00:00Z");
  EXPECT_EQ(Latest(hourly, "2026-11-01T06:59:00Z"), "2026-11-01T05:00:00Z");
}

// The header's definition, minute by minute, with the C library's idea of local time.
std::vector<Timestamp> ScanYear(const std::string& zone,
                                const std::function<bool(const std::tm&)>& matches) {
  ::setenv("TZ", zone.c_str(), 1);
  ::tzset();
  std::vector<Timestamp> slots;
  std::int64_t seen = 0;  // the latest local minute so far, as if it were UTC
  const Timestamp end = At("2027-01-01T00:00:00Z");
  for (Timestamp time = At("2026-01-01T00:00:00Z"); time < end; time += std::chrono::minutes(1)) {
    const std::time_t seconds = base::ToUnixMillis(time) / 1000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    const std::int64_t now = (seconds + local.tm_gmtoff) / 60;
    bool due = false;
    for (std::int64_t minute = seen == 0 ? now : seen + 1; minute <= now && !due; ++minute) {
      const std::time_t as_utc = minute * 60;
      std::tm skipped{};
      ::gmtime_r(&as_utc, &skipped);
      due = matches(skipped);
    }
    if (due) slots.push_back(time);
    seen = std::max(seen, now);
  }
  ::unsetenv("TZ");
  ::tzset();
  return slots;
}

TEST(ScheduleTest, AgreesWithAScanOfEveryMinute) {
  struct Case {
    std::string line;
    std::string zone;
    std::function<bool(const std::tm&)> matches;
  };
  const std::vector<Case> cases = {
      {"30 2 * * *", "Europe/Berlin",
       [](const std::tm& t) { return t.tm_hour == 2 && t.tm_min == 30; }},
      {"*/20 1-3 * * *", "America/New_York",
       [](const std::tm& t) { return t.tm_hour >= 1 && t.tm_hour <= 3 && t.tm_min % 20 == 0; }},
      {"15 * * * *", "Australia/Lord_Howe", [](const std::tm& t) { return t.tm_min == 15; }},
      {"59 23 28-31 * *", "Asia/Kolkata",
       [](const std::tm& t) { return t.tm_mday >= 28 && t.tm_hour == 23 && t.tm_min == 59; }},
      {"0 0 13 * fri", "Asia/Beirut",  // clocks change at midnight
       [](const std::tm& t) {
         return (t.tm_mday == 13 || t.tm_wday == 5) && t.tm_hour == 0 && t.tm_min == 0;
       }}};
  for (const Case& row : cases) {
    const Schedule schedule = Make(row.line, row.zone);
    const std::vector<Timestamp> slots = ScanYear(row.zone, row.matches);
    ASSERT_GT(slots.size(), 10u);
    for (std::size_t i = 1; i < slots.size(); ++i) {
      const std::string what = row.line + " after " + base::FormatRfc3339(slots[i - 1]);
      const base::Duration tick(1);
      ASSERT_EQ(schedule.NextSlot(slots[i - 1]), slots[i]) << what;
      ASSERT_EQ(schedule.NextSlot(slots[i] - tick), slots[i]) << what;
      ASSERT_EQ(schedule.LatestSlot(slots[i]), slots[i]) << what;
      ASSERT_EQ(schedule.LatestSlot(slots[i] - tick), slots[i - 1]) << what;
      const Timestamp middle = slots[i - 1] + (slots[i] - slots[i - 1]) / 2;
      ASSERT_EQ(schedule.NextSlot(middle), slots[i]) << what;
      ASSERT_EQ(schedule.LatestSlot(middle), slots[i - 1]) << what;
    }
  }
}

TEST(ScheduleTest, SurvivesTheEndsOfTime) {
  const Schedule berlin = Make("30 2 29 2 *", "Europe/Berlin");
  EXPECT_LT(berlin.LatestSlot(Timestamp::min()), berlin.NextSlot(Timestamp::min()));
  EXPECT_LT(berlin.LatestSlot(Timestamp::max()), berlin.NextSlot(Timestamp::max()));
}

TEST(ScheduleTest, SaysWhatIsWrong) {
  EXPECT_EQ(ErrorOf("0 2 * *"),
            "\"0 2 * *\" has 4 fields instead of 5\n"
            "hint: minute hour day-of-month month day-of-week, such as \"0 2 * * *\"");
  EXPECT_EQ(ErrorOf("60 * * * *"), "minute \"60\" is not in 0-59");
  EXPECT_EQ(ErrorOf("* 24 * * *"), "hour \"24\" is not in 0-23");
  EXPECT_EQ(ErrorOf("* * 0 * *"), "day of month \"0\" is not in 1-31");
  EXPECT_EQ(ErrorOf("* * * 13 *"), "month \"13\" is not in 1-12");
  EXPECT_EQ(ErrorOf("* * * * 8"), "day of week \"8\" is not in 0-7");
  EXPECT_EQ(ErrorOf("* * * * L"), "day of week \"L\" is not in 0-7");
  EXPECT_EQ(ErrorOf("-1 * * * *"), "minute \"\" is not in 0-59");
  EXPECT_EQ(ErrorOf("1, * * * *"), "minute \"\" is not in 0-59");
  EXPECT_EQ(ErrorOf("*/0 * * * *"), "step \"0\" of the minute is not in 1-59");
  EXPECT_EQ(ErrorOf("*/x * * * *"), "step \"x\" of the minute is not in 1-59");
  EXPECT_EQ(ErrorOf("0 22-2 * * *"),
            "hour \"22-2\" runs backwards\n"
            "hint: split it in two: to the end of the range, and on from its beginning");
  EXPECT_EQ(ErrorOf("0 0 30 2 *"), "the schedule never happens: no such day in the month");
  EXPECT_EQ(ErrorOf("0 0 31 4,6,9,11 *"), "the schedule never happens: no such day in the month");
  EXPECT_EQ(ErrorOf("0 0 30 2 mon"), "ok");
  EXPECT_EQ(ErrorOf("@dayly"), "unknown schedule \"@dayly\"\nhint: did you mean \"@daily\"?");
  EXPECT_EQ(ErrorOf("@daily", "Europe/Berlim"),
            "unknown time zone \"Europe/Berlim\"\nhint: did you mean \"Europe/Berlin\"?");
  EXPECT_EQ(ErrorOf("@daily", "../../etc/passwd"),
            "unknown time zone \"../../etc/passwd\"\nhint: a name such as UTC or Europe/Berlin");
}

std::string Pause(std::string_view line, const std::string& zone = "UTC") {
  return base::FormatDuration(LongestPause(Make(line, zone)));
}

TEST(ScheduleTest, FindsTheLongestPause) {
  EXPECT_EQ(Pause("* * * * *"), "1m");
  EXPECT_EQ(Pause("*/15 * * * *"), "15m");
  EXPECT_EQ(Pause("7,19 * * * *"), "48m");
  EXPECT_EQ(Pause("0 2,4 * * *"), "22h");
  EXPECT_EQ(Pause("0 2 * * *"), "1d");
  EXPECT_EQ(Pause("0 2 * * mon-fri"), "3d");
  EXPECT_EQ(Pause("*/5 9-17 * * 1-5"), "63h5m");
  // Far from the first of January, and after more slots than anybody wants to walk along.
  EXPECT_EQ(Pause("0 2 1-28 * *"), "4d");
  EXPECT_EQ(Pause("*/5 * * 2-12 *"), "744h5m");
  EXPECT_EQ(Pause("* * * 1-6,8-12 *"), "744h1m");
  EXPECT_EQ(Pause("@monthly"), "31d");
  EXPECT_EQ(Pause("0 0 31 * *"), "61d");
  EXPECT_EQ(Pause("@yearly"), "366d");
  EXPECT_EQ(Pause("0 0 29 2 *"), "1461d");
  EXPECT_EQ(Pause("0 0 29 2 */7"), "1461w");  // 29 February on a Sunday
  EXPECT_EQ(Pause("0 0 13 * fri"), "1w");
  EXPECT_EQ(Pause("0\t2\t*\t*\tmon-fri"), "3d");
}

TEST(ScheduleTest, PausesAreLongerWhenClocksGoBack) {
  EXPECT_EQ(Pause("0 2 * * *", "Europe/Berlin"), "25h");
  EXPECT_EQ(Pause("0 2 * * mon-fri", "America/New_York"), "73h");
  EXPECT_EQ(Pause("30 */2 * * *", "Europe/Berlin"), "3h");
  EXPECT_EQ(Pause("0 2 * * *", "Asia/Tokyo"), "1d");
  EXPECT_EQ(Pause("0 2 1 * *", "Europe/Berlin"), "745h");
  EXPECT_EQ(Pause("*/15 * * * *", "Europe/Berlin"), "15m");
}

// No walk from slot to slot finds a longer one.
TEST(ScheduleTest, NoPauseIsLongerThanTheLongest) {
  for (const char* zone : {"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"}) {
    for (const char* line : {"0 2 * * *", "15,45 1-3 * * *", "0 */6 * * sat,sun", "30 2 15 */2 *",
                             "0 0 31 * *", "0 23 28-31 * *", "5 4 * 3,10 sun"}) {
      const Schedule schedule = Make(line, zone);
      base::Duration longest{0};
      const Timestamp end = At("2054-01-01T00:00:00Z");
      for (Timestamp slot = schedule.NextSlot(At("2026-01-01T00:00:00Z")); slot < end;) {
        const Timestamp next = schedule.NextSlot(slot);
        longest = std::max(longest, next - slot);
        slot = next;
      }
      EXPECT_LE(longest, LongestPause(schedule)) << line << " " << zone;
      EXPECT_GE(longest + std::chrono::hours(1), LongestPause(schedule)) << line << " " << zone;
    }
  }
}

}  // namespace
}  // namespace drwatch::config
