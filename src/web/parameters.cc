#include "web/parameters.h"

#include <algorithm>
#include <cmath>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/parser.h"

namespace drwatch::web {
namespace {

// 30 000 years either way; leaves room for what is added to and taken off times and durations.
constexpr double kMaxSeconds = 1e12;
// What clients send for the ends of time as text.
constexpr std::string_view kEarliestText = "-292273086-05-16T16:47:06Z";
constexpr std::string_view kLatestText = "292277025-08-18T07:12:54.999999999Z";
constexpr std::string_view kEmptySelector =
    "vector selector must contain at least one non-empty matcher";

std::optional<int> Digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// The part after the seconds: ".123", then "Z" or "+hh:mm". Adds to `time`.
bool ApplyFractionAndZone(std::string_view rest, base::Timestamp& time) {
  if (rest.starts_with('.')) {
    std::size_t end = 1;
    double scale = 100;
    double millis = 0;
    while (end < rest.size() && rest[end] >= '0' && rest[end] <= '9') {
      millis += (rest[end] - '0') * scale;
      scale /= 10;
      ++end;
    }
    if (end == 1) return false;
    time += base::Duration(static_cast<std::int64_t>(millis));
    rest.remove_prefix(end);
  }
  if (rest == "Z" || rest == "z") return true;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return false;
  const auto hours = Digits(rest, 1, 2);
  const auto minutes = Digits(rest, 4, 2);
  if (!hours || !minutes) return false;
  const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  if (rest[0] == '+') {
    time -= offset;
  } else {
    time += offset;
  }
  return true;
}

}  // namespace

base::Result<base::Timestamp> ParseRfc3339(std::string_view text) {
  const auto bad = base::Fail("cannot parse " + base::Quote(text) + " to a valid timestamp");
  const auto year = Digits(text, 0, 4);
  const auto month = Digits(text, 5, 2);
  const auto day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2);
  const auto minute = Digits(text, 14, 2);
  const auto second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return bad;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
      text[16] != ':') {
    return bad;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return bad;
  base::Timestamp time = std::chrono::sys_days(date);
  time += std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  if (!ApplyFractionAndZone(text.substr(19), time)) return bad;
  return time;
}

base::Result<base::Timestamp> TimeParameter(const net::ServerRequest& request,
                                            std::string_view name,
                                            std::optional<base::Timestamp> fallback) {
  const std::string_view text = request.Query(name);
  if (text.empty() && fallback) return *fallback;
  const auto seconds = base::ParseDouble(text);
  if (seconds && !std::isnan(*seconds)) {
    return base::FromUnixSeconds(std::clamp(*seconds, -kMaxSeconds, kMaxSeconds));
  }
  if (text == kEarliestText) return base::FromUnixSeconds(-kMaxSeconds);
  if (text == kLatestText) return base::FromUnixSeconds(kMaxSeconds);
  auto time = ParseRfc3339(text);
  if (time || !fallback) return time;
  return base::Wrap("invalid time value for '" + std::string(name) + "'", time.error());
}

base::Result<base::Duration> DurationParameter(const net::ServerRequest& request,
                                               std::string_view name,
                                               std::optional<base::Duration> fallback) {
  const std::string_view text = request.Query(name);
  if (text.empty() && fallback) return *fallback;
  const std::string bad = "cannot parse " + base::Quote(text) + " to a valid duration";
  const auto seconds = base::ParseDouble(text);
  if (seconds && !std::isnan(*seconds)) {
    // 2^63 nanoseconds, where Prometheus draws the line.
    if (std::abs(*seconds) > 9223372036.854775807) return base::Fail(bad + ". It overflows int64");
    return base::Duration(std::llround(*seconds * 1000));
  }
  const auto duration = base::ParseDuration(text);
  if (!duration) return base::Fail(bad);
  return *duration;
}

base::Result<std::vector<std::vector<model::Matcher>>> MatchParameters(
    const net::ServerRequest& request) {
  std::vector<std::vector<model::Matcher>> selectors;
  for (const std::string& value : Values(request, "match[]")) {
    auto matchers = promql::ParseSelector(value);
    if (!matchers && matchers.error().message.ends_with(kEmptySelector)) {
      return base::Fail("match[] must contain at least one non-empty matcher");
    }
    if (!matchers) return base::Fail(matchers.error());
    selectors.push_back(*std::move(matchers));
  }
  return selectors;
}

std::vector<std::string> Values(const net::ServerRequest& request, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : request.query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

base::Result<std::int64_t> LimitParameter(const net::ServerRequest& request) {
  const std::string_view text = request.Query("limit");
  if (text.empty()) return 0;
  const auto limit = base::ParseInt(text);
  if (!limit) {
    return base::Fail("strconv.Atoi: parsing " + base::Quote(text) + ": invalid syntax");
  }
  if (*limit < 0) return base::Fail("limit must be non-negative");
  return *limit;
}

base::Result<std::int64_t> NumberParameter(const net::ServerRequest& request, std::string_view name,
                                           std::int64_t fallback) {
  const std::string_view text = request.Query(name);
  if (text.empty()) return fallback;
  const auto number = base::ParseInt(text);
  if (!number) return base::Fail(std::string(name) + " must be a number");
  return *number;
}

}  // namespace drwatch::web
