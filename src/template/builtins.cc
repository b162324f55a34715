// Go's predefined functions.
#include <array>
#include <optional>

#include "template/format.h"
#include "template/functions.h"
#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

using Result = base::Result<Value>;

// Text of all arguments; no value prints as <no value>.
std::string EvaluateArguments(Values values) {
  for (Value& value : values) {
    if (!value.has_value()) value = Value::String(Print(value));
  }
  return Sprint(values);
}

std::optional<std::int64_t> AsIndex(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) {
    return static_cast<std::int64_t>(*number);
  }
  return std::nullopt;
}

std::optional<std::size_t> LengthOf(const Value& value) {
  if (const std::string* text = value.AsString()) return text->size();
  if (const List* list = value.AsList()) return list->items.size();
  if (const Map* map = value.AsMap()) return map->entries.size();
  return std::nullopt;
}

Result IndexOnce(const Value& item, const Value& key) {
  if (!item.has_value()) return base::Fail("index of untyped nil");
  if (const Map* map = item.AsMap()) {
    const std::string* const name = key.AsString();
    if (name == nullptr) {
      return base::Fail("value has type " + key.TypeName() + "; should be string");
    }
    const auto found = map->entries.find(*name);
    if (found != map->entries.end()) return found->second;
    return map->missing == Map::Missing::kEmptyString ? Value::String("") : Value();
  }
  const auto length = LengthOf(item);
  if (!length) return base::Fail("can't index item of type " + item.TypeName());
  const auto at = AsIndex(key);
  if (!at) return base::Fail("cannot index slice/array with type " + key.TypeName());
  if (*at < 0 || *at >= static_cast<std::int64_t>(*length)) {
    return base::Fail("index out of range: " + std::to_string(*at));
  }
  const auto i = static_cast<std::size_t>(*at);
  if (const List* list = item.AsList()) return list->items[i];
  return Value::Uint(static_cast<unsigned char>((*item.AsString())[i]));
}

Result Index(const Values& values, const Environment&) {
  Value item = values[0];
  for (std::size_t i = 1; i < values.size(); ++i) {
    Result inner = IndexOnce(item, values[i]);
    if (!inner) return inner;
    item = *std::move(inner);
  }
  return item;
}

Result Slice(const Values& values, const Environment&) {
  const Value& item = values[0];
  const auto length = LengthOf(item);
  if (!length || item.AsMap() != nullptr) {
    return base::Fail("can't slice item of type " + item.TypeName());
  }
  if (values.size() > (item.AsString() != nullptr ? 3U : 4U)) {
    return base::Fail("too many slice indexes: " + std::to_string(values.size() - 1));
  }
  std::array<std::int64_t, 2> bounds = {0, static_cast<std::int64_t>(*length)};
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto at = AsIndex(values[i]);
    if (!at) return base::Fail("cannot index slice/array with type " + values[i].TypeName());
    if (*at < 0 || *at > static_cast<std::int64_t>(*length)) {
      return base::Fail("index out of range: " + std::to_string(*at));
    }
    if (i <= 2) bounds[i - 1] = *at;
  }
  if (bounds[0] > bounds[1]) {
    return base::Fail("invalid slice index: " + std::to_string(bounds[0]) + " > " +
                      std::to_string(bounds[1]));
  }
  const auto begin = static_cast<std::size_t>(bounds[0]);
  const auto end = static_cast<std::size_t>(bounds[1]);
  if (const std::string* text = item.AsString()) {
    return Value::String(text->substr(begin, end - begin));
  }
  List part = *item.AsList();
  part.items = Values(part.items.begin() + bounds[0], part.items.begin() + bounds[1]);
  return Value::Of(std::move(part));
}

// Comparison. Numbers of different kinds are not comparable, but for int and uint.
enum class Kind { kOther, kBool, kInt, kUint, kFloat, kString };

Kind KindOf(const Value& value) {
  constexpr std::array<Kind, 6> kKinds = {Kind::kOther, Kind::kBool,  Kind::kInt,
                                          Kind::kUint,  Kind::kFloat, Kind::kString};
  return value.data.index() < kKinds.size() ? kKinds[value.data.index()] : Kind::kOther;
}

tl::unexpected<base::Error> BadComparison() {
  return base::Fail("incompatible types for comparison");
}
tl::unexpected<base::Error> BadComparisonType() {
  return base::Fail("invalid type for comparison");
}

base::Result<bool> Equal(const Value& a, const Value& b) {
  const Kind left = KindOf(a);
  const Kind right = KindOf(b);
  if (!a.has_value() || !b.has_value()) return a.has_value() == b.has_value();
  if (left == Kind::kOther && right == Kind::kOther) {
    return base::Fail("non-comparable types " + a.TypeName() + " and " + b.TypeName());
  }
  if (left == right) {
    if (left == Kind::kFloat) return std::get<double>(a.data) == std::get<double>(b.data);
    if (left == Kind::kString) return *a.AsString() == *b.AsString();
    if (left == Kind::kBool) return std::get<bool>(a.data) == std::get<bool>(b.data);
    return *AsIndex(a) == *AsIndex(b);
  }
  const auto i = AsIndex(a);
  const auto j = AsIndex(b);
  if (!i || !j) return BadComparison();
  return *i >= 0 && *j >= 0 && *i == *j;
}

