// An expression as the tree that Prometheus' parse_query shows. A pure function.
#pragma once

#include <string>

#include "promql/ast.h"

namespace drwatch::web {

std::string AstJson(const promql::Expr& expr);

}  // namespace drwatch::web
