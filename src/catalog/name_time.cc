#include "catalog/name_time.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"
#include "catalog/folder_catalog.h"
#include "verify/utc.h"

namespace drwatch::catalog {
namespace {

using Precision = NameTime::Precision;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Reads from the start of a text, piece by piece.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : left_(text) {}
  // `count` digits as a number.
  std::optional<int> Digits(std::size_t count) {
    if (left_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!IsDigit(left_[i])) return std::nullopt;
      value = value * 10 + (left_[i] - '0');
    }
    left_.remove_prefix(count);
    return value;
  }
  std::string_view Letters() {
    std::size_t count = 0;
    while (count < left_.size() && IsLetter(left_[count])) ++count;
    const std::string_view letters = left_.substr(0, count);
    left_.remove_prefix(count);
    return letters;
  }
  // One of `characters`, or nothing: '\0'.
  char AnyOf(std::string_view characters) {
    if (left_.empty() || characters.find(left_[0]) == std::string_view::npos) return '\0';
    const char c = left_[0];
    left_.remove_prefix(1);
    return c;
  }
  bool AtEnd() const { return left_.empty(); }
  bool AtDigit() const { return !left_.empty() && IsDigit(left_[0]); }

 private:
  std::string_view left_;
};

bool IsZone(int hours, int minutes, bool east) {
  return hours <= (east ? 14 : 12) && minutes < 60 && minutes % 15 == 0;
}

// "+02:00", "+0530", "+02", "-05:00": how far local time is ahead of UTC. A minus is what separates
// words, too: four digits behind it are a zone only behind an `iso` time with a T.
std::optional<base::Duration> ParseOffset(Cursor& cursor, bool iso) {
  const char sign = cursor.AnyOf("+-");
  const bool east = sign == '+';
  const auto hours = cursor.Digits(2);
  if (sign == '\0' || !hours) return std::nullopt;
  const bool colon = cursor.AnyOf(":") != '\0';
  const auto minutes = cursor.Digits(2);
  if (cursor.AtDigit() || !IsZone(*hours, minutes.value_or(0), east)) return std::nullopt;
  const bool believed = minutes ? east || colon || iso : east && !colon;
  if (!believed) return std::nullopt;
  const base::Duration offset =
      std::chrono::hours(*hours) + std::chrono::minutes(minutes.value_or(0));
  return east ? offset : -offset;
}

// Reads over ".123456" before a zone. Fewer digits than three are how a file was packed (".7z").
void SkipFraction(Cursor& cursor) {
  Cursor ahead = cursor;
  if (ahead.AnyOf(".,") == '\0') return;
  std::size_t digits = 0;
  while (ahead.Digits(1)) ++digits;
  if (digits >= 3 && digits <= 9) cursor = ahead;
}

// Reads the zone behind `time`, if there is one. One that would begin the backup after its file was
// written is the number of a process or a run.
void ReadZone(Cursor cursor, bool iso, base::Timestamp modified, NameTime& time) {
  if (time.precision == Precision::kSecond) SkipFraction(cursor);
  if (cursor.AnyOf("Zz") != '\0') {
    time.zone_known = true;
  } else if (const auto offset = ParseOffset(cursor, iso)) {
    if (*offset < base::Duration(0) && time.time - *offset > modified + FolderCatalog::kClockSkew)
      return;
    time.time -= *offset;
    time.zone_known = true;
  }
}

// "PM" behind a time: which of 24 hours `hour` is.
int ReadHalfOfDay(Cursor& cursor, int hour) {
  Cursor ahead = cursor;
  ahead.AnyOf("-_. ");
  const std::string half = base::Lower(ahead.Letters());
  if ((half != "am" && half != "pm") || hour < 1 || hour > 12) return hour;
  cursor = ahead;
  return hour % 12 + (half == "pm" ? 12 : 0);
}

