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

}  // namespace

tmpl::Value RuleTemplateData(const model::Labels& labels, const model::Labels& external_labels,
                             const std::string& external_url, double value) {
  return tmpl::Value::Of(
      tmpl::Struct{"struct { Labels map[string]string; ExternalLabels map[string]string; "
                   "ExternalURL string; Value interface {} }",
                   {{"Labels", tmpl::Value::StringMap(Pairs(labels))},
                    {"ExternalLabels", tmpl::Value::StringMap(Pairs(external_labels))},
                    {"ExternalURL", tmpl::Value::String(external_url)},
                    {"Value", tmpl::Value::Float(value)}}});
}

tl::expected<RuleTemplate, tmpl::ParseError> RuleTemplate::Parse(const std::string& alert,
                                                                 std::string_view text) {
  std::string name = "__alert_" + alert;
  auto tree = tmpl::Template::Parse(name, text, tmpl::PrometheusFunctions(), kPrefix);
  if (!tree) return tl::unexpected(std::move(tree.error()));
  return RuleTemplate(*std::move(tree), std::move(name));
}

base::Result<std::string> RuleTemplate::Expand(const tmpl::Value& data,
                                               const tmpl::Environment& environment) const {
  auto text = template_.Execute(data, environment);
  if (text) return text;
  return base::Fail("<error expanding template: error executing template " + name_ + ": " +
                    text.error().message + ">");
}

}  // namespace drwatch::rules
