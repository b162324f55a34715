#include "notify/expand.h"

#include <utility>

#include "base/strings.h"
#include "template/functions.h"
#include "template/template.h"

namespace drwatch::notify {
namespace {

using tmpl::Value;

std::vector<std::pair<std::string, std::string>> Pairs(const model::Labels& labels) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const model::LabelView label : labels) pairs.emplace_back(label.name, label.value);
  return pairs;
}

Value ToValue(const model::Labels& labels) { return Value::StringMap(Pairs(labels)); }

base::Result<Value> FilterAlerts(const Value& alerts, std::string_view status) {
  tmpl::List matching;
  matching.type = "template.Alerts";
  for (const Value& alert : alerts.AsList()->items) {
    for (const auto& [name, value] : alert.AsStruct()->fields) {
      if (name == "Status" && value.AsString() != nullptr && *value.AsString() == status) {
        matching.items.push_back(alert);
      }
    }
  }
  return Value::Of(std::move(matching));
}

const tmpl::FunctionTable& AlertsMethods() {
  static const tmpl::FunctionTable* const table = new tmpl::FunctionTable{
      {"Firing",
       {{tmpl::kAny},
        false,
        [](const tmpl::Values& arguments, const tmpl::Environment&) {
          return FilterAlerts(arguments[0], "firing");
        }}},
      {"Resolved",
       {{tmpl::kAny}, false, [](const tmpl::Values& arguments, const tmpl::Environment&) {
          return FilterAlerts(arguments[0], "resolved");
        }}}};
  return *table;
}

// Prometheus' functions and the two that Alertmanager's templates use all the time.
const tmpl::FunctionTable& NotificationFunctions() {
  static const tmpl::FunctionTable* const table = [] {
    auto* created = new tmpl::FunctionTable(tmpl::PrometheusFunctions());
    (*created)["join"] = {
        {"string", tmpl::kAny},
        false,
        [](const tmpl::Values& arguments, const tmpl::Environment&) -> base::Result<Value> {
          const tmpl::List* list = arguments[1].AsList();
          if (list == nullptr) return base::Fail("join: not a list of strings");
          std::vector<std::string> parts;
          for (const Value& item : list->items) {
            if (item.AsString() == nullptr) return base::Fail("join: not a list of strings");
            parts.push_back(*item.AsString());
          }
          return Value::String(base::Join(parts, *arguments[0].AsString()));
        }};
    (*created)["trimSpace"] = {
        {"string"}, false, [](const tmpl::Values& arguments, const tmpl::Environment&) {
          return base::Result<Value>(
              Value::String(std::string(base::Trim(*arguments[0].AsString()))));
        }};
    return created;
  }();
  return *table;
}

Value ToValue(const model::Alert& alert) {
  return Value::Of(
      tmpl::Struct{"template.Alert",
                   {{"Status", Value::String(alert.resolved() ? "resolved" : "firing")},
                    {"Labels", ToValue(alert.labels)},
                    {"Annotations", ToValue(alert.annotations)},
                    {"StartsAt", Value::Of(alert.fired_at)},
                    {"EndsAt", Value::Of(alert.resolved_at)},
                    {"GeneratorURL", Value::String(alert.generator_url)},
                    {"Fingerprint", Value::String(alert.FingerprintHex())},
                    {"Value", Value::Float(alert.value)}}});
}

Value ToValue(const Notification& notification) {
  tmpl::List alerts;
  alerts.type = "template.Alerts";
  alerts.methods = &AlertsMethods();
  for (const model::Alert& alert : notification.alerts) alerts.items.push_back(ToValue(alert));
  return Value::Of(tmpl::Struct{
      "*template.Data",
      {{"Receiver", Value::String(notification.receiver)},
       {"Status", Value::String(notification.resolved() ? "resolved" : "firing")},
       {"Alerts", Value::Of(std::move(alerts))},
       {"GroupLabels", ToValue(notification.group_labels)},
       {"CommonLabels", ToValue(notification.CommonLabels())},
       {"CommonAnnotations", ToValue(notification.CommonAnnotations())},
       {"ExternalURL", Value::String(notification.external_url)},
       {"AcknowledgeURL", Value::String(notification.acknowledge_url)},
       {"NotificationReason", Value::String(std::string(OccasionName(notification.occasion)))}}});
}

}  // namespace

void CheckTemplates(const std::vector<config::Receiver>& receivers, config::Problems& problems) {
  for (const config::Receiver& receiver : receivers) {
    for (const config::TemplateText& part : receiver.templates) {
      const auto parsed = tmpl::Template::Parse(part.field, part.text, NotificationFunctions());
      if (parsed) continue;
      problems.AddError(part.position,
                        part.field + ": not a valid template: " + parsed.error().ToString());
    }
  }
}

std::string Expander::Expand(std::string_view field, const std::string& text,
                             std::string built_in) {
  if (text.empty()) return built_in;
  if (text.find("{{") == std::string::npos) return text;
  const std::string name(field);
  const auto parsed = tmpl::Template::Parse(name, text, NotificationFunctions());
  if (!parsed) {
    errors_.push_back(name + ": " + parsed.error().ToString());
    return built_in;
  }
  tmpl::Environment environment;
  environment.external_url = notification_.external_url;
  base::Result<std::string> expanded = parsed->Execute(ToValue(notification_), environment);
  if (expanded) return std::move(*expanded);
  errors_.push_back(name + ": " + expanded.error().message);
  return built_in;
}

}  // namespace drwatch::notify
