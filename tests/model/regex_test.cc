#include "model/regex.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include "model/matcher.h"

namespace drwatch::model {
namespace {

std::string Problem(const std::string& pattern) {
  const RE2 regex(pattern, RE2::Quiet);
  EXPECT_FALSE(regex.ok()) << pattern;
  return RegexProblem(regex);
}

TEST(RegexTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(Problem("a(b"), "missing closing ) at character 4");
  EXPECT_EQ(Problem("a(b))"), "unexpected ) at character 5");
  EXPECT_EQ(Problem("a[bc"), "missing closing ] at character 2");
  EXPECT_EQ(Problem("ab\\"), "trailing backslash at character 3");
  EXPECT_EQ(Problem("a[b-a]"), "invalid character class range `b-a` at character 3");
  EXPECT_EQ(Problem("[[:foo:]]"), "invalid character class range `[:foo:]` at character 2");
  EXPECT_EQ(Problem("a\\qb"), "invalid escape sequence `\\q` at character 2");
  EXPECT_EQ(Problem("a|*"), "missing argument to repetition operator `*` at character 3");
  EXPECT_EQ(Problem("a**"), "invalid nested repetition operator `**` at character 2");
  EXPECT_EQ(Problem("ab{1001}"), "invalid repeat count `{1001}` at character 3");
  EXPECT_EQ(Problem("((a{100}){100})"), "invalid repeat count `{100}` at character 10");
  EXPECT_EQ(Problem("a(?P<n"), "invalid named capture `(?P<n` at character 2");
}

TEST(RegexTest, FindsThePlaceAmongOthersThatLookLikeIt) {
  EXPECT_EQ(Problem("(a)[)]\\)\\Q)\\E)b)"), "unexpected ) at character 14");
  EXPECT_EQ(Problem("a*[*]\\*(*)"), "missing argument to repetition operator `*` at character 9");
  EXPECT_EQ(Problem("\\Q\\y\\E\\y"), "invalid escape sequence `\\y` at character 7");
  EXPECT_EQ(Problem("\\Q\\y\\E\\y\\y"), "invalid escape sequence `\\y` at character 7");
}

TEST(RegexTest, CountsCharacters) {
  EXPECT_EQ(Problem("\xc3\xa4\xe2\x82\xac["), "missing closing ] at character 3");
}

TEST(RegexTest, KnowsProblemsWithoutAPlace) {
  EXPECT_EQ(Problem("a\xff"), "invalid UTF-8");
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(1 << 16);
  EXPECT_EQ(RegexProblem(RE2("\\pL{900}", options)), "too large when compiled");
}

TEST(RegexTest, EndsSoonOnLongOnes) {
  EXPECT_EQ(Problem(std::string(100'000, ')')), "unexpected ) at character 1");
  EXPECT_EQ(Problem("[" + std::string(100'000, 'x')), "missing closing ] at character 1");
}

TEST(RegexTest, MatchersShowTheExpressionAsItWasWritten) {
  const auto open = Matcher::Make(MatchType::kRegex, "a", "(b");
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().message,
            "invalid regular expression \"(b\": missing closing ) at character 3");
  // The parentheses around it must not make it whole.
  const auto inside_out = Matcher::Make(MatchType::kRegex, "a", "b)(c");
  ASSERT_FALSE(inside_out);
  EXPECT_EQ(inside_out.error().message,
            "invalid regular expression \"b)(c\": unexpected ) at character 2");
}

}  // namespace
}  // namespace drwatch::model
