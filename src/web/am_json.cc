#include "web/am_json.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

using Json = nlohmann::json;

// Nothing of the API is deeper; a parser that stops there keeps its stack.
constexpr int kMaxDepth = 8;

// Of well-formed JSON; of anything else at least as far as the parser gets. (The parser could count
// itself, but walks a list again for each of its items when it does.)
bool IsTooDeep(std::string_view body) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (c == '"') quoted = !quoted;
    if (quoted) {
      if (c == '\\') ++i;
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kMaxDepth) return true;
  }
  return false;
}

base::Result<Json> ParseJson(std::string_view body) {
  if (IsTooDeep(body)) return base::Fail("the JSON is nested too deeply");
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return base::Fail("the body is no JSON");
  return json;
}

Json LabelsJson(const model::Labels& labels) {
  Json json = Json::object();
  for (const model::LabelView label : labels) json[std::string(label.name)] = label.value;
  return json;
}

Json Strings(const std::vector<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts) json.push_back(text);
  return json;
}

std::string TimeText(base::Timestamp time) { return JsonTime(time); }

base::Result<model::Labels> ReadLabels(const Json& object, const char* key, bool needed) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) {
    if (needed) return base::Fail(base::Quote(key) + " is missing");
    return model::Labels();
  }
  if (!found->is_object()) return base::Fail(base::Quote(key) + " must be an object");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) {
      return base::Fail("the value of " + base::Quote(name) + " in " + base::Quote(key) +
                        " must be a string");
    }
    pairs.emplace_back(name, value.get<std::string>());
  }
  return model::Labels(std::move(pairs));
}

base::Result<std::string> ReadString(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return base::Fail(base::Quote(key) + " must be a string");
  return found->get<std::string>();
}

base::Result<std::optional<base::Timestamp>> ReadTime(const Json& object, const char* key) {
  const base::Result<std::string> text = ReadString(object, key);
  if (!text) return base::Fail(text.error());
  // Go's zero time stands for none.
  if (text->empty() || text->starts_with("0001-01-01")) return std::optional<base::Timestamp>();
  const base::Result<base::Timestamp> time = ParseRfc3339(*text);
  if (!time) return base::Fail(base::Quote(key) + " is no time: " + base::Quote(*text));
  return std::optional<base::Timestamp>(*time);
}

base::Result<notify::PostedAlert> ReadAlert(const Json& json) {
  if (!json.is_object()) return base::Fail("it must be an object");
  notify::PostedAlert alert;
  base::Result<model::Labels> labels = ReadLabels(json, "labels", true);
  if (!labels) return base::Fail(labels.error());
  base::Result<model::Labels> annotations = ReadLabels(json, "annotations", false);
  if (!annotations) return base::Fail(annotations.error());
  const auto starts_at = ReadTime(json, "startsAt");
  if (!starts_at) return base::Fail(starts_at.error());
  const auto ends_at = ReadTime(json, "endsAt");
  if (!ends_at) return base::Fail(ends_at.error());
  const base::Result<std::string> url = ReadString(json, "generatorURL");
  if (!url) return base::Fail(url.error());
  return notify::CheckPosted(
      {std::move(*labels), std::move(*annotations), *starts_at, *ends_at, *url});
}

// A flag in quotes taken for none would make another silence than the one that was meant.
base::Result<bool> ReadFlag(const Json& object, const char* key, bool fallback) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return fallback;
  if (!found->is_boolean()) return base::Fail(base::Quote(key) + " must be true or false");
  return found->get<bool>();
}

base::Result<model::Matcher> ReadMatcher(const Json& json) {
  if (!json.is_object()) return base::Fail("a matcher must be an object");
  const base::Result<std::string> name = ReadString(json, "name");
  const base::Result<std::string> value = ReadString(json, "value");
  if (!name || name->empty()) return base::Fail("a matcher needs a \"name\"");
  if (!value || !json.contains("value")) return base::Fail("a matcher needs a \"value\"");
  const base::Result<bool> regex = ReadFlag(json, "isRegex", false);
  if (!regex) return base::Fail(regex.error());
  const base::Result<bool> equal = ReadFlag(json, "isEqual", true);
  if (!equal) return base::Fail(equal.error());
  using enum model::MatchType;
  return model::Matcher::Make(
      *regex ? (*equal ? kRegex : kNotRegex) : (*equal ? kEqual : kNotEqual), *name, *value);
}

}  // namespace

