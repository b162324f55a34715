#include <gtest/gtest.h>

#include "samples.h"
#include "verify/json.h"
#include "verify/yaml.h"

namespace drwatch::verify {
namespace {

using model::Reason;

TEST(JsonTest, WhatProgramsWriteIsAccepted) {
  for (const std::string good :
       {"{}", "[]", " [1, -0.5e+3, \"a\\u00e9\\n\", true, false, null] ", "\"text\"", "12",
        "{\"a\": {\"b\": [{}, []]}, \"c\": \"\xc3\xa9\"}", "\xef\xbb\xbf{}",
        "{\"a\": 1}\n{\"a\": 2}\n", "// settings\n{\"a\": [1,], /* b */ \"b\": NaN,}",
        "{\"error\": null, \"data\": [1]}", "{\n  \"errors\": [ ],\n  \"data\": {}\n}",
        "{\"error\":false}", "{\"error\": {}, \"errors\": 0, \"fault\": \"\"}",
        "{\"rows\": [], \"error\": null}", "{\"message\": \"x\", \"code\": 5}"}) {
    const Verdict verdict = VerifyBytes(good, "state.json");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << good << ": " << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kFormat);
    EXPECT_EQ(verdict.format, "JSON");
  }
  EXPECT_EQ(VerifyBytes(Gzip("{\"a\": 1}"), "state.json.gz").level, Level::kContent);
}

TEST(JsonTest, EveryTruncationShows) {
  const std::string all = "{\"a\": [1, \"two\", {\"b\": null}], \"c\": -1.5e3}";
  for (std::size_t size = 1; size < all.size(); ++size) {
    const Verdict verdict = WalkBytes(all.substr(0, size), "state.json");
    ASSERT_EQ(verdict.outcome, Outcome::kBroken) << size;
    ASSERT_EQ(verdict.reason, Reason::kIncomplete) << size;
  }
}

TEST(JsonTest, WhatDoesNotParseIsBroken) {
  for (const std::string bad : {"{\"a\"}",     "{\"a\" 1}",
                                "{a: 1}",      "[1 2]",
                                "[,]",         "{,}",
                                "{\"a\": }",   "}",
                                "[}",          "01",
                                "1.",          "-",
                                "1e",          "tru",
                                "nul",         "\"\\x\"",
                                "\"\\u00g0\"", "\"\n\"",
                                "{} x",        "[1]]",
                                ":",           "{\"a\": 1 \"b\": 2}",
                                "\"\xff\"",    "\"\xc3(\"",
                                "just text",   "{\"error\": \"not found\"}"}) {
    EXPECT_EQ(VerifyBytes(bad, "state.json").outcome, Outcome::kBroken) << bad;
  }
  EXPECT_EQ(VerifyBytes("{\"error\": null, \"errors\": [{\"x\": 1}]}", "state.json").outcome,
            Outcome::kBroken);
  EXPECT_EQ(WalkBytes("{\"a\": 1}" + std::string(3, '\0'), "x.json").place, "byte 8");
}

TEST(JsonTest, DeepNestingIsALimit) {
  EXPECT_EQ(WalkBytes(std::string(50'000, '[') + std::string(50'000, ']'), "x.json").outcome,
            Outcome::kIntact);
  EXPECT_EQ(WalkBytes(std::string(1'000'000, '['), "x.json").reason, Reason::kLimit);
}

TEST(YamlTest, WhatTakesTooMuchMemoryIsNotParsed) {
  const auto repeat = [](std::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  for (const std::string& text :
       {repeat("[", 1'000'000), repeat("[a: ", 200'000), "a: [" + repeat("b,", 200'000) + "]\n",
        repeat("\"", 500'000), repeat("&a ", 300'000), repeat("!a ", 300'000)}) {
    const Verdict verdict = VerifyBytes(text, "x.yaml");
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << text.substr(0, 8) << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kSize);
  }
  const Verdict json = VerifyBytes("[" + repeat("{\"a\": \"{{b}}\"},", 100'000) + "1]", "x.yaml");
  EXPECT_EQ(json.outcome, Outcome::kIntact) << json.ToString();
  EXPECT_EQ(json.level, Level::kFormat);
  // Of many lines it is not too much.
  EXPECT_EQ(VerifyBytes(repeat("- \"a\"\n", 100'000), "x.yaml").outcome, Outcome::kIntact);
}

TEST(YamlTest, AZeroByteEndsIt) {
  EXPECT_EQ(WalkBytes("a: 1\n" + std::string(100'000'000, '\0'), "x.yaml").place, "byte 5");
}

TEST(YamlTest, ParsesOrIsBroken) {
  const Verdict good = VerifyBytes("a: 1\n---\nb: [x, y]\n", "cluster.yaml");
  EXPECT_EQ(good.outcome, Outcome::kIntact) << good.ToString();
  EXPECT_EQ(good.level, Level::kFormat);
  EXPECT_EQ(good.details, std::vector<std::string>{"2 documents"});
  for (const std::string bad : {"a: [1, 2\nb: 3\n", "a: b: c\n", "a: *nothing\n", "a: 1\n\xff\n",
                                // Endless documents, to yaml-cpp.
                                ", a\n"}) {
    const Verdict verdict = VerifyBytes(bad, "cluster.yml");
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << bad;
    EXPECT_EQ(verdict.reason, Reason::kCorrupt) << bad;
  }
  EXPECT_EQ(VerifyBytes("a: 1\nb: [\n", "cluster.yml").place, "line 3");
  EXPECT_EQ(VerifyBytes("---\n---\n---\n", "empty.yml").details,
            std::vector<std::string>{"3 documents"});
  // Not filled in yet, and not parsed.
  for (const std::string& other :
       {std::string("a: {{ .Values.x }}\n"), "a: 1\n" + std::string(kMaxYamlBytes, '#')}) {
    EXPECT_EQ(VerifyBytes(other, "chart.yaml").outcome, Outcome::kUnjudged);
  }
}

}  // namespace
}  // namespace drwatch::verify
