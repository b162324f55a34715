#include "exporter/commands.h"

#include <fcntl.h>
#include <unistd.h>

#include <iostream>

#include "base/file.h"
#include "base/strings.h"
#include "config/config.h"
#include "exporter/load.h"

namespace drwatch::exporter {
namespace {

int CountRules(const std::vector<rules::RuleGroup>& groups) {
  std::size_t count = 0;
  for (const rules::RuleGroup& group : groups) count += group.rules.size();
  return static_cast<int>(count);
}

}  // namespace

int CheckConfig(const CheckConfigOptions& options) {
  int status = 0;
  for (const std::string& file : options.files) {
    config::Problems problems;
    const auto loaded = LoadAll(file, problems);
    std::cerr << FormatProblems(problems);
    if (!loaded) {
      std::cout << file << ": FAILED\n";
      status = 1;
      continue;
    }
    std::cout << file << ": ok, " << loaded->config->probes.size() << " probes, "
              << CountRules(loaded->groups) << " rules, " << loaded->config->receivers.size()
              << " receivers\n";
  }
  return status;
}

int CheckRules(const CheckRulesOptions& options) {
  int status = 0;
  for (const std::string& file : options.files) {
    config::Problems problems;
    std::vector<rules::RuleGroup> groups;
    std::cout << "Checking " << file << "\n";
    if (const auto text = base::ReadFile(file)) {
      groups = rules::ParseRuleFile(*text, file, problems);
    } else {
      problems.AddError({file, 0, 0}, text.error().message);
    }
    if (problems.HasErrors()) {
      std::cout << "  FAILED:\n" << std::flush;
      std::cerr << FormatProblems(problems);
      status = 1;
    } else {
      std::cerr << FormatProblems(problems);
      std::cout << "  SUCCESS: " << CountRules(groups) << " rules found\n";
    }
    std::cout << "\n";
  }
  return status;
}

int Init(const InitOptions& options) {
  const std::string text = config::StarterConfig();
  if (options.file.empty()) {
    std::cout << text;
    return 0;
  }
  // O_EXCL: an existing configuration is never overwritten.
  const base::UniqueFd fd(
      ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid() ||
      ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    std::cerr << "drwatch: cannot write " << base::Quote(options.file) << ": "
              << base::ErrnoText(errno) << "\n";
    return 1;
  }
  std::cout << "wrote " << options.file << "\nnext: edit it, then run\n  drwatch check config "
            << options.file << "\n  drwatch --config.file=" << options.file << "\n";
  return 0;
}

}  // namespace drwatch::exporter
