#include "web/ast_json.h"

#include <array>
#include <charconv>
#include <cmath>

#include "promql/functions.h"
#include "web/json.h"

namespace drwatch::web {
namespace {

using promql::Expr;
using promql::TimeShift;

// A number without an exponent, however long: as Go's 'f' format.
std::string PlainNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 400> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  return {text.data(), end};
}

std::string_view CardinalityName(promql::MatchCardinality cardinality) {
  switch (cardinality) {
    case promql::MatchCardinality::kOneToOne:
      return "one-to-one";
    case promql::MatchCardinality::kManyToOne:
      return "many-to-one";
    case promql::MatchCardinality::kOneToMany:
      return "one-to-many";
    case promql::MatchCardinality::kManyToMany:
      return "many-to-many";
  }
  return "";
}

// Writes one node after the other; a node's own pieces stand beside each other.
class Writer {
 public:
  void Node(const Expr& expr) {
    std::visit([this](const auto& node) { Write(node); }, expr.node);
  }
  std::string Take() { return std::move(out_); }

 private:
  void Begin(std::string_view type) {
    out_ += "{\"type\":\"";
    out_ += type;
    out_ += '"';
  }
  void End() { out_ += '}'; }
  void Key(std::string_view key) {
    out_ += ",\"";
    out_ += key;
    out_ += "\":";
  }
  void Text(std::string_view key, std::string_view value) {
    Key(key);
    AppendJsonString(out_, value);
  }
  void Number(std::string_view key, std::int64_t value) {
    Key(key);
    out_ += std::to_string(value);
  }
  void Flag(std::string_view key, bool value) {
    Key(key);
    out_ += value ? "true" : "false";
  }
  void Child(std::string_view key, const promql::ExprPtr& child) {
    Key(key);
    if (child) {
      Node(*child);
    } else {
      out_ += "null";
    }
  }
  template <typename List, typename Each>
  void Array(std::string_view key, const List& list, Each each) {
    Key(key);
    out_ += '[';
    bool first = true;
    for (const auto& item : list) {
      if (!first) out_ += ',';
      first = false;
      each(item);
    }
    out_ += ']';
  }
  void Texts(std::string_view key, const std::vector<std::string>& list) {
    Array(key, list, [this](const std::string& text) { AppendJsonString(out_, text); });
  }

  void Shift(const TimeShift& shift) {
    Number("offset", shift.offset.count());
    Key("timestamp");
    out_ += shift.at == TimeShift::At::kTime ? std::to_string(base::ToUnixMillis(shift.at_time))
                                             : "null";
    Key("startOrEnd");
    out_ += shift.at == TimeShift::At::kStart ? "\"start\""
            : shift.at == TimeShift::At::kEnd ? "\"end\""
                                              : "null";
  }
  void Selector(const promql::VectorSelector& selector) {
    Text("name", selector.name);
    Array("matchers", selector.matchers, [this](const model::Matcher& matcher) {
      out_ += "{\"name\":";
      AppendJsonString(out_, matcher.name());
      Text("value", matcher.value());
      Text("type", model::MatchOperator(matcher.type()));
      out_ += '}';
    });
    Shift(selector.shift);
  }

  void Write(const promql::NumberLiteral& number) {
    Begin("numberLiteral");
    Text("val", PlainNumber(number.value));
    End();
  }
  void Write(const promql::StringLiteral& text) {
    Begin("stringLiteral");
    Text("val", text.value);
    End();
  }
  void Write(const promql::ParenExpr& paren) {
    Begin("parenExpr");
    Child("expr", paren.inner);
    End();
  }
  void Write(const promql::UnaryExpr& unary) {
    Begin("unaryExpr");
    Text("op", unary.negative ? "-" : "+");
    Child("expr", unary.operand);
    End();
  }
  void Write(const promql::VectorSelector& selector) {
    Begin("vectorSelector");
    Selector(selector);
    End();
  }
  void Write(const promql::MatrixSelector& matrix) {
    Begin("matrixSelector");
    const Expr* inner = matrix.selector.get();
    while (const auto* paren = std::get_if<promql::ParenExpr>(&inner->node)) {
      inner = paren->inner.get();
    }
    Selector(std::get<promql::VectorSelector>(inner->node));
    Number("range", matrix.range.count());
    End();
  }
  void Write(const promql::SubqueryExpr& subquery) {
    Begin("subquery");
    Child("expr", subquery.inner);
    Number("range", subquery.range.count());
    Number("step", subquery.step.value_or(base::Duration(0)).count());
    Shift(subquery.shift);
    End();
  }
  void Write(const promql::CallExpr& call) {
    Begin("call");
    Key("func");
    out_ += "{\"name\":";
    AppendJsonString(out_, call.function->name);
    Array("argTypes", call.function->arguments,
          [this](promql::ValueType type) { AppendJsonString(out_, promql::ResultTypeName(type)); });
    Number("variadic", call.function->variadic);
    Text("returnType", promql::ResultTypeName(call.function->returns));
    out_ += '}';
    Array("args", call.arguments, [this](const promql::ExprPtr& argument) { Node(*argument); });
    End();
  }
  void Write(const promql::AggregateExpr& aggregate) {
    Begin("aggregation");
    Text("op", promql::AggregateOpName(aggregate.op));
    Child("expr", aggregate.operand);
    Child("param", aggregate.parameter);
    Texts("grouping", aggregate.grouping);
    Flag("without", aggregate.without);
    End();
  }
  void Write(const promql::BinaryExpr& binary) {
    Begin("binaryExpr");
    Text("op", promql::BinaryOpName(binary.op));
    Child("lhs", binary.left);
    Child("rhs", binary.right);
    Key("matching");
    if (binary.matching) {
      out_ += "{\"card\":\"" + std::string(CardinalityName(binary.matching->cardinality)) + '"';
      Texts("labels", binary.matching->labels);
      Flag("on", binary.matching->on);
      Texts("include", binary.matching->include);
      out_ += '}';
    } else {
      out_ += "null";
    }
    Flag("bool", binary.return_bool);
    End();
  }

  std::string out_;
};

}  // namespace

std::string AstJson(const promql::Expr& expr) {
  Writer writer;
  writer.Node(expr);
  return writer.Take();
}

}  // namespace drwatch::web
