// What absent() and absent_over_time() yield.
#pragma once

#include "promql/evaluation.h"

namespace drwatch::promql {

// The labels that a selector (or a range of one) fixes by equality; none for other expressions.
model::Labels LabelsOfAbsent(const Expr& expr);
// One row with `labels`: 1 at each step where no row of `grid` has a value.
Grid WhereAbsent(const Grid& grid, const model::Labels& labels, std::size_t steps);

}  // namespace drwatch::promql
