#include "exporter/once_format.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace drwatch::exporter {
namespace {

using model::CheckOutcome;
using model::ProbeResult;
using model::Reason;
using model::Severity;

ProbeResult Result(const std::string& name, Severity severity, Reason reason,
                   const std::string& message) {
  ProbeResult result;
  result.probe = name;
  result.type = "http";
  result.target = "https://" + name;
  result.duration = base::Duration(12);
  result.checks = {
      {"status", severity, reason, message, severity == Severity::kOk ? "" : "look there"}};
  return result;
}

OnceReport Report() {
  OnceReport report;
  report.results = {
      Result("api", Severity::kOk, Reason::kNone, "200"),
      Result("shop", Severity::kCritical, Reason::kTimeout, "no answer | in\n10s <b>")};
  report.results[1].measurements = {{"lag'seconds", 1.5, "s", 10.0, std::nullopt},
                                    {"nothing", std::nan(""), "", std::nullopt, std::nullopt}};
  report.duration = base::Duration(420);
  report.host = "monitor";
  return report;
}

TEST(OnceTest, CriticalBeatsUnknownBeatsWarning) {
  const auto result = [](Severity severity) { return Result("x", severity, Reason::kNone, ""); };
  EXPECT_EQ(OverallSeverity({}), Severity::kUnknown);
  EXPECT_EQ(OverallSeverity({result(Severity::kOk), result(Severity::kWarning)}),
            Severity::kWarning);
  EXPECT_EQ(OverallSeverity({result(Severity::kUnknown), result(Severity::kWarning)}),
            Severity::kUnknown);
  EXPECT_EQ(OverallSeverity({result(Severity::kUnknown), result(Severity::kCritical)}),
            Severity::kCritical);
}

TEST(OnceTest, ExitCodesAreNagios) {
  EXPECT_EQ(ExitCode(Severity::kOk), 0);
  EXPECT_EQ(ExitCode(Severity::kWarning), 1);
  EXPECT_EQ(ExitCode(Severity::kCritical), 2);
  EXPECT_EQ(ExitCode(Severity::kUnknown), 3);
}

TEST(OnceTest, NoNameReachesATerminalAsItIs) {
  OnceReport report;
  report.results = {Result("a\x1b[31m", Severity::kOk, Reason::kNone, "b\x1b[31m")};
  EXPECT_EQ(FormatOnce(report, OnceFormat::kTable, Colour::kNever).find('\x1b'), std::string::npos);
}

TEST(OnceTest, TableShowsTheWorstFirstWithReasonAndHint) {
  EXPECT_EQ(FormatOnce(Report(), OnceFormat::kTable, Colour::kNever),
            "STATUS    PROBE  TYPE  TARGET        DETAIL\n"
            "CRITICAL  shop   http  https://shop  status: no answer | in 10s <b> (timeout)\n"
            "                                     hint: look there\n"
            "OK        api    http  https://api   status: 200\n"
            "1 ok, 0 warning, 1 critical, 0 unknown in 0.42 s\n");
}

TEST(OnceTest, ColourNeverReplacesTheWord) {
  EXPECT_NE(FormatOnce(Report(), OnceFormat::kTable, Colour::kAlways).find("\x1b[1;31mCRITICAL"),
            std::string::npos);
}

TEST(OnceTest, JsonHasASummaryAndNullForUnknownNumbers) {
  const auto json = nlohmann::json::parse(FormatOnce(Report(), OnceFormat::kJson, Colour::kNever));
  EXPECT_EQ(json["schema"], "drwatch.once/v1");
  EXPECT_EQ(json["summary"]["exit_code"], 2);
  EXPECT_EQ(json["results"][1]["reason"], "timeout");
  EXPECT_EQ(json["results"][1]["measurements"]["lag'seconds"], 1.5);
  EXPECT_TRUE(json["results"][1]["measurements"]["nothing"].is_null());
}

TEST(OnceTest, NdjsonIsOneObjectALine) {
  const std::string text = FormatOnce(Report(), OnceFormat::kNdjson, Colour::kNever);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(OnceTest, NagiosLineHasPerformanceDataAndNoStrayBars) {
  const std::string text = FormatOnce(Report(), OnceFormat::kNagios, Colour::kNever);
  EXPECT_EQ(text,
            "DRWATCH CRITICAL - 1 of 2 not ok: shop status: no answer   in 10s <b> | 'shop "
            "lag''seconds'=1.5s;10; "
            "'shop nothing'=U;;\n"
            "[CRITICAL] shop status: no answer   in 10s <b> (look there)\n");
}

TEST(OnceTest, JunitEscapesAndCounts) {
  const std::string text = FormatOnce(Report(), OnceFormat::kJunit, Colour::kNever);
  EXPECT_NE(text.find("tests=\"2\" failures=\"1\" errors=\"0\""), std::string::npos);
  EXPECT_NE(text.find("<failure type=\"timeout\""), std::string::npos);
  EXPECT_NE(text.find("&lt;b&gt;"), std::string::npos);
}

TEST(OnceTest, JunitIsWellFormedWhateverBytesANameHas) {
  OnceReport report;
  report.results = {
      Result("caf\xe9 \"<1>\"", Severity::kCritical, Reason::kNotFound, "a\xEF\xBF\xBF\x01 b")};
  const std::string text = FormatOnce(report, OnceFormat::kJunit, Colour::kNever);
  EXPECT_NE(text.find("name=\"caf\\xe9 &quot;&lt;1&gt;&quot;\" "), std::string::npos) << text;
  EXPECT_NE(text.find("a b\">"), std::string::npos) << text;
}

TEST(OnceTest, EveryFormatNamesTheLatestGoodBackup) {
  OnceReport report;
  report.results = {Result("nightly", Severity::kCritical, Reason::kIncomplete, "cut off")};
  ProbeResult& result = report.results.front();
  result.type = "backup";
  result.started = base::FromUnixMillis(1'775'822'400'000);
  result.checks.push_back({"latest_good", Severity::kOk, Reason::kNone, "shop-1.dump | 3h", {}});
  model::StoredCopy copy;
  copy.name = "shop-2.dump";
  result.copies.push_back(copy);
  copy.name = "shop-1.dump";
  copy.point = result.started - std::chrono::hours(3);
  copy.good = true;
  copy.level = 4;
  result.copies.push_back(copy);
  EXPECT_NE(FormatOnce(report, OnceFormat::kTable, Colour::kNever)
                .find(" latest_good: shop-1.dump | 3h\n"),
            std::string::npos);
  EXPECT_NE(FormatOnce(report, OnceFormat::kNagios, Colour::kNever)
                .find("\n[OK] nightly latest_good: shop-1.dump   3h\n"),
            std::string::npos);
  EXPECT_NE(FormatOnce(report, OnceFormat::kJunit, Colour::kNever)
                .find("</failure><system-out>latest_good: shop-1.dump | 3h</system-out>"),
            std::string::npos);
  const auto parse = [&report](OnceFormat format) {
    return nlohmann::json::parse(FormatOnce(report, format, Colour::kNever));
  };
  const auto good = parse(OnceFormat::kJson)["results"][0]["latest_good"];
  EXPECT_EQ(good["name"], "shop-1.dump");
  EXPECT_EQ(good["time"], "2026-04-10T09:00:00Z");
  EXPECT_EQ(good["age_seconds"], 3 * 3600);
  EXPECT_EQ(good["level"], 4);
  result.copies.clear();
  EXPECT_TRUE(parse(OnceFormat::kNdjson)["latest_good"].is_null());
  result.type = "http";
  EXPECT_FALSE(parse(OnceFormat::kNdjson).contains("latest_good"));
}

TEST(OnceTest, NothingSelectedIsUnknown) {
  EXPECT_EQ(FormatOnce({}, OnceFormat::kNagios, Colour::kNever),
            "DRWATCH UNKNOWN - nothing selected\n");
}

}  // namespace
}  // namespace drwatch::exporter