// Hours, minutes and maybe seconds after a date. nullopt if there is no time of day.
std::optional<NameTime> ParseTimeOfDay(Cursor cursor, int year, int month, int day,
                                       base::Timestamp modified) {
  const char before = cursor.AnyOf("Tt_- .");
  const auto hour = cursor.Digits(2);
  if (!hour) return std::nullopt;
  const char separator = cursor.AnyOf(":-_.h");
  const auto minute = cursor.Digits(2);
  if (!minute) return std::nullopt;
  NameTime result;
  Cursor ahead = cursor;
  // "03:04-05:00" is no 03:04:05.
  Cursor zone = cursor;
  const bool ends = separator != '-' && ParseOffset(zone, false).has_value();
  const char second_separator = separator == '\0' || ends ? '\0' : ahead.AnyOf(":-_.m");
  const auto second = ahead.Digits(2);
  if (second && !ends && (separator == '\0' || second_separator != '\0') && !ahead.AtDigit()) {
    cursor = ahead;
  } else {
    result.precision = Precision::kMinute;
  }
  if (cursor.AtDigit()) return std::nullopt;
  const int hour_of_day = ReadHalfOfDay(cursor, *hour);
  const bool seconds = result.precision == Precision::kSecond;
  const auto time = verify::MakeUtc(year, month, day, hour_of_day, *minute, seconds ? *second : 0);
  if (!time) return std::nullopt;
  result.time = *time;
  ReadZone(cursor, before == 'T' || before == 't', modified, result);
  return result;
}

// The hour of "2026010102". Ten digits are seconds since 1970 of the years 2033 to 2036, too.
std::optional<NameTime> ParseHour(Cursor cursor, int year, int month, int day) {
  const auto hour = cursor.Digits(2);
  if (!hour || cursor.AtDigit()) return std::nullopt;
  const auto time = verify::MakeUtc(year, month, day, *hour, 0, 0);
  if (!time) return std::nullopt;
  return NameTime{*time, Precision::kHour, false};
}

// True where a file that was last written at `modified` can be of that time: numbers of orders and
// of customers have ten digits, too.
bool IsPlausible(base::Timestamp time, base::Timestamp modified) {
  constexpr base::Duration kDay = std::chrono::hours(24);
  return time >= modified - 5 * 365 * kDay && time <= modified + kDay;
}

struct Day {
  int year = 0;
  int month = 0;
  int day = 0;
  bool packed = false;  // nothing stands between the three
  std::optional<base::Timestamp> Midnight() const {
    return year < 2000 || year > 2099 ? std::nullopt : verify::MakeUtc(year, month, day, 0, 0, 0);
  }
};

constexpr std::string_view kSeparators = "-_.";

