#include "probes/http_conditions.h"

#include <gtest/gtest.h>

namespace drwatch::probes {
namespace {

using Op = config::JsonCondition::Op;

config::HttpProbe::Expect Json(std::string path, Op op, std::string value) {
  config::HttpProbe::Expect expect;
  expect.json = {{std::move(path), op, std::move(value)}};
  return expect;
}

ConditionOutcome CheckOne(const config::HttpProbe::Expect& expect, std::string_view body) {
  const BodyConditions conditions(expect);
  EXPECT_EQ(conditions.problem(), "");
  const std::vector<ConditionOutcome> outcomes = conditions.Check(body);
  EXPECT_EQ(outcomes.size(), 1U);
  return outcomes.at(0);
}

bool Holds(std::string path, Op op, std::string value, std::string_view body) {
  return CheckOne(Json(std::move(path), op, std::move(value)), body).holds;
}

constexpr std::string_view kHealth = R"({"status":"healthy","lag":12.5,"count":300,"none":null,
  "checks":{"database":true,"a/b":1,"c.d":2,"~":3},"nodes":[{"up":true},{"up":false}]})";

TEST(BodyConditionsTest, FindsFieldsByPointerAndByDots) {
  EXPECT_TRUE(Holds("checks.database", Op::kEqual, "true", kHealth));
  EXPECT_TRUE(Holds("/checks/database", Op::kEqual, "true", kHealth));
  EXPECT_TRUE(Holds("/checks/a~1b", Op::kEqual, "1", kHealth));
  EXPECT_TRUE(Holds("/checks/c.d", Op::kEqual, "2", kHealth));
  EXPECT_TRUE(Holds("/checks/~0", Op::kEqual, "3", kHealth));
  EXPECT_TRUE(Holds("nodes.1.up", Op::kEqual, "false", kHealth));
  EXPECT_TRUE(Holds("/nodes/0/up", Op::kEqual, "true", kHealth));
  EXPECT_TRUE(Holds("", Op::kEqual, "7", "7"));
}

TEST(BodyConditionsTest, MissingFieldsNeverHold) {
  for (const char* path : {"checks.redis", "checks.database.x", "nodes.2", "nodes.-1", "nodes.x",
                           "nodes.00000000000000000000", "status.0", "/", "/checks/", "none.x"}) {
    for (const Op op : {Op::kEqual, Op::kNotEqual, Op::kLess, Op::kLessEqual, Op::kGreater,
                        Op::kGreaterEqual, Op::kMatches}) {
      EXPECT_FALSE(Holds(path, op, "0", kHealth)) << path << static_cast<int>(op);
    }
    EXPECT_FALSE(Holds(path, Op::kExists, "", kHealth)) << path;
  }
}

TEST(BodyConditionsTest, ComparesNumbersAsNumbers) {
  EXPECT_TRUE(Holds("lag", Op::kLess, "13", kHealth));
  EXPECT_FALSE(Holds("lag", Op::kLess, "12.5", kHealth));
  EXPECT_TRUE(Holds("lag", Op::kLessEqual, "12.5", kHealth));
  EXPECT_TRUE(Holds("lag", Op::kGreater, "12.4", kHealth));
  EXPECT_TRUE(Holds("count", Op::kGreaterEqual, "300", kHealth));
  EXPECT_TRUE(Holds("count", Op::kEqual, "300.0", kHealth));
  EXPECT_TRUE(Holds("count", Op::kNotEqual, "301", kHealth));
  EXPECT_FALSE(Holds("x", Op::kLess, "18446744073709551615", R"({"x":"5"})"));
  EXPECT_TRUE(Holds("x", Op::kLess, "18446744073709551615", R"({"x":-1})"));
  EXPECT_FALSE(Holds("x", Op::kEqual, "18446744073709551615", R"({"x":-1})"));
  EXPECT_TRUE(Holds("x", Op::kNotEqual, "18446744073709551615", R"({"x":-1})"));
  EXPECT_TRUE(Holds("x", Op::kGreater, "-5", R"({"x":-4})"));
  EXPECT_TRUE(Holds("x", Op::kGreater, "-5", R"({"x":0})"));
  EXPECT_TRUE(Holds("x", Op::kEqual, "9007199254740993", R"({"x":9007199254740993})"));
  EXPECT_FALSE(Holds("x", Op::kEqual, "9007199254740993", R"({"x":9007199254740992})"));
}

TEST(BodyConditionsTest, WrongTypesNeverHold) {
  for (const char* body : {R"({"x":"5"})", R"({"x":true})", R"({"x":null})", R"({"x":[5]})",
                           R"({"x":{}})", R"({"x":"NaN"})"}) {
    for (const Op op : {Op::kEqual, Op::kLess, Op::kLessEqual, Op::kGreater, Op::kGreaterEqual}) {
      EXPECT_FALSE(Holds("x", op, "5", body)) << body;
    }
    EXPECT_FALSE(Holds("x", Op::kMatches, "^5$", R"({"x":5})"));
  }
  EXPECT_FALSE(Holds("x", Op::kEqual, "true", R"({"x":1})"));
  EXPECT_FALSE(Holds("x", Op::kEqual, "true", R"({"x":"true"})"));
  EXPECT_FALSE(Holds("x", Op::kNotEqual, "\"down\"", R"({"x":5})"));
  EXPECT_TRUE(Holds("x", Op::kNotEqual, "null", R"({"x":5})"));
  EXPECT_FALSE(Holds("x", Op::kNotEqual, "null", R"({"x":null})"));
}

