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

class Checker {
 public:
  explicit Checker(const CheckRulesOptions& options) : options_(options) {}

  // `shown` in the head, `file` in the places of problems.
  void Check(const std::string& shown, const std::string& file,
             const base::Result<std::string>& text) {
    output_.Out("Checking " + shown + "\n");
    config::Problems problems;
    std::vector<RuleGroup> groups;
    if (text) {
      groups = ParseRuleFile(*text, file, problems,
                             {options_.unknown_fields == UnknownFields::kError
                                  ? RuleFileOptions::UnknownKeys::kError
                                  : RuleFileOptions::UnknownKeys::kIgnore});
    } else {
      problems.AddError({file, 0, 0}, text.error().message, text.error().hint);
    }
    if (problems.HasErrors()) output_.Err("  FAILED:\n");
    for (const config::Problem& problem : problems.all()) output_.Err(problem.ToString() + "\n");
    broken_ = broken_ || problems.HasErrors();
    if (!problems.HasErrors()) Lint(groups);
    output_.Out("\n");
  }

  ToolOutput Finish() && {
    output_.status = broken_ ? 1 : lint_failed_ ? kLintStatus : 0;
    return std::move(output_);
  }

 private:
  void Lint(const std::vector<RuleGroup>& groups) {
    const std::string repeated = options_.lint == CheckRulesOptions::Lint::kNone
                                     ? std::string()
                                     : DescribeDuplicates(groups);
    if (!repeated.empty()) {
      output_.Err("  FAILED:\n" + repeated);
      lint_failed_ = lint_failed_ || options_.lint == CheckRulesOptions::Lint::kFatal;
      return;
    }
    std::size_t rules = 0;
    for (const RuleGroup& group : groups) rules += group.rules.size();
    output_.Out("  SUCCESS: " + std::to_string(rules) + " rules found\n");
  }

  const CheckRulesOptions& options_;
  ToolOutput output_;
  bool broken_ = false;
  bool lint_failed_ = false;
};

}  // namespace

ToolOutput CheckRules(const std::vector<std::string>& files, const CheckRulesOptions& options) {
  Checker checker(options);
  for (const std::string& file : files) checker.Check(file, file, base::ReadFile(file));
  return std::move(checker).Finish();
}

ToolOutput CheckStandardInput(const base::Result<std::string>& text,
                              const CheckRulesOptions& options) {
  Checker checker(options);
  checker.Check("standard input", "<stdin>", text);
  return std::move(checker).Finish();
}

}  // namespace drwatch::rules
