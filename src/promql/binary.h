// Binary operators on single values and on two vectors.
#pragma once

#include "promql/evaluation.h"

namespace drwatch::promql {

// Only for comparisons; only for arithmetic.
bool Compare(BinaryOp op, double left, double right);
double Calculate(BinaryOp op, double left, double right);

// and, or, unless; and all others. Fail if rows do not match as the expression says they must.
Grid SetOperation(Evaluation& evaluation, const BinaryExpr& binary, Grid left, Grid right);
Grid BetweenVectors(Evaluation& evaluation, const BinaryExpr& binary, const Grid& left,
                    const Grid& right);

}  // namespace drwatch::promql
