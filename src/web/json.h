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

// Unix seconds as Prometheus writes them: 1435781451.781, 1435781451.
void AppendUnixSeconds(std::string& out, base::Timestamp time);

// {"resultType":...,"result":...} of the query API.
std::string QueryData(const promql::Value& value);

}  // namespace drwatch::web
