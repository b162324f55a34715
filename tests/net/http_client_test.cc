#include "net/http_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "net/gzip.h"
#include "support/fake_http_server.h"
#include "support/temp_dir.h"
#include "support/test_ca.h"

namespace drwatch::net {
namespace {

using base::Deadline;
using model::Reason;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeHttpServer;
using testing::FakeReply;
using testing::FakeRequest;
using testing::FakeServerOptions;

Deadline Soon() { return Deadline::After(seconds(10)); }

HttpRequest Get(std::string url) {
  HttpRequest request;
  request.url = base::Secret(std::move(url));
  return request;
}

HttpOutcome FetchSoon(const HttpRequest& request) { return Fetch(request, Soon(), {}); }

Reason ReasonOf(const HttpOutcome& outcome) {
  return outcome.error ? outcome.error->reason : Reason::kNone;
}

TEST(HttpClientTest, GetsAPage) {
  const FakeHttpServer server(
      FakeReply{.status = 503, .headers = {{"X-Thing", "a: b"}}, .body = "down"});
  const HttpOutcome outcome = FetchSoon(Get(server.Url("/health?deep=1&x=%20")));
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->status, 503);
  EXPECT_EQ(outcome.response->body, "down");
  EXPECT_EQ(outcome.response->Header("x-thing"), "a: b");
  EXPECT_EQ(outcome.response->Header("missing"), "");
  EXPECT_EQ(outcome.response->http_version, "1.1");
  EXPECT_EQ(outcome.response->remote_address, "127.0.0.1");
  EXPECT_FALSE(outcome.tls);
  EXPECT_FALSE(outcome.error);
  const FakeRequest request = server.requests().at(0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/health?deep=1&x=%20");
  EXPECT_EQ(request.Header("host"), server.address());
  EXPECT_EQ(request.Header("user-agent"), "drwatch");
}

TEST(HttpClientTest, SendsMethodHeadersBodyAndCredentials) {
  const FakeHttpServer server(FakeReply{});
  for (const char* method : {"POST", "PUT", "PATCH", "GET"}) {
    HttpRequest request = Get(server.Url());
    request.method = method;
    request.body = std::string("bo\0dy", 5);
    request.headers = {{"X-Key", base::Secret("k")},
                       {"X-Empty", base::Secret()},
                       {"Content-Type", base::Secret("application/json")}};
    request.username = "me";
    request.password = base::Secret("p:w");
    ASSERT_TRUE(FetchSoon(request).response) << method;
    const FakeRequest seen = server.requests().back();
    EXPECT_EQ(seen.method, method);
    EXPECT_EQ(seen.body, std::string("bo\0dy", 5));
    EXPECT_EQ(seen.Header("x-key"), "k");
    EXPECT_EQ(seen.Header("content-type"), "application/json");
    EXPECT_EQ(seen.Header("authorization"), "Basic bWU6cDp3");
    EXPECT_EQ(seen.Header("expect"), "");
  }
  HttpRequest empty = Get(server.Url());
  empty.method = "POST";
  ASSERT_TRUE(FetchSoon(empty).response);
  EXPECT_EQ(server.requests().back().method, "POST");
  EXPECT_EQ(server.requests().back().Header("content-length"), "0");
  EXPECT_EQ(server.requests().back().Header("content-type"), "");
  EXPECT_EQ(server.requests().back().Header("authorization"), "");
}

TEST(HttpClientTest, TakesCredentialsFromTheUrl) {
  const FakeHttpServer server(FakeReply{});
  const std::string url = "http://me:p%3Aw@" + server.address() + "/";
  ASSERT_TRUE(FetchSoon(Get(url)).response);
  EXPECT_EQ(server.requests().back().Header("authorization"), "Basic bWU6cDp3");
}

TEST(HttpClientTest, HeadHasNoBody) {
  const FakeHttpServer server(FakeReply{.body = "0123456789"});
  HttpRequest request = Get(server.Url());
  request.method = "HEAD";
  const HttpOutcome outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->body, "");
  EXPECT_EQ(outcome.response->Header("content-length"), "10");
}

TEST(HttpClientTest, RefusesHeadersThatWouldSplit) {
  HttpRequest request = Get("http://127.0.0.1:1/");
  request.headers = {{"X-Key", base::Secret("secret\r\nX-Evil: 1")}};
  HttpOutcome outcome = FetchSoon(request);
  EXPECT_EQ(ReasonOf(outcome), Reason::kConfig);
  EXPECT_EQ(outcome.error->message.find("secret"), std::string::npos);
  request.headers = {{"X Key", base::Secret("v")}};
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kConfig);
  request.headers.clear();
  request.method = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kConfig);
}

