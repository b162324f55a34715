// The paths beside the API: the metrics page, health, reload, compression.
#include "web/site.h"

#include "api_fixture.h"
#include "net/gzip.h"
#include "support/gunzip.h"

namespace drwatch::web {
namespace {

class SiteTest : public ApiTest {
 protected:
  SiteTest() {
    SiteSources sources;
    sources.api.store = &store_;
    sources.api.engine = &engine_;
    sources.api.clock = &clock_;
    sources.metrics = [this](model::TextFormat format) { return page_.Write({}, format); };
    sources.metrics_pieces = [this](model::TextFormat format,
                                    const model::MetricsPage::Known& known) {
      return page_.WritePieces({}, format, known);
    };
    SetHelp("Help.");
    sources.status = [] { return StatusView{}; };
    sources.ready = [this] { return ready_; };
    sources.reload = [this](const std::string& who) -> base::Status {
      EXPECT_EQ(who, "API, ");
      ++reloads_;
      return {};
    };
    sources.runbook = [](std::string_view) { return std::string_view(); };
    site_ = std::make_unique<Site>(std::move(sources));
  }
  net::ServerResponse Ask(const std::string& path, std::map<std::string, std::string> headers = {},
                          const std::string& method = "GET") const {
    net::ServerRequest request;
    request.method = method;
    request.path = path;
    request.headers = std::move(headers);
    return site_->Handle(request);
  }

  void SetHelp(const std::string& help) {
    page_.Remove("a");
    page_.Update("a", {{.name = "a_total",
                        .type = model::MetricType::kCounter,
                        .help = help,
                        .unit = "",
                        .points = {{model::Labels{}, 1, "", {}}}}});
  }

  model::MetricsPage page_;
  bool ready_ = false;
  int reloads_ = 0;
  std::unique_ptr<Site> site_;
};

TEST_F(SiteTest, MetricsInTheFormatThatWasAskedFor) {
  const net::ServerResponse text = Ask("/metrics");
  EXPECT_EQ(text.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(text.body->find("# TYPE a_total counter"), std::string::npos);
  const net::ServerResponse open_metrics =
      Ask("/metrics", {{"accept", "application/openmetrics-text; version=0.0.1,*/*;q=0.1"}});
  EXPECT_EQ(open_metrics.content_type,
            "application/openmetrics-text; version=0.0.1; charset=utf-8");
  EXPECT_TRUE(open_metrics.body->ends_with("# EOF\n"));
  EXPECT_NE(open_metrics.body->find("# TYPE a counter"), std::string::npos);
  EXPECT_EQ(Header(open_metrics, "Vary"), "Accept");
}

TEST_F(SiteTest, CompressesPagesForWhoCanReadThem) {
  SetHelp(std::string(5000, 'x'));
  EXPECT_EQ(Header(Ask("/metrics"), "Content-Encoding"), "");
  EXPECT_EQ(Header(Ask("/metrics", {{"accept-encoding", "gzip;q=0"}}), "Content-Encoding"), "");
  const net::ServerResponse packed = Ask("/metrics", {{"accept-encoding", "gzip"}});
  EXPECT_EQ(Header(packed, "Content-Encoding"), "gzip");
  EXPECT_EQ(Header(packed, "Vary"), "Accept");
  EXPECT_LT(packed.body->size(), 500U);
  EXPECT_EQ(testing::Gunzip(*packed.body), *Ask("/metrics").body);
  const std::map<std::string, std::string> open = {{"accept", "application/openmetrics-text"},
                                                   {"accept-encoding", "gzip"}};
  EXPECT_EQ(testing::Gunzip(*Ask("/metrics", open).body),
            *Ask("/metrics", {{"accept", "application/openmetrics-text"}}).body);
  const net::ServerResponse runbook = Ask("/", {{"accept-encoding", "gzip"}});
  EXPECT_EQ(Header(runbook, "Vary"), "Accept-Encoding");
}

TEST_F(SiteTest, HealthyAtOnceReadyLater) {
  EXPECT_EQ(Ask("/-/healthy").status, 200);
  EXPECT_EQ(Ask("/-/ready").status, 503);
  ready_ = true;
  EXPECT_EQ(Ask("/-/ready").status, 200);
  EXPECT_EQ(Ask("/-/ready", {}, "POST").status, 405);
}

TEST_F(SiteTest, OnlyWritesReload) {
  EXPECT_EQ(Ask("/-/reload").status, 405);
  EXPECT_EQ(reloads_, 0);
  EXPECT_EQ(Ask("/-/reload", {}, "POST").status, 200);
  EXPECT_EQ(Ask("/-/reload", {}, "PUT").status, 200);
  EXPECT_EQ(reloads_, 2);
}

TEST_F(SiteTest, OtherSitesPagesMayNotWrite) {
  const std::map<std::string, std::string> forged = {{"host", "drwatch:9187"},
                                                     {"origin", "https://elsewhere"}};
  const std::map<std::string, std::string> own = {{"host", "drwatch:9187"},
                                                  {"origin", "http://drwatch:9187"}};
  EXPECT_EQ(Ask("/-/reload", forged, "POST").status, 403);
  EXPECT_EQ(reloads_, 0);
  EXPECT_EQ(Ask("/-/reload", own, "POST").status, 200);
  EXPECT_EQ(reloads_, 1);
  for (const char* path : {"/api/v2/silences", "/api/v2/alerts"}) {
    EXPECT_EQ(Ask(path, forged, "POST").status, 403) << path;
    EXPECT_NE(Ask(path, own, "POST").status, 403) << path;
  }
  EXPECT_EQ(Ask("/api/v2/silence/1", {{"sec-fetch-site", "cross-site"}}, "DELETE").status, 403);
}

TEST_F(SiteTest, OtherSitesPagesMayReadTheApiAlone) {
  const std::map<std::string, std::string> headers = {{"origin", "https://elsewhere"}};
  EXPECT_EQ(Header(Ask("/api/v1/status/buildinfo", headers), "Access-Control-Allow-Origin"), "*");
  for (const char* path : {"/metrics", "/", "/-/ready"}) {
    EXPECT_EQ(Header(Ask(path, headers), "Access-Control-Allow-Origin"), "") << path;
  }
}

TEST_F(SiteTest, LargeAnswersOfTheApiAreCountedUntilTheyAreRead) {
  std::vector<store::NewSample> batch;
  for (int i = 0; i < 2000; ++i) {
    batch.push_back({model::Labels{{"__name__", "many"}, {"id", std::to_string(i)}}, 1});
  }
  store_.Append(batch, clock_.Now());
  net::ServerRequest request = Request("query", {{"query", "many"}});
  {
    const net::ServerResponse response = site_->Handle(request);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(site_->api().Stats().unread_bytes, static_cast<std::int64_t>(response.body->size()));
  }
  EXPECT_EQ(site_->api().Stats().unread_bytes, 0);
}

}  // namespace
}  // namespace drwatch::web
