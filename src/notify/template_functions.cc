#include "notify/template_functions.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "notify/template_json.h"
#include "template/format.h"

namespace drwatch::notify {
namespace {

using tmpl::Environment;
using tmpl::Value;
using tmpl::Values;
using Result = base::Result<Value>;

base::Result<std::vector<std::string>> Texts(const std::string& function, const Value& value) {
  const tmpl::List* list = value.AsList();
  if (list == nullptr) return base::Fail(function + ": not a list of strings");
  std::vector<std::string> texts;
  for (const Value& item : list->items) {
    if (item.AsString() == nullptr) return base::Fail(function + ": not a list of strings");
    texts.push_back(*item.AsString());
  }
  return texts;
}

Value StringList(std::vector<std::string> texts) {
  tmpl::List list;
  list.type = "[]string";
  for (std::string& text : texts) list.items.push_back(Value::String(std::move(text)));
  return Value::Of(std::move(list));
}

Result Join(const Values& arguments, const Environment&) {
  const auto texts = Texts("join", arguments[1]);
  if (!texts) return base::Fail(texts.error());
  return Value::String(base::Join(*texts, *arguments[0].AsString()));
}

Result StringSlice(const Values& arguments, const Environment&) {
  std::vector<std::string> texts;
  for (const Value& argument : arguments) texts.push_back(*argument.AsString());
  return StringList(std::move(texts));
}

Result AnyList(const Values& arguments, const Environment&) {
  return Value::Of(tmpl::List{arguments});
}

Result Append(const Values& arguments, const Environment&) {
  const tmpl::List* list = arguments[0].AsList();
  if (list == nullptr) return base::Fail("append: not a list");
  tmpl::List longer = *list;
  longer.items.insert(longer.items.end(), arguments.begin() + 1, arguments.end());
  return Value::Of(std::move(longer));
}

Result Dictionary(const Values& arguments, const Environment&) {
  if (arguments.size() % 2 != 0) return base::Fail("dict: a key has no value");
  tmpl::Map map;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    if (arguments[i].AsString() == nullptr) return base::Fail("dict: a key is no string");
    map.entries[*arguments[i].AsString()] = arguments[i + 1];
  }
  return Value::Of(std::move(map));
}

Result Date(const Values& arguments, const Environment&) {
  const auto* time = std::get_if<tmpl::Time>(&arguments[1].data);
  if (time == nullptr) return base::Fail("date: not a time");
  return Value::String(tmpl::FormatTime(*time, *arguments[0].AsString()));
}

Result InNamedZone(const Values& arguments, const Environment&) {
  const auto* time = std::get_if<tmpl::Time>(&arguments[1].data);
  if (time == nullptr) return base::Fail("tz: not a time");
  const base::Result<tmpl::Time> there = tmpl::InZone(*time, *arguments[0].AsString());
  if (!there) return base::Fail("tz: " + there.error().message);
  return Value::Of(*there);
}

Result Since(const Values& arguments, const Environment& environment) {
  const auto* time = std::get_if<tmpl::Time>(&arguments[0].data);
  if (time == nullptr) return base::Fail("since: not a time");
  if (time->nanos == tmpl::kZeroTime) {
    return Value::Of(tmpl::Duration{std::numeric_limits<std::int64_t>::max()});
  }
  return Value::Of(tmpl::Duration{base::ToUnixMillis(environment.now) * 1'000'000 - time->nanos});
}

Result UrlUnescape(const Values& arguments, const Environment&) {
  std::string text = *arguments[0].AsString();
  std::replace(text.begin(), text.end(), '+', ' ');
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = base::ParseHex(std::string_view(text).substr(i + 1, 2));
    if (!byte || byte->size() != 1) return base::Fail("urlUnescape: invalid escape");
    out += *byte;
    i += 2;
  }
  return Value::String(std::move(out));
}

// --- methods --------------------------------------------------------------------------------

Result FilterAlerts(const Value& alerts, std::string_view status) {
  tmpl::List matching;
  matching.type = "template.Alerts";
  matching.methods = &AlertsMethods();
  for (const Value& alert : alerts.AsList()->items) {
    for (const auto& [name, value] : alert.AsStruct()->fields) {
      if (name == "Status" && value.AsString() != nullptr && *value.AsString() == status) {
        matching.items.push_back(alert);
      }
    }
  }
  return Value::Of(std::move(matching));
}

