#include "notify/receiver.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <variant>

#include "base/digest.h"
#include "base/strings.h"
#include "notify/email.h"
#include "notify/pagerduty.h"
#include "notify/slack.h"
#include "notify/statuspage.h"
#include "notify/text.h"
#include "notify/webhook.h"

namespace drwatch::notify {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

constexpr std::size_t kMaxDetailBytes = 200;
constexpr base::Duration kHttpTimeout = std::chrono::seconds(10);
constexpr base::Duration kMailTimeout = std::chrono::seconds(30);

// As whom; nothing where there is no login.
std::string Credentials(const config::HttpSettings& http) {
  const config::SecretSource& secret = http.secret();
  if (!http.HasCredentials()) return "";
  if (http.oauth2) {
    return "\nas " + http.oauth2->client_id + "\nof " + http.oauth2->token_url.Reveal();
  }
  return "\nas " + http.username + "\n" + secret.file + "\n" + secret.value.Reveal();
}

// The server and whose mailbox there: what decides where a mail goes.
std::string MailPlace(const config::EmailReceiver& email) {
  const config::MailServer& server = email.server;
  return server.smarthost + "\n" + server.username + "\n" + email.from + "\n" + email.to;
}

std::optional<base::Duration> RetryAfter(const net::HttpResponse& response, base::Timestamp now) {
  const std::string header = response.Header("retry-after");
  const std::string_view text = base::Trim(header);
  std::optional<base::Duration> wait;
  if (const auto seconds = base::ParseDouble(text); seconds && *seconds >= 0) {
    const double most = base::ToSeconds(kMaxRetryAfter);
    wait =
        std::chrono::ceil<base::Duration>(std::chrono::duration<double>(std::min(*seconds, most)));
  } else if (const auto date = ParseHttpDate(text)) {
    wait = std::max(base::Duration(0), *date - now);
  }
  if (wait) wait = std::min(*wait, kMaxRetryAfter);
  return wait;
}

}  // namespace

std::optional<base::Timestamp> ParseHttpDate(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::vector<std::string_view> words = base::Split(text, ' ');
  if (words.size() != 6 || words[5] != "GMT") return std::nullopt;
  const auto day = base::ParseInt(words[1]);
  const auto month = std::find(kMonths.begin(), kMonths.end(), words[2]);
  const auto year = base::ParseInt(words[3]);
  const std::vector<std::string_view> clock = base::Split(words[4], ':');
  if (month == kMonths.end() || !year || clock.size() != 3) return std::nullopt;
  const auto hour = base::ParseInt(clock[0]);
  const auto minute = base::ParseInt(clock[1]);
  const auto second = base::ParseInt(clock[2]);
  const auto within = [](const std::optional<std::int64_t>& number, std::int64_t most) {
    return number && *number >= 0 && *number <= most;
  };
  if (!within(day, 31) || !within(hour, 23) || !within(minute, 59) || !within(second, 60) ||
      *year < 1970 || *year > 9999) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(*year)),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin() + 1)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return base::Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

std::string_view IntegrationName(const config::Integration& integration) {
  return std::visit(
      Overloaded{[](const config::PagerDutyReceiver&) { return std::string_view("pagerduty"); },
                 [](const config::SlackReceiver&) { return std::string_view("slack"); },
                 [](const config::WebhookReceiver&) { return std::string_view("webhook"); },
                 [](const config::EmailReceiver&) { return std::string_view("email"); },
                 [](const config::StatuspageReceiver&) { return std::string_view("statuspage"); }},
      integration);
}

bool IsPerAlert(const config::Integration& integration) {
  return std::holds_alternative<config::PagerDutyReceiver>(integration);
}

bool TakesAcknowledgements(const config::Integration& integration) {
  return std::holds_alternative<config::PagerDutyReceiver>(integration);
}

bool SendsResolved(const config::Integration& integration) {
  return std::visit([](const auto& kind) { return kind.send_resolved; }, integration);
}

const config::SecretSource& IntegrationSecret(const config::Integration& integration) {
  return std::visit(
      Overloaded{[](const config::PagerDutyReceiver& kind) -> const config::SecretSource& {
                   return kind.routing_key;
                 },
                 [](const config::SlackReceiver& kind) -> const config::SecretSource& {
                   return kind.app_token.empty() ? kind.api_url : kind.app_token;
                 },
                 [](const config::WebhookReceiver& kind) -> const config::SecretSource& {
                   return kind.url;
                 },
                 [](const config::EmailReceiver& kind) -> const config::SecretSource& {
                   return kind.server.password;
                 },
                 [](const config::StatuspageReceiver& kind) -> const config::SecretSource& {
                   return kind.api_key;
                 }},
      integration);
}

std::string TargetId(const std::string& receiver, const config::Integration& integration) {
  const config::SecretSource& secret = IntegrationSecret(integration);
  std::string place =
      secret.file.empty() ? "value\n" + secret.value.Reveal() : "file\n" + secret.file;
  if (const auto* pagerduty = std::get_if<config::PagerDutyReceiver>(&integration)) {
    place += "\n" + pagerduty->url;
  }
  if (const auto* slack = std::get_if<config::SlackReceiver>(&integration)) {
    place += "\n" + slack->channel;
    if (!slack->app_token.empty()) place += "\nbot " + slack->app_url;
  }
  if (const auto* page = std::get_if<config::StatuspageReceiver>(&integration)) {
    place += "\n" + page->url + "\n" + page->page_id;
  }
  if (const auto* email = std::get_if<config::EmailReceiver>(&integration)) {
    place += "\n" + MailPlace(*email);
  }
  if (const config::HttpSettings* http = HttpSettingsOf(integration)) place += Credentials(*http);
  const std::string digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, place);
  return receiver + "/" + std::string(IntegrationName(integration)) + "/" +
         base::Hex(std::string_view(digest).substr(0, 4));
}

