// Writing JSON answers piece by piece: large results are streamed into one string instead of built
// as a tree.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/labels.h"
#include "promql/engine.h"

namespace drwatch::web {

// Appends `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);
std::string JsonString(std::string_view text);

// {"a":"b",...}
void AppendLabels(std::string& out, const model::Labels& labels);

// RFC 3339; the zero time as Go writes it, 0001-01-01T00:00:00Z.
std::string JsonTime(base::Timestamp time);

// Unix seconds as Prometheus writes them: 1435781451.781, 1435781451.
void AppendUnixSeconds(std::string& out, base::Timestamp time);

// "resultType":...,"result":... of the query API. False as soon as `out` is longer than
// `max_bytes`.
bool AppendQueryResult(std::string& out, const promql::Value& value, std::size_t max_bytes);

}  // namespace drwatch::web
