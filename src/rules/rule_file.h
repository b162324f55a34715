// Reads rule files in Prometheus' format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "rules/rule.h"

namespace drwatch::rules {

struct RuleFileOptions {
  enum class UnknownKeys { kError, kIgnore };
  UnknownKeys unknown_keys = UnknownKeys::kError;
};

// Adds every error to `problems`, with its place down to the column inside an expression or a
// template. Rules with errors are left out of the result; use it only if nothing was added.
std::vector<RuleGroup> ParseRuleFile(std::string_view text, const std::string& file,
                                     config::Problems& problems,
                                     const RuleFileOptions& options = {});

}  // namespace drwatch::rules
