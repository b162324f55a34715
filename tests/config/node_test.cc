#include "config/node.h"

#include <gtest/gtest.h>

#include <chrono>

namespace drwatch::config {
namespace {

using std::chrono_literals::operator""s;

std::string ErrorsOf(std::string_view text, const YamlLimits& limits = {}) {
  Problems problems;
  const std::optional<Node> node = ParseYaml(text, "f.yml", problems, limits);
  EXPECT_EQ(node.has_value(), !problems.HasErrors());
  std::string all;
  for (const Problem& problem : problems.all()) all += problem.ToString() + "\n";
  return all;
}

Node Parsed(std::string_view text) {
  Problems problems;
  std::optional<Node> node = ParseYaml(text, "f.yml", problems);
  for (const Problem& problem : problems.all()) ADD_FAILURE() << problem.ToString();
  return node.value_or(Node());
}

std::string PositionText(const Node* node) {
  if (node == nullptr) return "none";
  return std::to_string(node->position.line) + ":" + std::to_string(node->position.column);
}

TEST(ParseYamlTest, KnowsWhereEachPartStands) {
  const Node root = Parsed("a: 1\nlist:\n  - x\n  - {k: \"v\"}\nempty:\n\nlast: |\n  text\n");
  EXPECT_EQ(root.kind, NodeKind::kMap);
  EXPECT_EQ(PositionText(&root), "1:1");
  EXPECT_EQ(PositionText(root.Find("a")), "1:4");
  const Node* list = root.Find("list");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(PositionText(&list->items[0]), "3:5");
  EXPECT_EQ(PositionText(list->items[1].Find("k")), "4:9");
  EXPECT_FALSE(list->items[1].Find("k")->plain);
  EXPECT_TRUE(list->items[0].plain);
  EXPECT_EQ(root.Find("empty")->kind, NodeKind::kNull);
  EXPECT_EQ(PositionText(root.Find("empty")), "5:1");
  EXPECT_EQ(root.Find("last")->scalar, "text\n");
  EXPECT_EQ(root.Find("nope"), nullptr);
}

TEST(ParseYamlTest, TakesEmptyFilesAsNull) {
  EXPECT_EQ(Parsed("").kind, NodeKind::kNull);
  EXPECT_EQ(Parsed("# only a comment\n").kind, NodeKind::kNull);
  EXPECT_EQ(Parsed("---\n").kind, NodeKind::kNull);
}

TEST(ParseYamlTest, ReportsSyntaxWithPosition) {
  const std::string unclosed = ErrorsOf("a: [1, 2\nb: 3\n");
  EXPECT_TRUE(unclosed.starts_with("f.yml:2:")) << unclosed;
  const std::string tab = ErrorsOf("a:\n\tb: 1\n");
  EXPECT_NE(tab.find("line 2 is indented with a tab"), std::string::npos) << tab;
  const std::string variable = ErrorsOf("a: {b: ${C}, d: 1}\n");
  EXPECT_NE(variable.find("write \"${NAME}\" in quotes"), std::string::npos) << variable;
}

TEST(ParseYamlTest, ReportsEveryDuplicateKey) {
  EXPECT_EQ(ErrorsOf("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
            "f.yml:2:11: duplicate key \"c\"\n  hint: it stands on line 2 already\n"
            "f.yml:3:1: duplicate key \"a\"\n  hint: it stands on line 1 already\n");
}

TEST(ParseYamlTest, RefusesKeysThatAreNoWords) {
  EXPECT_NE(ErrorsOf("? [a, b]\n: 1\n").find("a key must be"), std::string::npos);
}

TEST(ParseYamlTest, WritesAliasesOut) {
  const Node root = Parsed("base: &b {x: 1, y: [2]}\ncopy: *b\n");
  ASSERT_NE(root.Find("copy"), nullptr);
  EXPECT_EQ(root.Find("copy")->Find("y")->items.at(0).scalar, "2");
}

TEST(ParseYamlTest, MergesMaps) {
  const Node root = Parsed(
      "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\none: {<<: *a, x: 9}\nboth: {<<: [*a, *b]}\n"
      "quoted: {\"<<\": 1}\n");
  EXPECT_EQ(root.Find("one")->Find("x")->scalar, "9");
  EXPECT_EQ(root.Find("one")->Find("y")->scalar, "1");
  EXPECT_EQ(root.Find("one")->entries.size(), 2u);
  EXPECT_EQ(root.Find("both")->Find("y")->scalar, "1");
  EXPECT_EQ(root.Find("both")->Find("z")->scalar, "2");
  EXPECT_NE(root.Find("quoted")->Find("<<"), nullptr);
  EXPECT_NE(ErrorsOf("a: {<<: 5}\n").find("takes a map"), std::string::npos);
}

TEST(ParseYamlTest, RefusesLoopsAndUnknownAliases) {
  EXPECT_NE(ErrorsOf("a: &x [*x]\n").find("inside the node it refers to"), std::string::npos);
  EXPECT_NE(ErrorsOf("a: *nobody\n").find("f.yml:1:4: bad YAML"), std::string::npos);
  EXPECT_NE(ErrorsOf("a: \"\\\xd2\x87\"\n").find("unknown escape character: \\xd2"),
            std::string::npos)
      << "half a letter is no text";
}

TEST(ParseYamlTest, SurvivesBombs) {
  std::string laughs = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 12; ++level) {
    const std::string previous = "*l" + std::to_string(level - 1);
    laughs += "l" + std::to_string(level) + ": &l" + std::to_string(level) + " [";
    for (int i = 0; i < 10; ++i) laughs += (i == 0 ? "" : ", ") + previous;
    laughs += "]\n";
  }
  EXPECT_NE(ErrorsOf(laughs).find("too large with its aliases"), std::string::npos);

  std::string long_text = "a: &a " + std::string(1 << 20, 'x') + "\nb:\n";
  for (int i = 0; i < 1000; ++i) long_text += "- *a\n";
  EXPECT_NE(ErrorsOf(long_text).find("too large with its aliases"), std::string::npos);

  const std::string deep = std::string(100'000, '[');
  EXPECT_FALSE(ErrorsOf(deep).empty());
  EXPECT_NE(ErrorsOf(std::string(80, '[') + std::string(80, ']')).find("more than 64 levels"),
            std::string::npos);
  EXPECT_NE(ErrorsOf("aaaa", {.max_bytes = 3}).find("longer than 3 B"), std::string::npos);
}

TEST(ParseYamlTest, RefusesBytesThatAreNoText) {
  EXPECT_EQ(ErrorsOf("a: 1\nb: x\x04y\n"),
            "f.yml:2:5: control character 0x04\n  hint: the file must be UTF-8 text\n");
  EXPECT_NE(ErrorsOf("a: 1\nb: \xff\n").find("f.yml:2:1: bytes that are not UTF-8"),
            std::string::npos);
  EXPECT_NE(ErrorsOf("a: !secret x\n").find("unsupported YAML tag"), std::string::npos);
  EXPECT_NE(ErrorsOf("a: !!binary x\n").find("unsupported YAML tag"), std::string::npos);
}

TEST(ParseYamlTest, WarnsOfASecondDocument) {
  Problems problems;
  const std::optional<Node> node = ParseYaml("a: 1\n---\nb: 2\n", "f.yml", problems);
  ASSERT_TRUE(node.has_value());
  EXPECT_NE(node->Find("a"), nullptr);
  ASSERT_EQ(problems.all().size(), 1u);
  EXPECT_EQ(problems.all()[0].kind, Problem::Kind::kWarning);
}

TEST(MapReaderTest, ReadsEveryType) {
  const Node root = Parsed(
      "s: 12\nb: true\ni: -3\nd: 2.5\nt: 1m30s\no: 2d\nz: 1MiB\nl: [a, 1]\nm: {k: v, n: 2}\n");
  Problems problems;
  MapReader reader(root, problems, "thing");
  std::string text;
  bool flag = false;
  int number = 0;
  double ratio = 0;
  base::Duration time{};
  std::optional<base::Duration> maybe;
  std::optional<base::Duration> absent;
  std::int64_t size = 0;
  std::vector<std::string> list;
  std::vector<std::pair<std::string, std::string>> map;
  reader.Get("s", text);
  reader.Get("b", flag);
  reader.Get("i", number);
  reader.Get("d", ratio);
  reader.GetDuration("t", time);
  reader.GetDuration("o", maybe);
  reader.GetDuration("absent", absent);
  reader.GetSize("z", size);
  reader.Get("l", list);
  reader.Get("m", map);
  reader.Finish();
  EXPECT_TRUE(problems.all().empty());
  EXPECT_EQ(text, "12");
  EXPECT_TRUE(flag);
  EXPECT_EQ(number, -3);
  EXPECT_EQ(ratio, 2.5);
  EXPECT_EQ(time, 90s);
  EXPECT_EQ(maybe, base::Duration(48 * 3600s));
  EXPECT_FALSE(absent.has_value());
  EXPECT_EQ(size, 1 << 20);
  EXPECT_EQ(list, (std::vector<std::string>{"a", "1"}));
  EXPECT_EQ(map.at(1), (std::pair<std::string, std::string>("n", "2")));
}

TEST(MapReaderTest, SaysWhatIsWrongAndLeavesTheDefault) {
  const Node root = Parsed(
      "i: 3x\nq: \"3\"\nb: yes\nt: 5\nz: big\nl: one\nm: [1]\ns: [x]\nn:\nhuge: 99999999999\n");
  Problems problems;
  MapReader reader(root, problems, "thing");
  int number = 7;
  std::string text = "default";
  bool flag = false;
  base::Duration time = 1s;
  std::int64_t size = 7;
  std::vector<std::string> list;
  std::vector<std::pair<std::string, std::string>> map;
  reader.Get("i", number);
  reader.Get("q", number);
  reader.Get("b", flag);
  reader.GetDuration("t", time);
  reader.GetSize("z", size);
  reader.Get("l", list);
  reader.Get("m", map);
  reader.Get("s", text);
  reader.Get("n", text);
  reader.Get("huge", number);
  reader.Finish();
  std::string all;
  for (const Problem& problem : problems.all()) all += problem.ToString() + "\n";
  EXPECT_EQ(all,
            "f.yml:1:4: \"i\" must be a whole number, not \"3x\"\n"
            "f.yml:2:4: \"q\" must be a whole number, not \"3\"\n"
            "  hint: write it without quotes\n"
            "f.yml:3:4: \"b\" must be true or false, not \"yes\"\n"
            "f.yml:4:4: \"t\" must be a duration, not \"5\"\n"
            "  hint: such as 30s, 15m, 1h30m or 7d\n"
            "f.yml:5:4: \"z\" must be a size, not \"big\"\n"
            "  hint: such as 512, 64KiB, 1MiB or 10GB\n"
            "f.yml:6:4: \"l\" must be a list, not a single value\n"
            "  hint: write [a, b], or one item a line after \"- \"\n"
            "f.yml:7:4: \"m\" must be a map, not a list\n"
            "f.yml:8:4: \"s\" must be text, not a list\n"
            "f.yml:9:1: \"n\" must be text, not nothing\n"
            "f.yml:10:7: \"huge\" must be a whole number, not \"99999999999\"\n");
  EXPECT_EQ(number, 7);
  EXPECT_EQ(text, "default");
  EXPECT_EQ(time, 1s);
}

TEST(MapReaderTest, HintsAtTheNearestKey) {
  const Node root = Parsed("intervall: 1\nwhatever: 2\n");
  Problems problems;
  MapReader reader(root, problems, "probe");
  reader.Has("interval");
  reader.Has("timeout");
  reader.Require("name");
  reader.Finish();
  ASSERT_EQ(problems.all().size(), 3u);
  EXPECT_EQ(problems.all()[0].ToString(), "f.yml:1:1: probe needs the key \"name\"");
  EXPECT_EQ(problems.all()[1].ToString(),
            "f.yml:1:1: unknown key \"intervall\" in probe\n  hint: did you mean \"interval\"?");
  EXPECT_EQ(problems.all()[2].hint, "known keys: interval, timeout, name");
}

TEST(MapReaderTest, RefusesWhatIsNoMap) {
  const Node root = Parsed("[1]");
  Problems problems;
  MapReader reader(root, problems, "probe");
  EXPECT_EQ(reader.Require("name"), nullptr);
  reader.Finish();
  ASSERT_EQ(problems.all().size(), 1u);
  EXPECT_EQ(problems.all()[0].message, "probe must be a map of keys and values, not a list");
}

}  // namespace
}  // namespace drwatch::config
