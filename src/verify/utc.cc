#include "verify/utc.h"

#include <algorithm>
#include <string>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

// True if `text` has the shape of `form`: 'd' stands for a digit, 'T' for one or a blank.
bool HasForm(std::string_view text, std::string_view form) {
  if (text.size() != form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    const bool fits = form[i] == 'd'   ? digit
                      : form[i] == 'T' ? text[i] == 'T' || text[i] == ' '
                                       : text[i] == form[i];
    if (!fits) return false;
  }
  return true;
}

int NumberAt(std::string_view text, std::size_t at, std::size_t size) {
  return static_cast<int>(*base::ParseInt(text.substr(at, size)));
}

// "Z", "+01:00", "-0530", "+01".
std::optional<std::chrono::minutes> ParseOffset(std::string_view zone) {
  if (zone == "Z") return std::chrono::minutes(0);
  if (zone.empty() || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  std::string digits;
  for (const char c : zone.substr(1)) {
    if (c != ':') digits += c;
  }
  if (!HasForm(digits, "dd") && !HasForm(digits, "dddd")) return std::nullopt;
  const int minutes =
      NumberAt(digits, 0, 2) * 60 + (digits.size() == 4 ? NumberAt(digits, 2, 2) : 0);
  return std::chrono::minutes(zone[0] == '-' ? -minutes : minutes);
}

}  // namespace

std::optional<base::Timestamp> ParseIsoTime(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (!HasForm(text.substr(0, kForm.size()), kForm)) return std::nullopt;
  std::string_view rest = text.substr(kForm.size());
  std::chrono::milliseconds fraction{0};
  if (rest.starts_with('.')) {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    if (end == 1) return std::nullopt;
    std::string digits(rest.substr(1, std::min<std::size_t>(end - 1, 3)));
    digits.resize(3, '0');
    fraction = std::chrono::milliseconds(NumberAt(digits, 0, 3));
    rest.remove_prefix(end);
  }
  const auto offset = ParseOffset(rest);
  const auto time = MakeUtc(NumberAt(text, 0, 4), NumberAt(text, 5, 2), NumberAt(text, 8, 2),
                            NumberAt(text, 11, 2), NumberAt(text, 14, 2), NumberAt(text, 17, 2));
  if (!time || !offset) return std::nullopt;
  return *time + fraction - *offset;
}

std::optional<base::Timestamp> MakeUtc(int year, int month, int day, int hour, int minute,
                                       int second) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::optional<base::Timestamp> ParseUtc(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd dd:dd:dd";
  const std::string_view zone = text.substr(std::min(text.size(), kForm.size()));
  if (zone != " GMT" && zone != " UTC") return std::nullopt;
  if (!HasForm(text.substr(0, kForm.size()), kForm)) return std::nullopt;
  return MakeUtc(NumberAt(text, 0, 4), NumberAt(text, 5, 2), NumberAt(text, 8, 2),
                 NumberAt(text, 11, 2), NumberAt(text, 14, 2), NumberAt(text, 17, 2));
}

std::optional<base::Timestamp> ParseWallClock(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd dd:dd:dd";
  constexpr std::size_t kHour = 11;
  std::string time(text.substr(0, kForm.size()));
  const std::string_view rest = text.substr(time.size());
  if (time.size() > kHour && time[kHour] == ' ') time[kHour] = '0';
  if (!HasForm(time, kForm) || !(rest.empty() || rest[0] == ' ' || rest[0] == '\r')) return {};
  return MakeUtc(NumberAt(time, 0, 4), NumberAt(time, 5, 2), NumberAt(time, 8, 2),
                 NumberAt(time, kHour, 2), NumberAt(time, 14, 2), NumberAt(time, 17, 2));
}

std::optional<base::Timestamp> LatestReading(base::Timestamp local, base::Timestamp end) {
  constexpr base::Duration kStep = std::chrono::minutes(15);  // all zones are multiples of it
  constexpr base::Duration kAhead = std::chrono::hours(14);   // Kiribati
  constexpr base::Duration kBehind = std::chrono::hours(12);  // Baker Island
  constexpr base::Duration kClockSkew = std::chrono::minutes(1);
  const base::Timestamp last = local + kBehind;
  const base::Duration over = std::max(base::Duration(0), last - (end + kClockSkew));
  const base::Timestamp reading = last - (over + kStep - base::Duration(1)) / kStep * kStep;
  if (reading < local - kAhead) return std::nullopt;
  return std::min(reading, end);
}

}  // namespace drwatch::verify
