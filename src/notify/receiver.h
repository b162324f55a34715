// A receiver is two pure functions: what is sent for a notification, and what an answer means.
//
// Each kind has its own file (pagerduty, slack, webhook); the functions here pick it. The generic
// sender in the dispatcher does the I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/config.h"
#include "net/http_client.h"
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
  // How long the receiver asked to be left alone, at most kMaxRetryAfter.
  std::optional<base::Duration> retry_after;
  bool minimal_may_help = false;  // of kRejected: the form was refused, not the sender
  // Of kRetry: nothing will change by itself (a bad certificate, an unreadable key file), so the
  // fallback receiver is told at once.
  bool hopeless = false;
};

inline constexpr base::Duration kMaxRetryAfter = std::chrono::minutes(15);
inline constexpr std::int64_t kMaxAnswerBytes = 64 << 10;

// "pagerduty", "slack" or "webhook".
std::string_view IntegrationName(const config::Integration& integration);
// One incident per alert instead of one per group.
bool IsPerAlert(const config::Integration& integration);
bool SendsResolved(const config::Integration& integration);
// Where its secret comes from: the routing key or the URL.
const config::SecretSource& IntegrationSecret(const config::Integration& integration);
// Names one destination: "<receiver>/<kind>/<8 hex digits>". The digits are taken from a digest of
// everything that decides where a message goes, so that changed credentials are a new destination
// and reordered integrations are not. They do not give the secret away.
std::string TargetId(const std::string& receiver, const config::Integration& integration);

struct BuiltRequest {
  net::HttpRequest request;
  // User templates that failed, as "field: cause"; the built-in text stands in for them.
  std::vector<std::string> template_errors;
};

// The request for a notification. `secret` is the text of IntegrationSecret. Errors: the secret is
// not what it must be (an URL that is none).
base::Result<BuiltRequest> Build(const config::Integration& integration,
                                 const Notification& notification, const base::Secret& secret);
// What came of it. `now` turns a Retry-After date into a duration.
Verdict Classify(const config::Integration& integration, const net::HttpOutcome& outcome,
                 base::Timestamp now);

// For the kinds: a JSON POST; the verdict that network errors and plain HTTP statuses share (2xx
// delivered; 408, 425, 429 and 5xx retry; everything else rejected).
net::HttpRequest JsonRequest(base::Secret url, std::string body);
Verdict ClassifyCommon(const net::HttpOutcome& outcome, base::Timestamp now);
// Status and the first 200 characters of the body, cleaned and without anything like a URL.
std::string DescribeAnswer(const net::HttpResponse& response);

}  // namespace drwatch::notify
