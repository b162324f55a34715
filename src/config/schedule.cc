#include "config/schedule.h"

#include <date/date.h>
#include <date/tz.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "config/cron_field.h"
#include "config/hint.h"

namespace drwatch::config {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using LocalMinute = date::local_time<minutes>;
using SysSeconds = date::sys_time<seconds>;

struct Shorthand {
  std::string_view name;
  std::string_view line;
};
constexpr std::array<Shorthand, 7> kShorthands = {{{"@hourly", "0 * * * *"},
                                                   {"@daily", "0 0 * * *"},
                                                   {"@midnight", "0 0 * * *"},
                                                   {"@weekly", "0 0 * * 0"},
                                                   {"@monthly", "0 0 1 * *"},
                                                   {"@yearly", "0 0 1 1 *"},
                                                   {"@annually", "0 0 1 1 *"}}};

constexpr std::array<std::string_view, 12> kMonthNames = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdayNames = {"sun", "mon", "tue", "wed",
                                                           "thu", "fri", "sat"};
constexpr CronField kMinute = {"minute", 0, 59, 59, 0, {}};
constexpr CronField kHour = {"hour", 0, 23, 23, 0, {}};
constexpr CronField kDay = {"day of month", 1, 31, 31, 0, {}};
constexpr CronField kMonth = {"month", 1, 12, 12, 1, kMonthNames};
constexpr CronField kWeekday = {"day of week", 0, 7, 6, 0, kWeekdayNames};

// The longest month of each number: 29 February exists.
constexpr std::array<unsigned, 13> kLongestMonth = {0,  31, 29, 31, 30, 31, 30,
                                                    31, 31, 30, 31, 30, 31};

// Calendar arithmetic stays inside the years the date library can name.
constexpr SysSeconds kEarliest = date::sys_days(date::year(1900) / 1 / 1);
constexpr SysSeconds kLatest = date::sys_days(date::year(9900) / 1 / 1);

SysSeconds Clamp(base::Timestamp time) {
  return std::clamp(date::floor<seconds>(time), kEarliest, kLatest);
}

// The local times that exist twice around `time`, if `time` is in their second run: [begin, end).
struct Repeat {
  date::local_seconds end;
};
std::optional<Repeat> SecondRun(const date::time_zone* zone, SysSeconds time) {
  if (zone == nullptr) return std::nullopt;
  const date::local_info info = zone->get_info(zone->to_local(time));
  if (info.result != date::local_info::ambiguous || time < info.second.begin) return std::nullopt;
  return Repeat{date::local_seconds((info.first.end + info.first.offset).time_since_epoch())};
}

date::local_seconds ToLocal(const date::time_zone* zone, SysSeconds time) {
  return zone == nullptr ? date::local_seconds(time.time_since_epoch()) : zone->to_local(time);
}

// Never falls when `local` rises: that is what lets a search in local time answer in real time.
SysSeconds ToSys(const date::time_zone* zone, LocalMinute local) {
  if (zone == nullptr) return SysSeconds(local.time_since_epoch());
  const date::local_info info = zone->get_info(local);
  if (info.result == date::local_info::nonexistent) return info.second.begin;
  return SysSeconds(local.time_since_epoch() - info.first.offset);
}

template <std::size_t kSize>
std::optional<int> FirstAtOrAfter(const std::bitset<kSize>& set, int at) {
  for (int i = at; i < static_cast<int>(kSize); ++i) {
    if (set[static_cast<std::size_t>(i)]) return i;
  }
  return std::nullopt;
}

template <std::size_t kSize>
std::optional<int> LastAtOrBefore(const std::bitset<kSize>& set, int at) {
  for (int i = at; i >= 0; --i) {
    if (set[static_cast<std::size_t>(i)]) return i;
  }
  return std::nullopt;
}

}  // namespace

// The search in local time, where the fields are what they say.
struct Schedule::Search {
  const Schedule& schedule;

