#include <gtest/gtest.h>

#include "base/strings.h"
#include "probes/scrape_labels.h"
#include "probes/scrape_probe.h"
#include "support/fake_http_server.h"
#include "support/families.h"

namespace drwatch::probes {
namespace {

using model::Labels;
using model::Reason;
using model::Severity;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeHttpServer;
using testing::FakeReply;
using testing::FakeRequest;
using testing::ValueOf;

TEST(ScrapeLabelsTest, AddsTargetLabels) {
  const Labels target{{"job", "app"}, {"instance", "a:80"}};
  EXPECT_EQ(AddTargetLabels(Labels{{"code", "200"}}, target, LabelConflict::kExport),
            (Labels{{"code", "200"}, {"job", "app"}, {"instance", "a:80"}}));
}

TEST(ScrapeLabelsTest, RenamesOrHonoursLabelsInConflict) {
  const Labels target{{"job", "app"}, {"instance", "a:80"}};
  const Labels sample{{"job", "own"}};
  EXPECT_EQ(AddTargetLabels(sample, target, LabelConflict::kExport),
            (Labels{{"exported_job", "own"}, {"job", "app"}, {"instance", "a:80"}}));
  EXPECT_EQ(AddTargetLabels(sample, target, LabelConflict::kHonor),
            (Labels{{"job", "own"}, {"instance", "a:80"}}));
}

TEST(ScrapeLabelsTest, PrefixesUntilTheNameIsFree) {
  EXPECT_EQ(AddTargetLabels(Labels{{"job", "own"}, {"exported_job", "other"}},
                            Labels{{"job", "app"}}, LabelConflict::kExport),
            (Labels{{"exported_exported_job", "own"}, {"exported_job", "other"}, {"job", "app"}}));
  EXPECT_EQ(
      AddTargetLabels(Labels{{"job", "own"}}, Labels{{"job", "app"}, {"exported_job", "target"}},
                      LabelConflict::kExport),
      (Labels{{"exported_exported_job", "own"}, {"exported_job", "target"}, {"job", "app"}}));
}

TEST(ScrapeLabelsTest, KeepsSampleNamesWhole) {
  model::ParsedPage page;
  for (const char* name : {"h_bucket", "h_sum", "h_count", "c_total", "g", "untold_total"}) {
    page.samples.push_back({Labels{{model::kMetricName, name}, {"l", name}}, 1, {}, {}});
  }
  page.metadata = {{"h", model::MetricType::kHistogram, "a histogram", ""},
                   {"c", model::MetricType::kCounter, "a counter", ""},
                   {"g", model::MetricType::kGauge, "a gauge", ""}};
  const std::vector<model::MetricFamily> families =
      ToFamilies(page, Labels{{"job", "j"}}, LabelConflict::kExport);
  ASSERT_EQ(families.size(), 4U);
  EXPECT_EQ(families[0].name, "h");
  EXPECT_EQ(families[0].type, model::MetricType::kHistogram);
  EXPECT_EQ(families[0].points.size(), 3U);
  EXPECT_EQ(families[1].name, "c_total");
  EXPECT_EQ(families[1].type, model::MetricType::kCounter);
  EXPECT_EQ(families[3].type, model::MetricType::kUnknown);
  for (const model::ParsedSample& sample : page.samples) {
    EXPECT_EQ(ValueOf(families, sample.labels.MetricName(), {{"l", sample.labels.MetricName()}}), 1)
        << sample.labels.MetricName();
  }
}

config::Probe Config(const std::string& url) {
  config::Probe probe;
  probe.name = "app";
  probe.type = "scrape";
  probe.labels = Labels{{"site", "east"}};
  config::ScrapeProbe spec;
  spec.job = "healing-guard";
  spec.url = base::Secret(url);
  probe.spec = spec;
  return probe;
}

config::ScrapeProbe& Spec(config::Probe& probe) {
  return std::get<config::ScrapeProbe>(probe.spec);
}

model::ProbeResult RunOnce(const config::Probe& config, base::Duration timeout = seconds(10)) {
  return MakeScrapeProbe(config, {})
      ->Run({base::Deadline::After(timeout), {}, base::SystemClock().Now(), nullptr});
}

FakeReply Page(std::string body, std::string type = "text/plain; version=0.0.4") {
  return FakeReply{.headers = {{"Content-Type", std::move(type)}}, .body = std::move(body)};
}

TEST(ScrapeProbeTest, ReadsAPage) {
  const FakeHttpServer server(
      Page("# HELP http_requests_total Requests.\n"
           "# TYPE http_requests_total counter\n"
           "http_requests_total{status=\"200\",job=\"own\"} 10\n"
           "http_requests_total{status=\"503\"} 5\n"));
  const model::ProbeResult result = RunOnce(Config(server.Url("/metrics")));
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_TRUE(result.foreign);
  const Labels target{{"job", "healing-guard"}, {"instance", server.address()}, {"site", "east"}};
  EXPECT_EQ(ValueOf(result.families, "up", target), 1);
  EXPECT_EQ(ValueOf(result.families, "scrape_samples_scraped", target), 2);
  EXPECT_TRUE(ValueOf(result.families, "scrape_duration_seconds", target));
  EXPECT_EQ(ValueOf(result.families, "http_requests_total",
                    Labels{{"job", "healing-guard"}, {"status", "200"}, {"exported_job", "own"}}),
            10);
  EXPECT_EQ(ValueOf(result.families, "http_requests_total", Labels{{"status", "503"}}), 5);
  for (const model::MetricFamily& family : result.families) {
    for (const model::MetricPoint& point : family.points) {
      EXPECT_FALSE(point.labels.Has("probe")) << family.name;
    }
  }
  const FakeRequest request = server.requests().at(0);
  EXPECT_TRUE(request.Header("accept").starts_with("application/openmetrics-text;version=1.0.0"));
  const std::string timeout = request.Header("x-prometheus-scrape-timeout-seconds");
  EXPECT_NEAR(base::ParseDouble(timeout).value_or(0), 10, 2) << timeout;
}

TEST(ScrapeProbeTest, ReadsOpenMetricsByContentType) {
  const std::string page = "# TYPE jobs counter\njobs_total 3.0\n# EOF\n";
  const FakeHttpServer open(
      Page(page, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
  const model::ProbeResult result = RunOnce(Config(open.Url()));
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_EQ(ValueOf(result.families, "jobs_total"), 3);
  // A page cut off in the middle has no end mark.
  const FakeHttpServer cut(
      Page("# TYPE jobs counter\njobs_total 3.0\n", "application/openmetrics-text; version=1.0.0"));
  EXPECT_EQ(RunOnce(Config(cut.Url())).Headline().reason, Reason::kProtocol);
}

TEST(ScrapeProbeTest, HonoursLabelsWhenTold) {
  const FakeHttpServer server(Page("x{job=\"own\",instance=\"i\"} 1\n"));
  config::Probe config = Config(server.Url());
  Spec(config).honor_labels = true;
  const model::ProbeResult result = RunOnce(config);
  EXPECT_EQ(ValueOf(result.families, "x", Labels{{"job", "own"}, {"instance", "i"}}), 1);
  EXPECT_EQ(ValueOf(result.families, "up", Labels{{"job", "healing-guard"}}), 1);
}

TEST(ScrapeProbeTest, IsDownWhateverGoesWrong) {
  struct Case {
    FakeReply reply;
    Reason reason;
  };
  const std::vector<Case> cases = {
      {{.status = 503}, Reason::kUnexpectedStatus},
      {{.status = 204}, Reason::kUnexpectedStatus},
      {{.act = FakeReply::Act::kClose}, Reason::kConnectionReset},
      {Page("x 1\nthis is no sample\n"), Reason::kProtocol},
      {Page("<html></html>", "text/html"), Reason::kProtocol},
      {Page("x 1\n", "application/json"), Reason::kProtocol},
      {Page("a 1\nb 2\n# c 3\n\nd 4"), Reason::kLimit},
  };
  for (const Case& test : cases) {
    const FakeHttpServer server(test.reply);
    config::Probe config = Config(server.Url());
    Spec(config).max_samples = 2;
    const model::ProbeResult result = RunOnce(config);
    EXPECT_EQ(model::ReasonName(result.Headline().reason), model::ReasonName(test.reason))
        << result.Headline().message;
    EXPECT_EQ(result.severity(), Severity::kCritical);
    EXPECT_EQ(ValueOf(result.families, "up", Labels{{"job", "healing-guard"}}), 0);
    EXPECT_EQ(ValueOf(result.families, "scrape_samples_scraped"), 0);
    EXPECT_EQ(result.families.size(), 3U);
  }
}

TEST(ScrapeProbeTest, TakesAsManySamplesAsAllowed) {
  const FakeHttpServer server(Page("a 1\nb 2\n# c 3\n\n", ""));
  config::Probe config = Config(server.Url());
  Spec(config).max_samples = 2;
  EXPECT_TRUE(RunOnce(config).ok());
  Spec(config).max_body_bytes = 5;
  EXPECT_EQ(RunOnce(config).Headline().reason, Reason::kResponseTooLarge);
}

TEST(ScrapeProbeTest, EndsByItsDeadline) {
  const FakeHttpServer server(FakeReply{.act = FakeReply::Act::kHang});
  const model::ProbeResult result = RunOnce(Config(server.Url()), milliseconds(100));
  EXPECT_EQ(result.Headline().reason, Reason::kTimeout);
  EXPECT_EQ(ValueOf(result.families, "up"), 0);
}

TEST(ScrapeProbeTest, NamesJobAndInstanceByDefault) {
  config::Probe config = Config("http://me:pw@app/metrics");
  config.service = "shop";
  Spec(config).job.clear();
  const model::ProbeResult result = MakeScrapeProbe(config, {})->NotRun(Reason::kNone, "not yet");
  EXPECT_TRUE(result.foreign);
  EXPECT_EQ(ValueOf(result.families, "up",
                    Labels{{"job", "app"}, {"instance", "app:80"}, {"service", "shop"}}),
            0);
}

}  // namespace
}  // namespace drwatch::probes
