// A receiver is two pure functions: what is sent for a notification, and what an answer means.
//
// Each kind has its own file (pagerduty, slack, webhook, email); the functions here pick it. The
// generic sender does the I/O, over HTTP or SMTP as the request says.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/config.h"
#include "net/http_client.h"
#include "net/smtp.h"
#include "notify/notification.h"

namespace drwatch::notify {

struct Verdict {
  enum class Kind {
    kDelivered,
    kRetry,     // the same notification again later
    kRejected,  // asking again in the same form is useless
  };
  Kind kind = Kind::kRetry;
  // Label of the failure counter: a network reason's name, "rate_limited", "client_error",
  // "server_error", "auth", "not_found" or "unexpected_response". Empty when delivered.
  std::string reason;
  // For people: the status and the start of the answer; never a URL or a secret.
  std::string detail;
  // Of kDelivered: what somebody should hear of all the same.
  std::string warning;
  // How long the receiver asked to be left alone, at most kMaxRetryAfter.
  std::optional<base::Duration> retry_after;
  bool minimal_may_help = false;  // of kRejected: the form was refused, not the sender
  // Of kRetry: nothing will change by itself (a bad certificate, an unreadable key file), so the
  // fallback receiver is told at once.
  bool hopeless = false;
};

inline constexpr base::Duration kMaxRetryAfter = std::chrono::minutes(15);
inline constexpr std::int64_t kMaxAnswerBytes = 64 << 10;

// "pagerduty", "slack", "webhook", "email" or "statuspage".
std::string_view IntegrationName(const config::Integration& integration);
// One incident per alert instead of one per group.
bool IsPerAlert(const config::Integration& integration);
// Wants to be told that somebody looks after an alert.
bool TakesAcknowledgements(const config::Integration& integration);
bool SendsResolved(const config::Integration& integration);
// Where its secret comes from: the routing key, the URL or the mail server's password, which may be
// empty.
const config::SecretSource& IntegrationSecret(const config::Integration& integration);
// Names one destination: "<receiver>/<kind>/<8 hex digits>". The digits are taken from a digest of
// everything that decides where a message goes, so that changed credentials are a new destination
// and reordered integrations are not. They do not give the secret away.
std::string TargetId(const std::string& receiver, const config::Integration& integration);

// nullptr for e-mail.
const config::HttpSettings* HttpSettingsOf(const config::Integration& integration);
// One attempt ends after so long, whatever the receiver does: mail servers take their time.
base::Duration AttemptTimeout(const config::Integration& integration);

struct BuiltRequest {
  std::variant<net::HttpRequest, net::MailRequest> request;
  // What to send next, once the first request's answer is there; nothing if there is nothing to be
  // done any more. Without it the first request is all. Errors: the answer is not what it must be.
  std::function<base::Result<std::optional<net::HttpRequest>>(const net::HttpResponse&)> then{};
  // User templates that failed, as "field: cause"; the built-in text stands in for them.
  std::vector<std::string> template_errors;
};

// What came of a request.
using Outcome = std::variant<net::HttpOutcome, net::MailOutcome>;

// The request for a notification. `secret` is the text of IntegrationSecret. Errors: the secret is
// not what it must be (an URL that is none), or an address is none.
base::Result<BuiltRequest> Build(const config::Integration& integration,
                                 const Notification& notification, const base::Secret& secret);
// What it means. `now` turns a Retry-After date into a duration.
Verdict Classify(const config::Integration& integration, const Outcome& outcome,
                 base::Timestamp now);

// For the kinds: a JSON POST; the verdict that network errors and plain HTTP statuses share (2xx
// delivered; 408, 425, 429 and 5xx retry; everything else rejected).
net::HttpRequest JsonRequest(base::Secret url, std::string body);
Verdict ClassifyCommon(const net::HttpOutcome& outcome, base::Timestamp now);
Verdict ClassifyNetError(const net::NetError& error);
// Status and the first 200 characters of the body, cleaned and without anything like a URL.
std::string DescribeAnswer(const net::HttpResponse& response);
std::string DescribeText(std::string_view answer);
// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110); nullopt for other forms.
std::optional<base::Timestamp> ParseHttpDate(std::string_view text);
net::TlsOptions ToTlsOptions(const config::Tls& tls);

}  // namespace drwatch::notify
