#include "rules/rule.h"

#include <algorithm>
#include <cstdlib>

namespace drwatch::rules {
namespace {

bool SameTexts(const std::vector<RuleText>& a, const std::vector<RuleText>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const RuleText& x, const RuleText& y) { return x.name == y.name && x.text == y.text; });
}

model::Labels Raw(const std::vector<RuleText>& texts) {
  model::LabelsBuilder builder;
  for (const RuleText& text : texts) builder.Set(text.name, text.text);
  return builder.Build();
}

}  // namespace

std::string_view RuleKindName(RuleKind kind) {
  switch (kind) {
    case RuleKind::kAlerting:
      return "alerting";
    case RuleKind::kRecording:
      return "recording";
  }
  std::abort();
}

model::Labels Rule::RawLabels() const { return Raw(labels); }
model::Labels Rule::RawAnnotations() const { return Raw(annotations); }

bool SameIdentity(const Rule& a, const Rule& b) {
  return a.kind == b.kind && a.name == b.name && SameTexts(a.labels, b.labels);
}

bool SameDefinition(const Rule& a, const Rule& b) {
  return SameIdentity(a, b) && a.query == b.query && a.hold == b.hold &&
         a.keep_firing == b.keep_firing && SameTexts(a.annotations, b.annotations);
}

bool SameDefinition(const RuleGroup& a, const RuleGroup& b) {
  return a.name == b.name && a.file == b.file && a.interval == b.interval && a.limit == b.limit &&
         a.query_offset == b.query_offset &&
         std::equal(a.rules.begin(), a.rules.end(), b.rules.begin(), b.rules.end(),
                    [](const auto& x, const auto& y) { return SameDefinition(*x, *y); });
}

}  // namespace drwatch::rules