// "Nov" or "november".
std::optional<int> ParseMonthName(Cursor& cursor) {
  constexpr std::array<std::string_view, 12> kMonths = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  const std::string name = base::Lower(cursor.Letters());
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (name == kMonths[i] || name == kMonths[i].substr(0, 3)) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

std::optional<int> ParseDay(Cursor& cursor) {
  const auto day = cursor.Digits(2);
  return day ? day : cursor.Digits(1);
}

// "2026-11-30", "20261130".
std::optional<Day> ReadYearFirst(Cursor& cursor) {
  const auto year = cursor.Digits(4);
  const char separator = cursor.AnyOf(kSeparators);
  const auto month = cursor.Digits(2);
  if (separator != '\0' && cursor.AnyOf(kSeparators) != separator) return std::nullopt;
  const auto day = cursor.Digits(2);
  if (!year || !month || !day) return std::nullopt;
  return Day{*year, *month, *day, separator == '\0'};
}

// Which of two numbers before a year is the day. Where both can be, the file was written soon after
// it.
std::optional<Day> ChooseDay(int first, int second, int year, base::Timestamp modified) {
  const Day day_first{year, second, first};
  const Day month_first{year, first, second};
  const auto a = day_first.Midnight();
  const auto b = month_first.Midnight();
  if (!a && !b) return std::nullopt;
  if (!a || !b) return a ? day_first : month_first;
  const base::Timestamp latest = modified + std::chrono::hours(24);
  const bool other = *b <= latest && (*a > latest || *b > *a);
  return other ? month_first : day_first;
}

// "30-11-2026", "11-30-2026", "30112026". Eight digits may be any number: they are a date only of
// the years before the file was written.
std::optional<Day> ReadYearLast(Cursor& cursor, base::Timestamp modified) {
  const auto first = cursor.Digits(2);
  const char separator = cursor.AnyOf(kSeparators);
  const auto second = cursor.Digits(2);
  if (separator != '\0' && cursor.AnyOf(kSeparators) != separator) return std::nullopt;
  const auto year = cursor.Digits(4);
  if (!first || !second || !year) return std::nullopt;
  auto day = ChooseDay(*first, *second, *year, modified);
  if (!day || separator != '\0') return day;
  day->packed = true;
  return IsPlausible(*day->Midnight(), modified) ? day : std::nullopt;
}

// "30-Nov-2026", "Nov-30-2026", "2026-Nov-30", also without what stands between.
std::optional<Day> ReadMonthName(Cursor& cursor) {
  std::optional<int> year = cursor.Digits(4);
  if (year) cursor.AnyOf(kSeparators);
  std::optional<int> day;
  if (!year && cursor.AtDigit()) day = ParseDay(cursor);
  if (day) cursor.AnyOf(kSeparators);
  const auto month = ParseMonthName(cursor);
  if (!month) return std::nullopt;
  cursor.AnyOf(kSeparators);
  if (!day) {
    day = ParseDay(cursor);
    if (!year) cursor.AnyOf(kSeparators);
  }
  if (!year) year = cursor.Digits(4);
  if (!day || !year) return std::nullopt;
  return Day{*year, *month, *day};
}

std::optional<Day> ReadIso(Cursor& cursor, base::Timestamp /*modified*/) {
  const auto day = ReadYearFirst(cursor);
  return day && day->Midnight() ? day : std::nullopt;
}

std::optional<Day> ReadOther(Cursor& cursor, base::Timestamp modified) {
  const Cursor start = cursor;
  if (auto day = ReadYearLast(cursor, modified)) return day;
  cursor = start;
  const auto day = ReadMonthName(cursor);
  return day && day->Midnight() ? day : std::nullopt;
}

using DayReader = std::optional<Day> (*)(Cursor&, base::Timestamp);

std::optional<NameTime> ParseDate(std::string_view text, DayReader read, base::Timestamp modified) {
  Cursor cursor(text);
  const auto day = read(cursor, modified);
  if (!day) return std::nullopt;
  if (auto time = ParseTimeOfDay(cursor, day->year, day->month, day->day, modified)) return time;
  if (day->packed) {
    if (auto time = ParseHour(cursor, day->year, day->month, day->day)) return time;
  }
  if (cursor.AtDigit()) return std::nullopt;
  return NameTime{*day->Midnight(), Precision::kDay, false};
}

// Ten digits of seconds or thirteen of milliseconds, from September 2001 on.
std::optional<NameTime> ParseUnixTime(std::string_view text, base::Timestamp modified) {
  std::size_t digits = 0;
  while (digits < text.size() && IsDigit(text[digits])) ++digits;
  const auto value = base::ParseInt(text.substr(0, digits));
  constexpr std::int64_t kEndSeconds = 4'102'444'800;  // 2100
  if (!value || text[0] == '0') return std::nullopt;
  const bool seconds = digits == 10 && *value < kEndSeconds;
  const bool milliseconds = digits == 13 && *value < kEndSeconds * 1000;
  if (!seconds && !milliseconds) return std::nullopt;
  const base::Timestamp time = base::FromUnixMillis(seconds ? *value * 1000 : *value);
  if (!IsPlausible(time, modified)) return std::nullopt;
  return NameTime{time, Precision::kSecond, true};
}

// Where a number or a word begins.
bool IsStart(std::string_view part, std::size_t i) {
  const auto inside = [&](auto is) { return is(part[i]) && (i == 0 || !is(part[i - 1])); };
  return inside(IsDigit) || inside(IsLetter);
}

// How unlikely the file was written about `time`.
int DistanceOf(base::Timestamp time, base::Timestamp modified) {
  constexpr base::Duration kDay = std::chrono::hours(24);
  if (time > modified + kDay) return 3;
  if (time < modified - 2 * kDay) return 2;
  return time > modified + FolderCatalog::kClockSkew ? 1 : 0;
}

template <typename Parse>
std::optional<NameTime> FirstIn(std::string_view part, Parse parse) {
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (!IsStart(part, i)) continue;
    if (auto time = parse(part.substr(i))) return time;
  }
  return std::nullopt;
}

