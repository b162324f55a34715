#include <algorithm>
#include <map>

#include "rules/group.h"
#include "rules/selectors.h"

namespace drwatch::rules {
namespace {

using Recorded = std::map<std::string, base::Duration>;

base::Duration Reach(const promql::ExprPtr& expr, const Recorded& recorded) {
  return expr == nullptr ? base::Duration(0) : ExpressionReach(*expr, recorded);
}

base::Duration BackBy(const promql::TimeShift& shift) {
  return std::max(shift.offset, base::Duration(0));
}

struct ReachOf {
  const Recorded& recorded;

  base::Duration operator()(const promql::NumberLiteral&) const { return {}; }
  base::Duration operator()(const promql::StringLiteral&) const { return {}; }
  base::Duration operator()(const promql::ParenExpr& node) const {
    return Reach(node.inner, recorded);
  }
  base::Duration operator()(const promql::UnaryExpr& node) const {
    return Reach(node.operand, recorded);
  }
  base::Duration operator()(const promql::VectorSelector& node) const {
    const auto known = recorded.find(MetricNameOf(node));
    return BackBy(node.shift) + (known == recorded.end() ? base::Duration(0) : known->second);
  }
  base::Duration operator()(const promql::MatrixSelector& node) const {
    return node.range + Reach(node.selector, recorded);
  }
  base::Duration operator()(const promql::SubqueryExpr& node) const {
    return node.range + BackBy(node.shift) + Reach(node.inner, recorded);
  }
  base::Duration operator()(const promql::CallExpr& node) const {
    base::Duration reach{};
    for (const promql::ExprPtr& argument : node.arguments) {
      reach = std::max(reach, Reach(argument, recorded));
    }
    return reach;
  }
  base::Duration operator()(const promql::AggregateExpr& node) const {
    return std::max(Reach(node.operand, recorded), Reach(node.parameter, recorded));
  }
  base::Duration operator()(const promql::BinaryExpr& node) const {
    return std::max(Reach(node.left, recorded), Reach(node.right, recorded));
  }
};

}  // namespace

base::Duration ExpressionReach(const promql::Expr& expr, const Recorded& recorded) {
  return std::visit(ReachOf{recorded}, expr.node);
}

}  // namespace drwatch::rules
