#include "net/aws_time.h"

#include <curl/curl.h>

#include <array>

#include "base/strings.h"

namespace drwatch::net {
namespace {

// The digits of "0000-00-00T00:00:00"; nullopt if another character stands where none should.
std::optional<std::array<int, 6>> ReadFields(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() != kForm.size()) return std::nullopt;
  std::array<int, 6> fields{};
  std::size_t field = 0;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != '0') {
      if (text[i] != kForm[i]) return std::nullopt;
      ++field;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    fields[field] = fields[field] * 10 + (text[i] - '0');
  }
  return fields;
}

}  // namespace

std::optional<base::Timestamp> ParseIsoTime(std::string_view text) {
  constexpr std::size_t kSeconds = 19;
  if (text.size() < kSeconds + 1 || !text.ends_with('Z')) return std::nullopt;
  const auto fields = ReadFields(text.substr(0, kSeconds));
  if (!fields) return std::nullopt;
  const auto [year, month, day, hour, minute, second] = *fields;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  std::string_view fraction = text.substr(kSeconds, text.size() - kSeconds - 1);
  int millis = 0;
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() < 2) return std::nullopt;
    fraction.remove_prefix(1);
    if (fraction.find_first_not_of("0123456789") != fraction.npos) return std::nullopt;
    std::string digits(fraction.substr(0, 3));
    digits.resize(3, '0');
    millis = static_cast<int>(base::ParseInt(digits).value_or(0));
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::milliseconds(millis);
}

std::optional<base::Timestamp> ParseHttpTime(const std::string& text) {
  const time_t seconds = text.ends_with(" GMT") ? curl_getdate(text.c_str(), nullptr) : -1;
  if (seconds < 0) return std::nullopt;
  return base::FromUnixMillis(static_cast<std::int64_t>(seconds) * 1000);
}

}  // namespace drwatch::net
