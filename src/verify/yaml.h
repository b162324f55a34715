// YAML files: parsed to the end, one document or several.
#pragma once

#include "verify/walk.h"

namespace drwatch::verify {

// By the file's name: ".yaml", ".yml".
bool PromisesYaml(std::string_view name);

// Longer files are read, but not parsed (level kSize): the parser cannot be stopped half-way.
inline constexpr std::int64_t kMaxYamlBytes = 8 << 20;
// Nor are files with more brackets and commas, or more quotes and marks on one line, unless they
// are JSON: the parser would keep all of it in memory.
inline constexpr std::int64_t kMaxYamlTokens = 100'000;

// Templates ("{{" or "<%" somewhere) are no YAML before they are filled in: level kSize, too.
// Faults: kCorrupt; a text that is cut off mostly still parses.
Walked<Walk> WalkYaml(Reader& reader);

}  // namespace drwatch::verify