TEST(HttpClientTest, BadUrlsAreConfigErrorsWithoutTheSecret) {
  for (const char* url : {"", "ftp://hunter2/", "http://u:hunter2@x:99999/", "hunter2",
                          "file:///etc/hunter2", "http://u:hunter2@/"}) {
    const HttpOutcome outcome = FetchSoon(Get(url));
    EXPECT_EQ(ReasonOf(outcome), Reason::kConfig) << url;
    EXPECT_EQ(outcome.error->message.find("hunter2"), std::string::npos) << outcome.error->message;
  }
}

TEST(HttpClientTest, TellsHowItFailed) {
  struct Case {
    FakeReply reply;
    Reason reason;
  };
  const std::string long_line =
      "HTTP/1.1 200 OK\r\nX-Long: " + std::string(200'000, 'x') + "\r\n\r\n";
  std::string many_lines = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 5000; ++i)
    many_lines += "X-" + std::to_string(i) + ": " + std::string(80, 'x') + "\r\n";
  const std::vector<Case> cases = {
      {{.act = FakeReply::Act::kClose}, Reason::kConnectionReset},
      {{.act = FakeReply::Act::kReset}, Reason::kConnectionReset},
      {{.act = FakeReply::Act::kCloseInBody, .body = "0123456789"}, Reason::kConnectionReset},
      {{.raw = "SSH-2.0-OpenSSH_9.2\r\n"}, Reason::kProtocol},
      {{.raw = "HTTP/1.1 abc\r\n\r\n"}, Reason::kProtocol},
      {{.raw = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"}, Reason::kProtocol},
      {{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}, Reason::kProtocol},
      {{.headers = {{"Content-Encoding", "gzip"}}, .body = "not gzip at all"}, Reason::kProtocol},
      {{.raw = long_line}, Reason::kResponseTooLarge},
      {{.raw = many_lines}, Reason::kResponseTooLarge},
  };
  for (const Case& test : cases) {
    const FakeHttpServer server(test.reply);
    const HttpOutcome outcome = FetchSoon(Get(server.Url("/secret-path")));
    EXPECT_EQ(model::ReasonName(ReasonOf(outcome)), model::ReasonName(test.reason))
        << test.reply.raw.substr(0, 60) << " -> " << (outcome.error ? outcome.error->message : "");
    if (!outcome.error) continue;
    EXPECT_EQ(outcome.error->message.find("secret-path"), std::string::npos);
    EXPECT_NE(outcome.error->message.find(server.address()), std::string::npos)
        << outcome.error->message;
  }
}

TEST(HttpClientTest, TellsARefusedConnection) {
  const std::string peer = "127.0.0.1:" + std::to_string(testing::ClosedPort());
  const HttpOutcome outcome = FetchSoon(Get("http://" + peer + "/"));
  EXPECT_EQ(ReasonOf(outcome), Reason::kConnectionRefused);
  EXPECT_EQ(outcome.error->message, "connect to " + peer + ": connection refused");
}

TEST(HttpClientTest, EndsAtTheDeadlineWhereverItHangs) {
  struct Case {
    FakeReply reply;
    const char* where;
  };
  for (const Case& test : std::vector<Case>{
           {{.act = FakeReply::Act::kHang}, "waiting for the response"},
           {{.act = FakeReply::Act::kHangInBody, .body = "0123456789"}, "reading the response"},
           {{.act = FakeReply::Act::kDrip, .body = std::string(5000, 'x')}, "the response"}}) {
    const FakeHttpServer server(test.reply);
    const auto begin = std::chrono::steady_clock::now();
    const HttpOutcome outcome = Fetch(Get(server.Url()), Deadline::After(milliseconds(120)), {});
    EXPECT_EQ(ReasonOf(outcome), Reason::kTimeout);
    EXPECT_NE(outcome.error->message.find(test.where), std::string::npos) << outcome.error->message;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
    EXPECT_GE(outcome.timings.total, milliseconds(110));
    EXPECT_GT(outcome.timings.processing_seconds + outcome.timings.transfer_seconds, 0.1);
  }
}

TEST(HttpClientTest, EndsAtOnceWhenStopped) {
  const base::StopSource stop;
  const FakeHttpServer server([&](const FakeRequest&) {
    stop.RequestStop();
    return FakeReply{.act = FakeReply::Act::kHang};
  });
  const auto begin = std::chrono::steady_clock::now();
  const HttpOutcome outcome = Fetch(Get(server.Url()), Deadline::After(seconds(30)), stop.token());
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->message, "stopped");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

TEST(HttpClientTest, CountsTheBodyAfterDecompression) {
  const std::string text(3 << 20, 'x');
  const FakeHttpServer server(
      FakeReply{.headers = {{"Content-Encoding", "gzip"}}, .body = Gzip(text)});
  HttpRequest request = Get(server.Url());
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kResponseTooLarge);
  request.max_body_bytes = 3 << 20;
  const HttpOutcome outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->body, text);
  request.max_body_bytes = (3 << 20) - 1;
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kResponseTooLarge);
}

