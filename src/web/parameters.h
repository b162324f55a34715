// Query parameters of the API, read as Prometheus reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/matcher.h"
#include "net/http_server.h"

namespace drwatch::web {

// Unix seconds with a fraction, or RFC 3339; what is beyond any sample comes back as some time that
// is. Without the parameter: `fallback`, or an error if there is none.
base::Result<base::Timestamp> TimeParameter(const net::ServerRequest& request,
                                            std::string_view name,
                                            std::optional<base::Timestamp> fallback);
// Seconds as a number, or a Prometheus duration.
base::Result<base::Duration> DurationParameter(const net::ServerRequest& request,
                                               std::string_view name,
                                               std::optional<base::Duration> fallback);
// All match[] selectors. Errors: one that does not parse.
base::Result<std::vector<std::vector<model::Matcher>>> MatchParameters(
    const net::ServerRequest& request);
// All values of a repeated parameter.
std::vector<std::string> Values(const net::ServerRequest& request, std::string_view name);
// 0 = none. Errors: not a number, negative.
base::Result<std::int64_t> LimitParameter(const net::ServerRequest& request);
// A number of any sign, `fallback` without the parameter. Errors: "limit must be a number".
base::Result<std::int64_t> NumberParameter(const net::ServerRequest& request, std::string_view name,
                                           std::int64_t fallback);

// "2015-07-01T20:10:51.781Z" or with an offset like +02:00.
base::Result<base::Timestamp> ParseRfc3339(std::string_view text);

}  // namespace drwatch::web
