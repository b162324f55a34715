// Asks a running drwatch's /api/dr: for the commands that talk to one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "exporter/options.h"

namespace drwatch::exporter {

// Percent-encoded for a query.
std::string EncodeQuery(std::string_view text);

// The member `key` if it is a string; else empty.
std::string TextOf(const nlohmann::json& object, const char* key);

// The "data" of the answer. `path` may have a query; a body is JSON. Errors: what the server or the
// network says.
base::Result<nlohmann::json> AskRunning(const RunningServer& server, const std::string& method,
                                        const std::string& path, const std::string& body);

// Prints what was said, or why nothing was: the exit status.
int Tell(const base::Result<std::string>& said);

// Who asks: `by`, else the user who signs in, else $USER, else `otherwise`.
std::string WhoAsks(const std::string& by, const RunningServer& server,
                    const std::string& otherwise);

}  // namespace drwatch::exporter
