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
  receiver.http.proxy_url = base::Secret("http://me:proxy-geheim@proxy:3128");
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
  webhook.http.proxy_url = base::Secret("http://proxy:3128");
  const auto hook = DecodeIntegration(EncodeIntegration(webhook));
  ASSERT_TRUE(hook);
  EXPECT_EQ(TargetId("r", *hook), TargetId("r", webhook));
  EXPECT_EQ(std::get<config::WebhookReceiver>(*hook).http.tls, webhook.http.tls);
  EXPECT_EQ(std::get<config::WebhookReceiver>(*hook).http.proxy_url, webhook.http.proxy_url);

  webhook.http.password = {base::Secret("inline"), ""};
  EXPECT_EQ(EncodeIntegration(webhook), "");
  webhook.http = {};
  webhook.http.proxy_url = base::Secret("http://u:p@proxy");
  EXPECT_EQ(EncodeIntegration(webhook), "");
  for (const char* bad : {"", "[]", "{}", "{\"kind\":\"x\"}", "{\"kind\":1,\"http\":[]}"}) {
    EXPECT_FALSE(DecodeIntegration(bad)) << bad;
  }
}

}  // namespace
}  // namespace drwatch::notify
