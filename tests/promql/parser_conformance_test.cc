// Every case of tests/testdata/promql-parser: validity, canonical text, syntax tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "model/sample.h"
#include "promql/functions.h"
#include "promql/parser.h"
#include "support/temp_dir.h"

namespace drwatch::promql {
namespace {

using nlohmann::json;

json LoadCases() {
  return json::parse(testing::ReadTestFile(testing::TestData("testdata/promql-parser/cases.json")));
}

// A string of a case: as it is, or as hex where it is not UTF-8.
std::string Text(const json& object, const std::string& key) {
  if (object.contains(key)) return object.at(key);
  return base::ParseHex(object.at(key + "_hex").get<std::string>()).value();
}

json NumberJson(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Inf" : "-Inf";
  return value;
}

json SelectorJson(const VectorSelector& node) {
  std::vector<json> matchers;
  for (const model::Matcher& matcher : node.matchers) {
    matchers.push_back({matcher.name(), model::MatchOperator(matcher.type()), matcher.value()});
  }
  std::sort(matchers.begin(), matchers.end());
  return {{"selector", matchers}};
}

void AddShift(json& tree, const TimeShift& shift) {
  if (shift.offset.count() != 0) tree["offset_ms"] = shift.offset.count();
  if (shift.at == TimeShift::At::kTime) tree["at_ms"] = base::ToUnixMillis(shift.at_time);
  if (shift.at == TimeShift::At::kStart) tree["at"] = "start";
  if (shift.at == TimeShift::At::kEnd) tree["at"] = "end";
}

json TreeJson(const Expr& expr);

struct TreeVisitor {
  json operator()(const NumberLiteral& node) const { return {{"num", NumberJson(node.value)}}; }
  json operator()(const StringLiteral& node) const {
    if (base::IsValidUtf8(node.value)) return {{"str", node.value}};
    return {{"str_hex", base::Hex(node.value)}};
  }
  json operator()(const ParenExpr& node) const { return {{"paren", TreeJson(*node.inner)}}; }
  json operator()(const UnaryExpr& node) const {
    return {{"unary", node.negative ? "-" : "+"}, {"expr", TreeJson(*node.operand)}};
  }
  json operator()(const VectorSelector& node) const {
    json tree = SelectorJson(node);
    AddShift(tree, node.shift);
    return tree;
  }
  json operator()(const MatrixSelector& node) const {
    return {{"range_of", TreeJson(*node.selector)}, {"range_ms", node.range.count()}};
  }
  json operator()(const SubqueryExpr& node) const {
    json tree = {{"subquery_of", TreeJson(*node.inner)}, {"range_ms", node.range.count()}};
    if (node.step) tree["step_ms"] = node.step->count();
    AddShift(tree, node.shift);
    return tree;
  }
  json operator()(const CallExpr& node) const {
    json arguments = json::array();
    for (const ExprPtr& argument : node.arguments) arguments.push_back(TreeJson(*argument));
    return {{"call", node.function->name}, {"args", arguments}};
  }
  json operator()(const AggregateExpr& node) const {
    json tree = {{"aggregate", AggregateOpName(node.op)}, {"expr", TreeJson(*node.operand)}};
    if (node.parameter != nullptr) tree["param"] = TreeJson(*node.parameter);
    tree[node.without ? "without" : "by"] = node.grouping;
    return tree;
  }
  json operator()(const BinaryExpr& node) const {
    json tree = {{"binary", BinaryOpName(node.op)},
                 {"lhs", TreeJson(*node.left)},
                 {"rhs", TreeJson(*node.right)}};
    if (node.return_bool) tree["bool"] = true;
    if (!node.matching) return tree;
    const VectorMatching& matching = *node.matching;
    if (matching.on || !matching.labels.empty()) {
      tree[matching.on ? "on" : "ignoring"] = matching.labels;
    }
    if (matching.cardinality == MatchCardinality::kManyToOne) tree["group_left"] = matching.include;
    if (matching.cardinality == MatchCardinality::kOneToMany) {
      tree["group_right"] = matching.include;
    }
    return tree;
  }
};

json TreeJson(const Expr& expr) { return std::visit(TreeVisitor(), expr.node); }

TEST(ParserConformanceTest, JudgesEveryExpression) {
  const json cases = LoadCases().at("expressions");
  ASSERT_GT(cases.size(), 280U);
  for (const json& c : cases) {
    const std::string text = Text(c, "expr");
    SCOPED_TRACE(c.at("id").get<std::string>() + ": " + text);
    const bool valid = c.at("valid").get<bool>() && !c.contains("needs");
    const auto expr = ParseExpr(text);
    EXPECT_EQ(expr.has_value(), valid) << (expr ? "" : expr.error().ToString());
    if (!expr || !valid) continue;
    if (c.contains("tree")) {
      EXPECT_EQ(TreeJson(**expr), c.at("tree"));
    }
    const std::string printed = Print(**expr);
    if (c.contains("printed")) {
      EXPECT_EQ(printed, c.at("printed").get<std::string>());
    }
    for (const std::string& again : {printed, PrettyPrint(**expr)}) {
      const auto reparsed = ParseExpr(again);
      ASSERT_TRUE(reparsed) << again << ": " << reparsed.error().ToString();
      EXPECT_EQ(TreeJson(**reparsed), TreeJson(**expr)) << again;
      EXPECT_EQ(Print(**reparsed), printed);
    }
  }
}

TEST(ParserConformanceTest, ReadsEverySeries) {
  const json cases = LoadCases().at("series");
  ASSERT_GT(cases.size(), 10U);
  for (const json& c : cases) {
    const std::string text = Text(c, "input");
    SCOPED_TRACE(c.at("id").get<std::string>() + ": " + text);
    const auto series = ParseSeriesDescription(text);
    EXPECT_EQ(series.has_value(), c.at("valid").get<bool>());
    if (!series || !c.contains("values")) continue;
    json labels = json::object();
    for (const model::LabelView label : series->labels)
      labels[std::string(label.name)] = label.value;
    json values = json::array();
    for (const std::optional<double>& value : series->values) {
      values.push_back(value ? NumberJson(*value) : json(nullptr));
    }
    EXPECT_EQ(labels, c.at("labels"));
    EXPECT_EQ(values, c.at("values"));
  }
}

}  // namespace
}  // namespace drwatch::promql
