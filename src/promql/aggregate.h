// Aggregations, by how many rows a group yields.
#pragma once

#include "promql/evaluation.h"

namespace drwatch::promql {

inline LabelChoice ChoiceOf(const AggregateExpr& aggregate) {
  return aggregate.without ? LabelChoice::kOthers : LabelChoice::kListed;
}

// quantile: one row a group, from all values sorted.
Grid EvalQuantile(Evaluation& evaluation, const AggregateExpr& aggregate);
// topk, bottomk: some of each group's rows, with their own labels.
Grid EvalTop(Evaluation& evaluation, const AggregateExpr& aggregate);
// count_values: a row for each different value in a group.
Grid EvalCountValues(Evaluation& evaluation, const AggregateExpr& aggregate);

}  // namespace drwatch::promql
