// Any text is read as a configuration or rejected with places inside it. No message carries what
// came from the environment; what was read is described as YAML, without its secrets.
#include <map>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/node.h"
#include "fuzz.h"
#include "problems.h"

namespace drwatch::config {
namespace {

using fuzz::Check;

constexpr std::string_view kSecret = "Kq7wZ3pXbT9yR2mV";
// So much of it is as bad as all.
constexpr std::size_t kPieceBytes = 6;
const std::map<std::string, std::string> kEnvironment = {{"S", std::string(kSecret)}, {"N", "5"}};

void CheckConfig(std::string_view text) {
  // A folder that does not exist, so that patterns of files end there.
  constexpr const char* kFile = "/nonexistent/fuzz.yml";
  Problems problems;
  LoadOptions options;
  options.environment = &kEnvironment;
  const auto config = ParseConfig(text, kFile, problems, options);
  Check(config.has_value() != problems.HasErrors(), "neither a config nor an error, or both");
  fuzz::CheckProblems(problems, text);
  for (std::size_t at = 0; at + kPieceBytes <= kSecret.size(); ++at) {
    const std::string_view piece = kSecret.substr(at, kPieceBytes);
    if (text.find(piece) != std::string_view::npos) continue;
    for (const Problem& problem : problems.all()) {
      Check(problem.ToString().find(piece) == std::string::npos,
            "a message carries a secret: " + problem.ToString());
    }
  }
  if (!config) return;
  const std::string described = DescribeConfig(*config);
  Problems own;
  Check(ParseYaml(described, kFile, own).has_value(), "the description is no YAML: " + described);
}

}  // namespace
}  // namespace drwatch::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drwatch::config::CheckConfig(drwatch::fuzz::Text(data, size));
  return 0;
}
