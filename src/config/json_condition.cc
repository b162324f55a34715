#include <array>

#include "base/strings.h"
#include "config/sections.h"
#include "model/matcher.h"

namespace drwatch::config {
namespace {

using Op = JsonCondition::Op;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
bool IsJsonNumber(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&text, &at] {
    const std::size_t begin = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at > begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const std::size_t integer = at;
  if (!digits() || (text[integer] == '0' && at > integer + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

bool IsJsonString(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '"') return false;
    if (inner[i] != '\\') continue;
    ++i;
    if (i == inner.size()) return false;
    if (inner[i] == 'u') {
      if (!base::ParseHex(inner.substr(i + 1, 4)) || i + 4 >= inner.size()) return false;
    } else if (std::string_view("\"\\/bfnrt").find(inner[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool IsJsonLiteral(std::string_view text) {
  return text == "true" || text == "false" || text == "null" || IsJsonNumber(text);
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00" + base::Hex({&c, 1});
    } else {
      out += c;
    }
  }
  return out + '"';
}

struct OperatorName {
  std::string_view text;
  Op op;
};
// Longer ones first.
constexpr std::array<OperatorName, 7> kOperators = {{{"==", Op::kEqual},
                                                     {"!=", Op::kNotEqual},
                                                     {"<=", Op::kLessEqual},
                                                     {">=", Op::kGreaterEqual},
                                                     {"=~", Op::kMatches},
                                                     {"<", Op::kLess},
                                                     {">", Op::kGreater}}};

bool IsOrder(Op op) {
  return op == Op::kLess || op == Op::kLessEqual || op == Op::kGreater || op == Op::kGreaterEqual;
}

void ReadOne(const std::string& path, const Node& node, Problems& problems,
             std::vector<JsonCondition>& out) {
  if (node.kind == NodeKind::kNull) {
    out.push_back({path, Op::kEqual, "null"});
    return;
  }
  if (node.kind != NodeKind::kScalar) {
    problems.AddError(node.position, "the condition for " + base::Quote(path) + " must be a value",
                      "a nested field is written with dots, such as checks.database: true");
    return;
  }
  if (node.scalar == "exists") {
    out.push_back({path, Op::kExists, ""});
    return;
  }
  for (const OperatorName& candidate : kOperators) {
    if (!node.scalar.starts_with(candidate.text)) continue;
    const std::string_view operand =
        base::Trim(std::string_view(node.scalar).substr(candidate.text.size()));
    JsonCondition condition{path, candidate.op, std::string(operand)};
    if (condition.op == Op::kMatches) {
      const base::Status status = model::CheckRegex(operand);
      if (!status) AddParseError(problems, node, "regular expression", status.error());
    } else if (IsOrder(condition.op) && !IsJsonNumber(operand)) {
      const std::string shown =
          node.expanded ? "a value from the environment" : base::Quote(operand);
      problems.AddError(node.position, "only numbers have an order, not " + shown,
                        "such as \"< 300\"");
    } else if (!IsJsonLiteral(operand) && !IsJsonString(operand)) {
      condition.value = JsonString(operand);
    }
    out.push_back(std::move(condition));
    return;
  }
  const bool literal = (node.plain || node.expanded) && IsJsonLiteral(node.scalar);
  out.push_back({path, Op::kEqual, literal ? node.scalar : JsonString(node.scalar)});
}

}  // namespace

std::vector<JsonCondition> ReadJsonConditions(const std::string& path, const Node& node,
                                              Problems& problems) {
  std::vector<JsonCondition> conditions;
  if (node.kind != NodeKind::kSequence) {
    ReadOne(path, node, problems, conditions);
    return conditions;
  }
  for (const Node& item : node.items) ReadOne(path, item, problems, conditions);
  return conditions;
}

}  // namespace drwatch::config