nlohmann::json AlertJson(const notify::Snapshot::AlertView& view, base::Timestamp now,
                         base::Duration resolve_timeout) {
  Json receivers = Json::array();
  for (const std::string& name : view.receivers) receivers.push_back({{"name", name}});
  const bool quiet =
      !view.silenced_by.empty() || !view.inhibited_by.empty() || !view.muted_by.empty();
  const bool posted = view.expires_at != base::Timestamp{};
  // Alertmanager's alerts know no acknowledgement; as an annotation every tool shows it.
  Json annotations = LabelsJson(view.alert.annotations);
  if (view.acknowledged) {
    annotations[std::string(notify::kAcknowledgedBy)] = view.acknowledged->ToString();
  }
  return {{"labels", LabelsJson(view.alert.labels)},
          {"annotations", std::move(annotations)},
          {"receivers", std::move(receivers)},
          {"fingerprint", view.alert.FingerprintHex()},
          {"startsAt", TimeText(view.alert.fired_at)},
          {"updatedAt", TimeText(view.updated_at)},
          {"endsAt", TimeText(posted ? view.expires_at : now + resolve_timeout)},
          {"generatorURL", view.alert.generator_url},
          {"status",
           {{"state", quiet ? "suppressed" : "active"},
            {"silencedBy", Strings(view.silenced_by)},
            {"inhibitedBy", Strings(view.inhibited_by)},
            {"mutedBy", Strings(view.muted_by)}}}};
}

nlohmann::json SilenceJson(const notify::Silence& silence, base::Timestamp now) {
  Json matchers = Json::array();
  for (const model::Matcher& matcher : silence.matchers) {
    using enum model::MatchType;
    const bool regex = matcher.type() == kRegex || matcher.type() == kNotRegex;
    const bool equal = matcher.type() == kEqual || matcher.type() == kRegex;
    matchers.push_back({{"name", matcher.name()},
                        {"value", matcher.value()},
                        {"isRegex", regex},
                        {"isEqual", equal}});
  }
  return {{"id", silence.id},
          {"status", {{"state", notify::SilenceStateName(silence.StateAt(now))}}},
          {"matchers", std::move(matchers)},
          {"startsAt", TimeText(silence.starts_at)},
          {"endsAt", TimeText(silence.ends_at)},
          {"updatedAt", TimeText(silence.updated_at)},
          {"createdBy", silence.created_by},
          {"comment", silence.comment}};
}

base::Result<nlohmann::json> ParseObject(std::string_view body) {
  base::Result<Json> json = ParseJson(body);
  if (json && !json->is_object()) return base::Fail("the body must be an object");
  return json;
}

base::Result<std::vector<notify::PostedAlert>> ParseAlerts(std::string_view body,
                                                           std::size_t max_alerts,
                                                           std::string& problems) {
  const base::Result<Json> json = ParseJson(body);
  if (!json) return base::Fail(json.error());
  if (!json->is_array()) return base::Fail("the body must be a list of alerts");
  if (json->size() > max_alerts) {
    return base::Fail("at most " + std::to_string(max_alerts) + " alerts in one request");
  }
  std::vector<notify::PostedAlert> alerts;
  for (std::size_t i = 0; i < json->size(); ++i) {
    base::Result<notify::PostedAlert> alert = ReadAlert((*json)[i]);
    if (alert) {
      alerts.push_back(std::move(*alert));
    } else if (problems.size() < 1000) {
      problems += (problems.empty() ? "" : "; ") + std::string("alert ") + std::to_string(i + 1) +
                  ": " + alert.error().message;
    }
  }
  return alerts;
}

base::Result<notify::Silence> ParseSilence(std::string_view body) {
  const base::Result<Json> json = ParseJson(body);
  if (!json) return base::Fail(json.error());
  if (!json->is_object()) return base::Fail("the body must be a silence");
  notify::Silence silence;
  const auto matchers = json->find("matchers");
  if (matchers == json->end() || !matchers->is_array()) {
    return base::Fail("\"matchers\" must be a list");
  }
  for (const Json& item : *matchers) {
    base::Result<model::Matcher> matcher = ReadMatcher(item);
    if (!matcher) return base::Fail(matcher.error());
    silence.matchers.push_back(std::move(*matcher));
  }
  const auto starts_at = ReadTime(*json, "startsAt");
  const auto ends_at = ReadTime(*json, "endsAt");
  if (!starts_at) return base::Fail(starts_at.error());
  if (!ends_at) return base::Fail(ends_at.error());
  if (!*starts_at || !*ends_at) return base::Fail("a silence needs \"startsAt\" and \"endsAt\"");
  silence.starts_at = **starts_at;
  silence.ends_at = **ends_at;
  for (const auto& [key, out] : {std::pair{"id", &silence.id},
                                 {"createdBy", &silence.created_by},
                                 {"comment", &silence.comment}}) {
    base::Result<std::string> text = ReadString(*json, key);
    // "" is allowed, as in Alertmanager.
    if (out != &silence.id && (!json->contains(key) || json->at(key).is_null())) {
      return base::Fail("a silence needs " + base::Quote(key));
    }
    if (!text) return base::Fail(text.error());
    *out = std::move(*text);
  }
  return silence;
}

}  // namespace drwatch::web
