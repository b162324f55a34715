#include "notify/expand.h"

#include <utility>

#include "base/strings.h"
#include "notify/default_templates.h"
#include "notify/template_functions.h"
#include "notify/text.h"
#include "template/format.h"
#include "template/template.h"

namespace drwatch::notify {
namespace {

using tmpl::Value;

std::string AsIs(std::string_view text) { return std::string(text); }

// The notification as a template sees it; each text of it through `escape`.
class Data {
 public:
  explicit Data(std::string (*escape)(std::string_view)) : escape_(escape) {}

  Value Of(const Notification& notification) const {
    tmpl::List alerts;
    alerts.type = "template.Alerts";
    alerts.methods = &AlertsMethods();
    for (const model::Alert& alert : notification.alerts) alerts.items.push_back(Of(alert));
    return Value::Of(
        tmpl::Struct{"*template.Data",
                     {{"Receiver", Text(notification.receiver)},
                      {"Status", Text(notification.resolved() ? "resolved" : "firing")},
                      {"Alerts", Value::Of(std::move(alerts))},
                      {"GroupLabels", Of(notification.group_labels)},
                      {"CommonLabels", Of(notification.CommonLabels())},
                      {"CommonAnnotations", Of(notification.CommonAnnotations())},
                      {"ExternalURL", Text(notification.external_url)},
                      {"AcknowledgeURL", Text(notification.acknowledge_url)},
                      {"NotificationReason", Text(OccasionName(notification.occasion))}}});
  }

 private:
  Value Text(std::string_view text) const { return Value::String(escape_(text)); }
  Value Of(const model::Labels& labels) const {
    tmpl::Map map;
    map.missing = tmpl::Map::Missing::kEmptyString;
    map.methods = &LabelsMethods();
    for (const model::LabelView label : labels) {
      map.entries.emplace(escape_(label.name), Text(label.value));
    }
    return Value::Of(std::move(map));
  }
  Value Of(const model::Alert& alert) const {
    return Value::Of(
        tmpl::Struct{"template.Alert",
                     {{"Status", Text(alert.resolved() ? "resolved" : "firing")},
                      {"Labels", Of(alert.labels)},
                      {"Annotations", Of(alert.annotations)},
                      {"StartsAt", Value::Of(alert.fired_at)},
                      {"EndsAt", alert.resolved() ? Value::Of(alert.resolved_at)
                                                  : Value::Of(tmpl::Time{tmpl::kZeroTime})},
                      {"GeneratorURL", Text(alert.generator_url)},
                      {"Fingerprint", Text(alert.FingerprintHex())},
                      {"Value", Value::Float(alert.value)}}});
  }

  std::string (*escape_)(std::string_view);
};

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::shared_ptr<const tmpl::Library> MakeLibrary(const config::Config& config) {
  auto library = std::make_shared<tmpl::Library>();
  static_cast<void>(library->Add("default.tmpl", DefaultTemplates(), NotificationFunctions()));
  for (const config::TemplateFile& file : config.templates) {
    static_cast<void>(library->Add(BaseName(file.path), file.text, NotificationFunctions()));
  }
  return library;
}

void CheckTemplates(const config::Config& config, config::Problems& problems) {
  tmpl::Library library;
  for (const config::TemplateFile& file : config.templates) {
    const auto added = library.Add(BaseName(file.path), file.text, NotificationFunctions());
    if (added) continue;
    problems.AddError(file.position,
                      "not a valid template: " + file.path + ":" + added.error().ToString());
  }
  for (const config::Receiver& receiver : config.receivers) {
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
  return Run(field, text, std::move(built_in), AsIs);
}

std::string Expander::ExpandHtml(std::string_view field, const std::string& text,
                                 std::string built_in) {
  return Run(field, text, std::move(built_in), EscapeHtml);
}

std::string Expander::Run(std::string_view field, const std::string& text, std::string built_in,
                          Escape escape) {
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
  environment.now = notification_.sent_at;
  environment.library = notification_.templates.get();
  base::Result<std::string> expanded = parsed->Execute(Data(escape).Of(notification_), environment);
  if (expanded) return std::move(*expanded);
  errors_.push_back(name + ": " + expanded.error().message);
  return built_in;
}

}  // namespace drwatch::notify