base::Result<BuiltRequest> Build(const config::Integration& integration,
                                 const Notification& notification, const base::Secret& secret) {
  return std::visit(
      Overloaded{
          [&](const config::PagerDutyReceiver& kind) {
            return BuildPagerDuty(kind, notification, secret);
          },
          [&](const config::SlackReceiver& kind) { return BuildSlack(kind, notification, secret); },
          [&](const config::WebhookReceiver& kind) {
            return BuildWebhook(kind, notification, secret);
          },
          [&](const config::EmailReceiver& kind) { return BuildEmail(kind, notification, secret); },
          [&](const config::StatuspageReceiver& kind) {
            return BuildStatuspage(kind, notification, secret);
          }},
      integration);
}

const config::HttpSettings* HttpSettingsOf(const config::Integration& integration) {
  return std::visit(
      Overloaded{
          [](const config::EmailReceiver&) -> const config::HttpSettings* { return nullptr; },
          [](const auto& kind) -> const config::HttpSettings* { return &kind.http; }},
      integration);
}

base::Duration AttemptTimeout(const config::Integration& integration) {
  return std::visit(
      Overloaded{[](const config::EmailReceiver&) { return kMailTimeout; },
                 [](const auto& kind) { return kind.timeout.value_or(kHttpTimeout); }},
      integration);
}

Verdict Classify(const config::Integration& integration, const Outcome& outcome,
                 base::Timestamp now) {
  if (const auto* mail = std::get_if<net::MailOutcome>(&outcome)) return ClassifyEmail(*mail);
  const auto& http = std::get<net::HttpOutcome>(outcome);
  return std::visit(
      Overloaded{[&](const config::PagerDutyReceiver&) { return ClassifyPagerDuty(http, now); },
                 [&](const config::SlackReceiver&) { return ClassifySlack(http, now); },
                 [&](const config::StatuspageReceiver&) { return ClassifyStatuspage(http, now); },
                 [&](const auto&) { return ClassifyWebhook(http, now); }},
      integration);
}

net::HttpRequest JsonRequest(base::Secret url, std::string body) {
  net::HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers.emplace_back("Content-Type", base::Secret("application/json"));
  request.body = std::move(body);
  request.max_body_bytes = kMaxAnswerBytes;
  request.fresh_connection = false;
  return request;
}

std::string DescribeText(std::string_view answer) {
  std::string text = CleanLine(answer.substr(0, 4 * kMaxDetailBytes));
  // A proxy's answer may repeat the URL it was asked for, and the URL may be the secret.
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at)) {
    const std::size_t end = text.find_first_of(" \"'<>)", at);
    text.replace(at, (end == std::string::npos ? text.size() : end) - at, ":<address>");
  }
  for (std::size_t at = text.find("/services/"); at != std::string::npos;
       at = text.find("/services/", at)) {
    const std::size_t end = text.find_first_of(" \"'<>)", at);
    text.replace(at, (end == std::string::npos ? text.size() : end) - at, "/<path>");
  }
  return base::Truncate(text, kMaxDetailBytes);
}

std::string DescribeAnswer(const net::HttpResponse& response) {
  const std::string text = DescribeText(response.body);
  return "status " + std::to_string(response.status) + (text.empty() ? "" : ": " + text);
}

net::TlsOptions ToTlsOptions(const config::Tls& tls) {
  return {tls.ca_file, tls.cert_file, tls.key_file, tls.server_name, tls.insecure_skip_verify};
}

Verdict ClassifyNetError(const net::NetError& error) {
  Verdict verdict;
  verdict.reason = model::ReasonName(error.reason);
  verdict.detail = base::Truncate(CleanLine(error.message), kMaxDetailBytes);
  switch (error.reason) {
    case model::Reason::kTls:
    case model::Reason::kCertificateExpired:
    case model::Reason::kConfig:
    case model::Reason::kLimit:
      verdict.hopeless = true;
      break;
    case model::Reason::kResponseTooLarge:
      // The request was taken; asking again would repeat the message for as long as the answer is
      // too long.
      verdict.kind = Verdict::Kind::kRejected;
      break;
    default:
      break;
  }
  return verdict;
}

Verdict ClassifyCommon(const net::HttpOutcome& outcome, base::Timestamp now) {
  if (!outcome.response) {
    return ClassifyNetError(outcome.error.value_or(
        net::NetError{model::Reason::kInternal, "neither an answer nor an error"}));
  }
  const net::HttpResponse& response = *outcome.response;
  Verdict verdict;
  verdict.detail = DescribeAnswer(response);
  if (response.status >= 200 && response.status < 300) {
    verdict.kind = Verdict::Kind::kDelivered;
    return verdict;
  }
  verdict.retry_after = RetryAfter(response, now);
  if (response.status == 429) {
    verdict.reason = "rate_limited";
  } else if (response.status == 408 || response.status == 425) {
    verdict.reason = "timeout";
  } else if (response.status >= 500 && response.status < 600) {
    verdict.reason = "server_error";
  } else if (response.status >= 300 && response.status < 500) {
    verdict.kind = Verdict::Kind::kRejected;
    verdict.retry_after.reset();
    verdict.reason = response.status == 401 || response.status == 403   ? "auth"
                     : response.status == 404 || response.status == 410 ? "not_found"
                     : response.status < 400                            ? "unexpected_response"
                                                                        : "client_error";
  } else {
    verdict.reason = "unexpected_response";
  }
  return verdict;
}

}  // namespace drwatch::notify
