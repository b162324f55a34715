// The parsed expression: immutable, shareable between threads, without any state of an evaluation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/matcher.h"
#include "promql/value.h"

namespace drwatch::promql {

struct Function;  // functions.h: a row of the one table

// Byte offsets into the expression's text: [begin, end).
struct TextRange {
  int begin = 0;
  int end = 0;
};

struct Expr;
using ExprPtr = std::unique_ptr<const Expr>;

struct NumberLiteral {
  double value = 0;
  bool duration = false;  // written as 5m: prints so
};
struct StringLiteral {
  std::string value;
};
struct ParenExpr {
  ExprPtr inner;
};
struct UnaryExpr {
  bool negative = true;
  ExprPtr operand;
};

// offset, @ and the like; the same for selectors and subqueries.
struct TimeShift {
  base::Duration offset{};  // as written: positive looks back
  enum class At { kNone, kTime, kStart, kEnd };
  At at = At::kNone;
  base::Timestamp at_time{};
};
struct VectorSelector {
  std::string name;                      // metric name before the braces, or ""
  std::vector<model::Matcher> matchers;  // all of them, __name__ included
  TimeShift shift;
};
struct MatrixSelector {
  ExprPtr selector;  // a VectorSelector, which holds the shift
  base::Duration range{};
};
struct SubqueryExpr {
  ExprPtr inner;
  base::Duration range{};
  std::optional<base::Duration> step;  // none = the engine's default
  TimeShift shift;
};
struct CallExpr {
  const Function* function = nullptr;
  std::vector<ExprPtr> arguments;
};

enum class AggregateOp {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile,
  kLimitk,
  kLimitRatio
};
struct AggregateExpr {
  AggregateOp op = AggregateOp::kSum;
  ExprPtr operand;
  ExprPtr parameter;  // of topk, bottomk, quantile, count_values, limitk, limit_ratio; else null
  std::vector<std::string> grouping;
  bool without = false;
};

enum class BinaryOp {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kUnless
};
enum class MatchCardinality { kOneToOne, kManyToOne, kOneToMany, kManyToMany };
// As PromQL spells them: "sum", "count_values".
std::string_view AggregateOpName(AggregateOp op);
// Whether the first argument is a parameter: topk, quantile, count_values ...
bool TakesParameter(AggregateOp op);
// "+", "atan2", "==", "unless".
std::string_view BinaryOpName(BinaryOp op);
bool IsComparison(BinaryOp op);
// and, or, unless.
bool IsSetOperator(BinaryOp op);

struct VectorMatching {
  MatchCardinality cardinality = MatchCardinality::kOneToOne;
  bool on = false;  // on(labels), else ignoring(labels)
  std::vector<std::string> labels;
  std::vector<std::string> include;  // of group_left / group_right
};
struct BinaryExpr {
  BinaryOp op = BinaryOp::kAdd;
  ExprPtr left;
  ExprPtr right;
  bool return_bool = false;
  std::optional<VectorMatching> matching;  // only between two vectors
};

struct Expr {
  std::variant<NumberLiteral, StringLiteral, ParenExpr, UnaryExpr, VectorSelector, MatrixSelector,
               SubqueryExpr, CallExpr, AggregateExpr, BinaryExpr>
      node;
  ValueType type = ValueType::kNone;  // what it evaluates to; set by the type check
  TextRange range;
};

}  // namespace drwatch::promql
