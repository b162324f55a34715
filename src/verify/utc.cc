#include "verify/utc.h"

#include <array>

#include "base/strings.h"

namespace drwatch::verify {

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
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  const auto number = [text](std::size_t at, std::size_t size) {
    return static_cast<int>(*base::ParseInt(text.substr(at, size)));
  };
  return MakeUtc(number(0, 4), number(5, 2), number(8, 2), number(11, 2), number(14, 2),
                 number(17, 2));
}

}  // namespace drwatch::verify
