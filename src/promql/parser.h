// Text to a checked expression.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "promql/ast.h"

namespace drwatch::promql {

inline constexpr int kMaxNestingDepth = 1000;
inline constexpr std::size_t kMaxExpressionBytes = 1 << 20;
// In one selector. Each is tried on many series while the store is locked.
inline constexpr int kMaxMatchers = 100;
// In one expression. Each may take Matcher::kMaxRegexBytes.
inline constexpr int kMaxRegexMatchers = 100;
// In one by(), without(), on(), ignoring() or group_left().
inline constexpr int kMaxLabelList = 1000;

// Parses and type-checks. Error messages read "1:7: parse error: unexpected ..., expected ...":
// line:column within the text, counted from 1. Experimental functions, duration expressions and
// fill modifiers are rejected.
base::Result<ExprPtr> ParseExpr(std::string_view text);

// A selector alone, as the API's match[] has it. Errors: anything else; a selector that matches the
// empty label set.
base::Result<std::vector<model::Matcher>> ParseSelector(std::string_view text);

// Canonical text, as Prometheus prints it; parsing it again gives the same tree.
std::string Print(const Expr& expr);
// Over several lines, as Prometheus' formatter indents it.
std::string PrettyPrint(const Expr& expr);

// Series notation of rule unit tests: {a="b"} 1 2x3 _ stale. A missing sample is nullopt.
struct SeriesDescription {
  model::Labels labels;
  std::vector<std::optional<double>> values;
};
base::Result<SeriesDescription> ParseSeriesDescription(std::string_view text);

}  // namespace drwatch::promql
