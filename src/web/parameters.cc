#include "web/parameters.h"

#include <cmath>
#include <cstdio>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/parser.h"

namespace drwatch::web {
namespace {

constexpr double kMaxUnixSeconds = 1e12;

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
  if (text.empty()) {
    if (fallback) return *fallback;
    return base::Fail("cannot parse \"\" to a valid timestamp");
  }
  if (const auto seconds = base::ParseDouble(text)) {
    if (std::isnan(*seconds) || std::abs(*seconds) > kMaxUnixSeconds) {
      return base::Fail("cannot parse " + base::Quote(text) +
                        " to a valid timestamp: out of range");
    }
    return base::FromUnixSeconds(*seconds);
  }
  return ParseRfc3339(text);
}

base::Result<base::Duration> DurationParameter(const net::ServerRequest& request,
                                               std::string_view name,
                                               std::optional<base::Duration> fallback) {
  const std::string_view text = request.Query(name);
  if (text.empty()) {
    if (fallback) return *fallback;
    return base::Fail("cannot parse \"\" to a valid duration");
  }
  if (const auto seconds = base::ParseDouble(text)) {
    if (std::isnan(*seconds) || std::abs(*seconds) > kMaxUnixSeconds) {
      return base::Fail("cannot parse " + base::Quote(text) + " to a valid duration: out of range");
    }
    return base::Duration(std::llround(*seconds * 1000));
  }
  return base::ParseDuration(text);
}

base::Result<std::vector<std::vector<model::Matcher>>> MatchParameters(
    const net::ServerRequest& request) {
  std::vector<std::vector<model::Matcher>> selectors;
  for (const auto& [name, value] : request.query) {
    if (name != "match[]") continue;
    auto matchers = promql::ParseSelector(value);
    if (!matchers) return base::Wrap("invalid parameter \"match[]\"", matchers.error());
    selectors.push_back(*std::move(matchers));
  }
  return selectors;
}

base::Result<std::int64_t> LimitParameter(const net::ServerRequest& request) {
  const std::string_view text = request.Query("limit");
  if (text.empty()) return 0;
  const auto limit = base::ParseInt(text);
  if (!limit || *limit < 0)
    return base::Fail("invalid parameter \"limit\": must be a number of 0 or more");
  return *limit;
}

}  // namespace drwatch::web
