#include "exporter/load.h"

#include "base/file.h"
#include "exporter/embedded.h"

namespace drwatch::exporter {
namespace {

void Append(std::vector<rules::RuleGroup>& groups, std::vector<rules::RuleGroup> more) {
  for (rules::RuleGroup& group : more) groups.push_back(std::move(group));
}

std::vector<rules::RuleGroup> LoadRules(const config::Config& config, config::Problems& problems) {
  std::vector<rules::RuleGroup> groups;
  if (config.builtin_rules) {
    for (const EmbeddedFile& file : BuiltinRuleFiles()) {
      Append(groups,
             rules::ParseRuleFile(file.contents, "builtin/" + std::string(file.name), problems));
    }
  }
  for (const std::string& path : config.rule_files) {
    const auto text = base::ReadFile(path);
    if (text) {
      Append(groups, rules::ParseRuleFile(*text, path, problems));
    } else {
      problems.AddError({path, 0, 0}, text.error().message, text.error().hint);
    }
  }
  return groups;
}

}  // namespace

std::optional<Loaded> LoadAll(const std::string& config_file, config::Problems& problems) {
  // A configuration with errors may still name its rule files: their errors are shown in the same
  // run.
  config::Config partial;
  auto config = config::LoadConfig(config_file, problems);
  Loaded loaded;
  loaded.groups = LoadRules(config ? *config : partial, problems);
  if (!config || problems.HasErrors()) return std::nullopt;
  loaded.config = std::make_shared<const config::Config>(*std::move(config));
  return loaded;
}

std::string FormatProblems(const config::Problems& problems) {
  std::string text;
  for (const config::Problem& problem : problems.all()) text += problem.ToString() + "\n";
  return text;
}

}  // namespace drwatch::exporter
