// Any text is read as a rule file or rejected with places inside it; what was read is complete.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "fuzz.h"
#include "problems.h"
#include "promql/parser.h"
#include "rules/rule_file.h"

namespace drwatch::rules {
namespace {

using fuzz::Check;

void CheckRule(const Rule& rule) {
  Check(!rule.name.empty() && rule.expr != nullptr, "an incomplete rule");
  Check(rule.query == promql::Print(*rule.expr), "the query is not the expression: " + rule.query);
  const auto by_name = [](const RuleText& a, const RuleText& b) { return a.name < b.name; };
  for (const auto* texts : {&rule.labels, &rule.annotations}) {
    Check(std::is_sorted(texts->begin(), texts->end(), by_name), "texts are not sorted");
    for (const RuleText& text : *texts) {
      Check(text.parsed.has_value() == (rule.kind == RuleKind::kAlerting),
            "a text is a template where it should not be, or the reverse: " + text.name);
    }
  }
  Check(SameDefinition(rule, rule), "a rule is not like itself: " + rule.name);
}

void CheckFile(std::string_view text) {
  config::Problems problems;
  const std::vector<RuleGroup> groups = ParseRuleFile(text, "fuzz.yml", problems);
  fuzz::CheckProblems(problems, text);
  for (const RuleGroup& group : groups) {
    if (problems.HasErrors()) break;
    Check(!group.name.empty(), "a group without a name");
    for (const auto& rule : group.rules) CheckRule(*rule);
  }
}

}  // namespace
}  // namespace drwatch::rules

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drwatch::rules::CheckFile(drwatch::fuzz::Text(data, size));
  return 0;
}
