#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "model/exposition.h"
#include "model/metric_family.h"

namespace drwatch::model {
namespace {

constexpr TextFormat kText = TextFormat::kPrometheus;
constexpr TextFormat kOpen = TextFormat::kOpenMetrics;

MetricFamily Family(std::string name, MetricType type, std::vector<MetricPoint> points) {
  return {std::move(name), type, "Help.", "", std::move(points)};
}

// Every family but the last makes the list of groups grow while it holds a histogram's keys.
TEST(WriteTextTest, WritesAHistogramAmongManyFamilies) {
  std::vector<MetricFamily> families;
  MetricFamily histogram;
  histogram.name = "a_seconds";
  histogram.type = MetricType::kHistogram;
  histogram.points = {{Labels{{"le", "+Inf"}, {"job", "x"}}, 1, "_bucket", {}},
                      {Labels{{"job", "x"}}, 2, "_sum", {}},
                      {Labels{{"job", "x"}}, 1, "_count", {}}};
  families.push_back(histogram);
  for (int i = 0; i < 100; ++i) {
    MetricFamily gauge;
    gauge.name = "gauge_" + std::to_string(i);
    gauge.points = {{Labels{{"job", "x"}}, 1, {}, {}}};
    families.push_back(gauge);
  }
  const std::string page = WriteText(families, TextFormat::kPrometheus);
  EXPECT_NE(page.find("a_seconds_bucket{job=\"x\",le=\"+Inf\"} 1\na_seconds_sum"),
            std::string::npos);
}

TEST(ExpositionWriterTest, WritesSortedFamiliesAndPoints) {
  FamilySet set;
  set.Gauge("redis_up", "Whether Redis answers.", Labels{{"probe", "cache"}}, 1);
  set.Gauge("backup_success", "Whether it worked.", Labels{{"backup", "b"}}, 0);
  set.Gauge("backup_success", "Other help.", Labels{{"backup", "a"}}, 0.5);
  EXPECT_EQ(WriteText(set.families(), kText),
            "# HELP backup_success Whether it worked.\n"
            "# TYPE backup_success gauge\n"
            "backup_success{backup=\"a\"} 0.5\n"
            "backup_success{backup=\"b\"} 0\n"
            "# HELP redis_up Whether Redis answers.\n"
            "# TYPE redis_up gauge\n"
            "redis_up{probe=\"cache\"} 1\n");
}

TEST(ExpositionWriterTest, MergesFamiliesOfOneName) {
  const std::vector<MetricFamily> families = {
      Family("up", MetricType::kGauge, {{Labels{{"job", "b"}}, 1, "", {}}}),
      Family("up", MetricType::kCounter, {{Labels{{"job", "a"}}, 0, "", {}}})};
  EXPECT_EQ(WriteText(families, kText),
            "# HELP up Help.\n# TYPE up gauge\nup{job=\"a\"} 0\nup{job=\"b\"} 1\n");
}

TEST(ExpositionWriterTest, EscapesHelpAndLabels) {
  const MetricFamily family{
      "x", MetricType::kGauge, "a\\b\n\"c\"", "", {{Labels{{"path", "C:\\\"x\"\n"}}, 1, "", {}}}};
  EXPECT_EQ(WriteText({family}, kText),
            "# HELP x a\\\\b\\n\"c\"\n# TYPE x gauge\nx{path=\"C:\\\\\\\"x\\\"\\n\"} 1\n");
  EXPECT_EQ(
      WriteText({family}, kOpen),
      "# HELP x a\\\\b\\n\\\"c\\\"\n# TYPE x gauge\nx{path=\"C:\\\\\\\"x\\\"\\n\"} 1\n# EOF\n");
}

// One byte that is not UTF-8 would make a scraper reject the whole page.
TEST(ExpositionWriterTest, ReplacesBytesThatAreNotUtf8) {
  const MetricFamily family{"x",
                            MetricType::kGauge,
                            "",
                            "",
                            {{Labels{{"file", "caf\xe9.gz"}}, 1, "", {}},
                             {Labels{{"file", "\xc3\xa9\xe2\x82"}}, 2, "", {}}}};
  EXPECT_EQ(WriteText({family}, kText),
            "# TYPE x gauge\nx{file=\"caf\xef\xbf\xbd.gz\"} 1\n"
            "x{file=\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\"} 2\n");
}

TEST(ExpositionWriterTest, WritesNumbersThatReadBack) {
  const double values[] = {0,      -0.0,     1,         -1,      0.1,
                           1e15,   1e16,     123456789, 1e300,   5e-324,
                           1.5e-7, INFINITY, -INFINITY, 1 / 3.0, 9007199254740992.0};
  for (const double value : values) {
    const std::string page =
        WriteText({Family("x", MetricType::kGauge, {{Labels(), value, "", {}}})}, kText);
    const auto parsed = ParseText(page, kText);
    ASSERT_TRUE(parsed) << page;
    EXPECT_EQ(parsed->samples.at(0).value, value) << page;
    EXPECT_EQ(std::signbit(parsed->samples.at(0).value), std::signbit(value)) << page;
  }
  const auto shown = [](double value) {
    const std::string page =
        WriteText({{"x", MetricType::kGauge, "", "", {{Labels(), value, "", {}}}}}, kText);
    return page.substr(page.rfind(' ') + 1);
  };
  EXPECT_EQ(shown(NAN), "NaN\n");
  EXPECT_EQ(shown(INFINITY), "+Inf\n");
  EXPECT_EQ(shown(-INFINITY), "-Inf\n");
  EXPECT_EQ(shown(1700000000), "1700000000\n");
}

TEST(ExpositionWriterTest, WritesTimestampsInTheFormatsUnit) {
  const auto page = [](std::int64_t millis, TextFormat format) {
    const std::string text = WriteText(
        {{"x", MetricType::kGauge, "", "", {{Labels(), 1, "", base::FromUnixMillis(millis)}}}},
        format);
    return text.substr(text.find("\nx ") + 1);
  };
  EXPECT_EQ(page(1700000000123, kText), "x 1 1700000000123\n");
  EXPECT_EQ(page(1700000000123, kOpen), "x 1 1700000000.123\n# EOF\n");
  EXPECT_EQ(page(1700000000000, kOpen), "x 1 1700000000\n# EOF\n");
  EXPECT_EQ(page(-5, kOpen), "x 1 -0.005\n# EOF\n");
}

TEST(ExpositionWriterTest, NamesCountersAsEachFormatWants) {
  const std::vector<MetricFamily> families = {
      Family("drwatch_probes_total", MetricType::kCounter, {{Labels(), 3, "", {}}})};
  EXPECT_EQ(WriteText(families, kText),
            "# HELP drwatch_probes_total Help.\n# TYPE drwatch_probes_total counter\n"
            "drwatch_probes_total 3\n");
  EXPECT_EQ(WriteText(families, kOpen),
            "# HELP drwatch_probes Help.\n# TYPE drwatch_probes counter\n"
            "drwatch_probes_total 3\n# EOF\n");
}

// The same series in both formats, whatever the format's rules for names.
TEST(ExpositionWriterTest, KeepsSampleNamesWhereOpenMetricsNamingFails) {
  const std::vector<MetricFamily> families = {
      Family("probes", MetricType::kGauge, {{Labels(), 1, "", {}}}),
      Family("probes_total", MetricType::kCounter, {{Labels(), 2, "", {}}}),
      Family("requests", MetricType::kCounter, {{Labels(), 3, "", {}}})};
  const std::string page = WriteText(families, kOpen);
  EXPECT_NE(page.find("# TYPE probes gauge\nprobes 1\n"), std::string::npos) << page;
  EXPECT_NE(page.find("# TYPE probes_total unknown\nprobes_total 2\n"), std::string::npos) << page;
  EXPECT_NE(page.find("# TYPE requests unknown\nrequests 3\n"), std::string::npos) << page;
}

TEST(ExpositionWriterTest, WritesUnitsThatNamesEndIn) {
  const auto unit_line = [](const std::string& name, MetricType type, const std::string& unit) {
    const std::string page = WriteText({{name, type, "", unit, {}}}, kOpen);
    const std::size_t at = page.find("# UNIT");
    return at == std::string::npos ? "" : page.substr(at, page.find('\n', at) - at);
  };
  EXPECT_EQ(unit_line("lag_seconds", MetricType::kGauge, ""), "# UNIT lag_seconds seconds");
  EXPECT_EQ(unit_line("read_bytes_total", MetricType::kCounter, ""), "# UNIT read_bytes bytes");
  EXPECT_EQ(unit_line("size_pages", MetricType::kGauge, "pages"), "# UNIT size_pages pages");
  EXPECT_EQ(unit_line("lag", MetricType::kGauge, "seconds"), "");
  EXPECT_EQ(unit_line("backup_success", MetricType::kGauge, ""), "");
  EXPECT_EQ(unit_line("seconds", MetricType::kGauge, ""), "");
}

TEST(ExpositionWriterTest, KeepsBucketsInOrder) {
  const Labels a{{"job", "a"}};
  const Labels b{{"job", "b"}};
  const MetricFamily family{"h_seconds",
                            MetricType::kHistogram,
                            "",
                            "",
                            {{b.With("le", "5"), 1, "_bucket", {}},
                             {b.With("le", "10"), 2, "_bucket", {}},
                             {b.With("le", "+Inf"), 2, "_bucket", {}},
                             {b, 7, "_sum", {}},
                             {b, 2, "_count", {}},
                             {a, 0, "_sum", {}}}};
  EXPECT_EQ(WriteText({family}, kText),
            "# TYPE h_seconds histogram\n"
            "h_seconds_sum{job=\"a\"} 0\n"
            "h_seconds_bucket{job=\"b\",le=\"5\"} 1\n"
            "h_seconds_bucket{job=\"b\",le=\"10\"} 2\n"
            "h_seconds_bucket{job=\"b\",le=\"+Inf\"} 2\n"
            "h_seconds_sum{job=\"b\"} 7\n"
            "h_seconds_count{job=\"b\"} 2\n");
}

TEST(ExpositionWriterTest, QuotesNamesThatNeedIt) {
  const std::vector<MetricFamily> families = {
      {"a.b",
       MetricType::kGauge,
       "H",
       "",
       {{Labels{{"c d", "e"}}, 1, "", {}}, {Labels(), 2, "", {}}}}};
  EXPECT_EQ(WriteText(families, kText),
            "# HELP \"a.b\" H\n# TYPE \"a.b\" gauge\n{\"a.b\"} 2\n{\"a.b\",\"c d\"=\"e\"} 1\n");
  const auto parsed = ParseText(WriteText(families, kText), kText);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->samples.at(1).labels, (Labels{{"__name__", "a.b"}, {"c d", "e"}}));
}

TEST(ExpositionWriterTest, WritesAnEmptyPage) {
  EXPECT_EQ(WriteText({}, kText), "");
  EXPECT_EQ(WriteText({}, kOpen), "# EOF\n");
}

TEST(ExpositionWriterTest, ReadsBackAsItWasInBothFormats) {
  std::vector<MetricFamily> families;
  for (int i = 0; i < 50; ++i) {
    const MetricType type = i % 2 == 0 ? MetricType::kGauge : MetricType::kCounter;
    MetricFamily family = Family("m" + std::to_string(i) + (i % 2 == 0 ? "" : "_total"), type, {});
    for (int k = 0; k < 20; ++k) {
      family.points.push_back(
          {Labels{{"k", std::to_string(k)}, {"odd \\ \"", "\n\xe2\x82\xac"}}, k / 7.0, "", {}});
    }
    families.push_back(std::move(family));
  }
  for (const TextFormat format : {kText, kOpen}) {
    const auto page = ParseText(WriteText(families, format), format);
    ASSERT_TRUE(page) << page.error().ToString();
    EXPECT_EQ(page->samples.size(), 1000U);
    EXPECT_EQ(page->metadata.size(), 50U);
    EXPECT_EQ(page->metadata.at(0).help, "Help.");
  }
}

TEST(ExpositionReaderTest, CollectsMetadata) {
  const auto page = ParseText(
      "# TYPE lag_seconds gauge\n# HELP lag_seconds Lag \\\"x\\\".\n# UNIT lag_seconds seconds\n"
      "lag_seconds 1\n# EOF\n",
      kOpen);
  ASSERT_TRUE(page) << page.error().ToString();
  ASSERT_EQ(page->metadata.size(), 1U);
  EXPECT_EQ(page->metadata[0].name, "lag_seconds");
  EXPECT_EQ(page->metadata[0].type, MetricType::kGauge);
  EXPECT_EQ(page->metadata[0].help, "Lag \"x\".");
  EXPECT_EQ(page->metadata[0].unit, "seconds");
}

TEST(ExpositionReaderTest, SaysWhichLineIsWrong) {
  const auto page = ParseText("a 1\nb 2\nc{x=\"1\" 3\n", kText);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().message, "line 3: expected a label name, got \"3\"");
  const auto type = ParseText("# TYPE t", kText);
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().message, "line 1: expected a metric type, got end of page");
  const auto value = ParseText("a 1\nb zwei\n", kText);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "line 2: expected a number as value, got \"zwei\"");
}

