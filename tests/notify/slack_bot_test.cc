// Slack by a bot's token: what is sent where, and what the API's errors mean.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "notify/receiver.h"
#include "notify/target_settings.h"

namespace drwatch::notify {
namespace {

using Kind = Verdict::Kind;

config::SlackReceiver Bot() {
  config::SlackReceiver bot;
  bot.app_token.file = "/token";
  bot.channel = "#{{ .CommonLabels.team }}";
  return bot;
}

Notification Make(Form form) {
  Notification notification;
  model::Alert alert;
  alert.labels = {{"alertname", "Down"}, {"team", "dba"}};
  notification.alerts = {alert};
  notification.form = form;
  return notification;
}

TEST(SlackBotTest, PostsToTheApiWithItsToken) {
  for (const Form form : {Form::kFull, Form::kMinimal}) {
    const auto built = Build(Bot(), Make(form), base::Secret("xoxb-geheim"));
    ASSERT_TRUE(built);
    const auto& request = std::get<net::HttpRequest>(built->request);
    EXPECT_EQ(request.url.Reveal(), "https://slack.com/api/chat.postMessage");
    EXPECT_EQ(request.headers.back().first, "Authorization");
    EXPECT_EQ(request.headers.back().second.Reveal(), "Bearer xoxb-geheim");
    EXPECT_EQ(nlohmann::json::parse(request.body)["channel"], "#dba");
    EXPECT_EQ(request.body.find("geheim"), std::string::npos);
  }
}

TEST(SlackBotTest, IsADestinationOfItsOwnThatIsRemembered) {
  config::SlackReceiver webhook = Bot();
  webhook.api_url = webhook.app_token;
  webhook.app_token = {};
  EXPECT_NE(TargetId("r", Bot()), TargetId("r", webhook));
  const auto again = DecodeIntegration(EncodeIntegration(Bot()));
  ASSERT_TRUE(again);
  EXPECT_EQ(TargetId("r", *again), TargetId("r", Bot()));
  const auto old = DecodeIntegration(EncodeIntegration(webhook));
  ASSERT_TRUE(old);
  EXPECT_EQ(TargetId("r", *old), TargetId("r", webhook));
}

TEST(SlackBotTest, TellsTheErrorsOfTheApiApart) {
  const struct {
    const char* error;
    Kind kind;
    const char* reason;
    bool minimal_may_help;
  } cases[] = {
      {"ratelimited", Kind::kRetry, "rate_limited", false},
      {"internal_error", Kind::kRetry, "server_error", false},
      {"service_unavailable", Kind::kRetry, "server_error", false},
      {"invalid_auth", Kind::kRejected, "auth", false},
      {"token_expired", Kind::kRejected, "auth", false},
      {"channel_not_found", Kind::kRejected, "not_found", false},
      {"not_in_channel", Kind::kRejected, "not_found", false},
      {"invalid_blocks", Kind::kRejected, "client_error", true},
      {"anything_new", Kind::kRejected, "client_error", true},
  };
  for (const auto& [error, kind, reason, minimal_may_help] : cases) {
    net::HttpOutcome outcome;
    outcome.response.emplace();
    outcome.response->status = 200;
    outcome.response->body = R"({"ok":false,"error":")" + std::string(error) + "\"}";
    const Verdict verdict = Classify(Bot(), outcome, {});
    EXPECT_EQ(verdict.kind, kind) << error;
    EXPECT_EQ(verdict.reason, reason) << error;
    EXPECT_EQ(verdict.minimal_may_help, minimal_may_help) << error;
    EXPECT_NE(verdict.detail.find(error), std::string::npos) << verdict.detail;
  }
}

}  // namespace
}  // namespace drwatch::notify
