// The suites every receiver passes: every HTTP status and network reason, no secret in any text,
// the size limits with hostile labels.
#include "notify/receiver.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;
using Kind = Verdict::Kind;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);
const std::string kKey = "0123456789abcdef0123456789abcdef";

std::vector<config::Integration> AllKinds() {
  config::PagerDutyReceiver pagerduty;
  pagerduty.routing_key.value = base::Secret(kKey);
  config::SlackReceiver slack;
  slack.api_url.value = base::Secret("https://hooks.slack.com/services/T0/B0/" + kKey);
  config::WebhookReceiver webhook;
  webhook.url.value = base::Secret("https://user:pw@example.com/hook/" + kKey);
  config::StatuspageReceiver page;
  page.api_key.value = base::Secret(kKey);
  page.page_id = "page";
  return {pagerduty, slack, webhook, page};
}

base::Secret SecretOf(const config::Integration& integration) {
  return IntegrationSecret(integration).value;
}

net::HttpOutcome Answer(int status, std::string body = "", std::string retry_after = "") {
  net::HttpOutcome outcome;
  outcome.response.emplace();
  outcome.response->status = status;
  outcome.response->body = std::move(body);
  if (!retry_after.empty()) outcome.response->headers.emplace_back("retry-after", retry_after);
  return outcome;
}

std::string GoodBody(const config::Integration& integration) {
  return IsPerAlert(integration) ? R"({"status":"success","dedup_key":"x"})" : "ok";
}

bool IsPage(const config::Integration& integration) {
  return std::holds_alternative<config::StatuspageReceiver>(integration);
}

Kind ExpectedKind(const config::Integration& integration, int status) {
  if (IsPage(integration) && status == 420) return Kind::kRetry;
  if (status >= 200 && status < 300) return Kind::kDelivered;
  if (status == 408 || status == 425 || status == 429) return Kind::kRetry;
  if (status >= 300 && status < 500) return Kind::kRejected;
  return Kind::kRetry;
}