TEST(ExpositionReaderTest, ReadsNumbersLikeGo) {
  const auto value = [](const std::string& text) -> std::optional<double> {
    const auto page = ParseText("a " + text + "\n", kText);
    return page ? std::optional<double>(page->samples.at(0).value) : std::nullopt;
  };
  EXPECT_EQ(value("+5"), 5);
  EXPECT_EQ(value(".5"), 0.5);
  EXPECT_EQ(value("5."), 5);
  EXPECT_EQ(value("-Infinity"), -INFINITY);
  EXPECT_EQ(value("1e-999"), 0);
  EXPECT_EQ(value("0.1e-999"), 0);
  EXPECT_EQ(value("1e999"), std::nullopt);
  EXPECT_EQ(value("0x10"), std::nullopt);
  EXPECT_EQ(value("+-5"), std::nullopt);
  EXPECT_EQ(value("1e"), std::nullopt);
  EXPECT_EQ(value("--5"), std::nullopt);
  EXPECT_EQ(value("nan(1)"), std::nullopt);
  EXPECT_TRUE(std::isnan(value("nAn").value()));
}

TEST(ExpositionReaderTest, KeepsItsLimits) {
  ParseLimits limits;
  limits.max_samples = 2;
  EXPECT_TRUE(ParseText("a 1\na 2\n", kText, limits));
  EXPECT_FALSE(ParseText("a 1\na 2\na 3\n", kText, limits));
  EXPECT_FALSE(ParseText("a 1\na 2\na 3\n# EOF\n", kOpen, limits));
  limits.max_label_bytes = 3;
  EXPECT_TRUE(ParseText("a{b=\"123\"} 1\n", kText, limits));
  EXPECT_FALSE(ParseText("a{b=\"1234\"} 1\n", kText, limits));
}

