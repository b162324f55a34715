// The functions a template may call: Go's own, Prometheus', and tables others add.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "template/value.h"

namespace drwatch::tmpl {

class Library;

// What functions see of the world around one expansion.
struct Environment {
  // Runs `query` on the samples at the time of the expansion: a list of MakeSample() values.
  // Without one, `query` is an error.
  std::function<base::Result<Value>(const std::string&)> query;
  base::Timestamp now{};             // what `now` says
  std::string external_url;          // without a slash at its end
  const Library* library = nullptr;  // what {{template}} finds beside the text's own; may be null
};

// A parameter's type by its Go name: "string", "int", "float64"; kAny takes everything.
inline constexpr std::string_view kAny = "interface {}";
inline constexpr std::string_view kQueryResultType = "template.queryResult";
inline constexpr std::string_view kSampleType = "*template.sample";

struct Function {
  std::vector<std::string_view> parameters;
  bool variadic = false;  // the last parameter takes any number of arguments
  // Arguments have the declared types and number. Errors become errors of the expansion.
  std::function<base::Result<Value>(const Values&, const Environment&)> body;
};

// Go's predefined functions, which every template has, but for `and` and `or` (the executor does
// not evaluate what they do not need).
const FunctionTable& BuiltinFunctions();
// What Prometheus' rules may call: humanize, query, reReplaceAll ... (prometheus.io,
// "template reference").
const FunctionTable& PrometheusFunctions();
// The same instant as it is shown in a zone ("Europe/Berlin"; "" and "UTC" are UTC, "Local" is the
// machine's: TZ, else /etc/localtime). Errors: no such zone.
base::Result<Time> InZone(Time time, const std::string& zone);
// Methods of times and durations.
const FunctionTable& TimeMethods();
const FunctionTable& DurationMethods();

// One sample of a query's result: .Labels and .Value.
template <typename Pairs>
Value MakeSample(const Pairs& labels, double value) {
  return Value::Of(Struct{std::string(kSampleType),
                          {{"Labels", Value::StringMap(labels)}, {"Value", Value::Float(value)}}});
}
Value MakeQueryResult(Values samples);

// application/x-www-form-urlencoded, as Go's url.QueryEscape writes it.
std::string QueryEscape(std::string_view text);
// Path and query of Prometheus' page for an expression: /graph?g0.expr=...&g0.tab=N.
std::string GraphPath(std::string_view expression, int tab);

}  // namespace drwatch::tmpl
