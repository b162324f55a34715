#include "config/describe.h"

#include "base/strings.h"

namespace drwatch::config {
namespace {

std::string TimeOfDay(int minute) {
  std::string text = "00:00";
  text[0] = static_cast<char>('0' + minute / 600);
  text[1] = static_cast<char>('0' + minute / 60 % 10);
  text[3] = static_cast<char>('0' + minute % 60 / 10);
  text[4] = static_cast<char>('0' + minute % 10);
  return text;
}

void WriteTimes(YamlWriter& out, const std::vector<TimePeriod::Range>& minutes) {
  if (minutes.empty()) return;
  out.List("times");
  for (const TimePeriod::Range& range : minutes) {
    out.BeginItem();
    out.Text("start_time", TimeOfDay(range.first));
    out.Text("end_time", TimeOfDay(range.last + 1));
    out.End();
  }
}

void WriteRanges(YamlWriter& out, std::string_view key,
                 const std::vector<TimePeriod::Range>& ranges) {
  std::vector<std::string> texts;
  for (const TimePeriod::Range& range : ranges) {
    const bool weekday = key == "weekdays";
    const auto bound = [&](int value) {
      return weekday ? std::string(WeekdayName(value)) : std::to_string(value);
    };
    texts.push_back(range.first == range.last ? bound(range.first)
                                              : bound(range.first) + ":" + bound(range.last));
  }
  if (!texts.empty()) out.Texts(key, texts);
}

void WriteMatchers(YamlWriter& out, std::string_view key,
                   const std::vector<model::Matcher>& matchers) {
  std::vector<std::string> texts;
  texts.reserve(matchers.size());
  for (const model::Matcher& matcher : matchers) texts.push_back(matcher.ToString());
  if (!texts.empty()) out.Texts(key, texts);
}

}  // namespace

void WriteTimeIntervals(YamlWriter& out, const std::vector<TimeInterval>& intervals) {
  if (intervals.empty()) return;
  out.List("time_intervals");
  for (const TimeInterval& interval : intervals) {
    out.BeginItem();
    out.Text("name", interval.name);
    out.List("time_intervals");
    for (const TimePeriod& period : interval.periods) {
      out.BeginItem();
      WriteTimes(out, period.minutes);
      WriteRanges(out, "weekdays", period.weekdays);
      WriteRanges(out, "days_of_month", period.days_of_month);
      WriteRanges(out, "months", period.months);
      WriteRanges(out, "years", period.years);
      out.Text("location", period.ZoneName());
      out.End();
    }
    out.End();
  }
}

void WriteInhibitRules(YamlWriter& out, const std::vector<InhibitRule>& rules) {
  if (rules.empty()) return;
  out.List("inhibit_rules");
  for (const InhibitRule& rule : rules) {
    out.BeginItem();
    WriteMatchers(out, "source_matchers", rule.source);
    WriteMatchers(out, "target_matchers", rule.target);
    out.Texts("equal", rule.equal);
    out.End();
  }
}

}  // namespace drwatch::config
