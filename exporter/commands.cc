#include "exporter/commands.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <iostream>

#include "base/file.h"
#include "base/strings.h"
#include "config/config.h"
#include "exporter/load.h"
#include "exporter/output.h"
#include "exporter/routes.h"
#include "exporter/web_security.h"
#include "rules/tools.h"

namespace drwatch::exporter {
namespace {

// Prints what a tool said and returns its exit status.
int Print(const rules::ToolOutput& output) {
  for (const rules::ToolOutput::Chunk& chunk : output.chunks) {
    (chunk.stream == rules::ToolOutput::Stream::kOut ? std::cout : std::cerr)
        << chunk.text << std::flush;
  }
  return output.status;
}

base::Result<std::string> ReadStandardInput() {
  constexpr std::size_t kMaxBytes = 64 << 20;  // as of files
  std::string text;
  std::array<char, 64 << 10> buffer;
  while (true) {
    const ssize_t bytes = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (bytes == 0) return text;
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return base::Fail("cannot read it: " + base::ErrnoText(errno));
    text.append(buffer.data(), static_cast<std::size_t>(bytes));
    if (text.size() > kMaxBytes) {
      return base::Fail("is longer than " + std::to_string(kMaxBytes) + " bytes");
    }
  }
}

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
    if (!loaded->config->receivers.empty()) {
      std::cout << DescribeTimeline(*loaded->config, loaded->groups);
    }
    std::cout << DescribeForwarding(*loaded->config);
  }
  return status;
}

int CheckWebConfig(const CheckWebConfigOptions& options) {
  int status = 0;
  for (const std::string& file : options.files) {
    config::Problems problems;
    const bool usable = LoadWeb(file, problems) != nullptr;
    std::cerr << FormatProblems(problems);
    std::cout << file << (usable ? ": ok\n" : ": FAILED\n");
    if (!usable) status = 1;
  }
  return status;
}

int CheckRules(const CheckRulesOptions& options) {
  rules::CheckRulesOptions check;
  check.lint = rules::CheckRulesOptions::Lint::kNone;
  for (const std::string_view name : base::Split(options.lint, ',')) {
    if (name == "all" || name == "duplicate-rules") {
      check.lint = options.lint_fatal ? rules::CheckRulesOptions::Lint::kFatal
                                      : rules::CheckRulesOptions::Lint::kWarn;
    } else if (name != "none") {
      std::cout << "WARNING: unknown lint option " << name << "\n";
    }
  }
  if (options.ignore_unknown_fields) check.unknown_fields = rules::UnknownFields::kIgnore;
  if (options.files.empty()) return Print(rules::CheckStandardInput(ReadStandardInput(), check));
  return Print(rules::CheckRules(options.files, check));
}

int TestRules(const TestRulesOptions& options) {
  rules::UnitTestOptions unit;
  unit.run = options.run;
  if (options.ignore_unknown_fields) unit.unknown_fields = rules::UnknownFields::kIgnore;
  if (options.diff) unit.differences = rules::UnitTestOptions::Differences::kByLine;
  const rules::UnitTestOutput result = rules::RunUnitTests(options.files, unit);
  int status = Print(result.output);
  if (options.junit_file.empty()) return status;
  if (const base::Status written = WriteOutput(options.junit_file, result.junit); !written) {
    std::cerr << "drwatch: " << written.error().ToString() << "\n";
    status = 1;
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