base::Result<bool> Less(const Value& a, const Value& b) {
  const Kind left = KindOf(a);
  const Kind right = KindOf(b);
  if (left == Kind::kOther || right == Kind::kOther) return BadComparisonType();
  if (left == right) {
    if (left == Kind::kBool) return BadComparisonType();
    if (left == Kind::kFloat) return std::get<double>(a.data) < std::get<double>(b.data);
    if (left == Kind::kString) return *a.AsString() < *b.AsString();
    if (left == Kind::kInt) return *AsIndex(a) < *AsIndex(b);
    return std::get<std::uint64_t>(a.data) < std::get<std::uint64_t>(b.data);
  }
  const auto* i = std::get_if<std::int64_t>(&a.data);
  const auto* j = std::get_if<std::int64_t>(&b.data);
  const auto* u = std::get_if<std::uint64_t>(&a.data);
  const auto* v = std::get_if<std::uint64_t>(&b.data);
  if (i != nullptr && v != nullptr) return *i < 0 || static_cast<std::uint64_t>(*i) < *v;
  if (u != nullptr && j != nullptr) return *j >= 0 && *u < static_cast<std::uint64_t>(*j);
  return BadComparison();
}

base::Result<bool> LessOrEqual(const Value& a, const Value& b) {
  auto less = Less(a, b);
  if (!less || *less) return less;
  return Equal(a, b);
}

Result ToValue(const base::Result<bool>& truth) {
  if (!truth) return base::Fail(truth.error());
  return Value::Bool(*truth);
}
Result Negated(const base::Result<bool>& truth) {
  if (!truth) return base::Fail(truth.error());
  return Value::Bool(!*truth);
}

Result EqualAny(const Values& values, const Environment&) {
  if (values.size() < 2) return base::Fail("missing argument for comparison");
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto equal = Equal(values[0], values[i]);
    if (!equal || *equal) return ToValue(equal);
  }
  return Value::Bool(false);
}

template <typename Compare>
Function Comparison(Compare compare) {
  return {{kAny, kAny}, false, [compare](const Values& v, const Environment&) {
            return compare(v[0], v[1]);
          }};
}

std::string HtmlEscape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "&#34;";
        break;
      case '\'':
        result += "&#39;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '\0':
        result += "\xef\xbf\xbd";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string JsEscape(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = DecodeUtf8(text, at);
    if (c == '\\' || c == '\'' || c == '"') {
      result += {'\\', static_cast<char>(c)};
    } else if (c < ' ' || c == '<' || c == '>' || c == '&' || c == '=' || c == 0x7f) {
      result += Sprintf("\\u%04X", {Value::Int(c)});
    } else {
      result += text.substr(begin, at - begin);
    }
  }
  return result;
}

Function TextFunction(std::string (*write)(const Values&)) {
  return {{kAny}, true, [write](const Values& v, const Environment&) {
            return Result(Value::String(write(v)));
          }};
}

Result Length(const Values& values, const Environment&) {
  const auto length = LengthOf(values[0]);
  if (!length) {
    return base::Fail(values[0].has_value() ? "len of type " + values[0].TypeName()
                                            : "len of nil pointer");
  }
  return Value::Int(static_cast<std::int64_t>(*length));
}

}  // namespace

std::string QueryEscape(std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      result += c;
    } else if (c == ' ') {
      result += '+';
    } else {
      result += {'%', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    }
  }
  return result;
}

const FunctionTable& BuiltinFunctions() {
  static const FunctionTable kFunctions = {
      {"eq", {{kAny, kAny}, true, EqualAny}},
      {"ne", Comparison([](const Value& a, const Value& b) { return Negated(Equal(a, b)); })},
      {"lt", Comparison([](const Value& a, const Value& b) { return ToValue(Less(a, b)); })},
      {"le", Comparison([](const Value& a, const Value& b) { return ToValue(LessOrEqual(a, b)); })},
      {"gt", Comparison([](const Value& a, const Value& b) { return Negated(LessOrEqual(a, b)); })},
      {"ge", Comparison([](const Value& a, const Value& b) { return Negated(Less(a, b)); })},
      {"not",
       {{kAny},
        false,
        [](const Values& v, const Environment&) { return Result(Value::Bool(!v[0].IsTrue())); }}},
      {"len", {{kAny}, false, Length}},
      {"index", {{kAny, kAny}, true, Index}},
      {"slice", {{kAny, kAny}, true, Slice}},
      {"print", TextFunction([](const Values& v) { return Sprint(v); })},
      {"println", TextFunction([](const Values& v) { return Sprintln(v); })},
      {"printf",
       {{"string", kAny},
        true,
        [](const Values& v, const Environment&) {
          return Result(Value::String(Sprintf(*v[0].AsString(), Values(v.begin() + 1, v.end()))));
        }}},
      {"html", TextFunction([](const Values& v) { return HtmlEscape(EvaluateArguments(v)); })},
      {"js", TextFunction([](const Values& v) { return JsEscape(EvaluateArguments(v)); })},
      {"urlquery", TextFunction([](const Values& v) { return QueryEscape(EvaluateArguments(v)); })},
      {"call",
       {{kAny, kAny},
        true,
        [](const Values& v, const Environment&) -> Result {
          if (!v[0].has_value()) return base::Fail("call of nil");
          return base::Fail("non-function of type " + v[0].TypeName());
        }}},
  };
  return kFunctions;
}

}  // namespace drwatch::tmpl
