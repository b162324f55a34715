// The recursive descent behind ParseExpr. Internal to the parser.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "promql/parser.h"
#include "promql/parser_tokens.h"

namespace drwatch::promql {

// A tree under construction. Its height is bounded, because everything that walks a tree, and its
// destruction, recurses.
struct Tree {
  std::unique_ptr<Expr> expr;  // nullptr after an error
  int height = 0;
  explicit operator bool() const { return expr != nullptr; }
};

// What range, offset and @ may follow. A range selector is only made once no offset or @ follows,
// since those belong to the selector inside.
struct Operand {
  Tree tree;
  std::optional<base::Duration> range;
  int end = 0;
};

// Where a duration stands, which decides what is allowed and how messages call it.
enum class DurationPlace { kRange, kStep, kOffset };

// One expression, one use. A function that returns a Tree without an expression, a nullptr, a
// nullopt or false has told tokens_ why.
class ExprParser {
 public:
  explicit ExprParser(std::string_view text) : tokens_(text) {}
  base::Result<ExprPtr> Parse();

 private:
  // Fails where the tree would be too high.
  template <typename Node>
  Tree Make(Node node, ValueType type, TextRange range, int height);

  // parser.cc: operators, calls, aggregations. Operators that bind looser than
  // `least_precedence` are left to the caller.
  Tree ParseBinary(int least_precedence);
  Tree Combine(const Token& op, Tree left, Tree right, BinaryExpr modifiers);
  BinaryExpr ParseModifiers();
  Tree ParseSigned();
  Tree ParsePrimary();
  Tree ParseNumber();
  Tree ParseParen();
  Tree ParseNamed();
  Tree ParseCall(const Token& name);
  Tree ParseAggregate(const Token& name);
  bool ParseArguments(std::vector<ExprPtr>& arguments, int& height);
  std::vector<std::string> ParseLabels();
  void ParseLabel(std::vector<std::string>& labels);

  // parser_postfix.cc: ranges, subqueries, offset and @.
  Tree ParsePostfix();
  void ParseBrackets(Operand& operand);
  void ParseSubquery(Operand& operand, base::Duration range);
  void ParseOffset(Operand& operand);
  void ParseAt(Operand& operand);
  std::optional<base::Timestamp> ParseTime(const Operand& operand);
  TimeShift* ShiftOf(Operand& operand, std::string_view modifier);
  Tree Close(Operand operand);
  std::optional<base::Duration> ParseDuration(DurationPlace place);
  std::optional<double> ParseSignedNumber();
  double NumberOf(const Token& token);

  TokenStream tokens_;
  int depth_ = 0;
};

template <typename Node>
Tree ExprParser::Make(Node node, ValueType type, TextRange range, int height) {
  if (height > kMaxNestingDepth) {
    tokens_.Fail(range.begin, "expression is nested too deeply, the limit is " +
                                  std::to_string(kMaxNestingDepth) + " levels");
    return {};
  }
  Tree tree{std::make_unique<Expr>(), height};
  tree.expr->node = std::move(node);
  tree.expr->type = type;
  tree.expr->range = range;
  return tree;
}

}  // namespace drwatch::promql
