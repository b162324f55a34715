#include "rules/rule_template.h"

namespace drwatch::rules {
namespace {

// What Prometheus puts in front of every text. It counts in the columns of error messages.
constexpr std::string_view kPrefix =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}";

std::vector<std::pair<std::string_view, std::string_view>> Pairs(const model::Labels& labels) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (const model::LabelView label : labels) pairs.emplace_back(label.name, label.value);
  return pairs;
}

// A function can be called by its name only, so a text without these names cannot see the time.
TemplateInputs InputsOf(std::string_view text) {
  if (text.find("{{") == std::string_view::npos) return TemplateInputs::kNothing;
  for (const std::string_view name : {"query", "now"}) {
    if (text.find(name) != std::string_view::npos) return TemplateInputs::kTime;
  }
  return TemplateInputs::kElement;
}

}  // namespace

RuleTemplateWorld RuleTemplateWorld::Of(const model::Labels& external_labels,
                                        const std::string& external_url) {
  return {tmpl::Value::StringMap(Pairs(external_labels)), tmpl::Value::String(external_url)};
}

tmpl::Value RuleTemplateData(const model::Labels& labels, const RuleTemplateWorld& world,
                             double value) {
  return tmpl::Value::Of(
      tmpl::Struct{"struct { Labels map[string]string; ExternalLabels map[string]string; "
                   "ExternalURL string; Value interface {} }",
                   {{"Labels", tmpl::Value::StringMap(Pairs(labels))},
                    {"ExternalLabels", world.external_labels},
                    {"ExternalURL", world.external_url},
                    {"Value", tmpl::Value::Float(value)}}});
}

tl::expected<RuleTemplate, tmpl::ParseError> RuleTemplate::Parse(const std::string& alert,
                                                                 std::string_view text) {
  std::string name = "__alert_" + alert;
  auto tree = tmpl::Template::Parse(name, text, tmpl::PrometheusFunctions(), kPrefix);
  if (!tree) return tl::unexpected(std::move(tree.error()));
  return RuleTemplate(*std::move(tree), std::move(name), InputsOf(text));
}

base::Result<std::string> RuleTemplate::Expand(const tmpl::Value& data,
                                               const tmpl::Environment& environment) const {
  auto text = template_.Execute(data, environment);
  if (text) return text;
  return base::Fail("<error expanding template: error executing template " + name_ + ": " +
                    text.error().message + ">");
}

}  // namespace drwatch::rules