TEST(HttpClientTest, IgnoresProxiesOfTheEnvironment) {
  const FakeHttpServer server(FakeReply{.body = "direct"});
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  const HttpOutcome outcome = FetchSoon(Get(server.Url()));
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  EXPECT_TRUE(outcome.response);
}

TEST(HttpClientTest, GoesThroughAProxy) {
  const FakeHttpServer proxy([](const FakeRequest& request) {
    return FakeReply{.body = request.method + " " + request.target + " " +
                             request.Header("proxy-authorization")};
  });
  HttpRequest request;
  request.url = base::Secret("http://nowhere.invalid/path?x=1");
  request.proxy = base::Secret("http://me:geheim@" + proxy.address());
  const HttpOutcome outcome = Fetch(request, Soon(), {});
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->body, "GET http://nowhere.invalid/path?x=1 Basic bWU6Z2VoZWlt");
  // https goes through by CONNECT; a proxy that does not want to is no answer.
  const FakeHttpServer refusing(FakeReply{.status = 407, .body = "geheim"});
  request.url = base::Secret("https://nowhere.invalid/");
  request.proxy = base::Secret("http://me:geheim@" + refusing.address());
  const HttpOutcome refused = Fetch(request, Soon(), {});
  ASSERT_TRUE(refused.error);
  EXPECT_NE(refused.error->message.find("407"), std::string::npos) << refused.error->message;
  EXPECT_EQ(refused.error->message.find("geheim"), std::string::npos);
  for (const char* bad : {"https://x", "x", "http://", "socks5://x:1"}) {
    request.proxy = base::Secret(bad);
    EXPECT_EQ(Fetch(request, Soon(), {}).error->reason, Reason::kConfig) << bad;
  }
  // The next request of this thread does without.
  const HttpOutcome direct = Fetch(HttpRequest{.url = base::Secret(proxy.Url("/a"))}, Soon(), {});
  ASSERT_TRUE(direct.response);
  EXPECT_EQ(direct.response->body, "GET /a ");
}