// One half of the pairs that SortedPairs gave.
Result Half(const Value& pairs, std::size_t field) {
  std::vector<std::string> texts;
  for (const Value& pair : pairs.AsList()->items) {
    texts.push_back(*pair.AsStruct()->fields[field].second.AsString());
  }
  return StringList(std::move(texts));
}

const tmpl::FunctionTable& PairsMethods() {
  static const tmpl::FunctionTable* const table = new tmpl::FunctionTable{
      {"Names",
       {{tmpl::kAny}, false, [](const Values& v, const Environment&) { return Half(v[0], 0); }}},
      {"Values",
       {{tmpl::kAny}, false, [](const Values& v, const Environment&) { return Half(v[0], 1); }}}};
  return *table;
}

// By name, but for the alert's own, which comes first.
Value SortedPairs(const Value& labels) {
  tmpl::List pairs;
  pairs.type = "template.Pairs";
  pairs.methods = &PairsMethods();
  const auto add = [&](const std::string& name, const Value& value) {
    pairs.items.push_back(Value::Of(
        tmpl::Struct{"template.Pair", {{"Name", Value::String(name)}, {"Value", value}}}));
  };
  const auto& entries = labels.AsMap()->entries;
  const auto first = entries.find("alertname");
  if (first != entries.end()) add(first->first, first->second);
  for (const auto& [name, value] : entries) {
    if (name != "alertname") add(name, value);
  }
  return Value::Of(std::move(pairs));
}

Result Remove(const Values& arguments, const Environment&) {
  const auto names = Texts("Remove", arguments[1]);
  if (!names) return base::Fail(names.error());
  tmpl::Map rest = *arguments[0].AsMap();
  for (const std::string& name : *names) rest.entries.erase(name);
  return Value::Of(std::move(rest));
}

}  // namespace

const tmpl::FunctionTable& AlertsMethods() {
  static const tmpl::FunctionTable* const table = new tmpl::FunctionTable{
      {"Firing",
       {{tmpl::kAny},
        false,
        [](const Values& v, const Environment&) { return FilterAlerts(v[0], "firing"); }}},
      {"Resolved", {{tmpl::kAny}, false, [](const Values& v, const Environment&) {
                      return FilterAlerts(v[0], "resolved");
                    }}}};
  return *table;
}

const tmpl::FunctionTable& LabelsMethods() {
  static const tmpl::FunctionTable* const table = new tmpl::FunctionTable{
      {"SortedPairs",
       {{tmpl::kAny},
        false,
        [](const Values& v, const Environment&) { return Result(SortedPairs(v[0])); }}},
      {"Names",
       {{tmpl::kAny},
        false,
        [](const Values& v, const Environment&) { return Half(SortedPairs(v[0]), 0); }}},
      {"Values",
       {{tmpl::kAny},
        false,
        [](const Values& v, const Environment&) { return Half(SortedPairs(v[0]), 1); }}},
      {"Remove", {{tmpl::kAny, tmpl::kAny}, false, Remove}}};
  return *table;
}

const tmpl::FunctionTable& NotificationFunctions() {
  static const tmpl::FunctionTable* const table = [] {
    auto* created = new tmpl::FunctionTable(tmpl::PrometheusFunctions());
    tmpl::FunctionTable& functions = *created;
    functions["join"] = {{"string", tmpl::kAny}, false, Join};
    functions["stringSlice"] = {{"string"}, true, StringSlice};
    functions["list"] = {{tmpl::kAny}, true, AnyList};
    functions["append"] = {{tmpl::kAny, tmpl::kAny}, true, Append};
    functions["dict"] = {{tmpl::kAny}, true, Dictionary};
    functions["date"] = {{"string", tmpl::kAny}, false, Date};
    functions["tz"] = {{"string", tmpl::kAny}, false, InNamedZone};
    functions["since"] = {{tmpl::kAny}, false, Since};
    functions["urlUnescape"] = {{"string"}, false, UrlUnescape};
    functions["trimSpace"] = {
        {"string"}, false, [](const Values& v, const Environment&) {
          return Result(Value::String(std::string(base::Trim(*v[0].AsString()))));
        }};
    functions["toJson"] = {{tmpl::kAny}, false, [](const Values& v, const Environment&) -> Result {
                             base::Result<std::string> json = ToJson(v[0]);
                             if (!json) return base::Fail(json.error());
                             return Value::String(std::move(*json));
                           }};
    // Alertmanager's marks for text that is safe already; here nothing is escaped behind them.
    functions["safeUrl"] = functions["safeHtml"];
    return created;
  }();
  return *table;
}

}  // namespace drwatch::notify
