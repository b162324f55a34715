#include "probes/http_endpoint.h"

#include <algorithm>
#include <utility>

#include "base/duration.h"

namespace drwatch::probes {
namespace {

// Whole hours or minutes: nobody renews a certificate to the second.
std::string Rough(base::Duration duration) {
  if (duration >= std::chrono::hours(1)) {
    return base::FormatDuration(std::chrono::floor<std::chrono::hours>(duration));
  }
  return base::FormatDuration(std::chrono::floor<std::chrono::minutes>(duration));
}

std::optional<double> UnixSeconds(const std::optional<base::Timestamp>& time) {
  if (!time) return std::nullopt;
  return base::ToUnixSeconds(*time);
}

}  // namespace

model::ProbeResult EndpointNotRun(const config::Probe& probe, const std::string& target,
                                  model::Reason reason, const std::string& message) {
  ProbeReport report(probe, target, {});
  report.Add("run", model::Severity::kCritical, reason, message);
  return report.Finish({});
}

EndpointRun::EndpointRun(const config::Probe& probe, const std::string& target,
                         const RunContext& context)
    : now_(context.now), report_(probe, target, context.now) {}

void EndpointRun::Ok(std::string check, std::string message) {
  checks_.push_back(
      {std::move(check), model::Severity::kOk, model::Reason::kNone, std::move(message), {}});
}

void EndpointRun::Fail(std::string check, model::Reason reason, std::string message,
                       std::string hint) {
  checks_.push_back(
      {std::move(check), model::Severity::kCritical, reason, std::move(message), std::move(hint)});
}

void EndpointRun::Fail(std::string check, const net::NetError& error) {
  Fail(std::move(check), error.reason, error.message);
}

void EndpointRun::AddCertificates(const net::TlsInfo& tls, base::Duration warning) {
  report_.Gauge("probe_ssl_verified", "1 if the certificate chain and the name verified.",
                tls.verified ? 1.0 : 0.0);
  report_.Gauge("probe_ssl_leaf_cert_expiry_timestamp_seconds",
                "When the server's own certificate ends, as a Unix timestamp.",
                UnixSeconds(tls.leaf_expiry));
  report_.Gauge("probe_ssl_earliest_cert_expiry",
                "When the first of the certificates the peer sent ends, as a Unix timestamp.",
                UnixSeconds(tls.earliest_expiry));
  if (!tls.earliest_expiry) return;
  report_.Gauge("probe_ssl_cert_warning_seconds",
                "How long before a certificate ends it is a warning.", base::ToSeconds(warning));
  const base::Duration left = *tls.earliest_expiry - now_;
  report_.Measure("certificate_remaining_seconds", base::ToSeconds(left), "s",
                  base::ToSeconds(warning));
  const std::string when = base::FormatRfc3339(*tls.earliest_expiry);
  if (left >= warning) {
    return Ok("certificate", "valid for " + Rough(left) + ", until " + when);
  }
  const bool ended = left <= base::Duration(0);
  const bool told = std::any_of(checks_.begin(), checks_.end(), [](const auto& check) {
    return check.reason == model::Reason::kCertificateExpired;
  });
  if (ended && told) return;  // the connection was refused for it
  checks_.push_back(
      {"certificate", model::Severity::kWarning,
       ended ? model::Reason::kCertificateExpired : model::Reason::kCertificateExpiring,
       ended ? "the certificate ended at " + when
             : "the certificate ends in " + Rough(left) + ", at " + when,
       "renew the certificate"});
}

model::ProbeResult EndpointRun::Finish(int threshold, int& consecutive_failures) {
  const bool failed = std::any_of(checks_.begin(), checks_.end(), [](const auto& check) {
    return check.severity == model::Severity::kCritical;
  });
  consecutive_failures = failed ? consecutive_failures + 1 : 0;
  const bool tolerated = failed && consecutive_failures < threshold;
  for (model::CheckOutcome& check : checks_) {
    if (tolerated && check.severity == model::Severity::kCritical) {
      check.severity = model::Severity::kWarning;
      check.message += " (failure " + std::to_string(consecutive_failures) + " of " +
                       std::to_string(threshold) + ")";
    }
    report_.Add(std::move(check.name), check.severity, check.reason, std::move(check.message),
                std::move(check.hint));
  }
  report_.Gauge("probe_consecutive_failures", "Failed runs of the probe in a row.",
                static_cast<double>(consecutive_failures));
  return report_.Finish(
      std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin_));
}

}  // namespace drwatch::probes
