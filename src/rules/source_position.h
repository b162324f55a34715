// Where a character of a YAML scalar stands in its file.
#pragma once

#include <string_view>

#include "config/node.h"

namespace drwatch::rules {

// `line` and `column` count from 1 inside the scalar's text. Exact for plain and quoted text on one
// line and for literal blocks (|); elsewhere at least the scalar's first line.
config::Position PositionInScalar(std::string_view file_text, const config::Node& scalar, int line,
                                  int column);

}  // namespace drwatch::rules
