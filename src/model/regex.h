// What is wrong with a regular expression that RE2 refused, in terms of what the user wrote.
#pragma once

#include <string>

namespace re2 {
class RE2;
}

namespace drwatch::model {

// In Go's words, with the part that is wrong and its place: "invalid character class range `b-a` at
// character 3". Characters count from 1; a missing one is past the end. Without a place where there
// is none (too large, not UTF-8). `refused` is what RE2 made of the expression as it was written,
// without anything around it. Any thread.
std::string RegexProblem(const re2::RE2& refused);

}  // namespace drwatch::model