  bool DayMatches(date::local_days day) const {
    const date::year_month_day date(day);
    if (!schedule.months_[static_cast<unsigned>(date.month())]) return false;
    const bool by_day = schedule.days_[static_cast<unsigned>(date.day())];
    const bool by_weekday = schedule.weekdays_[date::weekday(day).c_encoding()];
    if (schedule.any_day_ || schedule.any_weekday_) return by_day && by_weekday;
    return by_day || by_weekday;
  }

  // The first matching day at or after `day`. CheckPossible made sure that there is one.
  date::local_days DayAtOrAfter(date::local_days day) const {
    while (!DayMatches(day)) {
      const date::year_month_day date(day);
      const date::year_month month = date.year() / date.month();
      const bool other_month = !schedule.months_[static_cast<unsigned>(date.month())];
      day = other_month ? date::local_days((month + date::months(1)) / 1) : day + date::days(1);
    }
    return day;
  }

  date::local_days DayAtOrBefore(date::local_days day) const {
    while (!DayMatches(day)) {
      const date::year_month_day date(day);
      const bool other_month = !schedule.months_[static_cast<unsigned>(date.month())];
      if (other_month) day = date::local_days(date.year() / date.month() / 1);
      day -= date::days(1);
    }
    return day;
  }

  LocalMinute AtOrAfter(LocalMinute from) const {
    const date::local_days today = date::floor<date::days>(from);
    const int minute = static_cast<int>((from - today).count());
    if (DayMatches(today)) {
      if (const std::optional<int> found = MinuteAtOrAfter(minute)) return today + minutes(*found);
    }
    return DayAtOrAfter(today + date::days(1)) + minutes(MinuteAtOrAfter(0).value_or(0));
  }

  LocalMinute AtOrBefore(LocalMinute from) const {
    const date::local_days today = date::floor<date::days>(from);
    const int minute = static_cast<int>((from - today).count());
    if (DayMatches(today)) {
      if (const std::optional<int> found = MinuteAtOrBefore(minute)) return today + minutes(*found);
    }
    return DayAtOrBefore(today - date::days(1)) + minutes(MinuteAtOrBefore(1439).value_or(0));
  }

 private:
  // Minutes of the day.
  std::optional<int> MinuteAtOrAfter(int from) const {
    const std::optional<int> hour = FirstAtOrAfter(schedule.hours_, from / 60);
    if (!hour) return std::nullopt;
    const std::optional<int> minute =
        FirstAtOrAfter(schedule.minutes_, *hour == from / 60 ? from % 60 : 0);
    if (minute) return *hour * 60 + *minute;
    const std::optional<int> later = FirstAtOrAfter(schedule.hours_, *hour + 1);
    if (!later) return std::nullopt;
    return *later * 60 + FirstAtOrAfter(schedule.minutes_, 0).value_or(0);
  }

  std::optional<int> MinuteAtOrBefore(int from) const {
    const std::optional<int> hour = LastAtOrBefore(schedule.hours_, from / 60);
    if (!hour) return std::nullopt;
    const std::optional<int> minute =
        LastAtOrBefore(schedule.minutes_, *hour == from / 60 ? from % 60 : 59);
    if (minute) return *hour * 60 + *minute;
    const std::optional<int> earlier = LastAtOrBefore(schedule.hours_, *hour - 1);
    if (!earlier) return std::nullopt;
    return *earlier * 60 + LastAtOrBefore(schedule.minutes_, 59).value_or(0);
  }
};

base::Result<Schedule> Schedule::Parse(std::string_view line, const std::string& zone) {
  Schedule schedule;
  schedule.line_ = std::string(base::Trim(line));
  schedule.zone_ = zone;
  if (base::Status status = schedule.ParseFields(schedule.line_); !status) {
    return base::Fail(std::move(status.error()));
  }
  if (base::Status status = schedule.FindZone(); !status) {
    return base::Fail(std::move(status.error()));
  }
  return schedule;
}

