// One attempt: what http_config adds, and that no secret comes back.
#include "notify/sender.h"

#include <gtest/gtest.h>

#include "notify/target_settings.h"
#include "support/temp_dir.h"

namespace drwatch::notify {
namespace {

constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);

config::WebhookReceiver Webhook() {
  config::WebhookReceiver receiver;
  receiver.url.value = base::Secret("http://example.com/hook/secretpath");
  return receiver;
}

Job MakeJob(config::Integration integration) {
  Job job;
  job.integration = std::make_shared<const config::Integration>(std::move(integration));
  model::Alert alert;
  alert.labels = {{"alertname", "Down"}};
  job.notification.alerts = {alert};
  return job;
}

// Remembers the request and answers with everything it was told.
struct Echo {
  net::HttpRequest seen;
  Transport transport() {
    return {[this](const net::HttpRequest& request, base::Deadline, const base::StopToken&) {
      seen = request;
      net::HttpOutcome outcome;
      outcome.response.emplace();
      outcome.response->status = 404;
      outcome.response->body = "you said " + request.password.Reveal() + request.proxy.Reveal();
      for (const auto& [name, value] : request.headers) {
        outcome.response->body += " " + name + ": " + value.Reveal();
      }
      return outcome;
    }};
  }
};

TEST(SenderTest, AddsCredentialsTlsAndProxy) {
  const testing::TempDir folder;
  config::WebhookReceiver receiver = Webhook();
  receiver.http.credentials.file = folder.Write("token", "bearer-token-geheim\n");
  receiver.http.tls.ca_file = "/ca.pem";
  receiver.http.proxy.url = base::Secret("http://me:proxy-geheim@proxy:3128");
  Echo echo;
  const AttemptResult result = Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  std::string authorization;
  for (const auto& [name, value] : echo.seen.headers) {
    if (name == "Authorization") authorization = value.Reveal();
  }
  EXPECT_EQ(authorization, "Bearer bearer-token-geheim");
  EXPECT_EQ(echo.seen.tls.ca_file, "/ca.pem");
  EXPECT_EQ(echo.seen.proxy.Reveal(), "http://me:proxy-geheim@proxy:3128");
  EXPECT_EQ(result.verdict.kind, Verdict::Kind::kRejected);
  EXPECT_EQ(result.verdict.detail.find("geheim"), std::string::npos) << result.verdict.detail;
  // The file is read again at each attempt.
  folder.Write("token", "renewed-geheim");
  Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  EXPECT_EQ(echo.seen.headers.back().second.Reveal(), "Bearer renewed-geheim");
}

TEST(SenderTest, LogsInByName) {
  config::SlackReceiver receiver;
  receiver.api_url.value = base::Secret("http://example.com/services/x");
  receiver.http.username = "me";
  receiver.http.password.value = base::Secret("password-geheim");
  Echo echo;
  const AttemptResult result = Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  EXPECT_EQ(echo.seen.username, "me");
  EXPECT_EQ(echo.seen.password.Reveal(), "password-geheim");
  EXPECT_EQ(result.verdict.detail.find("geheim"), std::string::npos) << result.verdict.detail;
}

TEST(SenderTest, SendsNothingWithoutTheSecretOfAFile) {
  config::WebhookReceiver receiver = Webhook();
  receiver.http.credentials.file = "/nonexistent/token";
  Echo echo;
  const AttemptResult result = Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  EXPECT_TRUE(result.verdict.hopeless);
  EXPECT_EQ(result.verdict.kind, Verdict::Kind::kRetry);
  EXPECT_TRUE(echo.seen.method == "GET") << "nothing was sent";
}

TEST(SenderTest, EndsAsLateAsItsReceiverMay) {
  config::WebhookReceiver receiver = Webhook();
  EXPECT_EQ(AttemptTimeout(receiver), std::chrono::seconds(10));
  receiver.timeout = std::chrono::seconds(2);
  EXPECT_EQ(AttemptTimeout(receiver), std::chrono::seconds(2));
  EXPECT_EQ(AttemptTimeout(config::EmailReceiver{}), std::chrono::seconds(30));
}

TEST(SenderTest, SendsTheHeadersOfTheConfiguration) {
  const testing::TempDir folder;
  config::WebhookReceiver receiver = Webhook();
  receiver.http.headers = {{"X-Tenant", {base::Secret("tenant-geheim"), ""}},
                           {"X-Key", {base::Secret(), folder.Write("key", "key-geheim\n")}}};
  receiver.http.http2 = false;
  Echo echo;
  const AttemptResult result = Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  const auto& headers = echo.seen.headers;
  ASSERT_GE(headers.size(), 2U);
  EXPECT_EQ(headers[headers.size() - 2].second.Reveal(), "tenant-geheim");
  EXPECT_EQ(headers.back().second.Reveal(), "key-geheim");
  EXPECT_FALSE(echo.seen.http2);
  EXPECT_EQ(result.verdict.detail.find("geheim"), std::string::npos) << result.verdict.detail;
}

TEST(SenderTest, LeavesOutTheProxyWhereItIsTold) {
  config::WebhookReceiver receiver = Webhook();
  receiver.http.proxy = {base::Secret("http://proxy:3128"), "example.com", false};
  Echo echo;
  Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  EXPECT_TRUE(echo.seen.proxy.empty());
  receiver.http.proxy.no_proxy = "example.org";
  Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  EXPECT_EQ(echo.seen.proxy.Reveal(), "http://proxy:3128");
  receiver.http.proxy = {base::Secret(), "", true};
  setenv("HTTP_PROXY", "http://u:environment-geheim@proxy:1", 1);
  const AttemptResult result = Attempt(MakeJob(receiver), echo.transport(), {}, {}, kNow);
  unsetenv("HTTP_PROXY");
  EXPECT_EQ(echo.seen.proxy.Reveal(), "http://u:environment-geheim@proxy:1");
  EXPECT_EQ(result.verdict.detail.find("geheim"), std::string::npos) << result.verdict.detail;
}

TEST(SenderTest, HandsOverWhatTheProxyIsToBeTold) {
  config::WebhookReceiver receiver = Webhook();
  receiver.http.proxy.url = base::Secret("http://proxy:3128");
  receiver.http.proxy.connect_headers = {{"X-Team", base::Secret("team-geheim")}};
  std::string told;
  const Transport transport{
      [&](const net::HttpRequest& request, base::Deadline, const base::StopToken&) {
        told = request.connect_headers.at(0).second.Reveal();
        net::HttpOutcome outcome;
        outcome.response.emplace();
        outcome.response->status = 403;
        outcome.response->body = "you said " + told;
        return outcome;
      }};
  const AttemptResult result = Attempt(MakeJob(receiver), transport, {}, {}, kNow);
  EXPECT_EQ(told, "team-geheim");
  EXPECT_EQ(result.verdict.detail, "status 403: you said <secret>");
  EXPECT_EQ(EncodeIntegration(receiver), "") << "it is not stored";
}

// A Statuspage's incidents: somebody deletes one between the look and the change.
TEST(SenderTest, LooksAgainForWhatIsGoneAtTheChange) {
  config::StatuspageReceiver receiver;
  receiver.page_id = "page1";
  receiver.api_key.value = base::Secret("key-geheim");
  int list_status = 200;
  std::string listed = R"([{"id": "i", "metadata": {"drwatch": {"incident": "k"}}}])";
  std::vector<std::string> methods;
  const Transport transport{
      [&](const net::HttpRequest& request, base::Deadline, const base::StopToken&) {
        methods.push_back(request.method);
        net::HttpOutcome outcome;
        outcome.response.emplace();
        outcome.response->status = request.method == "GET" ? list_status : 404;
        outcome.response->body = request.method == "GET" ? listed : "{}";
        return outcome;
      }};
  Job job = MakeJob(receiver);
  job.notification.dedup_key = "k";
  const AttemptResult gone = Attempt(job, transport, {}, {}, kNow);
  EXPECT_EQ(methods, (std::vector<std::string>{"GET", "PATCH"}));
  EXPECT_EQ(gone.verdict.kind, Verdict::Kind::kRetry);
  EXPECT_EQ(gone.verdict.reason, "not_found");
  // A page that is not there is nobody's deletion.
  listed = "[]";
  EXPECT_EQ(Attempt(job, transport, {}, {}, kNow).verdict.kind, Verdict::Kind::kRejected);
  EXPECT_EQ(methods.back(), "POST");
  list_status = 404;
  EXPECT_EQ(Attempt(job, transport, {}, {}, kNow).verdict.kind, Verdict::Kind::kRejected);
  EXPECT_EQ(methods.back(), "GET");
}

TEST(SenderTest, CarriesAToken) {
  config::WebhookReceiver receiver = Webhook();
  receiver.http.oauth2.emplace();
  receiver.http.oauth2->client_id = "me";
  receiver.http.oauth2->client_secret.value = base::Secret("client-geheim");
  receiver.http.oauth2->token_url = base::Secret("http://login/token");
  std::string authorization;
  int token_status = 200;
  const Transport transport{
      net::WithTokens([&](const net::HttpRequest& request, base::Deadline, const base::StopToken&) {
        net::HttpOutcome outcome;
        outcome.response.emplace();
        outcome.response->status = 404;
        if (request.url.Reveal() == "http://login/token") {
          outcome.response->status = token_status;
          outcome.response->body = R"({"access_token":"token-geheim","expires_in":3600})";
          return outcome;
        }
        authorization = request.headers.back().second.Reveal();
        outcome.response->body = "you said " + authorization;
        return outcome;
      })};
  AttemptResult result = Attempt(MakeJob(receiver), transport, {}, {}, kNow);
  EXPECT_EQ(authorization, "Bearer token-geheim");
  EXPECT_EQ(result.verdict.detail, "status 404: you said Bearer <secret>");
  EXPECT_NE(TargetId("r", receiver), TargetId("r", Webhook()));
  // A refused client is tried again later, as somebody may mend it.
  token_status = 401;
  receiver.http.oauth2->client_id = "other";
  result = Attempt(MakeJob(receiver), transport, {}, {}, kNow);
  EXPECT_EQ(result.verdict.kind, Verdict::Kind::kRetry);
  EXPECT_EQ(result.verdict.reason, "auth");
  EXPECT_EQ(result.verdict.detail, "no token from http://login: status 401");
}

TEST(TargetSettingsTest, RemembersAllButTheWording) {
  config::EmailReceiver email;
  email.to = "a@b";
  email.from = "c@d";
  email.send_resolved = true;
  email.server = {"mx:25", "me",  "u",  {base::Secret(), "/pw"},
                  "i",     false, true, {"/ca", "/cert", "/key", "name", true}};
  const auto mail = DecodeIntegration(EncodeIntegration(email));
  ASSERT_TRUE(mail);
  const auto& back = std::get<config::EmailReceiver>(*mail);
  EXPECT_EQ(TargetId("r", *mail), TargetId("r", email));
  EXPECT_EQ(back.server.tls, email.server.tls);
  EXPECT_EQ(back.server.password, email.server.password);
  EXPECT_TRUE(back.send_resolved && back.server.force_implicit_tls && !back.server.require_tls);

  config::WebhookReceiver webhook;
  webhook.url.file = "/url";
  webhook.http.username = "u";
  webhook.http.password.file = "/pw";
  webhook.http.tls.ca_file = "/ca";
  webhook.http.proxy = {base::Secret("http://proxy:3128"), "a,b", false};
  webhook.http.http2 = false;
  webhook.http.headers = {{"X-Key", {base::Secret(), "/key"}}};
  const auto hook = DecodeIntegration(EncodeIntegration(webhook));
  ASSERT_TRUE(hook);
  EXPECT_EQ(TargetId("r", *hook), TargetId("r", webhook));
  EXPECT_EQ(std::get<config::WebhookReceiver>(*hook).http.tls, webhook.http.tls);
  EXPECT_EQ(std::get<config::WebhookReceiver>(*hook).http.proxy, webhook.http.proxy);
  EXPECT_EQ(std::get<config::WebhookReceiver>(*hook).http.headers, webhook.http.headers);
  EXPECT_FALSE(std::get<config::WebhookReceiver>(*hook).http.http2);

  webhook.http = {};
  webhook.http.oauth2 = {"me", {base::Secret(), "/secret"}, base::Secret("https://login/t"), {"a"},
                         {},   {"/ca", "", "", "", false},  {base::Secret(), "", true}};
  const auto token = DecodeIntegration(EncodeIntegration(webhook));
  ASSERT_TRUE(token);
  EXPECT_EQ(TargetId("r", *token), TargetId("r", webhook));
  const auto& oauth2 = std::get<config::WebhookReceiver>(*token).http.oauth2;
  ASSERT_TRUE(oauth2);
  EXPECT_EQ(oauth2->client_secret, webhook.http.oauth2->client_secret);
  EXPECT_EQ(oauth2->token_url, webhook.http.oauth2->token_url);
  EXPECT_EQ(oauth2->scopes, webhook.http.oauth2->scopes);
  EXPECT_EQ(oauth2->tls, webhook.http.oauth2->tls);
  EXPECT_TRUE(oauth2->proxy.from_environment);
  webhook.http.oauth2->parameters = {{"password", base::Secret("inline")}};
  EXPECT_EQ(EncodeIntegration(webhook), "") << "parameters may be secrets";
  webhook.http = {};
  webhook.http.headers = {{"X-Key", {base::Secret("inline"), ""}}};
  EXPECT_EQ(EncodeIntegration(webhook), "");

  webhook.http = {};
  webhook.http.username = "u";
  webhook.http.password = {base::Secret("inline"), ""};
  EXPECT_EQ(EncodeIntegration(webhook), "");
  webhook.http = {};
  webhook.http.proxy.url = base::Secret("http://u:p@proxy");
  EXPECT_EQ(EncodeIntegration(webhook), "");
  for (const char* bad : {"", "[]", "{}", "{\"kind\":\"x\"}", "{\"kind\":1,\"http\":[]}"}) {
    EXPECT_FALSE(DecodeIntegration(bad)) << bad;
  }
}

}  // namespace
}  // namespace drwatch::notify
