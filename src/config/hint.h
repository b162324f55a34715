// What the operator probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drwatch::config {

// `did you mean "interval"?` if one of `known` is near `word`; otherwise `known <what>: a, b, c`,
// or "" if there are none.
std::string NameHint(std::string_view word, const std::vector<std::string>& known,
                     std::string_view what);

}  // namespace drwatch::config