TEST(ExpositionReaderTest, NormalisesBoundsOfHistogramsOnly) {
  const auto le = [](const std::string& type, const std::string& bound) {
    const auto page = ParseText("# TYPE h " + type + "\nh_bucket{le=\"" + bound + "\"} 1\n", kText);
    return std::string(page.value().samples.at(0).labels.Get("le"));
  };
  EXPECT_EQ(le("histogram", "1"), "1.0");
  EXPECT_EQ(le("histogram", "1000000"), "1e+06");
  EXPECT_EQ(le("histogram", "0.00001"), "1e-05");
  EXPECT_EQ(le("histogram", "123456.5"), "123456.5");
  EXPECT_EQ(le("histogram", "inf"), "+Inf");
  EXPECT_EQ(le("histogram", "x"), "x");
  EXPECT_EQ(le("gauge", "1"), "1");
}

TEST(ExpositionReaderTest, RejectsOpenMetricsThatIsCutShort) {
  const std::string page = "# TYPE a gauge\na{b=\"c\"} 1 2 # {d=\"e\"} 3 4\n# EOF\n";
  ASSERT_TRUE(ParseText(page, kOpen));
  for (std::size_t length = 0; length + 1 < page.size(); ++length) {
    EXPECT_FALSE(ParseText(page.substr(0, length), kOpen)) << length;
  }
}

}  // namespace
}  // namespace drwatch::model
