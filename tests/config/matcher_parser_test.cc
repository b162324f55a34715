#include "config/matcher_parser.h"

#include <gtest/gtest.h>

#include "config/node.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

using Matchers = std::vector<model::Matcher>;

std::string Text(const Matchers& matchers) {
  std::string text;
  for (const model::Matcher& matcher : matchers) {
    text += "[" + matcher.name() + "|" + std::string(model::MatchOperator(matcher.type())) + "|" +
            matcher.value() + "]";
  }
  return text;
}

std::string Outcome(const base::Result<Matchers>& matchers) {
  return matchers ? Text(*matchers) : "error";
}
std::string SingleOutcome(std::string_view input) {
  const base::Result<model::Matcher> matcher = ParseMatcher(input);
  return matcher ? Text({*matcher}) : "error";
}

std::string ScalarOf(const Node& row, std::string_view key) {
  const Node* node = row.Find(key);
  return node == nullptr ? "" : node->scalar;
}

std::string ExpectedOf(const Node& row) {
  if (ScalarOf(row, "valid") != "true") return "error";
  std::string text;
  for (const Node& matcher : row.Find("matchers")->items) {
    text += "[" + matcher.items.at(0).scalar + "|" + matcher.items.at(1).scalar + "|" +
            matcher.items.at(2).scalar + "]";
  }
  return text;
}

TEST(MatcherParserTest, AgreesWithAlertmanager) {
  const std::string file = testing::TestData("testdata/config/matchers.yaml");
  Problems problems;
  const std::optional<Node> rows = ParseYaml(testing::ReadTestFile(file), file, problems);
  ASSERT_TRUE(rows.has_value()) << problems.all().at(0).ToString();
  ASSERT_GT(rows->items.size(), 100u);
  for (const Node& row : rows->items) {
    const std::string parser = ScalarOf(row, "parser");
    const std::string input = ScalarOf(row, "input");
    const std::string expected = ExpectedOf(row);
    const std::string id = ScalarOf(row, "id") + " " + parser + " " + input;
    if (parser == "classic" || parser == "both") {
      EXPECT_EQ(Outcome(ParseClassicMatchers(input)), expected) << id;
    }
    if (parser == "utf8" || parser == "both") {
      EXPECT_EQ(Outcome(ParseUtf8Matchers(input)), expected) << id;
    }
    if (parser == "fallback") {
      EXPECT_EQ(Outcome(ParseMatchers(input)), expected) << id;
    }
    if (parser == "fallback-single") {
      EXPECT_EQ(SingleOutcome(input), expected) << id;
    }
    if (parser == "utf8-single") {
      const base::Result<Matchers> list = ParseUtf8Matchers(input);
      EXPECT_EQ(list && list->size() != 1 ? "error" : Outcome(list), expected) << id;
    }
  }
}

TEST(MatcherParserTest, SaysWhatItExpected) {
  EXPECT_EQ(ParseUtf8Matchers("{a=b").error().message,
            "bad matcher \"{a=b\": expected a closing brace at character 5");
  EXPECT_EQ(ParseMatchers("severity").error().message,
            "bad matcher \"severity\": expected one of = != =~ !~ at character 9");
  EXPECT_EQ(ParseMatcher("a=b,c=d").error().message,
            "expected one matcher instead of 2 in \"a=b,c=d\"");
  EXPECT_FALSE(ParseMatchers("a=~\"(\"").has_value());
}

}  // namespace
}  // namespace drwatch::config
