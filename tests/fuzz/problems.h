// What must hold of the problems of any file.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "config/problem.h"
#include "fuzz.h"

namespace drwatch::fuzz {

// Each has a message, which is text, and stands in the file or concerns all of it.
inline void CheckProblems(const config::Problems& problems, std::string_view text) {
  const auto lines =
      1 + std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; });
  for (const config::Problem& problem : problems.all()) {
    const config::Position& position = problem.position;
    Check(!problem.message.empty() && base::IsValidUtf8(problem.ToString()),
          "a message that is no text: " + base::Quote(problem.ToString()));
    const bool whole = position.line == 0;
    Check(whole || (position.line >= 1 && position.line <= lines && position.column >= 1),
          "a place outside of the file: " + problem.ToString());
  }
}

}  // namespace drwatch::fuzz
