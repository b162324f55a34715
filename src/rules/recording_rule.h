// What a recording rule writes, and what rules of both kinds take from a query.
#pragma once

#include <vector>

#include "base/result.h"
#include "promql/value.h"
#include "rules/rule.h"
#include "store/store.h"

namespace drwatch::rules {

// A scalar counts as one element without labels. Errors: a range vector or a string.
base::Result<promql::Vector> VectorOf(promql::Value value);

// Errors: two elements with one label set, more series than the limit (0: none).
base::Result<std::vector<store::NewSample>> EvaluateRecording(const Rule& rule,
                                                              const promql::Vector& result,
                                                              int limit);

}  // namespace drwatch::rules
