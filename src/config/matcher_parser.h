// Label matchers as Alertmanager writes them: severity="page", {team=~"dba|infra", env!=test}.
//
// Two grammars, as Alertmanager does it: the present one (label names in quotes may be any UTF-8)
// and the classic one (lenient values). Where both take a text and differ, the classic meaning
// stays.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/matcher.h"

namespace drwatch::config {

// A comma-separated list, with or without braces; may be empty. Errors: what is wrong where.
base::Result<std::vector<model::Matcher>> ParseMatchers(std::string_view text);
// Exactly one.
base::Result<model::Matcher> ParseMatcher(std::string_view text);

// The grammars alone, for tests and tools that must tell them apart.
base::Result<std::vector<model::Matcher>> ParseClassicMatchers(std::string_view text);
base::Result<std::vector<model::Matcher>> ParseUtf8Matchers(std::string_view text);

}  // namespace drwatch::config