TEST(HttpClientTest, TellsTheProxyWhatIsForItAlone) {
  FakeRequest seen;
  const FakeHttpServer proxy([&](const FakeRequest& request) {
    seen = request;
    return FakeReply{.status = request.method == "CONNECT" ? 403 : 200};
  });
  HttpRequest request;
  request.url = base::Secret("https://nowhere.invalid/path");
  request.headers = {{"Authorization", base::Secret("for-the-end-only")}};
  request.proxy = base::Secret("http://" + proxy.address());
  request.connect_headers = {{"X-Team", base::Secret("red")},
                             {"X-Team", base::Secret("blue")},
                             {"Proxy-Authorization", base::Secret("Bearer for-the-proxy")}};
  EXPECT_TRUE(Fetch(request, Soon(), {}).error) << "the proxy does not want to";
  EXPECT_EQ(seen.method, "CONNECT");
  EXPECT_EQ(seen.Header("proxy-authorization"), "Bearer for-the-proxy");
  EXPECT_EQ(std::count(seen.headers.begin(), seen.headers.end(),
                       std::pair<std::string, std::string>("x-team", "red")),
            1);
  EXPECT_EQ(std::count(seen.headers.begin(), seen.headers.end(),
                       std::pair<std::string, std::string>("x-team", "blue")),
            1);
  EXPECT_EQ(seen.Header("authorization"), "");
  // A plain request goes on to its end, and so would they.
  request.url = base::Secret("http://nowhere.invalid/path");
  EXPECT_TRUE(Fetch(request, Soon(), {}).response);
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.Header("x-team") + seen.Header("proxy-authorization"), "");
  request.connect_headers = {{"X", base::Secret("a\r\nB: c")}};
  EXPECT_EQ(Fetch(request, Soon(), {}).error->reason, Reason::kConfig);
}

TEST(HttpClientTest, ConnectsWhereItIsTold) {
  const FakeHttpServer server(FakeReply{.body = "pinned"});
  HttpRequest request = Get("http://api.example.invalid:81/x");
  request.resolve_to = server.address();
  HttpOutcome outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(server.requests().at(0).Header("host"), "api.example.invalid:81");
  request.resolve_to = "localhost:" + std::to_string(server.port());
  outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(server.requests().at(1).Header("host"), "api.example.invalid:81");
  request.resolve_to = "a b";
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kConfig);
}

TEST(HttpClientTest, ResolvesNamesItselfAndForgetsThem) {
  const FakeHttpServer first(FakeReply{.body = "1"});
  const FakeHttpServer second(FakeReply{.body = "2"});
  HttpRequest request = Get("http://same.example.invalid/");
  for (const FakeHttpServer* server : {&first, &second, &first}) {
    request.resolve_to = "localhost:" + std::to_string(server->port());
    const HttpOutcome outcome = FetchSoon(request);
    ASSERT_TRUE(outcome.response) << outcome.error->message;
    EXPECT_EQ(outcome.response->body, server == &first ? "1" : "2");
  }
  ASSERT_TRUE(FetchSoon(Get(first.Url("/", "LOCALHOST."))).response);
}

TEST(HttpClientTest, KeepsToTheIpFamily) {
  const FakeHttpServer server(FakeReply{});
  HttpRequest request = Get(server.Url("/", "localhost"));
  request.ip_protocol = "ip4";
  EXPECT_TRUE(FetchSoon(request).response);
  request.ip_protocol = "ip6";
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kConnectionRefused);
  request.url = base::Secret(server.Url());
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kDns);
}

TEST(HttpClientTest, ReusesAConnectionOnlyWhereItMay) {
  const FakeHttpServer server(FakeReply{.body = "x"});
  HttpRequest request = Get(server.Url());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(FetchSoon(request).response);
  EXPECT_EQ(server.connections(), 3);
  request.fresh_connection = false;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(FetchSoon(request).response);
  EXPECT_EQ(server.connections(), 4);
}

// A server that redirects once, with `status`, to `location`.
FakeHttpServer::Script RedirectTo(int status, std::string location) {
  return [status, location](const FakeRequest& request) {
    if (request.target.starts_with("/from")) {
      return FakeReply{.status = status, .headers = {{"Location", location}}};
    }
    return FakeReply{.body = "arrived at " + request.target};
  };
}

