// Damaged files: whatever stands in one, loading ends, says why it failed, and says it within the
// file.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

constexpr int kMutants = 1500;

std::string Mutate(std::string text, std::mt19937& random) {
  static const std::vector<std::string> kPieces = {
      "{",     "}",  "[",    "]",      ":",   ",",     "\n", "  ",
      "- ",    "\"", "'",    "*a",     "&a ", "<<: ",  "${", "$$",
      "|",     ">",  "#",    "!!int ", "~",   "null",  "-1", "99999999999999999999",
      "1e999", "\t", "\x04", "\xff",   "...", "---\n", "? "};
  const std::size_t count = 1 + random() % 4;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = random() % (text.size() + 1);
    switch (random() % 3) {
      case 0:
        text.insert(at, kPieces[random() % kPieces.size()]);
        break;
      case 1:
        text.erase(at, 1 + random() % 20);
        break;
      case 2:
        text.insert(at, text.substr(random() % text.size(), random() % 80));
        break;
    }
  }
  return text;
}

TEST(MutationTest, DamagedFilesAreRefusedWithAPlace) {
  const std::map<std::string, std::string> environment = {{"REPORTS_WEBHOOK", "http://x"},
                                                          {"SLACK_WEBHOOK_URL", "http://x"}};
  std::mt19937 random(20261121);
  int refused = 0;
  for (const std::string_view name : {"production.yml", "minimal.yml"}) {
    const std::string text =
        testing::ReadTestFile(testing::TestData("../examples/" + std::string(name)));
    for (int i = 0; i < kMutants / 2; ++i) {
      const std::string mutant = Mutate(text, random);
      Problems problems;
      const auto config = ParseConfig(mutant, "/f.yml", problems, {&environment});
      EXPECT_EQ(config.has_value(), !problems.HasErrors()) << mutant;
      refused += config ? 0 : 1;
      const auto lines = std::count(mutant.begin(), mutant.end(), '\n') + 2;
      for (const Problem& problem : problems.all()) {
        EXPECT_LE(problem.position.line, lines) << problem.ToString() << "\n" << mutant;
        EXPECT_GE(problem.position.line, 0) << problem.ToString() << "\n" << mutant;
      }
      if (config) DescribeConfig(*config);
    }
  }
  EXPECT_GT(refused, kMutants / 2);
}

}  // namespace
}  // namespace drwatch::config
