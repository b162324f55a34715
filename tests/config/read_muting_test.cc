#include <gtest/gtest.h>

#include "config/config.h"

namespace drwatch::config {
namespace {

struct Outcome {
  std::optional<Config> config;
  std::string problems;
};

Outcome Load(const std::string& text) {
  Problems problems;
  Outcome outcome;
  outcome.config = ParseConfig(
      "route: {receiver: r, routes: [{mute_time_intervals: [n]}]}\n"
      "receivers: [{name: r}]\n" +
          text,
      "/x.yml", problems);
  for (const Problem& problem : problems.all()) {
    if (problem.kind == Problem::Kind::kError) outcome.problems += problem.message + "\n";
  }
  return outcome;
}

// The interval `n` with one period.
TimeInterval Interval(const std::string& period) {
  const Outcome outcome = Load("time_intervals: [{name: n, time_intervals: [" + period + "]}]");
  EXPECT_EQ(outcome.problems, "");
  return outcome.config ? outcome.config->time_intervals.at(0) : TimeInterval{};
}

std::string ProblemsOf(const std::string& period) {
  return Load("time_intervals: [{name: n, time_intervals: [" + period + "]}]").problems;
}

constexpr base::Timestamp At(int year, unsigned month, unsigned day, int hour, int minute) {
  const std::chrono::sys_days date{std::chrono::year_month_day(
      std::chrono::year(year), std::chrono::month(month), std::chrono::day(day))};
  return date + std::chrono::hours(hour) + std::chrono::minutes(minute);
}

TEST(TimeIntervalTest, TimesIncludeTheirStartAndNotTheirEnd) {
  const TimeInterval night = Interval(
      R"({times: [{start_time: "22:00", end_time: "24:00"}, {start_time: "00:00", end_time: "06:30"}]})");
  EXPECT_FALSE(night.Contains(At(2026, 3, 4, 21, 59)));
  EXPECT_TRUE(night.Contains(At(2026, 3, 4, 22, 0)));
  EXPECT_TRUE(night.Contains(At(2026, 3, 4, 23, 59)));
  EXPECT_TRUE(night.Contains(At(2026, 3, 5, 6, 29)));
  EXPECT_FALSE(night.Contains(At(2026, 3, 5, 6, 30)));
}

TEST(TimeIntervalTest, EveryKindOfRangeMustHold) {
  const TimeInterval interval = Interval(
      R"({weekdays: ["monday:friday", Sunday], months: ["1:3", december], years: ["2026:2027"], times: [{start_time: "09:00", end_time: "17:00"}]})");
  EXPECT_TRUE(interval.Contains(At(2026, 3, 2, 9, 0)));   // a Monday
  EXPECT_FALSE(interval.Contains(At(2026, 3, 7, 9, 0)));  // a Saturday
  EXPECT_TRUE(interval.Contains(At(2026, 3, 8, 9, 0)));   // a Sunday
  EXPECT_FALSE(interval.Contains(At(2026, 4, 1, 9, 0)));  // April
  EXPECT_TRUE(interval.Contains(At(2027, 12, 1, 16, 59)));
  EXPECT_FALSE(interval.Contains(At(2028, 1, 3, 9, 0)));  // another year
}

TEST(TimeIntervalTest, CountsDaysFromTheMonthsEnd) {
  const TimeInterval last = Interval("{days_of_month: ['-3:-1']}");
  EXPECT_TRUE(last.Contains(At(2028, 2, 29, 0, 0)));
  EXPECT_TRUE(last.Contains(At(2028, 2, 27, 0, 0)));
  EXPECT_FALSE(last.Contains(At(2028, 2, 26, 23, 59)));
  EXPECT_TRUE(last.Contains(At(2026, 2, 26, 0, 0)));
  const TimeInterval cut = Interval("{days_of_month: ['-31:-28']}");  // February has no day -31
  EXPECT_TRUE(cut.Contains(At(2026, 2, 1, 0, 0)));
  EXPECT_FALSE(cut.Contains(At(2026, 2, 2, 0, 0)));
}

TEST(TimeIntervalTest, LooksAtTheClockOfItsZone) {
  const TimeInterval berlin =
      Interval(R"({times: [{start_time: "09:00", end_time: "10:00"}], location: Europe/Berlin})");
  EXPECT_TRUE(berlin.Contains(At(2026, 1, 5, 8, 0)));
  EXPECT_FALSE(berlin.Contains(At(2026, 1, 5, 9, 0)));
  EXPECT_TRUE(berlin.Contains(At(2026, 7, 6, 7, 30)));  // summer time
  EXPECT_EQ(berlin.periods[0].ZoneName(), "Europe/Berlin");
}

TEST(TimeIntervalTest, AnEmptyPeriodIsAlways) {
  EXPECT_TRUE(Interval("{}").Contains(At(2026, 1, 1, 0, 0)));
  EXPECT_FALSE(TimeInterval{}.Contains(At(2026, 1, 1, 0, 0)));  // no period at all: never
}

TEST(TimeIntervalTest, SaysWhatIsWrong) {
  EXPECT_NE(ProblemsOf(R"({times: [{start_time: "22:00", end_time: "25:00"}]})"), "");
  EXPECT_NE(ProblemsOf(R"({times: [{start_time: "22:00", end_time: "06:00"}]})"), "");
  EXPECT_NE(ProblemsOf(R"({times: [{start_time: "22:00"}]})"), "");
  EXPECT_NE(ProblemsOf("{weekdays: [mo]}"), "");
  EXPECT_NE(ProblemsOf("{weekdays: ['friday:monday']}"), "");
  EXPECT_NE(ProblemsOf("{weekdays: [3]}"), "");
  EXPECT_NE(ProblemsOf("{days_of_month: ['0']}"), "");
  EXPECT_NE(ProblemsOf("{days_of_month: ['-1:5']}"), "");
  EXPECT_NE(ProblemsOf("{days_of_month: ['32']}"), "");
  EXPECT_NE(ProblemsOf("{months: ['13']}"), "");
  EXPECT_NE(ProblemsOf("{years: ['2028:2026']}"), "");
  EXPECT_NE(ProblemsOf("{location: Mars/Olympus}"), "");
  EXPECT_NE(ProblemsOf("{hours: [1]}"), "");
  EXPECT_EQ(Load("").problems, "unknown time interval \"n\"\n");
}

TEST(InhibitRuleTest, TakesOldAndNewMatchers) {
  const Outcome outcome = Load(
      "time_intervals: [{name: n}]\n"
      "inhibit_rules:\n"
      "- source_matchers: ['severity=\"critical\"', 'team!=x']\n"
      "  target_match: {severity: warning}\n"
      "  target_match_re: {team: 'a|b'}\n"
      "  equal: [alertname, service]\n");
  ASSERT_EQ(outcome.problems, "");
  const InhibitRule& rule = outcome.config->inhibit_rules.at(0);
  ASSERT_EQ(rule.source.size(), 2u);
  EXPECT_EQ(rule.source[1].ToString(), "team!=\"x\"");
  ASSERT_EQ(rule.target.size(), 2u);
  EXPECT_EQ(rule.target[1].ToString(), "team=~\"a|b\"");
  EXPECT_EQ(rule.equal, (std::vector<std::string>{"alertname", "service"}));
}

TEST(InhibitRuleTest, SurvivesBeingWrittenOut) {
  const std::string text =
      "time_intervals: [{name: n, time_intervals: [{times: [{start_time: '09:00', end_time: "
      "'24:00'}], weekdays: ['monday:friday'], days_of_month: ['-3:-1'], months: ['12'], years: "
      "['2026'], location: Europe/Berlin}, {}]}]\n"
      "inhibit_rules: [{source_matchers: ['a=b'], target_matchers: ['c=~d'], equal: [e]}]\n";
  const Outcome outcome = Load(text);
  ASSERT_TRUE(outcome.config) << outcome.problems;
  const std::string written = DescribeConfig(*outcome.config);
  Problems problems;
  const std::optional<Config> again = ParseConfig(written, "/x.yml", problems);
  ASSERT_TRUE(again) << written;
  EXPECT_EQ(again->time_intervals.at(0).periods, outcome.config->time_intervals.at(0).periods);
  EXPECT_EQ(again->route.routes.at(0).mute_time_intervals, (std::vector<std::string>{"n"}));
  EXPECT_EQ(DescribeConfig(*again), written);
}

}  // namespace
}  // namespace drwatch::config
