// Prometheus' own engine scripts, and the program that judges them.
#include "programs/promql_script.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temp_dir.h"

namespace drwatch::testing {
namespace {

ScriptResult RunFile(const std::string& path) {
  return RunScript(ReadTestFile(path), CheckAnnotations::kYes);
}

std::vector<std::string> Scripts(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(TestData(folder))) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".test") && name.starts_with(prefix)) paths.push_back(entry.path());
  }
  return paths;
}

TEST(ScriptTest, PrometheusScriptsPass) {
  int passed = 0;
  for (const std::string& path : Scripts("testdata/promql", "")) {
    const ScriptResult result = RunFile(path);
    passed += result.passed;
    for (const ScriptFailure& failure : result.failures) {
      ADD_FAILURE() << path << ":" << failure.line << " " << failure.message;
    }
  }
  EXPECT_EQ(passed, 588);
}

TEST(ScriptTest, CornersAreAsInPrometheus) {
  const ScriptResult result = RunFile(TestData("testdata/promql-own/corners.test"));
  for (const ScriptFailure& failure : result.failures) {
    ADD_FAILURE() << failure.line << " " << failure.message;
  }
  EXPECT_EQ(result.passed, 133);
}

TEST(ScriptTest, AcceptsWhatIsRight) {
  const ScriptResult result = RunFile(TestData("testdata/promql/selftest/pass.test"));
  EXPECT_EQ(result.passed, 25);
  EXPECT_TRUE(result.failures.empty());
}

TEST(ScriptTest, RejectsWhatIsWrong) {
  const ScriptResult result = RunFile(TestData("testdata/promql/selftest/fail.test"));
  EXPECT_EQ(result.passed, 0);
  EXPECT_EQ(result.failures.size(), 18U);
}

TEST(ScriptTest, RefusesScriptsThatCannotBeRead) {
  const auto paths = Scripts("testdata/promql/selftest", "bad-");
  EXPECT_EQ(paths.size(), 10U);
  for (const std::string& path : paths) EXPECT_FALSE(ParseScript(ReadTestFile(path))) << path;
}

TEST(ScriptTest, SaysThatNativeHistogramsAreNotSupported) {
  const ScriptResult result =
      RunScript("load 1m\n  h {{schema:0 sum:1 count:1}}\n", CheckAnnotations::kYes);
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.failures[0].line, 2);
  EXPECT_NE(result.failures[0].message.find("native histogram"), std::string::npos)
      << result.failures[0].message;
}

}  // namespace
}  // namespace drwatch::testing