TEST(HttpClientTest, FollowsRedirectsOnlyWhenAsked) {
  const FakeHttpServer server(RedirectTo(302, "../to?x=1#frag"));
  HttpRequest request = Get(server.Url("/from/a"));
  HttpOutcome outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response);
  EXPECT_EQ(outcome.response->status, 302);
  request.max_redirects = 1;
  outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->body, "arrived at /to?x=1");
  EXPECT_EQ(outcome.response->redirects, 1);
}

TEST(HttpClientTest, StopsInARedirectLoop) {
  const FakeHttpServer server(RedirectTo(301, "/from"));
  HttpRequest request = Get(server.Url("/from"));
  request.max_redirects = 5;
  const HttpOutcome outcome = FetchSoon(request);
  EXPECT_EQ(ReasonOf(outcome), Reason::kLimit);
  EXPECT_EQ(server.connections(), 6);
}

TEST(HttpClientTest, KeepsSecretsAtHome) {
  const FakeHttpServer other(FakeReply{.body = "other"});
  for (const bool leaves : {false, true}) {
    const FakeHttpServer home(
        RedirectTo(307, leaves ? "http://u:x@" + other.address() + "/to" : "/to"));
    HttpRequest request = Get("http://me:pw@" + home.address() + "/from");
    request.headers = {{"X-Api-Key", base::Secret("k")}};
    request.max_redirects = 3;
    const HttpOutcome outcome = FetchSoon(request);
    ASSERT_TRUE(outcome.response) << outcome.error->message;
    const FakeRequest last = leaves ? other.requests().back() : home.requests().back();
    EXPECT_EQ(last.target, "/to");
    EXPECT_EQ(last.Header("x-api-key"), leaves ? "" : "k");
    EXPECT_EQ(last.Header("authorization"), leaves ? "" : "Basic bWU6cHc=");
  }
}

TEST(HttpClientTest, SecretsDoNotComeBackFromAbroad) {
  FakeHttpServer* home_pointer = nullptr;
  const FakeHttpServer other([&](const FakeRequest&) {
    return FakeReply{.status = 302, .headers = {{"Location", home_pointer->Url("/to")}}};
  });
  FakeHttpServer home(RedirectTo(302, other.Url()));
  home_pointer = &home;
  HttpRequest request = Get(home.Url("/from"));
  request.headers = {{"X-Api-Key", base::Secret("k")}};
  request.max_redirects = 3;
  ASSERT_TRUE(FetchSoon(request).response);
  EXPECT_EQ(home.requests().at(0).Header("x-api-key"), "k");
  EXPECT_EQ(home.requests().at(1).Header("x-api-key"), "");
}

TEST(HttpClientTest, RewritesMethodsAsTheStandardSays) {
  struct Case {
    int status;
    const char* method;
    const char* expected;
  };
  for (const Case& test : std::vector<Case>{{301, "POST", "GET"},
                                            {302, "POST", "GET"},
                                            {303, "PUT", "GET"},
                                            {307, "POST", "POST"},
                                            {308, "PUT", "PUT"},
                                            {303, "HEAD", "HEAD"}}) {
    const FakeHttpServer server(RedirectTo(test.status, "/to"));
    HttpRequest request = Get(server.Url("/from"));
    request.method = test.method;
    if (request.method != "HEAD") request.body = "b";
    request.max_redirects = 2;
    ASSERT_TRUE(FetchSoon(request).response) << test.status << test.method;
    EXPECT_EQ(server.requests().back().method, test.expected) << test.status << test.method;
  }
}

TEST(HttpClientTest, RefusesRedirectsThatLeadAstray) {
  const FakeHttpServer other(FakeReply{});
  for (const std::string& location :
       {std::string("file:///etc/passwd"), std::string("http://x:99999/"),
        std::string("gopher://x/"), std::string("http://a b/")}) {
    const FakeHttpServer server(RedirectTo(302, location));
    HttpRequest request = Get(server.Url("/from"));
    request.max_redirects = 2;
    EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kProtocol) << location;
  }
  const FakeHttpServer server(RedirectTo(307, other.Url()));
  HttpRequest request = Get(server.Url("/from"));
  request.method = "POST";
  request.body = "secret";
  request.max_redirects = 2;
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kProtocol);
  EXPECT_EQ(other.connections(), 0);
}

