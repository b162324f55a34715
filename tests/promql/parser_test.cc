#include "promql/parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "model/sample.h"

namespace drwatch::promql {
namespace {

std::string Repeat(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

std::string ErrorOf(std::string_view text) {
  const auto expr = ParseExpr(text);
  return expr ? "" : expr.error().message;
}

std::string Printed(std::string_view text) {
  const auto expr = ParseExpr(text);
  return expr ? Print(**expr) : expr.error().message;
}

TEST(ParserTest, SaysWhereAndWhat) {
  EXPECT_EQ(ErrorOf(""), "1:1: parse error: no expression found in input");
  EXPECT_EQ(ErrorOf("# nothing"), "1:1: parse error: no expression found in input");
  EXPECT_EQ(ErrorOf("up +"), "1:5: parse error: unexpected end of input");
  EXPECT_EQ(ErrorOf("up\n+ * 2"), "2:3: parse error: unexpected <op:*>");
  EXPECT_EQ(ErrorOf("sum(up"), "1:7: parse error: unclosed left parenthesis");
  EXPECT_EQ(ErrorOf("up)"), "1:3: parse error: unexpected right parenthesis ')'");
  EXPECT_EQ(ErrorOf("up[5m"), "1:6: parse error: unclosed left bracket");
  EXPECT_EQ(ErrorOf("up{job=\"a\""), "1:11: parse error: unexpected end of input inside braces");
  EXPECT_EQ(
      ErrorOf("up{job=~\"a(\"}"),
      "1:4: parse error: invalid regular expression \"a(\": missing closing ) at character 3");
  EXPECT_EQ(ErrorOf("up + on(a) ignoring(b) x"), "1:12: parse error: unexpected <ignoring>");
  EXPECT_EQ(ErrorOf("rate(up)"),
            "1:6: parse error: expected type range vector in call to function \"rate\", got "
            "instant vector");
  EXPECT_EQ(ErrorOf("1 > 2"),
            "1:3: parse error: comparisons between scalars must use BOOL modifier");
  EXPECT_EQ(ErrorOf("a + on(x) group_left(x) b"),
            "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once");
  EXPECT_EQ(ErrorOf("abs(up,)"),
            "1:7: parse error: trailing commas not allowed in function call args");
  EXPECT_EQ(ErrorOf("sum(a, b)"),
            "1:1: parse error: wrong number of arguments for aggregate expression provided, "
            "expected 1, got 2");
  EXPECT_EQ(ErrorOf("foo{__name__=\"bar\"}"),
            "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\"");
  EXPECT_EQ(ErrorOf("\xc3\xa9"), "1:1: parse error: unexpected character: '\xc3\xa9'");
}

// The syntax comes first: a wrong type is not reported while a later part does not parse.
TEST(ParserTest, ReportsSyntaxBeforeTypes) {
  EXPECT_EQ(ErrorOf("rate(up) + )"), "1:12: parse error: unexpected right parenthesis ')'");
}

TEST(ParserTest, ExplainsReservedNames) {
  const auto expr = ParseExpr("step > 1");
  ASSERT_FALSE(expr);
  EXPECT_EQ(expr.error().hint, "write {\"step\"} for a metric of that name");
  EXPECT_EQ(Printed("{\"step\"} > 1"), "{__name__=\"step\"} > 1");
  EXPECT_EQ(Printed("a{step=\"1\",anchored=\"x\"}"), "a{anchored=\"x\",step=\"1\"}");
  EXPECT_EQ(Printed("fill + fill"), "fill + fill");
  EXPECT_EQ(ErrorOf("a + fill(0) b"),
            "1:5: parse error: binop fill modifiers are experimental and not enabled");
}

TEST(ParserTest, BindsOperatorsAsPrometheusDoes) {
  const auto same = [](std::string_view a, std::string_view b) {
    // Parentheses are part of the tree, so the trees are compared by what they print without.
    const auto strip = [](std::string text) {
      std::erase(text, '(');
      std::erase(text, ')');
      return text;
    };
    const auto left = ParseExpr(a);
    const auto right = ParseExpr(b);
    ASSERT_TRUE(left && right) << a << " " << b;
    EXPECT_EQ(strip(PrettyPrint(**left)), strip(PrettyPrint(**right)));
    const auto* const x = std::get_if<BinaryExpr>(&(*left)->node);
    const auto* const y = std::get_if<BinaryExpr>(&(*right)->node);
    ASSERT_TRUE(x != nullptr && y != nullptr);
    EXPECT_EQ(x->op, y->op) << a;
    EXPECT_EQ(strip(Print(*x->left)), strip(Print(*y->left))) << a;
  };
  same("a + b * c", "a + (b * c)");
  same("a - b - c", "(a - b) - c");
  same("a ^ b ^ c", "a ^ (b ^ c)");
  same("a * b ^ -c * d", "(a * (b ^ (-c))) * d");
  same("a == b and c or d", "((a == b) and c) or d");
  same("a or b unless c and d", "a or ((b unless c) and d)");
  same("a atan2 b / c", "(a atan2 b) / c");
  same("-a * b", "(-a) * b");
  same("a + b offset 5m", "a + (b offset 5m)");
  const auto negated = ParseExpr("-a ^ b");
  ASSERT_TRUE(negated);
  EXPECT_TRUE(std::holds_alternative<UnaryExpr>((*negated)->node));
}

TEST(ParserTest, ReadsNumbers) {
  const auto number = [](std::string_view text) -> std::optional<double> {
    const auto expr = ParseExpr(text);
    if (!expr) return std::nullopt;
    return std::get<NumberLiteral>((*expr)->node).value;
  };
  EXPECT_EQ(number("1_000.5"), 1000.5);
  EXPECT_EQ(number("0x1F"), 31);
  EXPECT_EQ(number("0X_ff"), 255);
  EXPECT_EQ(number("017"), 15);
  EXPECT_EQ(number("018"), 18);
  EXPECT_EQ(number("1e-400"), 0);
  EXPECT_EQ(number("-iNf"), -INFINITY);
  EXPECT_EQ(number("5m30s"), 330);
  EXPECT_EQ(number("-1h"), -3600);
  EXPECT_EQ(number("--1"), 1);
  EXPECT_TRUE(std::isnan(number("NaN").value()));
  for (const std::string_view bad : {"1e400", "0x", "0x1.8", "1__0", "1_", "1e", "1.2.3", "0b11",
                                     "5h5d", "1.5h", "1e3e4", "0xFFFFFFFFFFFFFFFFFF"}) {
    EXPECT_EQ(number(bad), std::nullopt) << bad;
  }
}

TEST(ParserTest, ReadsStringEscapes) {
  const auto string = [](std::string_view text) {
    const auto expr = ParseExpr(text);
    return expr ? std::get<StringLiteral>((*expr)->node).value : expr.error().message;
  };
  EXPECT_EQ(string(R"("a\tb\x41\101é\U0001F600")"), "a\tbAA\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(string(R"('it\'s "x"')"), "it's \"x\"");
  EXPECT_EQ(string("`a\\n\nb`"), "a\\n\nb");
  EXPECT_EQ(string(R"("\ud800")"),
            "1:1: parse error: escape sequence is an invalid Unicode code point");
  EXPECT_EQ(string(R"("\400")"),
            "1:1: parse error: escape sequence is an invalid Unicode code point");
  EXPECT_EQ(string(R"("\'")"), "1:1: parse error: unknown escape sequence '''");
  EXPECT_EQ(string("\"a\nb\""), "1:1: parse error: unterminated quoted string");
}

TEST(ParserTest, PrintsStringsThatReadBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  all += "\xc2\xa0\xe2\x80\x8b\xf0\x9f\x98\x80";
  Expr expr;
  expr.node = StringLiteral{all};
  const auto parsed = ParseExpr(Print(expr));
  ASSERT_TRUE(parsed) << Print(expr);
  EXPECT_EQ(std::get<StringLiteral>((*parsed)->node).value, all);
  EXPECT_EQ(Printed("\"\\a\\r\\x00\\x7f\\u200b\\\\\\\"\""), "\"\\a\\r\\x00\\x7f\\u200b\\\\\\\"\"");
}

TEST(ParserTest, PrintsCanonically) {
  EXPECT_EQ(Printed("SUM(a)BY(x,)+ON(y)GROUP_LEFT c"), "sum by (x) (a) + on (y) group_left () c");
  EXPECT_EQ(Printed("a * ignoring() group_right(x) b"), "a * ignoring () group_right (x) b");
  EXPECT_EQ(Printed("a[300] offset -90 @ 1.5"), "a[5m] @ 1.500 offset -1m30s");
  EXPECT_EQ(Printed("a @ -0.001"), "a @ -0.001");
  EXPECT_EQ(Printed("a[1h:]"), "a[1h:]");
  EXPECT_EQ(Printed("a{b='c',a=~`d|e`}"), "a{a=~\"d|e\",b=\"c\"}");
  EXPECT_EQ(Printed("1e6 + 1e-7 + Inf + 5m"), "1000000 + 0.0000001 + +Inf + 5m");
  EXPECT_EQ(Printed("sum by (\"a b\", a:b) (x)"), "sum by (\"a b\", \"a:b\") (x)");
  EXPECT_EQ(Printed("sum without () (x)"), "sum without () (x)");
  EXPECT_EQ(Printed("a == bool # comment\n 1"), "a == bool 1");
}

TEST(ParserTest, PrettyPrintsPowersOfInfinity) {
  const std::string name(200, 'm');
  const auto power = ParseExpr("-Inf ^ " + name);
  ASSERT_TRUE(power);
  EXPECT_EQ(PrettyPrint(**power), "-Inf\n^\n  " + name);
  const auto again = ParseExpr(PrettyPrint(**power));
  ASSERT_TRUE(again);
  EXPECT_EQ(Print(**again), Print(**power));
}

TEST(ParserTest, PrettyPrintsLongExpressions) {
  const std::string long_name(60, 'a');
  const auto pretty = [](const std::string& text) {
    const auto expr = ParseExpr(text);
    return expr ? PrettyPrint(**expr) : expr.error().message;
  };
  EXPECT_EQ(pretty("sum(a)"), "sum(a)");
  EXPECT_EQ(pretty(long_name + " + on(x) -(" + long_name + " * 2)"),
            "  " + long_name + "\n+ on (x)\n  -(" + long_name + " * 2)");
  EXPECT_EQ(
      pretty("sum by (x) (rate(" + long_name + "[5m]) / rate(" + long_name + "[5m]))"),
      "sum by (x) (\n    rate(" + long_name + "[5m])\n  /\n    rate(" + long_name + "[5m])\n)");
  EXPECT_EQ(pretty("clamp(" + long_name + " - " + long_name + ", 0, 1)"),
            "clamp(\n    " + long_name + "\n  -\n    " + long_name + ",\n  0,\n  1\n)");
}

TEST(ParserTest, BoundsEveryKindOfDepth) {
  const int deep = 100'000;
  const std::string kinds[] = {
      Repeat("(", deep) + "1" + Repeat(")", deep),
      Repeat("-", deep) + "a",
      "a" + Repeat("[1m:]", deep),
      "1" + Repeat("+1", deep),
      "1" + Repeat("^1", deep),
      "1" + Repeat("+-1", deep),
      Repeat("abs(", deep) + "a" + Repeat(")", deep),
      Repeat("sum(", deep) + "a" + Repeat(")", deep),
      Repeat("(", deep),
      "a" + Repeat(" or a", deep),
  };
  for (const std::string& text : kinds) {
    EXPECT_NE(ErrorOf(text).find("nested too deeply"), std::string::npos)
        << text.substr(0, 20) << ErrorOf(text).substr(0, 200);
  }
  EXPECT_NE(ErrorOf(std::string(kMaxExpressionBytes + 1, ' ')).find("longer than"),
            std::string::npos);
}

TEST(ParserTest, AcceptsWhatIsJustNotTooDeep) {
  const int deep = kMaxNestingDepth - 2;
  const std::string kinds[] = {
      Repeat("(", deep) + "a" + Repeat(")", deep),
      Repeat("-", deep) + "a",
      "1" + Repeat("+1", deep),
      "1" + Repeat("^1", deep),
      Repeat("abs(", deep) + "a" + Repeat(")", deep),
  };
  for (const std::string& text : kinds) {
    const auto expr = ParseExpr(text);
    ASSERT_TRUE(expr) << expr.error().message;
    EXPECT_TRUE(ParseExpr(Print(**expr)));
    EXPECT_TRUE(ParseExpr(PrettyPrint(**expr)));
  }
}

// 60 kB that made a parser with unbounded recursion fall over.
TEST(ParserTest, RejectsTheKnownPathologicalExpression) {
  const std::string text = "(" + Repeat("-{}-1", 10'000) + ")" + Repeat("[1m:]", 1000);
  EXPECT_NE(ErrorOf(text), "");
}

TEST(SelectorTest, ParsesOneSelector) {
  const auto matchers = ParseSelector("up{job=~\"a|b\"}");
  ASSERT_TRUE(matchers) << matchers.error().message;
  ASSERT_EQ(matchers->size(), 2U);
  EXPECT_EQ((*matchers)[0].ToString(), "job=~\"a|b\"");
  EXPECT_EQ((*matchers)[1].ToString(), "__name__=\"up\"");
  EXPECT_TRUE(ParseSelector(" {\"a.b\"} "));
  EXPECT_TRUE(ParseSelector("sum"));
  for (const std::string_view bad : {"", "up[5m]", "up offset 5m", "{}", "{a=\"\"}", "{a=~\".*\"}",
                                     "1", "sum(up)", "up, up", "up{", "up{a=\"b\" c=\"d\"}"}) {
    EXPECT_FALSE(ParseSelector(bad)) << bad;
  }
}

TEST(SeriesDescriptionTest, ExpandsItems) {
  const auto values = [](std::string_view items) -> std::string {
    const auto series = ParseSeriesDescription("m{a=\"b\"} " + std::string(items));
    if (!series) return series.error().message;
    std::string text;
    for (const auto& value : series->values) {
      if (!text.empty()) text += ' ';
      text += !value                      ? "_"
              : model::IsStaleNan(*value) ? "stale"
                                          : std::to_string(*value).substr(0, 4);
    }
    return text;
  };
  EXPECT_EQ(values("5 2+3x2 _ stale"), "5.00 2.00 5.00 8.00 _ stale");
  EXPECT_EQ(values("1-2x2 _x2 1x1"), "1.00 -1.0 -3.0 _ _ 1.00 1.00");
  EXPECT_EQ(values("0x2"), "0.00 0.00 0.00");
  EXPECT_EQ(values("stalex1 Inf -InF"), "stale stale inf -inf");
  EXPECT_EQ(values("1e2 1e+1 1_0 .5"), "100. 10.0 10.0 0.50");
  EXPECT_EQ(values("_x0 1"), "1.00");
  EXPECT_EQ(values(""), "");
  EXPECT_NE(values("{{schema:0}}").find("native histograms are not supported"), std::string::npos);
  EXPECT_NE(values("1x9999999").find("more than 1000000 values"), std::string::npos);
  EXPECT_NE(values("_x99999999999").find("more than 1000000 values"), std::string::npos);
  for (const std::string_view bad : {"1x", "1x-1", "1+2", "_1", "_x", "a", "1x2x3", "+", "1,2",
                                     "1x1.5", "1x1e3", "staler", "+stale", "_+1x2", "x3"}) {
    EXPECT_NE(values(bad).find("parse error"), std::string::npos) << bad;
  }
}

TEST(SeriesDescriptionTest, ReadsEverySpellingOfLabels) {
  const auto labels = [](std::string_view text) -> std::string {
    const auto series = ParseSeriesDescription(text);
    return series ? series->labels.ToString() : "error";
  };
  EXPECT_EQ(labels("sum 1"), "sum");
  EXPECT_EQ(labels("step{by=\"x\",}"), "step{by=\"x\"}");
  EXPECT_EQ(labels("{\"a.b\", 'c d'='e'} 1"), "{__name__=\"a.b\", \"c d\"=\"e\"}");
  EXPECT_EQ(labels("{__name__=\"m\", a=\"\"} 1"), "m");
  EXPECT_EQ(labels("a:b:c"), "a:b:c");
  for (const std::string_view bad : {"", "1 2", "{a} 1", "m{a=1} 1", "m{a=\"b\"", "m{a=\"b\"}1",
                                     "m{,} 1", "m{a=\"b\" c=\"d\"} 1", "m{a!=\"b\"} 1", "on 1"}) {
    EXPECT_EQ(labels(bad), "error") << bad;
  }
}

}  // namespace
}  // namespace drwatch::promql
