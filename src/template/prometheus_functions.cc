// The functions of Prometheus' rule templates.
#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/duration.h"
#include "base/strings.h"
#include "model/regex.h"
#include "template/format.h"
#include "template/functions.h"
#include "template/humanize.h"
#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

using Result = base::Result<Value>;

// Memory of one compiled expression; beyond it the expression is an error.
constexpr std::int64_t kMaxRegexBytes = 8 << 20;

// Numbers as they are; strings and durations in seconds.
base::Result<double> ToNumber(const Value& value) {
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) {
    return static_cast<double>(*number);
  }
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) {
    return static_cast<double>(*number);
  }
  if (const auto* duration = std::get_if<Duration>(&value.data)) {
    return static_cast<double>(duration->nanos) / 1e9;
  }
  const std::string* const text = value.AsString();
  if (text == nullptr) {
    return base::Fail("can't convert " + (value.has_value() ? value.TypeName() : "<nil>") +
                      " to float");
  }
  if (const auto number = base::ParseDouble(*text)) return *number;
  return base::Fail("strconv.ParseFloat: parsing " + GoQuote(*text) + ": invalid syntax");
}

Function Humanizer(base::Result<std::string> (*write)(double)) {
  return {{kAny}, false, [write](const Values& v, const Environment&) -> Result {
            const auto number = ToNumber(v[0]);
            if (!number) return base::Fail(number.error());
            auto text = write(*number);
            if (!text) return base::Fail(text.error());
            return Value::String(*std::move(text));
          }};
}

Function TextFunction(std::string (*change)(std::string_view)) {
  return {{"string"}, false, [change](const Values& v, const Environment&) {
            return Result(Value::String(change(*v[0].AsString())));
          }};
}

template <char32_t (*kChange)(char32_t)>
std::string ChangeCase(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) result += EncodeUtf8(kChange(DecodeUtf8(text, at)));
  return result;
}

// The first letter of each word in upper case; the others stay.
std::string Title(std::string_view text) {
  std::string result;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = DecodeUtf8(text, at);
    result += EncodeUtf8(in_word ? c : ToUpper(c));
    in_word = IsLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '\'';
  }
  return result;
}

struct HostPort {
  std::string_view host;
  std::string_view port;
};

// As Go's net.SplitHostPort: nullopt where the text is no host:port.
std::optional<HostPort> SplitHostPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (!text.empty() && text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close + 1 != colon) return std::nullopt;
    host = text.substr(1, close - 1);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.find_first_of("[]") != std::string_view::npos) return std::nullopt;
  return HostPort{host, text.substr(colon + 1)};
}

std::string StripPort(std::string_view text) {
  const auto parts = SplitHostPort(text);
  return std::string(parts ? parts->host : text);
}

bool IsAddress(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Addresses stay as they are.
std::string StripDomain(std::string_view text) {
  const auto parts = SplitHostPort(text);
  const std::string host(parts ? parts->host : text);
  if (IsAddress(host)) return std::string(text);
  std::string short_name = host.substr(0, host.find('.'));
  if (!parts || parts->port.empty()) return short_name;
  if (short_name.find(':') != std::string::npos) short_name = "[" + short_name + "]";
  return short_name + ":" + std::string(parts->port);
}

base::Result<std::unique_ptr<RE2>> Compile(const std::string& pattern, const std::string& context) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexBytes);
  auto regex = std::make_unique<RE2>(pattern, options);
  if (!regex->ok())
    return base::Fail(context + "error parsing regexp: " + model::RegexProblem(*regex));
  return regex;
}

Result Match(const Values& v, const Environment&) {
  const auto regex = Compile(*v[0].AsString(), "");
  if (!regex) return base::Fail(regex.error());
  return Value::Bool(RE2::PartialMatch(*v[1].AsString(), **regex));
}

