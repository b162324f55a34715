// The type check: which types each part of an expression accepts.
#include <algorithm>

#include "base/strings.h"
#include "promql/functions.h"
#include "promql/parser_tokens.h"

namespace drwatch::promql {
namespace {

using Problem = std::optional<TypeProblem>;

Problem At(int at, std::string message) { return TypeProblem{at, std::move(message)}; }
Problem At(const Expr& expr, std::string message) {
  return At(expr.range.begin, std::move(message));
}

// Walks a tree whose height the parser has bounded.
class Checker {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  Problem Check(const Expr& expr) const {
    return std::visit([&](const auto& node) { return CheckNode(node, expr); }, expr.node);
  }

 private:
  Problem Expect(const Expr& expr, ValueType wanted, const std::string& where) const {
    if (Problem problem = Check(expr)) return problem;
    if (expr.type == wanted) return std::nullopt;
    return At(expr, "expected type " + std::string(ValueTypeName(wanted)) + " in " + where +
                        ", got " + std::string(ValueTypeName(expr.type)));
  }

  Problem CheckNode(const NumberLiteral&, const Expr&) const { return std::nullopt; }
  Problem CheckNode(const StringLiteral&, const Expr&) const { return std::nullopt; }
  Problem CheckNode(const ParenExpr& node, const Expr&) const { return Check(*node.inner); }
  Problem CheckNode(const MatrixSelector& node, const Expr&) const { return Check(*node.selector); }

  Problem CheckNode(const UnaryExpr& node, const Expr& expr) const {
    if (Problem problem = Check(*node.operand)) return problem;
    const ValueType type = node.operand->type;
    if (type == ValueType::kScalar || type == ValueType::kVector) return std::nullopt;
    return At(expr,
              "unary expression only allowed on expressions of type scalar or instant vector, "
              "got " +
                  base::Quote(ValueTypeName(type)));
  }

  Problem CheckNode(const VectorSelector& node, const Expr& expr) const {
    std::string problem = SelectorProblem(node);
    return problem.empty() ? std::nullopt : At(expr, std::move(problem));
  }

  Problem CheckNode(const SubqueryExpr& node, const Expr& expr) const {
    if (Problem problem = Check(*node.inner)) return problem;
    if (node.inner->type == ValueType::kVector) return std::nullopt;
    return At(expr, "subquery is only allowed on instant vector, got " +
                        std::string(ResultTypeName(node.inner->type)) + " instead");
  }

  Problem CheckNode(const AggregateExpr& node, const Expr&) const {
    if (Problem problem = Expect(*node.operand, ValueType::kVector, "aggregation expression")) {
      return problem;
    }
    if (node.parameter == nullptr) return std::nullopt;
    const bool name = node.op == AggregateOp::kCountValues;
    return Expect(*node.parameter, name ? ValueType::kString : ValueType::kScalar,
                  "aggregation parameter");
  }

  Problem CheckNode(const CallExpr& node, const Expr& expr) const {
    if (Problem problem = CheckCount(node, expr)) return problem;
    const Function& function = *node.function;
    const std::string where = "call to function " + base::Quote(function.name);
    for (std::size_t i = 0; i < node.arguments.size(); ++i) {
      const ValueType wanted = function.arguments[std::min(i, function.arguments.size() - 1)];
      if (Problem problem = Expect(*node.arguments[i], wanted, where)) return problem;
    }
    return std::nullopt;
  }

  static Problem CheckCount(const CallExpr& node, const Expr& expr) {
    const Function& function = *node.function;
    const int declared = static_cast<int>(function.arguments.size());
    const int given = static_cast<int>(node.arguments.size());
    const int least = function.variadic == 0 ? declared : declared - 1;
    const int most = least + function.variadic;
    std::string limit;
    if (function.variadic == 0) {
      if (given != declared) limit = std::to_string(declared);
    } else if (given < least) {
      limit = "at least " + std::to_string(least);
    } else if (function.variadic > 0 && given > most) {
      limit = "at most " + std::to_string(most);
    }
    if (limit.empty()) return std::nullopt;
    return At(expr, "expected " + limit + " argument(s) in call to " + base::Quote(function.name) +
                        ", got " + std::to_string(given));
  }

  Problem CheckNode(const BinaryExpr& node, const Expr& expr) const {
    if (Problem problem = Check(*node.left)) return problem;
    if (Problem problem = Check(*node.right)) return problem;
    if (Problem problem = CheckModifiers(node)) return problem;
    for (const Expr* const side : {node.left.get(), node.right.get()}) {
      if (side->type != ValueType::kScalar && side->type != ValueType::kVector) {
        return At(*side, "binary expression must contain only scalar and instant vector types");
      }
    }
    const bool vectors =
        node.left->type == ValueType::kVector && node.right->type == ValueType::kVector;
    if (!vectors && node.matching) {
      return At(expr, "vector matching only allowed between instant vectors");
    }
    if (!IsSetOperator(node.op)) return std::nullopt;
    const std::string name = base::Quote(BinaryOpName(node.op));
    if (!vectors)
      return At(expr, "set operator " + name + " not allowed in binary scalar expression");
    if (node.matching->cardinality != MatchCardinality::kManyToMany) {
      return At(expr, "no grouping allowed for " + name + " operation");
    }
    return std::nullopt;
  }

  Problem CheckModifiers(const BinaryExpr& node) const {
    if (node.return_bool && !IsComparison(node.op)) {
      return At(Operator(node), "bool modifier can only be used on comparison operators");
    }
    if (IsComparison(node.op) && !node.return_bool && node.left->type == ValueType::kScalar &&
        node.right->type == ValueType::kScalar) {
      return At(Operator(node), "comparisons between scalars must use BOOL modifier");
    }
    if (!node.matching || !node.matching->on) return std::nullopt;
    const std::vector<std::string>& include = node.matching->include;
    for (const std::string& label : node.matching->labels) {
      if (std::find(include.begin(), include.end(), label) == include.end()) continue;
      return At(Operator(node),
                "label " + base::Quote(label) + " must not occur in ON and GROUP clause at once");
    }
    return std::nullopt;
  }

  // Where the operator stands.
  int Operator(const BinaryExpr& node) const {
    const auto end = static_cast<std::size_t>(node.left->range.end);
    const std::size_t at = text_.find_first_not_of(" \t\r\n", end);
    return static_cast<int>(at == std::string_view::npos ? end : at);
  }

  std::string_view text_;
};

}  // namespace

std::optional<TypeProblem> CheckTypes(const Expr& expr, std::string_view text) {
  return Checker(text).Check(expr);
}

}  // namespace drwatch::promql
