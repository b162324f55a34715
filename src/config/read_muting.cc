// When nobody is told of an alert: time intervals and inhibition.
#include <date/tz.h>

#include <algorithm>
#include <array>
#include <exception>
#include <optional>

#include "base/strings.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

using Range = TimePeriod::Range;

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

// One kind of range, and what its bounds may be.
struct RangeKind {
  std::string_view key;
  int least, most;
  std::string_view example;
};
constexpr RangeKind kWeekdayRange{"weekdays", 0, 6, "monday:friday"};
constexpr RangeKind kDayRange{"days_of_month", -31, 31, "1:7 or -3:-1"};
constexpr RangeKind kMonthRange{"months", 1, 12, "december or 1:3"};
constexpr RangeKind kYearRange{"years", 1, 9999, "2026:2028"};

std::optional<int> ParseBound(const RangeKind& kind, std::string_view text) {
  const std::string word = base::Lower(base::Trim(text));
  for (int i = 0; i < 7 && kind.key == "weekdays"; ++i) {
    if (word == WeekdayName(i)) return i;
  }
  const auto month = std::find(kMonths.begin(), kMonths.end(), word);
  if (kind.key == "months" && month != kMonths.end()) {
    return static_cast<int>(month - kMonths.begin()) + 1;
  }
  const std::optional<std::int64_t> number = base::ParseInt(word);
  if (kind.key == "weekdays" || !number || *number < kind.least || *number > kind.most) {
    return std::nullopt;
  }
  return static_cast<int>(*number);
}

// What is wrong with a range, or nothing.
std::string CheckRange(const RangeKind& kind, const Range& range) {
  if (kind.least < 0) {
    if (range.first == 0 || range.last == 0) return "there is no day 0";
    if (range.first < 0 && range.last > 0) {
      return "a range that begins at the end of the month ends there, too";
    }
    if (range.first > 0 && range.last < 0) return "";
  }
  return range.first > range.last ? "it ends before it begins" : "";
}

void ReadRanges(MapReader& reader, const RangeKind& kind, std::vector<Range>& out) {
  for (const Node& item : GetItems(reader, kind.key)) {
    const std::size_t colon = item.scalar.find(':');
    const std::string_view text = item.scalar;
    const std::optional<int> first = ParseBound(kind, text.substr(0, colon));
    const std::optional<int> last =
        colon == std::string::npos ? first : ParseBound(kind, text.substr(colon + 1));
    if (item.kind != NodeKind::kScalar || !first || !last) {
      reader.Error(item, base::Quote(item.scalar) + " is none of the " + std::string(kind.key),
                   "such as " + std::string(kind.example));
      continue;
    }
    const Range range{*first, *last};
    const std::string problem = CheckRange(kind, range);
    if (problem.empty()) {
      out.push_back(range);
    } else {
      reader.Error(item, "wrong range " + base::Quote(item.scalar) + ": " + problem);
    }
  }
}

// "09:30" as the minute of the day; 24:00 is the day's end.
std::optional<int> ReadTimeOfDay(MapReader& reader, std::string_view key) {
  const Node* node = reader.Require(key);
  if (node == nullptr) return std::nullopt;
  const std::string& text = node->scalar;
  const auto digits = [&](std::size_t at) {
    return base::ParseInt(text.substr(at, 2)).value_or(-1);
  };
  if (node->kind == NodeKind::kScalar && text.size() == 5 && text[2] == ':') {
    const std::int64_t minute = digits(0) * 60 + digits(3);
    if (digits(0) >= 0 && digits(3) >= 0 && digits(3) < 60 && minute <= 24 * 60) {
      return static_cast<int>(minute);
    }
  }
  reader.Error(*node, base::Quote(text) + " is no time of day",
               "such as \"09:30\", in quotes; at most \"24:00\"");
  return std::nullopt;
}

void ReadTimes(MapReader& reader, std::vector<Range>& out) {
  for (const Node& item : GetItems(reader, "times")) {
    MapReader times(item, reader.problems(), "a time range");
    const std::optional<int> start = ReadTimeOfDay(times, "start_time");
    const std::optional<int> end = ReadTimeOfDay(times, "end_time");
    times.Finish();
    if (!start || !end) continue;
    if (*start >= *end) {
      reader.Error(item, "a time range ends after it begins",
                   "a night is two ranges: 22:00 to 24:00 and 00:00 to 06:00");
    } else {
      out.push_back({*start, *end - 1});
    }
  }
}

void ReadLocation(MapReader& reader, const date::time_zone*& out) {
  std::string name;
  GetName(reader, "location", name);
  if (name.empty() || name == "UTC") return;
  try {
    out = name == "Local" ? date::current_zone() : date::locate_zone(name);
  } catch (const std::exception&) {
    reader.Error(*reader.Take("location"), "there is no time zone " + base::Quote(name),
                 "such as Europe/Berlin");
  }
}

TimePeriod ReadPeriod(const Node& node, ReadContext& context) {
  TimePeriod period;
  MapReader reader(node, context.problems, "a time interval");
  ReadTimes(reader, period.minutes);
  ReadRanges(reader, kWeekdayRange, period.weekdays);
  ReadRanges(reader, kDayRange, period.days_of_month);
  ReadRanges(reader, kMonthRange, period.months);
  ReadRanges(reader, kYearRange, period.years);
  ReadLocation(reader, period.zone);
  reader.Finish();
  return period;
}

void ReadIntervals(MapReader& root, std::string_view key, ReadContext& context,
                   std::vector<TimeInterval>& out) {
  for (const Node& item : GetItems(root, key)) {
    TimeInterval interval;
    interval.position = item.position;
    MapReader reader(item, context.problems, "a time interval");
    reader.Require("name");
    GetName(reader, "name", interval.name);
    for (const Node& period : GetItems(reader, "time_intervals")) {
      interval.periods.push_back(ReadPeriod(period, context));
    }
    reader.Finish();
    const bool known = std::any_of(out.begin(), out.end(), [&](const TimeInterval& other) {
      return other.name == interval.name;
    });
    if (known && !interval.name.empty()) {
      root.Error(item, "the time interval " + base::Quote(interval.name) + " is there twice");
    }
    out.push_back(std::move(interval));
  }
}

}  // namespace

std::vector<TimeInterval> ReadTimeIntervals(MapReader& root, ReadContext& context) {
  std::vector<TimeInterval> intervals;
  ReadIntervals(root, "mute_time_intervals", context, intervals);  // the old name
  ReadIntervals(root, "time_intervals", context, intervals);
  return intervals;
}

std::vector<InhibitRule> ReadInhibitRules(MapReader& root, ReadContext& context) {
  std::vector<InhibitRule> rules;
  for (const Node& item : GetItems(root, "inhibit_rules")) {
    InhibitRule rule;
    rule.position = item.position;
    MapReader reader(item, context.problems, "an inhibit rule");
    std::string name;
    reader.Get("name", name);
    ReadMatchers(reader, "source_", rule.source);
    ReadMatchers(reader, "target_", rule.target);
    reader.Get("equal", rule.equal);
    reader.Finish();
    if (rule.source.empty() || rule.target.empty()) {
      context.problems.AddWarning(
          item.position,
          std::string("this inhibit rule has no ") +
              (rule.source.empty() ? "source_matchers: any alert silences its targets"
                                   : "target_matchers: its source silences every alert"));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace drwatch::config