model::Alert HostileAlert() {
  std::string bytes;
  for (int c = 1; c < 256; ++c) bytes += static_cast<char>(c);
  model::Alert alert;
  alert.labels = model::Labels(std::vector<std::pair<std::string, std::string>>{
      {"alertname", "Ev\"il<!channel>&" + bytes},
      {"instance", " \t\n"},
      {"severity", "none of\nyours"},
      {"huge", std::string(2'000'000, '&')},
      {"emoji", std::string(4000, 'x') + "\xf0\x9f\x94\xa5"}});
  std::string fires;
  for (int i = 0; i < 3000; ++i) fires += "\xf0\x9f\x94\xa5";
  alert.annotations = model::Labels(std::vector<std::pair<std::string, std::string>>{
      {"summary", fires},
      {"description", std::string(100'000, '<')},
      {"action", bytes},
      {"runbook_url", "javascript:alert(1)"},
      {"dashboard_url", "https://x/<|>&" + std::string(500, 'y')}});
  alert.state = model::AlertState::kFiring;
  alert.fired_at = kNow;
  return alert;
}

Notification Make(std::vector<model::Alert> alerts) {
  Notification notification;
  notification.event_id = "e1";
  notification.dedup_key = "drwatch1-" + std::string(64, 'a');
  notification.receiver = "team";
  notification.group_key = "{}:{}";
  notification.external_url = "http://drwatch:10911";
  notification.alerts = std::move(alerts);
  return notification;
}

TEST(ReceiverTest, JudgesEveryStatusAlike) {
  for (const config::Integration& integration : AllKinds()) {
    for (int status = 0; status < 1000; ++status) {
      const Verdict verdict = Classify(integration, Answer(status, GoodBody(integration)), kNow);
      EXPECT_EQ(verdict.kind, ExpectedKind(integration, status))
          << IntegrationName(integration) << status;
      EXPECT_EQ(verdict.reason.empty(), verdict.kind == Kind::kDelivered) << status;
      EXPECT_EQ(verdict.minimal_may_help,
                status == 400 || status == 413 || (IsPage(integration) && status == 422))
          << status;
      EXPECT_FALSE(verdict.hopeless);
      EXPECT_FALSE(verdict.detail.empty());
    }
  }
}

TEST(ReceiverTest, RetriesAfterEveryNetworkErrorButATooLongAnswer) {
  for (const config::Integration& integration : AllKinds()) {
    for (int i = 0; i <= static_cast<int>(model::Reason::kInternal); ++i) {
      const auto reason = static_cast<model::Reason>(i);
      net::HttpOutcome outcome;
      outcome.error = net::NetError{reason, "cause"};
      const Verdict verdict = Classify(integration, outcome, kNow);
      EXPECT_EQ(verdict.kind,
                reason == model::Reason::kResponseTooLarge ? Kind::kRejected : Kind::kRetry);
      EXPECT_EQ(verdict.reason, model::ReasonName(reason));
      EXPECT_EQ(verdict.detail, "cause");
      const bool tls =
          reason == model::Reason::kTls || reason == model::Reason::kCertificateExpired;
      EXPECT_GE(verdict.hopeless, tls);
      if (reason == model::Reason::kDns || reason == model::Reason::kTimeout) {
        EXPECT_FALSE(verdict.hopeless);
      }
    }
    EXPECT_EQ(Classify(integration, {}, kNow).kind, Kind::kRetry);
  }
}

TEST(ReceiverTest, HonoursRetryAfter) {
  const config::Integration webhook = config::WebhookReceiver{};
  const auto wait = [&](const std::string& header) {
    return Classify(webhook, Answer(429, "", header), kNow).retry_after;
  };
  EXPECT_EQ(wait("30"), std::chrono::seconds(30));
  EXPECT_EQ(wait("0"), std::chrono::seconds(0));
  EXPECT_EQ(wait("1.5"), std::chrono::milliseconds(1500));
  EXPECT_EQ(wait("99999999999999999999"), kMaxRetryAfter);
  EXPECT_EQ(wait("inf"), kMaxRetryAfter);
  EXPECT_EQ(wait("Thu, 01 Jan 2026 00:00:20 GMT"), std::chrono::seconds(20));
  EXPECT_EQ(wait("Wed, 31 Dec 2025 00:00:00 GMT"), std::chrono::seconds(0));
  for (const char* bad : {"soon", "-5", "nan", "Thu, 01 Foo 2026 00:00:20 GMT", "Thu, 99 Jan",
                          "Thu, 01 Jan 2026 24:00:00 GMT", "Thu, 01 Jan 2026 00:00:-1 GMT",
                          "Thu, 01 Jan 2026 9223372036854775807:00:00 GMT",
                          "Thu, 4294967297 Jan 2026 00:00:20 GMT"}) {
    EXPECT_EQ(wait(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(Classify(webhook, Answer(503, "", "7"), kNow).retry_after, std::chrono::seconds(7));
  EXPECT_EQ(Classify(webhook, Answer(400, "", "7"), kNow).retry_after, std::nullopt);
  const config::Integration slack = config::SlackReceiver{};
  EXPECT_EQ(Classify(slack, Answer(429, R"({"retry_after":3,"ok":false})"), kNow).retry_after,
            std::chrono::seconds(3));
}

TEST(ReceiverTest, IsNotFooledByAPageOfAProxy) {
  const std::string page = "<html>please log in</html>";
  EXPECT_EQ(Classify(config::PagerDutyReceiver{}, Answer(200, page), kNow).kind, Kind::kRetry);
  EXPECT_EQ(Classify(config::PagerDutyReceiver{}, Answer(202, ""), kNow).kind, Kind::kDelivered);
  EXPECT_EQ(Classify(config::SlackReceiver{}, Answer(200, page), kNow).kind, Kind::kRetry);
  EXPECT_EQ(Classify(config::SlackReceiver{}, Answer(200, "1"), kNow).kind, Kind::kDelivered);
  EXPECT_EQ(Classify(config::SlackReceiver{}, Answer(200, R"({"ok":true})"), kNow).kind,
            Kind::kDelivered);
  EXPECT_EQ(
      Classify(config::SlackReceiver{}, Answer(200, R"({"ok":false,"error":"x"})"), kNow).kind,
      Kind::kRejected);
  EXPECT_EQ(
      Classify(config::SlackReceiver{}, Answer(200, R"({"ok":false,"error":"rate_limited"})"), kNow)
          .kind,
      Kind::kRetry);
}

TEST(ReceiverTest, NeverShowsASecretOfAnAnswer) {
  for (const config::Integration& integration : AllKinds()) {
    const std::string url = "https://hooks.slack.com/services/T0/B0/" + kKey;
    for (const std::string& body : {"no such page: " + url, "<a href=\"" + url + "\">x</a>",
                                    "Cannot POST /services/T0/B0/" + kKey, url}) {
      const Verdict verdict = Classify(integration, Answer(404, body), kNow);
      EXPECT_EQ(verdict.detail.find(kKey), std::string::npos) << verdict.detail;
    }
    EXPECT_EQ(TargetId("team", integration).find(kKey), std::string::npos);
  }
}

TEST(ReceiverTest, KeepsLimitsWithHostileLabels) {
  std::vector<model::Alert> many(1200, HostileAlert());
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i].labels = many[i].labels.Without("huge").With("n", std::to_string(i));
  }
  for (const Form form : {Form::kFull, Form::kMinimal}) {
    for (const config::Integration& integration : AllKinds()) {
      for (const bool one : {true, false}) {
        if (!one && IsPerAlert(integration)) continue;
        Notification notification = Make(one ? std::vector<model::Alert>{HostileAlert()} : many);
        notification.form = form;
        const auto built = Build(integration, notification, SecretOf(integration));
        ASSERT_TRUE(built) << built.error().message;
        auto request = std::get<net::HttpRequest>(built->request);
        if (built->then) request = built->then(*Answer(200, "[]").response)->value();
        const Json body = Json::parse(request.body, nullptr, false);
        ASSERT_FALSE(body.is_discarded());
        EXPECT_TRUE(base::IsValidUtf8(request.body));
        EXPECT_EQ(request.method, "POST");
        EXPECT_EQ(request.max_redirects, 0);
        if (IsPerAlert(integration)) {
          EXPECT_LE(request.body.size(), 512'000U);
          EXPECT_LE(body["payload"]["summary"].get<std::string>().size(), 4096U);
          EXPECT_EQ(body["payload"]["severity"], "critical");
          EXPECT_EQ(body["payload"]["source"], "drwatch");
          EXPECT_LE(body["dedup_key"].get<std::string>().size(), 255U);
          EXPECT_EQ(body.dump().find("javascript:"), body.dump().rfind("javascript:"));
        } else if (IsPage(integration)) {
          EXPECT_LE(request.body.size(), 20'000U);
        } else if (IntegrationName(integration) == "slack") {
          EXPECT_LE(body["text"].get<std::string>().size(), 12'000U);
          EXPECT_EQ(request.body.find("<!channel>"), std::string::npos);
          EXPECT_LE(request.body.size(), 40'000U);
        } else {
          EXPECT_LE(request.body.size(), 8U << 20);
          EXPECT_EQ(body["alerts"].size() + body["truncatedAlerts"].get<std::size_t>(),
                    notification.alerts.size());
        }
      }
    }
  }
}

TEST(ReceiverTest, RefusesASecretThatCannotWork) {
  const Notification notification = Make({HostileAlert()});
  for (const config::Integration& integration : AllKinds()) {
    const auto built = Build(integration, notification, base::Secret());
    ASSERT_FALSE(built);
    const auto odd = Build(integration, notification, base::Secret("not a url " + kKey));
    if (odd) continue;
    EXPECT_EQ(odd.error().ToString().find(kKey), std::string::npos);
  }
}

TEST(ReceiverTest, NamesADestinationByItsValue) {
  const std::vector<config::Integration> kinds = AllKinds();
  EXPECT_EQ(TargetId("a", kinds[0]), TargetId("a", AllKinds()[0]));
  EXPECT_NE(TargetId("a", kinds[0]), TargetId("b", kinds[0]));
  EXPECT_NE(TargetId("a", kinds[0]), TargetId("a", kinds[1]));
  config::PagerDutyReceiver other = std::get<config::PagerDutyReceiver>(kinds[0]);
  other.routing_key.value = base::Secret("x");
  EXPECT_NE(TargetId("a", kinds[0]), TargetId("a", other));
  other = std::get<config::PagerDutyReceiver>(kinds[0]);
  other.description = "changed wording";
  EXPECT_EQ(TargetId("a", kinds[0]), TargetId("a", other));
}

}  // namespace
}  // namespace drwatch::notify