base::Status Schedule::ParseFields(std::string_view line) {
  if (line.starts_with('@')) {
    std::vector<std::string> names;
    for (const Shorthand& shorthand : kShorthands) {
      if (shorthand.name == line) return ParseFields(shorthand.line);
      names.emplace_back(shorthand.name);
    }
    return base::Fail("unknown schedule " + base::Quote(line), NameHint(line, names, "names"));
  }
  std::vector<std::string_view> fields;
  for (std::size_t at = line.find_first_not_of(" \t"); at < line.size();
       at = line.find_first_not_of(" \t", at)) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = end;
  }
  if (fields.size() != 5) {
    return base::Fail(
        base::Quote(line) + " has " + std::to_string(fields.size()) + " fields instead of 5",
        "minute hour day-of-month month day-of-week, such as \"0 2 * * *\"");
  }
  std::bitset<8> weekdays;
  base::Status status = ParseCronField(kMinute, fields[0], minutes_);
  if (status) status = ParseCronField(kHour, fields[1], hours_);
  if (status) status = ParseCronField(kDay, fields[2], days_);
  if (status) status = ParseCronField(kMonth, fields[3], months_);
  if (status) status = ParseCronField(kWeekday, fields[4], weekdays);
  if (!status) return status;
  for (std::size_t day = 0; day < 8; ++day) {
    if (weekdays[day]) weekdays_.set(day % 7);  // 0 and 7 are both Sunday
  }
  any_day_ = fields[2].starts_with('*');
  any_weekday_ = fields[4].starts_with('*');
  return CheckPossible();
}

// Only the day of the month can be impossible: over 400 years each existing date falls on each day
// of the week.
base::Status Schedule::CheckPossible() const {
  if (!any_day_ && !any_weekday_) return {};
  for (unsigned month = 1; month <= 12; ++month) {
    for (unsigned day = 1; day <= kLongestMonth[month]; ++day) {
      if (months_[month] && days_[day]) return {};
    }
  }
  return base::Fail("the schedule never happens: no such day in the month");
}

base::Status Schedule::FindZone() {
  // Known without the database, which costs memory.
  if (zone_.empty() || zone_ == "UTC" || zone_ == "Etc/UTC") return {};
  try {
    const date::tzdb& database = date::get_tzdb();
    std::vector<std::string> names;
    for (const date::time_zone& zone : database.zones) {
      names.push_back(zone.name());
      if (zone.name() == zone_) time_zone_ = &zone;
    }
    if (time_zone_ == nullptr) {
      const std::string hint = NameHint(zone_, names, "");
      return base::Fail("unknown time zone " + base::Quote(zone_),
                        hint.starts_with("did") ? hint : "a name such as UTC or Europe/Berlin");
    }
    time_zone_->get_info(kEarliest);  // reads the zone's file, which may be damaged
    return {};
  } catch (const std::exception& exception) {
    return base::Fail("cannot read time zone " + base::Quote(zone_) + ": " + exception.what(),
                      "install the package tzdata");
  }
}

base::Timestamp Schedule::LatestSlot(base::Timestamp time) const {
  const SysSeconds now = Clamp(time);
  LocalMinute from = date::floor<minutes>(ToLocal(time_zone_, now));
  // In the second run of an hour all its slots have happened, those the clock shows later, too.
  if (const std::optional<Repeat> repeat = SecondRun(time_zone_, now)) {
    from = date::ceil<minutes>(repeat->end) - minutes(1);
  }
  const Search search{*this};
  LocalMinute slot = search.AtOrBefore(from);
  while (ToSys(time_zone_, slot) > now) slot = search.AtOrBefore(slot - minutes(1));
  return ToSys(time_zone_, slot);
}

base::Timestamp Schedule::NextSlot(base::Timestamp time) const {
  const SysSeconds now = Clamp(time);
  LocalMinute from = date::floor<minutes>(ToLocal(time_zone_, now)) + minutes(1);
  if (const std::optional<Repeat> repeat = SecondRun(time_zone_, now)) {
    from = date::floor<minutes>(repeat->end);
  }
  const Search search{*this};
  LocalMinute slot = search.AtOrAfter(from);
  while (ToSys(time_zone_, slot) <= now) slot = search.AtOrAfter(slot + minutes(1));
  return ToSys(time_zone_, slot);
}

}  // namespace drwatch::config