class HttpsClientTest : public ::testing::Test {
 protected:
  HttpsClientTest() : ca_file_(dir_.Write("ca.pem", ca_.pem())) {}
  FakeServerOptions Server(const testing::CertificateOptions& certificate = {}) const {
    FakeServerOptions options;
    options.certificate = ca_.Issue(certificate);
    return options;
  }
  HttpRequest Request(const std::string& url) const {
    HttpRequest request = Get(url);
    request.tls.ca_file = ca_file_;
    return request;
  }

  testing::TestCa ca_;
  testing::TempDir dir_;
  std::string ca_file_;
};

TEST_F(HttpsClientTest, GetsAPageAndRecordsTheCertificate) {
  const FakeHttpServer server(FakeReply{.body = "safe"}, Server());
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const HttpOutcome outcome = FetchSoon(Request(server.Url("/", host)));
    ASSERT_TRUE(outcome.response) << outcome.error->message;
    EXPECT_EQ(outcome.response->body, "safe");
    ASSERT_TRUE(outcome.tls);
    EXPECT_TRUE(outcome.tls->verified);
    EXPECT_EQ(outcome.tls->version, "TLSv1.3");
    EXPECT_NE(outcome.tls->cipher, "");
    EXPECT_TRUE(outcome.tls->leaf_expiry && outcome.tls->earliest_expiry);
    EXPECT_GT(outcome.timings.tls_seconds, 0);
  }
  EXPECT_EQ(server.requests().at(0).server_name, "localhost");
}

TEST_F(HttpsClientTest, TellsTheEndOfAnExpiredCertificate) {
  const FakeHttpServer server(FakeReply{}, Server({.starts = hours(-48), .ends = hours(-24)}));
  const HttpOutcome outcome = FetchSoon(Request(server.Url()));
  EXPECT_EQ(ReasonOf(outcome), Reason::kCertificateExpired);
  ASSERT_TRUE(outcome.tls && outcome.tls->leaf_expiry);
  EXPECT_LT(*outcome.tls->leaf_expiry, base::SystemClock().Now() - hours(23));
  EXPECT_FALSE(outcome.tls->verified);
}

TEST_F(HttpsClientTest, RefusesUnknownAuthoritiesAndOtherNames) {
  const FakeHttpServer server(FakeReply{}, Server({.names = {"db1.example"}}));
  HttpRequest request = Request(server.Url());
  HttpOutcome outcome = FetchSoon(request);
  EXPECT_EQ(ReasonOf(outcome), Reason::kTls);
  EXPECT_NE(outcome.error->message.find("not for \"127.0.0.1\""), std::string::npos)
      << outcome.error->message;
  request.tls.ca_file.clear();
  outcome = FetchSoon(request);
  EXPECT_EQ(ReasonOf(outcome), Reason::kTls);
  EXPECT_NE(outcome.error->message.find("no trusted authority"), std::string::npos)
      << outcome.error->message;
  EXPECT_TRUE(outcome.tls && outcome.tls->leaf_expiry);
}

TEST_F(HttpsClientTest, VerifiesAnotherNameWhenTold) {
  const FakeHttpServer server(FakeReply{}, Server({.names = {"db1.example"}}));
  HttpRequest request = Request(server.Url());
  request.tls.server_name = "db1.example";
  const HttpOutcome outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(server.requests().at(0).server_name, "db1.example");
  EXPECT_EQ(server.requests().at(0).Header("host"), server.address());
}

TEST_F(HttpsClientTest, SkippingVerificationStillJudges) {
  const FakeHttpServer expired(FakeReply{}, Server({.ends = seconds(-10)}));
  HttpRequest request = Request(expired.Url());
  request.tls.insecure_skip_verify = true;
  HttpOutcome outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_FALSE(outcome.tls->verified);
  const FakeHttpServer good(FakeReply{}, Server());
  request.url = base::Secret(good.Url());
  outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_TRUE(outcome.tls->verified);
}

