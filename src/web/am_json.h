// Alertmanager's API objects as JSON, and back. Internal to this folder.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "notify/dispatcher.h"

namespace drwatch::web {

// `resolve_timeout`: when an alert that nobody posts ends as far as the API's readers can tell.
nlohmann::json AlertJson(const notify::Snapshot::AlertView& view, base::Timestamp now,
                         base::Duration resolve_timeout);
nlohmann::json SilenceJson(const notify::Silence& silence, base::Timestamp now);

// The body as an object that is not too deep. Errors: it is none.
base::Result<nlohmann::json> ParseObject(std::string_view body);
// The alerts that are right; `problems` tells of the others ("alert 3: ..."). Errors: the body is
// no list, or a too long one.
base::Result<std::vector<notify::PostedAlert>> ParseAlerts(std::string_view body,
                                                           std::size_t max_alerts,
                                                           std::string& problems);
base::Result<notify::Silence> ParseSilence(std::string_view body);

}  // namespace drwatch::web
