#include "probes/tcp_probe.h"

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
using testing::FakeServerOptions;
using testing::ValueOf;

config::Probe Config(const std::string& address) {
  config::Probe probe;
  probe.name = "port";
  probe.type = "tcp";
  config::TcpProbe spec;
  spec.address = address;
  probe.spec = spec;
  return probe;
}

config::TcpProbe& Spec(config::Probe& probe) { return std::get<config::TcpProbe>(probe.spec); }

model::ProbeResult RunOnce(const config::Probe& config, base::Duration timeout = seconds(10)) {
  return MakeTcpProbe(config, {})
      ->Run({base::Deadline::After(timeout), {}, base::SystemClock().Now(), nullptr});
}

TEST(TcpProbeTest, ConnectingIsEnough) {
  const FakeHttpServer server(FakeReply{});
  const model::ProbeResult result = RunOnce(Config(server.address()));
  EXPECT_TRUE(result.ok()) << result.Headline().message;
  EXPECT_EQ(ValueOf(result.families, "probe_success", {{"probe", "port"}}), 1);
  EXPECT_EQ(ValueOf(result.families, "probe_consecutive_failures"), 0);
  EXPECT_EQ(result.target, server.address());
}

TEST(TcpProbeTest, TellsThatNobodyListens) {
  config::Probe config = Config("localhost:" + std::to_string(testing::ClosedPort()));
  Spec(config).failure_threshold = 2;
  const auto probe = MakeTcpProbe(config, {});
  for (const bool first : {true, false}) {
    const model::ProbeResult result =
        probe->Run({base::Deadline::After(seconds(10)), {}, base::SystemClock().Now(), nullptr});
    EXPECT_EQ(result.Headline().reason, Reason::kConnectionRefused);
    EXPECT_EQ(result.severity(), first ? Severity::kWarning : Severity::kCritical);
    EXPECT_EQ(ValueOf(result.families, "probe_success"), first ? 1 : 0);
  }
}

TEST(TcpProbeTest, ExpectsABanner) {
  FakeServerOptions options;
  options.greeting = "220 mail.example ESMTP\r\n";
  const FakeHttpServer server(FakeReply{}, options);
  config::Probe config = Config(server.address());
  Spec(config).expect = "^220 .*ESMTP";
  EXPECT_TRUE(RunOnce(config).ok());
  Spec(config).expect = "^554";
  const model::ProbeResult result = RunOnce(config, milliseconds(100));
  EXPECT_EQ(result.Headline().reason, Reason::kUnexpectedBody);
  EXPECT_EQ(result.Headline().message,
            R"(the answer is "220 mail.example ESMTP\x0d\n", expected "^554")");
}

TEST(TcpProbeTest, SendsAndCollectsADrippingAnswer) {
  const FakeHttpServer server(
      FakeReply{.act = FakeReply::Act::kDrip, .raw = "+PONG\r\n", .pause = milliseconds(2)});
  config::Probe config = Config(server.address());
  Spec(config).send = "PING\r\n\r\n";
  Spec(config).expect = "PONG\r\n";
  EXPECT_TRUE(RunOnce(config).ok());
  EXPECT_EQ(server.requests().at(0).method, "PING");
}

TEST(TcpProbeTest, TellsSilenceFromAnEnd) {
  const FakeHttpServer silent(FakeReply{.act = FakeReply::Act::kHang});
  config::Probe config = Config(silent.address());
  Spec(config).expect = "x";
  EXPECT_EQ(RunOnce(config, milliseconds(100)).Headline().reason, Reason::kTimeout);
  const FakeHttpServer closing(FakeReply{.act = FakeReply::Act::kClose});
  config = Config(closing.address());
  Spec(config).send = "hello\r\n\r\n";
  Spec(config).expect = "x";
  const model::ProbeResult result = RunOnce(config);
  EXPECT_EQ(result.Headline().reason, Reason::kConnectionReset);
}

TEST(TcpProbeTest, LooksAtTheFirst64KiB) {
  FakeServerOptions options;
  options.greeting = std::string(200'000, 'a') + "needle";
  const FakeHttpServer server(FakeReply{}, options);
  config::Probe config = Config(server.address());
  Spec(config).expect = "needle";
  const model::ProbeResult result = RunOnce(config);
  EXPECT_EQ(result.Headline().reason, Reason::kUnexpectedBody);
}

TEST(TcpProbeTest, MatchesBytesThatAreNoText) {
  FakeServerOptions options;
  options.greeting = std::string("\xff\x00\xfe ok", 6);
  const FakeHttpServer server(FakeReply{}, options);
  config::Probe config = Config(server.address());
  Spec(config).expect = "\\xff\\x00\\xfe";
  EXPECT_TRUE(RunOnce(config).ok());
}

TEST(TcpProbeTest, SpeaksTls) {
  const testing::TestCa ca;
  const testing::TempDir dir;
  for (const bool expired : {false, true}) {
    FakeServerOptions options;
    options.certificate =
        ca.Issue({.starts = hours(-48), .ends = expired ? hours(-1) : hours(24 * 60)});
    options.greeting = "hello";
    const FakeHttpServer server(FakeReply{}, options);
    config::Probe config = Config(server.address());
    Spec(config).use_tls = true;
    Spec(config).tls.ca_file = dir.Write("ca.pem", ca.pem());
    Spec(config).expect = "hello";
    const model::ProbeResult result = RunOnce(config);
    EXPECT_EQ(result.Headline().reason, expired ? Reason::kCertificateExpired : Reason::kNone)
        << result.Headline().message;
    EXPECT_EQ(ValueOf(result.families, "probe_ssl_verified"), expired ? 0 : 1);
    EXPECT_TRUE(ValueOf(result.families, "probe_ssl_earliest_cert_expiry"));
  }
}

TEST(TcpProbeTest, BadAddressesAndPatternsAreConfigErrors) {
  for (const char* address : {"", "x", "x:y", ":80", "a b:80"}) {
    EXPECT_EQ(RunOnce(Config(address)).Headline().reason, Reason::kConfig) << address;
  }
  config::Probe config = Config("127.0.0.1:1");
  Spec(config).expect = "(";
  EXPECT_EQ(RunOnce(config).Headline().reason, Reason::kConfig);
}

}  // namespace
}  // namespace drwatch::probes
