// How single values of the records stand in the database. Whatever stands there, reading it neither
// fails nor throws: what makes no sense is left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "model/matcher.h"
#include "notify/attempt.h"

namespace drwatch::notify {

// Length and bytes of each name and value: any byte may occur in them.
std::string EncodeLabels(const model::Labels& labels);
model::Labels DecodeLabels(std::string_view text);

// "1,2,3"
std::string EncodeIds(const IdSet& ids);
IdSet DecodeIds(std::string_view text);

// [["=~", "job", "a|b"], ...]
std::string EncodeMatchers(const std::vector<model::Matcher>& matchers);
// Empty if any of them cannot be read: a silence with fewer matchers would take more alerts.
std::vector<model::Matcher> DecodeMatchers(const std::string& text);

}  // namespace drwatch::notify
