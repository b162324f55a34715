#include "probes/http_probe.h"

#include <gtest/gtest.h>

#include "support/fake_http_server.h"
#include "support/families.h"
#include "support/temp_dir.h"
#include "support/test_ca.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeHttpServer;
using testing::FakeReply;
using testing::FakeRequest;
using testing::FakeServerOptions;
using testing::ValueOf;

config::Probe Config(const std::string& url) {
  config::Probe probe;
  probe.name = "api";
  probe.type = "http";
  probe.service = "shop";
  probe.labels = model::Labels{{"site", "east"}};
  config::HttpProbe spec;
  spec.url = base::Secret(url);
  probe.spec = spec;
  return probe;
}

config::HttpProbe& Spec(config::Probe& probe) { return std::get<config::HttpProbe>(probe.spec); }

RunContext Context(base::Duration timeout = seconds(10)) {
  return {base::Deadline::After(timeout), {}, base::SystemClock().Now(), nullptr};
}

model::ProbeResult RunOnce(const config::Probe& config) {
  return MakeHttpProbe(config, {})->Run(Context());
}

TEST(HttpProbeTest, FindsAHealthyEndpoint) {
  const FakeHttpServer server(FakeReply{.body = R"({"checks":{"database":true}})"});
  config::Probe config = Config(server.Url("/health"));
  Spec(config).expect.json = {{"checks.database", config::JsonCondition::Op::kEqual, "true"}};
  const model::ProbeResult result = RunOnce(config);
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_EQ(result.probe, "api");
  EXPECT_EQ(result.type, "http");
  EXPECT_EQ(result.service, "shop");
  EXPECT_EQ(result.target, server.Url("/health"));
  EXPECT_FALSE(result.foreign);
  const model::Labels labels{{"probe", "api"}, {"service", "shop"}, {"site", "east"}};
  EXPECT_EQ(ValueOf(result.families, "probe_success", labels), 1);
  EXPECT_EQ(ValueOf(result.families, "probe_consecutive_failures", labels), 0);
  EXPECT_EQ(ValueOf(result.families, "probe_http_status_code", labels), 200);
  EXPECT_EQ(ValueOf(result.families, "probe_http_version", labels), 1.1);
  EXPECT_EQ(ValueOf(result.families, "probe_http_redirects", labels), 0);
  EXPECT_EQ(ValueOf(result.families, "probe_http_ssl", labels), 0);
  EXPECT_EQ(ValueOf(result.families, "probe_http_content_length", labels), 28);
  EXPECT_EQ(ValueOf(result.families, "probe_http_condition_success",
                    {{"condition", "checks.database == true"}}),
            1);
  for (const char* phase : {"resolve", "connect", "tls", "processing", "transfer"}) {
    EXPECT_TRUE(ValueOf(result.families, "probe_http_duration_seconds", {{"phase", phase}}));
  }
  EXPECT_FALSE(ValueOf(result.families, "probe_ssl_verified"));
}

TEST(HttpProbeTest, TellsAnUnexpectedStatus) {
  const FakeHttpServer server(FakeReply{.status = 503, .body = "{}"});
  config::Probe config = Config(server.Url());
  Spec(config).expect.status = {200, 204};
  const model::ProbeResult result = RunOnce(config);
  EXPECT_EQ(result.severity(), Severity::kCritical);
  EXPECT_EQ(result.Headline().reason, Reason::kUnexpectedStatus);
  EXPECT_EQ(result.Headline().message, "status 503, expected 200 or 204");
  EXPECT_EQ(ValueOf(result.families, "probe_success"), 0);
  EXPECT_EQ(ValueOf(result.families, "probe_http_status_code"), 503);
}

TEST(HttpProbeTest, TellsAnUnexpectedBody) {
  for (const char* body : {R"({"checks":{"database":false}})", R"({"checks":{}})", "no JSON"}) {
    const FakeHttpServer server(FakeReply{.body = body});
    config::Probe config = Config(server.Url());
    Spec(config).expect.json = {{"checks.database", config::JsonCondition::Op::kEqual, "true"},
                                {"checks.database", config::JsonCondition::Op::kEqual, "true"}};
    const model::ProbeResult result = RunOnce(config);
    EXPECT_EQ(result.Headline().reason, Reason::kUnexpectedBody) << body;
    EXPECT_EQ(ValueOf(result.families, "probe_http_condition_success"), 0) << body;
    EXPECT_EQ(ValueOf(result.families, "probe_success"), 0);
  }
}

