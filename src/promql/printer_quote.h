// Strings as Go quotes them: "a\tb", printable characters as they are. Internal to promql.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::promql {

// Reading it as a PromQL string gives `text` again, whatever its bytes.
std::string QuoteString(std::string_view text);

}  // namespace drwatch::promql
