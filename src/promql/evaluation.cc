#include "promql/evaluation.h"

#include <limits>

namespace drwatch::promql {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

constexpr const char* kSameLabels = "vector cannot contain metrics with the same labelset";

}  // namespace

const Expr& Unwrap(const Expr& expr) {
  const Expr* at = &expr;
  while (const auto* paren = std::get_if<ParenExpr>(&at->node)) at = paren->inner.get();
  return *at;
}

NodeValue Evaluation::Eval(const Expr& expr) {
  // A node may do much and read nothing, so the time is looked at here, too.
  if (!session.Spend(timeline.count) || !session.CheckTime()) {
    if (expr.type == ValueType::kScalar) {
      return {Scalars(timeline.count, std::numeric_limits<double>::quiet_NaN())};
    }
    if (expr.type == ValueType::kString) return {std::string()};
    return {EmptyGrid()};
  }
  return std::visit(Overloaded{
                        [&](const NumberLiteral& number) {
                          return NodeValue{Scalars(timeline.count, number.value)};
                        },
                        [](const StringLiteral& text) { return NodeValue{text.value}; },
                        [&](const ParenExpr& paren) { return Eval(*paren.inner); },
                        [&](const UnaryExpr& unary) {
                          return unary.negative ? EvalNegative(*unary.operand)
                                                : Eval(*unary.operand);
                        },
                        [&](const VectorSelector& selector) {
                          return NodeValue{EvalSelector(selector, SampleField::kValue)};
                        },
                        // A range vector is looked at by EvalWindows and EvalMatrix; the type check
                        // lets it stand nowhere else.
                        [](const MatrixSelector&) { return NodeValue{EmptyGrid()}; },
                        [](const SubqueryExpr&) { return NodeValue{EmptyGrid()}; },
                        [&](const CallExpr&) { return EvalCall(expr); },
                        [&](const AggregateExpr&) { return NodeValue{EvalAggregate(*this, expr)}; },
                        [&](const BinaryExpr&) { return EvalBinary(*this, expr); },
                    },
                    expr.node);
}

Grid Evaluation::EvalVector(const Expr& expr) { return std::get<Grid>(Eval(expr).value); }
Scalars Evaluation::EvalScalars(const Expr& expr) { return std::get<Scalars>(Eval(expr).value); }
std::string Evaluation::EvalString(const Expr& expr) {
  return std::get<std::string>(Eval(expr).value);
}

NodeValue Evaluation::EvalNegative(const Expr& expr) {
  NodeValue operand = Eval(expr);
  if (auto* scalars = std::get_if<Scalars>(&operand.value)) {
    for (double& value : *scalars) value = -value;
    return operand;
  }
  Grid grid = std::get<Grid>(std::move(operand.value));
  for (double& cell : grid.cells) {
    if (!IsAbsent(cell)) cell = -cell;
  }
  return {DropNames(std::move(grid))};
}

Grid Evaluation::Merge(Grid grid) {
  if (!MergeDuplicates(grid, timeline.count)) {
    session.Fail(kSameLabels);
    return EmptyGrid();
  }
  return grid;
}

Grid Evaluation::DropNames(Grid grid) {
  grid.labels = grid.labels->WithoutName();
  return Merge(std::move(grid));
}

NodeValue Evaluation::EvalCall(const Expr& expr) {
  const auto& call = std::get<CallExpr>(expr.node);
  if (const auto* body = std::get_if<CallBody>(&call.function->body)) return (*body)(*this, expr);
  if (const auto* body = std::get_if<ElementBody>(&call.function->body)) {
    Grid grid = EvalVector(*call.arguments[0]);
    for (double& cell : grid.cells) {
      if (!IsAbsent(cell)) cell = (*body)(cell);
    }
    return {DropNames(std::move(grid))};
  }
  if (const auto* body = std::get_if<WindowBody>(&call.function->body)) {
    return {EvalWindows(*call.arguments[0], *body, {}, MetricNames::kDrop)};
  }
  session.Fail("function \"" + std::string(call.function->name) + "\" is not supported");
  return {EmptyGrid()};
}

}  // namespace drwatch::promql