TEST(BodyConditionsTest, MatchesTexts) {
  EXPECT_TRUE(Holds("status", Op::kMatches, "^heal", kHealth));
  EXPECT_FALSE(Holds("status", Op::kMatches, "^un", kHealth));
}

TEST(BodyConditionsTest, AsksForPresenceAndAbsence) {
  EXPECT_TRUE(Holds("none", Op::kExists, "", kHealth));
  EXPECT_TRUE(Holds("none", Op::kExists, "true", kHealth));
  EXPECT_FALSE(Holds("none", Op::kExists, "false", kHealth));
  EXPECT_TRUE(Holds("error", Op::kExists, "false", kHealth));
  EXPECT_FALSE(Holds("error", Op::kExists, "false", "no JSON"));
}

TEST(BodyConditionsTest, ReadsJsonStrictly) {
  for (const char* body :
       {"", "no JSON at all", "{\"x\":NaN}", "{'x':1}", "{\"x\":1,}", "{\"x\":1} trailing",
        "{\"x\":01}", "{\"x\":1 // comment\n}", "{\"x\":\"\xff\"}"}) {
    const ConditionOutcome outcome = CheckOne(Json("x", Op::kEqual, "1"), body);
    EXPECT_FALSE(outcome.holds) << body;
    EXPECT_NE(outcome.message.find("JSON"), std::string::npos) << outcome.message;
  }
  EXPECT_FALSE(Holds("x", Op::kEqual, "1", std::string(1 << 16, '[')));
  EXPECT_FALSE(Holds("x", Op::kEqual, "1", std::string(1 << 15, '[') + std::string(1 << 15, ']')));
}

TEST(BodyConditionsTest, ShowsWhatItFound) {
  const auto message = [](std::string path, Op op, std::string value, std::string_view body) {
    return CheckOne(Json(std::move(path), op, std::move(value)), body).message;
  };
  EXPECT_EQ(message("checks.database", Op::kEqual, "true", R"({"checks":{"database":false}})"),
            "checks.database is false, expected true");
  EXPECT_EQ(message("checks.database", Op::kEqual, "true", "{}"),
            "checks.database is missing, expected true");
  EXPECT_EQ(message("lag", Op::kLess, "300", R"({"lag":1337})"), "lag is 1337, expected < 300");
  EXPECT_EQ(message("lag", Op::kLess, "300", R"({"lag":"low"})"), "lag is \"low\", expected < 300");
  EXPECT_EQ(message("s", Op::kMatches, "^ok", R"({"s":"bad"})"),
            "s is \"bad\", expected a text that matches \"^ok\"");
  EXPECT_EQ(message("s", Op::kEqual, "true", R"({"s":true})"), "s is true");
  EXPECT_EQ(message("e", Op::kExists, "false", R"({"e":"boom"})"), "e is \"boom\", expected none");
  EXPECT_LT(message("s", Op::kEqual, "1", "{\"s\":\"" + std::string(5000, 'x') + "\"}").size(),
            200U);
}

TEST(BodyConditionsTest, NamesConditions) {
  EXPECT_EQ(CheckOne(Json("checks.database", Op::kEqual, "true"), "").name,
            "checks.database == true");
  EXPECT_EQ(CheckOne(Json("/lag", Op::kLess, "300"), "").name, "/lag < 300");
  EXPECT_EQ(CheckOne(Json("x", Op::kExists, ""), "").name, "x exists");
}

TEST(BodyConditionsTest, SearchesTheBody) {
  config::HttpProbe::Expect expect;
  expect.body_matches = {"hea.thy", "^<html>"};
  expect.body_not_matches = {"(?i)error"};
  const BodyConditions conditions(expect);
  const std::vector<ConditionOutcome> good = conditions.Check("<html>healthy</html>");
  ASSERT_EQ(good.size(), 3U);
  EXPECT_TRUE(good[0].holds && good[1].holds && good[2].holds);
  const std::vector<ConditionOutcome> bad = conditions.Check("ERROR");
  EXPECT_FALSE(bad[0].holds || bad[1].holds || bad[2].holds);
  EXPECT_EQ(bad[0].name, "body =~ hea.thy");
  EXPECT_EQ(bad[0].message, "the body does not match \"hea.thy\"");
  EXPECT_EQ(bad[2].name, "body !~ (?i)error");
  EXPECT_EQ(bad[2].message, "the body matches \"(?i)error\"");
}

TEST(BodyConditionsTest, SaysWhatIsWrongWithAConditionItself) {
  EXPECT_NE(BodyConditions(Json("x", Op::kMatches, "(")).problem(), "");
  EXPECT_NE(BodyConditions(Json("x", Op::kEqual, "yes")).problem(), "");
  EXPECT_NE(BodyConditions(Json("x", Op::kLess, "\"5\"")).problem(), "");
  config::HttpProbe::Expect expect;
  expect.body_matches = {"["};
  const BodyConditions conditions(expect);
  EXPECT_NE(conditions.problem(), "");
  EXPECT_FALSE(conditions.Check("[").at(0).holds);
}

}  // namespace
}  // namespace drwatch::probes