bool IsGroupNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Appends the replacement with $1, ${1}, $name, ${name} and $$ resolved; an unknown group is "".
void Expand(std::string_view replacement, const RE2& regex,
            const std::vector<re2::StringPiece>& groups, std::string& out) {
  while (!replacement.empty()) {
    const std::size_t dollar = replacement.find('$');
    out += replacement.substr(0, dollar);
    if (dollar == std::string_view::npos) return;
    replacement.remove_prefix(dollar + 1);
    if (replacement.starts_with('$')) {
      out += '$';
      replacement.remove_prefix(1);
      continue;
    }
    const bool braced = replacement.starts_with('{');
    const std::string_view rest = replacement.substr(braced ? 1 : 0);
    const auto name_end = std::find_if_not(rest.begin(), rest.end(), IsGroupNameCharacter);
    const std::string name(rest.begin(), name_end);
    const std::size_t used = name.size() + (braced ? 2 : 0);
    if (name.empty() || (braced && !rest.substr(name.size()).starts_with('}'))) {
      out += '$';
      continue;
    }
    replacement.remove_prefix(used);
    std::optional<std::int64_t> group = base::ParseInt(name);
    if (!group) {
      const auto& names = regex.NamedCapturingGroups();
      const auto found = names.find(name);
      if (found != names.end()) group = found->second;
    }
    if (group && *group >= 0 && *group < static_cast<std::int64_t>(groups.size())) {
      const re2::StringPiece& text = groups[static_cast<std::size_t>(*group)];
      out.append(text.data(), text.size());
    }
  }
}

// As Go's ReplaceAllString: an empty match right behind the last match does not count.
Result ReplaceAll(const Values& v, const Environment&) {
  const std::string& pattern = *v[0].AsString();
  const auto regex = Compile(pattern, "regexp: Compile(`" + pattern + "`): ");
  if (!regex) return base::Fail(regex.error());
  const std::string& text = *v[2].AsString();
  std::vector<re2::StringPiece> groups(
      static_cast<std::size_t>((*regex)->NumberOfCapturingGroups()) + 1);
  std::string result;
  std::size_t copied = 0;
  std::size_t search = 0;
  std::optional<std::size_t> last_end;
  while (search <= text.size() && result.size() <= kMaxValueBytes &&
         (*regex)->Match(text, search, text.size(), RE2::UNANCHORED, groups.data(),
                         static_cast<int>(groups.size()))) {
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    const std::size_t end = begin + groups[0].size();
    if (begin != end || last_end != begin) {
      result.append(text, copied, begin - copied);
      Expand(*v[1].AsString(), **regex, groups, result);
      copied = end;
      last_end = end;
    }
    search = end;
    if (begin == end) {
      if (search < text.size()) {
        DecodeUtf8(text, search);
      } else {
        ++search;
      }
    }
  }
  result.append(text, copied);
  return Value::String(std::move(result));
}

Result ParseSignedDuration(const Values& v, const Environment&) {
  const std::string& text = *v[0].AsString();
  const bool negative = text.starts_with('-');
  const auto duration = base::ParseDuration(std::string_view(text).substr(negative ? 1 : 0));
  if (!duration) return base::Fail("not a valid duration string: " + GoQuote(text));
  const double seconds = base::ToSeconds(*duration);
  return Value::Float(negative ? -seconds : seconds);
}

// Nanoseconds of a number of seconds. Errors: beyond 64 bits.
base::Result<std::int64_t> ToNanos(const Value& value, std::string_view what) {
  const auto seconds = ToNumber(value);
  if (!seconds) return base::Fail(seconds.error());
  const double nanos = *seconds * 1e9;
  if (!(std::abs(nanos) < 9223372036854775807.0)) {
    return base::Fail(FormatFloat(*seconds, 'g', -1) + " cannot be represented as a nanoseconds " +
                      std::string(what) + " since it overflows int64");
  }
  return static_cast<std::int64_t>(nanos);
}

Result ToTime(const Values& v, const Environment&) {
  const auto nanos = ToNanos(v[0], "timestamp");
  if (!nanos) return base::Fail(nanos.error());
  // Prometheus keeps milliseconds.
  return Value::Of(Time{*nanos / 1'000'000 * 1'000'000});
}

Result ToDuration(const Values& v, const Environment&) {
  const auto nanos = ToNanos(v[0], "duration");
  if (!nanos) return base::Fail(nanos.error());
  return Value::Of(Duration{*nanos});
}

base::Result<std::string> HumanizeTimestamp(double seconds) {
  if (!std::isfinite(seconds)) return FormatFloat(seconds, 'g', 4);
  const auto time = ToTime({Value::Float(seconds)}, {});
  if (!time) return base::Fail(time.error());
  return PrintTime(std::get<Time>(time->data));
}

std::string LabelOf(const Value& sample, std::string_view name) {
  const Map& labels = *sample.AsStruct()->fields[0].second.AsMap();
  const auto found = labels.entries.find(std::string(name));
  return found == labels.entries.end() ? "" : *found->second.AsString();
}