TEST(HttpProbeTest, TellsThatNobodyListens) {
  const model::ProbeResult result =
      RunOnce(Config("http://127.0.0.1:" + std::to_string(testing::ClosedPort()) + "/"));
  EXPECT_EQ(result.Headline().reason, Reason::kConnectionRefused);
  EXPECT_EQ(ValueOf(result.families, "probe_success"), 0);
  EXPECT_EQ(ValueOf(result.families, "probe_http_status_code"), 0);
  EXPECT_FALSE(ValueOf(result.families, "probe_http_version"));
  EXPECT_EQ(ValueOf(result.families, "probe_consecutive_failures"), 1);
}

TEST(HttpProbeTest, EndsByItsDeadline) {
  const FakeHttpServer server(FakeReply{.act = FakeReply::Act::kHang});
  const auto begin = std::chrono::steady_clock::now();
  const model::ProbeResult result =
      MakeHttpProbe(Config(server.Url()), {})->Run(Context(milliseconds(100)));
  EXPECT_EQ(result.Headline().reason, Reason::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
  EXPECT_GE(result.duration, milliseconds(90));
}

TEST(HttpProbeTest, FailsAtItsThreshold) {
  bool healthy = false;
  const FakeHttpServer server(
      [&](const FakeRequest&) { return FakeReply{.status = healthy ? 200 : 500}; });
  config::Probe config = Config(server.Url());
  Spec(config).failure_threshold = 3;
  const auto probe = MakeHttpProbe(config, {});
  for (int round = 1; round <= 4; ++round) {
    const model::ProbeResult result = probe->Run(Context());
    EXPECT_EQ(ValueOf(result.families, "probe_consecutive_failures"), round);
    EXPECT_EQ(ValueOf(result.families, "probe_success"), round < 3 ? 1 : 0) << round;
    EXPECT_EQ(result.severity(), round < 3 ? Severity::kWarning : Severity::kCritical);
    EXPECT_EQ(result.Headline().reason, Reason::kUnexpectedStatus);
    if (round == 1) {
      EXPECT_EQ(result.Headline().message, "status 500, expected 200 (failure 1 of 3)");
    }
  }
  healthy = true;
  model::ProbeResult result = probe->Run(Context());
  EXPECT_EQ(ValueOf(result.families, "probe_consecutive_failures"), 0);
  EXPECT_EQ(ValueOf(result.families, "probe_success"), 1);
  healthy = false;
  result = probe->Run(Context());
  EXPECT_EQ(ValueOf(result.families, "probe_success"), 1);
}

TEST(HttpProbeTest, SendsWhatItIsTold) {
  const testing::TempDir dir;
  const FakeHttpServer server(FakeReply{});
  config::Probe config = Config(server.Url());
  Spec(config).method = "POST";
  Spec(config).body = "ping";
  Spec(config).headers = {{"X-Key", base::Secret("k")}};
  Spec(config).bearer_token.file = dir.Write("token", "t0ken\n");
  EXPECT_TRUE(RunOnce(config).ok());
  EXPECT_EQ(server.requests().at(0).method, "POST");
  EXPECT_EQ(server.requests().at(0).body, "ping");
  EXPECT_EQ(server.requests().at(0).Header("x-key"), "k");
  EXPECT_EQ(server.requests().at(0).Header("authorization"), "Bearer t0ken");
  Spec(config).bearer_token = {};
  Spec(config).basic_username = "me";
  Spec(config).basic_password.value = base::Secret("p:w");
  EXPECT_TRUE(RunOnce(config).ok());
  EXPECT_EQ(server.requests().at(1).Header("authorization"), "Basic bWU6cDp3");
}

TEST(HttpProbeTest, TellsASecretItCannotRead) {
  config::Probe config = Config("http://127.0.0.1:1/");
  Spec(config).basic_password.file = "/nonexistent/password";
  const model::ProbeResult result = RunOnce(config);
  EXPECT_EQ(result.Headline().reason, Reason::kConfig);
  EXPECT_NE(result.Headline().message.find("/nonexistent/password"), std::string::npos);
  EXPECT_EQ(ValueOf(result.families, "probe_success"), 0);
}

TEST(HttpProbeTest, NeverShowsSecrets) {
  const FakeHttpServer server(FakeReply{.act = FakeReply::Act::kReset});
  config::Probe config = Config("http://me:hunter2@" + server.address() + "/x?token=hunter2&a=b");
  Spec(config).headers = {{"X-Key", base::Secret("hunter2")}};
  const model::ProbeResult result = RunOnce(config);
  std::string all = result.target;
  for (const model::CheckOutcome& check : result.checks) all += check.message + check.hint;
  EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
  EXPECT_NE(result.target.find("a=b"), std::string::npos);
}

TEST(HttpProbeTest, FollowsRedirectsWhenTold) {
  const FakeHttpServer server([](const FakeRequest& request) {
    if (request.target == "/") return FakeReply{.status = 302, .headers = {{"Location", "/to"}}};
    return FakeReply{};
  });
  config::Probe config = Config(server.Url());
  EXPECT_EQ(RunOnce(config).Headline().reason, Reason::kUnexpectedStatus);
  Spec(config).follow_redirects = true;
  const model::ProbeResult result = RunOnce(config);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(ValueOf(result.families, "probe_http_redirects"), 1);
}

TEST(HttpProbeTest, LimitsTheBody) {
  const FakeHttpServer server(FakeReply{.body = std::string(2000, 'x')});
  config::Probe config = Config(server.Url());
  Spec(config).max_body_bytes = 1000;
  EXPECT_EQ(RunOnce(config).Headline().reason, Reason::kResponseTooLarge);
}

TEST(HttpProbeTest, SaysOfItselfThatItHasNotRun) {
  const model::ProbeResult result =
      MakeHttpProbe(Config("http://me:pw@x/"), {})->NotRun(Reason::kTimeout, "not yet");
  EXPECT_EQ(ValueOf(result.families, "probe_success", {{"probe", "api"}}), 0);
  EXPECT_FALSE(ValueOf(result.families, "probe_consecutive_failures"));
  EXPECT_EQ(result.Headline().reason, Reason::kTimeout);
  EXPECT_EQ(result.severity(), Severity::kCritical);
  EXPECT_EQ(result.target, "http://me:<secret>@x/");
}

class HttpsProbeTest : public ::testing::Test {
 protected:
  model::ProbeResult Visit(const testing::CertificateOptions& certificate) {
    FakeServerOptions options;
    options.certificate = ca_.Issue(certificate);
    const FakeHttpServer server(FakeReply{}, options);
    config::Probe config = Config(server.Url("/", "localhost"));
    Spec(config).tls.ca_file = ca_file_;
    return RunOnce(config);
  }
  testing::TestCa ca_;
  testing::TempDir dir_;
  std::string ca_file_ = dir_.Write("ca.pem", ca_.pem());
};

TEST_F(HttpsProbeTest, ReportsTheCertificate) {
  const model::ProbeResult result = Visit({.ends = hours(24 * 30)});
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_EQ(ValueOf(result.families, "probe_http_ssl"), 1);
  EXPECT_EQ(ValueOf(result.families, "probe_ssl_verified"), 1);
  const double expected = base::ToUnixSeconds(base::SystemClock().Now()) + 30 * 86400;
  EXPECT_NEAR(*ValueOf(result.families, "probe_ssl_earliest_cert_expiry"), expected, 60);
  EXPECT_EQ(ValueOf(result.families, "probe_ssl_cert_warning_seconds"), 14 * 86400);
  EXPECT_NEAR(*ValueOf(result.families, "probe_ssl_leaf_cert_expiry_timestamp_seconds"), expected,
              60);
}

TEST_F(HttpsProbeTest, WarnsBeforeACertificateEnds) {
  const model::ProbeResult result = Visit({.ends = hours(24 * 3) + seconds(3000)});
  EXPECT_EQ(result.severity(), Severity::kWarning);
  EXPECT_EQ(result.Headline().reason, Reason::kCertificateExpiring);
  EXPECT_TRUE(result.Headline().message.starts_with("the certificate ends in 3d, at "))
      << result.Headline().message;
  EXPECT_EQ(ValueOf(result.families, "probe_success"), 1);
  EXPECT_EQ(ValueOf(result.families, "probe_consecutive_failures"), 0);
}

TEST_F(HttpsProbeTest, FailsOnAnExpiredCertificateAndTellsItsEnd) {
  const model::ProbeResult result = Visit({.starts = hours(-48), .ends = hours(-24)});
  EXPECT_EQ(result.severity(), Severity::kCritical);
  EXPECT_EQ(result.Headline().reason, Reason::kCertificateExpired);
  EXPECT_EQ(result.checks.size(), 1U);
  EXPECT_EQ(ValueOf(result.families, "probe_ssl_verified"), 0);
  EXPECT_LT(*ValueOf(result.families, "probe_ssl_earliest_cert_expiry"),
            base::ToUnixSeconds(base::SystemClock().Now()));
}

TEST_F(HttpsProbeTest, FailsOnAnotherName) {
  const model::ProbeResult result = Visit({.names = {"other.example"}});
  EXPECT_EQ(result.Headline().reason, Reason::kTls);
  EXPECT_TRUE(ValueOf(result.families, "probe_ssl_earliest_cert_expiry"));
}

}  // namespace
}  // namespace drwatch::probes
