// The two ways in which S3 and its like write a point in time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace drwatch::net {

// "2026-01-01T02:00:00Z", "2026-01-01T02:00:00.123Z". nullopt for anything else.
std::optional<base::Timestamp> ParseIsoTime(std::string_view text);
// "Fri, 24 May 2013 00:00:00 GMT" (RFC 9110). nullopt for anything else.
std::optional<base::Timestamp> ParseHttpTime(const std::string& text);

}  // namespace drwatch::net