TEST_F(HttpsClientTest, SeesARenewedCertificateOnEveryRequest) {
  HttpRequest request = Request("");
  request.fresh_connection = false;
  for (const int days : {3, 9}) {
    const FakeHttpServer server(FakeReply{}, Server({.ends = hours(24 * days)}));
    request.url = base::Secret(server.Url());
    const HttpOutcome outcome = FetchSoon(request);
    ASSERT_TRUE(outcome.tls);
    const auto left = *outcome.tls->leaf_expiry - base::SystemClock().Now();
    EXPECT_NEAR(base::ToSeconds(left), days * 86400.0, 60);
  }
}

TEST_F(HttpsClientTest, ShowsItsClientCertificate) {
  FakeServerOptions options = Server();
  options.client_ca_pem = ca_.pem();
  const FakeHttpServer server(FakeReply{.body = "welcome"}, options);
  HttpRequest request = Request(server.Url());
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kTls);
  const testing::TestCertificate client = ca_.Issue();
  request.tls.cert_file = dir_.Write("client.pem", client.chain_pem);
  request.tls.key_file = dir_.Write("client.key", client.key_pem);
  const HttpOutcome outcome = FetchSoon(request);
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->body, "welcome");
  request.tls.key_file = dir_.Path("missing.key");
  EXPECT_EQ(ReasonOf(FetchSoon(request)), Reason::kConfig);
}

TEST_F(HttpsClientTest, TellsHandshakesThatGoWrong) {
  FakeServerOptions options;
  options.accept = FakeServerOptions::Accept::kHang;
  const FakeHttpServer hung(FakeReply{}, options);
  HttpOutcome outcome =
      Fetch(Request("https://" + hung.address()), Deadline::After(milliseconds(100)), {});
  EXPECT_EQ(ReasonOf(outcome), Reason::kTimeout);
  EXPECT_NE(outcome.error->message.find("in the TLS handshake"), std::string::npos)
      << outcome.error->message;
  EXPECT_GT(outcome.timings.tls_seconds, 0.08);
  options.accept = FakeServerOptions::Accept::kReset;
  const FakeHttpServer reset(FakeReply{}, options);
  EXPECT_EQ(ReasonOf(FetchSoon(Request("https://" + reset.address()))), Reason::kConnectionReset);
  options = {};
  options.greeting = "220 hello\r\n";
  const FakeHttpServer greeter(FakeReply{}, options);
  EXPECT_EQ(ReasonOf(FetchSoon(Request("https://" + greeter.address()))), Reason::kTls);
}

TEST(HttpClientTest, ManyThreadsFetchAtOnce) {
  const testing::TestCa ca;
  const testing::TempDir dir;
  FakeServerOptions options;
  options.certificate = ca.Issue();
  const FakeHttpServer secure(FakeReply{.body = "s"}, options);
  const FakeHttpServer plain(FakeReply{.body = "p"});
  const FakeHttpServer hung(FakeReply{.act = FakeReply::Act::kHang});
  const std::string ca_file = dir.Write("ca.pem", ca.pem());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        HttpRequest request = Get(secure.Url("/", "localhost"));
        request.tls.ca_file = ca_file;
        if (FetchSoon(request).response.value_or(HttpResponse{}).body != "s") ++wrong;
        request.tls.ca_file.clear();  // the shared authorities of the system
        if (ReasonOf(FetchSoon(request)) != Reason::kTls) ++wrong;
        if (FetchSoon(Get(plain.Url())).response.value_or(HttpResponse{}).body != "p") ++wrong;
      }
      const HttpOutcome late =
          Fetch(Get(hung.Url()), Deadline::After(milliseconds(50 + 5 * i)), {});
      if (ReasonOf(late) != Reason::kTimeout) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace drwatch::net
