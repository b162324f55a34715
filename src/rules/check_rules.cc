// `drwatch check rules`.
#include <map>

#include "base/file.h"
#include "rules/rule_file.h"
#include "rules/tools.h"

namespace drwatch::rules {
namespace {

constexpr int kLintStatus = 3;  // promtool's

// Rules that occur more than once in a file: they overwrite each other's series, or alert twice.
std::string DescribeDuplicates(const std::vector<RuleGroup>& groups) {
  std::map<std::pair<std::string, model::Labels>, int> seen;
  for (const RuleGroup& group : groups) {
    for (const auto& rule : group.rules) ++seen[{rule->name, rule->RawLabels()}];
  }
  std::string text;
  int count = 0;
  for (const auto& [identity, times] : seen) {
    if (times < 2) continue;
    ++count;
    text += "Metric: " + identity.first + "\nLabel(s):\n";
    for (const model::LabelView label : identity.second) {
      text += "\t" + std::string(label.name) + ": " + std::string(label.value) + "\n";
    }
  }
  if (count == 0) return text;
  return "lint error " + std::to_string(count) + " duplicate rule(s) found.\n" + text +
         "Might cause inconsistency while recording expressions\n";
}

}  // namespace

ToolOutput CheckRules(const std::vector<std::string>& files, const CheckRulesOptions& options) {
  ToolOutput output;
  const RuleFileOptions rule_options{options.unknown_fields == UnknownFields::kError
                                         ? RuleFileOptions::UnknownKeys::kError
                                         : RuleFileOptions::UnknownKeys::kIgnore};
  bool broken = false;
  bool lint_failed = false;
  for (const std::string& file : files) {
    output.Out("Checking " + file + "\n");
    config::Problems problems;
    std::vector<RuleGroup> groups;
    if (const auto text = base::ReadFile(file)) {
      groups = ParseRuleFile(*text, file, problems, rule_options);
    } else {
      problems.AddError({file, 0, 0}, text.error().message, text.error().hint);
    }
    if (problems.HasErrors()) output.Err("  FAILED:\n");
    for (const config::Problem& problem : problems.all()) output.Err(problem.ToString() + "\n");
    broken = broken || problems.HasErrors();
    if (!problems.HasErrors()) {
      const std::string repeated = options.lint == CheckRulesOptions::Lint::kNone
                                       ? std::string()
                                       : DescribeDuplicates(groups);
      const bool fatal = !repeated.empty() && options.lint == CheckRulesOptions::Lint::kFatal;
      std::size_t rules = 0;
      for (const RuleGroup& group : groups) rules += group.rules.size();
      if (!fatal) output.Out("  SUCCESS: " + std::to_string(rules) + " rules found\n");
      if (fatal) output.Err("  FAILED:\n");
      output.Err(repeated);
      lint_failed = lint_failed || fatal;
    }
    output.Out("\n");
  }
  output.status = broken ? 1 : lint_failed ? kLintStatus : 0;
  return output;
}

}  // namespace drwatch::rules