Result SortByLabel(const Values& v, const Environment&) {
  List sorted = *v[1].AsList();
  const std::string& name = *v[0].AsString();
  std::stable_sort(sorted.items.begin(), sorted.items.end(), [&](const Value& a, const Value& b) {
    return LabelOf(a, name) < LabelOf(b, name);
  });
  return Value::Of(std::move(sorted));
}

Result First(const Values& v, const Environment&) {
  const List& list = *v[0].AsList();
  if (list.items.empty()) return base::Fail("first() called on vector with no elements");
  return list.items[0];
}

Result Args(const Values& v, const Environment&) {
  Map map;
  for (std::size_t i = 0; i < v.size(); ++i) map.entries["arg" + std::to_string(i)] = v[i];
  return Value::Of(std::move(map));
}

Result Query(const Values& v, const Environment& environment) {
  if (!environment.query) return base::Fail("query is not available here");
  return environment.query(*v[0].AsString());
}

// The path of http://host/path, "" without one.
std::string PathOf(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t slash = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  return slash == std::string::npos ? "" : url.substr(slash, url.find_first_of("?#") - slash);
}

Function OfSample(Value (*get)(const Value& sample)) {
  return {{kSampleType}, false, [get](const Values& v, const Environment&) {
            return Result(get(v[0]));
          }};
}

Function Link(int tab) {
  return {{"string"}, false, [tab](const Values& v, const Environment&) {
            return Result(Value::String(GraphPath(*v[0].AsString(), tab)));
          }};
}

}  // namespace

Value MakeQueryResult(Values samples) {
  return Value::Of(List{std::move(samples), std::string(kQueryResultType)});
}

std::string GraphPath(std::string_view expression, int tab) {
  return "/graph?g0.expr=" + QueryEscape(expression) + "&g0.tab=" + std::to_string(tab);
}

const FunctionTable& PrometheusFunctions() {
  static const FunctionTable kFunctions = {
      {"query", {{"string"}, false, Query}},
      {"first", {{kQueryResultType}, false, First}},
      {"label",
       {{"string", kSampleType},
        false,
        [](const Values& v, const Environment&) {
          return Result(Value::String(LabelOf(v[1], *v[0].AsString())));
        }}},
      {"value", OfSample([](const Value& sample) { return sample.AsStruct()->fields[1].second; })},
      {"strvalue",
       OfSample([](const Value& sample) { return Value::String(LabelOf(sample, "__value__")); })},
      {"sortByLabel", {{"string", kQueryResultType}, false, SortByLabel}},
      {"args", {{kAny}, true, Args}},
      {"humanize", Humanizer(Humanize)},
      {"humanize1024", Humanizer(Humanize1024)},
      {"humanizeDuration", Humanizer(HumanizeDuration)},
      {"humanizePercentage", Humanizer(HumanizePercentage)},
      {"humanizeTimestamp", Humanizer(HumanizeTimestamp)},
      {"toTime", {{kAny}, false, ToTime}},
      {"toDuration", {{kAny}, false, ToDuration}},
      {"now",
       {{},
        false,
        [](const Values&, const Environment& environment) {
          return Result(Value::Float(base::ToUnixSeconds(environment.now)));
        }}},
      {"parseDuration", {{"string"}, false, ParseSignedDuration}},
      {"title", TextFunction(Title)},
      {"toUpper", TextFunction(ChangeCase<ToUpper>)},
      {"toLower", TextFunction(ChangeCase<ToLower>)},
      {"stripPort", TextFunction(StripPort)},
      {"stripDomain", TextFunction(StripDomain)},
      {"match", {{"string", "string"}, false, Match}},
      {"reReplaceAll", {{"string", "string", "string"}, false, ReplaceAll}},
      {"graphLink", Link(0)},
      {"tableLink", Link(1)},
      {"urlQueryEscape", TextFunction(QueryEscape)},
      {"safeHtml", TextFunction([](std::string_view text) { return std::string(text); })},
      {"externalURL",
       {{},
        false,
        [](const Values&, const Environment& environment) {
          return Result(Value::String(environment.external_url));
        }}},
      {"pathPrefix",
       {{},
        false,
        [](const Values&, const Environment& environment) {
          return Result(Value::String(PathOf(environment.external_url)));
        }}},
  };
  return kFunctions;
}

}  // namespace drwatch::tmpl
