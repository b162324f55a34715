// Text that others chose, on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::base {

// Control characters and invalid UTF-8 escaped as Quote() does, everything else as it is.
std::string Visible(std::string_view text);

}  // namespace drwatch::base
