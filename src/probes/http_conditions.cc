#include "probes/http_conditions.h"

#include <re2/re2.h>

#include <compare>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/strings.h"
#include "model/matcher.h"
#include "model/regex.h"

namespace drwatch::probes {
namespace {

using Op = config::JsonCondition::Op;
using Value = nlohmann::json;

constexpr std::size_t kShownBytes = 100;  // of a value in a message

std::string Shown(const Value& value) {
  return base::Truncate(value.dump(-1, ' ', false, Value::error_handler_t::replace), kShownBytes);
}

std::string_view OpText(Op op) {
  switch (op) {
    case Op::kEqual:
      return "==";
    case Op::kNotEqual:
      return "!=";
    case Op::kLess:
      return "<";
    case Op::kLessEqual:
      return "<=";
    case Op::kGreater:
      return ">";
    case Op::kGreaterEqual:
      return ">=";
    case Op::kMatches:
      return "=~";
    case Op::kExists:
      return "exists";
  }
  std::abort();
}

bool IsOrder(Op op) {
  return op == Op::kLess || op == Op::kLessEqual || op == Op::kGreater || op == Op::kGreaterEqual;
}

// The keys of "/a/b~1c" or "a.b": what RFC 6901 calls reference tokens.
std::vector<std::string> PathTokens(std::string_view path) {
  std::vector<std::string> tokens;
  if (path.empty()) return tokens;
  const bool pointer = path.front() == '/';
  for (const std::string_view part :
       base::Split(pointer ? path.substr(1) : path, pointer ? '/' : '.')) {
    std::string token;
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool escape = pointer && part[i] == '~' && i + 1 < part.size();
      if (escape && (part[i + 1] == '0' || part[i + 1] == '1')) {
        token += part[++i] == '0' ? '~' : '/';
      } else {
        token += part[i];
      }
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// An index as RFC 6901 writes it: digits without a leading zero.
std::optional<std::size_t> ParseIndex(std::string_view token) {
  const bool digits = token.find_first_not_of("0123456789") == token.npos;
  if (!digits || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  const std::optional<std::int64_t> index = base::ParseInt(token);
  if (!index) return std::nullopt;
  return static_cast<std::size_t>(*index);
}

// nullptr if there is no such field.
const Value* Find(const Value& document, const std::vector<std::string>& tokens) {
  const Value* at = &document;
  for (const std::string& token : tokens) {
    if (at->is_object()) {
      const auto member = at->find(token);
      if (member == at->end()) return nullptr;
      at = &*member;
    } else if (at->is_array()) {
      const std::optional<std::size_t> index = ParseIndex(token);
      if (!index || *index >= at->size()) return nullptr;
      at = &(*at)[*index];
    } else {
      return nullptr;
    }
  }
  return at;
}

std::shared_ptr<const re2::RE2> Compile(const std::string& pattern, std::string& problem) {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(model::Matcher::kMaxRegexBytes);
  auto regex = std::make_shared<const re2::RE2>(pattern, options);
  if (!regex->ok() && problem.empty()) {
    problem =
        "invalid regular expression " + base::Quote(pattern) + ": " + model::RegexProblem(*regex);
  }
  return regex;
}

bool Matches(const re2::RE2& regex, std::string_view text) {
  return regex.ok() && RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex);
}

bool IsFloat(const Value& number) { return number.is_number_float(); }
// The parser makes whole numbers unsigned unless they are below zero.
bool IsNegative(const Value& number) { return !IsFloat(number) && !number.is_number_unsigned(); }

// The library's own comparison takes -1 for 2^64 - 1.
std::partial_ordering Compare(const Value& left, const Value& right) {
  if (IsFloat(left) || IsFloat(right)) return left.get<double>() <=> right.get<double>();
  if (IsNegative(left) && IsNegative(right)) {
    return left.get<std::int64_t>() <=> right.get<std::int64_t>();
  }
  if (IsNegative(left)) return std::partial_ordering::less;
  if (IsNegative(right)) return std::partial_ordering::greater;
  return left.get<std::uint64_t>() <=> right.get<std::uint64_t>();
}

bool Ordered(Op op, std::partial_ordering order) {
  if (op == Op::kLess) return order < 0;
  if (op == Op::kLessEqual) return order <= 0;
  if (op == Op::kGreater) return order > 0;
  return order >= 0;
}

}  // namespace

struct BodyConditions::Json {
  std::string name;
  std::string path;
  std::vector<std::string> tokens;
  Op op = Op::kEqual;
  Value operand;
  std::shared_ptr<const re2::RE2> regex;

  // "expected true", "expected < 300".
  std::string Expected() const;
  bool Holds(const Value& found) const;
  ConditionOutcome Check(const Value& document) const;
};

struct BodyConditions::Pattern {
  std::string name;
  bool wanted = true;
  std::shared_ptr<const re2::RE2> regex;
};

std::string BodyConditions::Json::Expected() const {
  if (op == Op::kMatches) return "expected a text that matches " + base::Quote(regex->pattern());
  if (op == Op::kExists) return "expected none";
  const std::string sign = op == Op::kEqual ? "" : std::string(OpText(op)) + " ";
  return "expected " + sign + Shown(operand);
}

bool BodyConditions::Json::Holds(const Value& found) const {
  if (op == Op::kExists) return operand != Value(false);
  if (op == Op::kMatches)
    return found.is_string() && Matches(*regex, found.get_ref<const std::string&>());
  const bool numbers = found.is_number() && operand.is_number();
  if (IsOrder(op)) return numbers && Ordered(op, Compare(found, operand));
  const bool same_type = numbers || found.type() == operand.type();
  const bool equal = numbers ? Compare(found, operand) == 0 : found == operand;
  // null may be compared with anything: it says itself that there is no value.
  if (op == Op::kNotEqual) {
    return (same_type || found.is_null() || operand.is_null()) && !equal;
  }
  return same_type && equal;
}

ConditionOutcome BodyConditions::Json::Check(const Value& document) const {
  const Value* found = Find(document, tokens);
  const std::string shown_path = path.empty() ? "the body" : path;
  if (found == nullptr) {
    const bool absence_wanted = op == Op::kExists && operand == Value(false);
    const std::string tail = op == Op::kExists ? std::string() : ", " + Expected();
    return {name, absence_wanted, shown_path + " is missing" + tail};
  }
  const bool holds = Holds(*found);
  std::string message = shown_path + " is " + Shown(*found);
  if (!holds) message += ", " + Expected();
  return {name, holds, std::move(message)};
}

BodyConditions::BodyConditions(const config::HttpProbe::Expect& expect) {
  for (const config::JsonCondition& condition : expect.json) {
    Json json;
    json.path = condition.path;
    json.tokens = PathTokens(condition.path);
    json.op = condition.op;
    json.name = condition.path + " " + std::string(OpText(condition.op));
    if (condition.op != Op::kExists || !condition.value.empty()) {
      json.name += " " + condition.value;
    }
    if (condition.op == Op::kMatches) {
      json.regex = Compile(condition.value, problem_);
    } else if (condition.op != Op::kExists || !condition.value.empty()) {
      json.operand = Value::parse(condition.value, nullptr, false);
      if (json.operand.is_discarded() && problem_.empty()) {
        problem_ = "the operand of " + base::Quote(json.name) + " is not JSON";
      } else if (IsOrder(json.op) && !json.operand.is_number() && problem_.empty()) {
        problem_ = "the operand of " + base::Quote(json.name) + " is no number";
      }
    }
    json_.push_back(std::move(json));
  }
  for (const std::string& pattern : expect.body_matches) {
    patterns_.push_back({"body =~ " + pattern, true, Compile(pattern, problem_)});
  }
  for (const std::string& pattern : expect.body_not_matches) {
    patterns_.push_back({"body !~ " + pattern, false, Compile(pattern, problem_)});
  }
}

BodyConditions::~BodyConditions() = default;

bool BodyConditions::empty() const { return json_.empty() && patterns_.empty(); }

std::vector<ConditionOutcome> BodyConditions::Check(std::string_view body) const {
  std::vector<ConditionOutcome> outcomes;
  if (!json_.empty()) {
    const Value document = Value::parse(body, nullptr, false);
    for (const Json& condition : json_) {
      outcomes.push_back(document.is_discarded()
                             ? ConditionOutcome{condition.name, false,
                                                body.empty() ? "the body is empty, expected JSON"
                                                             : "the body is not JSON"}
                             : condition.Check(document));
    }
  }
  for (const Pattern& pattern : patterns_) {
    const bool matches = Matches(*pattern.regex, body);
    const std::string regex = base::Quote(base::Truncate(pattern.regex->pattern(), kShownBytes));
    outcomes.push_back({pattern.name, matches == pattern.wanted,
                        (matches ? "the body matches " : "the body does not match ") + regex});
  }
  return outcomes;
}

}  // namespace drwatch::probes