// The numbers of a host or a version before a date that begins with its year look like one that
// ends with it: "10-12-2026-11-30". Such a date counts only if the file was written about then, and
// not about the other's time.
bool IsLikelier(const NameTime& other, const NameTime& iso, base::Timestamp modified) {
  const int distance = DistanceOf(iso.time, modified);
  return distance == 3 || (distance == 2 && DistanceOf(other.time, modified) < 2);
}

// A version, or what is archived, has a date, too: "archive-20190101-20261202". Of several the
// first one about which the file was written.
std::optional<NameTime> IsoDateIn(std::string_view part, base::Timestamp modified) {
  std::optional<NameTime> likeliest;
  FirstIn(part, [&](std::string_view text) -> std::optional<NameTime> {
    const auto time = ParseDate(text, ReadIso, modified);
    if (time &&
        (!likeliest || DistanceOf(time->time, modified) < DistanceOf(likeliest->time, modified))) {
      likeliest = time;
    }
    return std::nullopt;
  });
  return likeliest;
}

std::optional<NameTime> ParsePart(std::string_view part, base::Timestamp modified) {
  const auto iso = IsoDateIn(part, modified);
  const auto other =
      FirstIn(part, [&](std::string_view text) { return ParseDate(text, ReadOther, modified); });
  if (iso && other) return IsLikelier(*other, *iso, modified) ? other : iso;
  if (iso || other) return iso ? iso : other;
  return FirstIn(part, [&](std::string_view text) { return ParseUnixTime(text, modified); });
}

// "2026/11/30/shop.sql": a folder for each of the three.
std::optional<NameTime> ParseFolders(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); i = std::min(path.find('/', i), path.size() - 1) + 1) {
    Cursor cursor(path.substr(i));
    const auto year = cursor.Digits(4);
    const bool has_month = cursor.AnyOf("/") != '\0';
    const auto month = cursor.Digits(2);
    const bool has_day = cursor.AnyOf("/") != '\0';
    const auto day = cursor.Digits(2);
    if (!year || !has_month || !month || !has_day || !day) continue;
    const bool ends = cursor.AnyOf("/") != '\0' || cursor.AtEnd();
    const auto midnight = Day{*year, *month, *day}.Midnight();
    if (ends && midnight) return NameTime{*midnight, Precision::kDay, false};
  }
  return std::nullopt;
}

}  // namespace

bool IsNewestWord(std::string_view word) {
  constexpr std::array<std::string_view, 4> kWords = {"latest", "current", "last", "newest"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

std::optional<NameTime> ParseNameTime(std::string_view path, base::Timestamp modified) {
  std::string_view left = path;
  while (true) {
    const std::size_t slash = left.rfind('/');
    const std::string_view part = slash == left.npos ? left : left.substr(slash + 1);
    if (auto time = ParsePart(part, modified)) return time;
    if (slash == left.npos) return ParseFolders(path);
    left = left.substr(0, slash);
  }
}

}  // namespace drwatch::catalog
