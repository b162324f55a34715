#include "exporter/load.h"

#include "base/file.h"
#include "exporter/embedded.h"
#include "notify/expand.h"
#include "rules/selectors.h"

namespace drwatch::exporter {
namespace {

using Groups = std::vector<rules::RuleGroup>;

void Append(Groups& groups, Groups more) {
  for (rules::RuleGroup& group : more) groups.push_back(std::move(group));
}

void AppendBuiltinRules(Groups& groups, config::Problems& problems) {
  for (const EmbeddedFile& file : BuiltinRuleFiles()) {
    Append(groups,
           rules::ParseRuleFile(file.contents, "builtin/" + std::string(file.name), problems));
  }
}

void AppendRuleFile(Groups& groups, const std::string& path, config::Problems& problems) {
  const auto text = base::ReadFile(path);
  if (text) {
    Append(groups, rules::ParseRuleFile(*text, path, problems));
  } else {
    problems.AddError({path, 0, 0}, text.error().message, text.error().hint);
  }
}

}  // namespace

std::optional<Loaded> LoadAll(const std::string& config_file, config::Problems& problems) {
  std::vector<std::string> rule_files;
  config::LoadOptions options;
  options.rule_files = &rule_files;
  auto config = config::LoadConfig(config_file, problems, options);
  if (config) notify::CheckTemplates(*config, problems);
  Loaded loaded;
  if (config && config->builtin_rules) AppendBuiltinRules(loaded.groups, problems);
  for (const std::string& path : rule_files) AppendRuleFile(loaded.groups, path, problems);
  if (!config || problems.HasErrors()) return std::nullopt;
  rules::CheckJobs(*config, loaded.groups, problems);
  loaded.config = std::make_shared<const config::Config>(*std::move(config));
  return loaded;
}

std::string StateFile(const std::string& storage_path, const config::Config& config) {
  return (storage_path.empty() ? config.storage.path : storage_path) + "/drwatch.db";
}

std::string FormatProblems(const config::Problems& problems) {
  std::string text;
  for (const config::Problem& problem : problems.all()) text += problem.ToString() + "\n";
  return text;
}

}  // namespace drwatch::exporter
