#include "probes/http_endpoint.h"

#include <algorithm>
#include <utility>

#include "base/duration.h"

namespace drwatch::probes {
namespace {

constexpr std::string_view kSuccessHelp =
    "1 if the last run of the probe found nothing worse than a warning.";

// Whole hours or minutes: nobody renews a certificate to the second.
std::string Rough(base::Duration duration) {
  if (duration >= std::chrono::hours(1)) {
    return base::FormatDuration(std::chrono::floor<std::chrono::hours>(duration));
  }
  return base::FormatDuration(std::chrono::floor<std::chrono::minutes>(duration));
}

}  // namespace

model::Labels EndpointLabels(const config::Probe& probe) {
  return model::LabelsBuilder(probe.labels)
      .Set("probe", probe.name)
      .Set("service", probe.service)
      .Build();
}

model::ProbeResult BeginEndpoint(const config::Probe& probe, const std::string& target,
                                 base::Timestamp now) {
  model::ProbeResult result;
  result.probe = probe.name;
  result.type = probe.type;
  result.service = probe.service;
  result.target = target;
  result.started = now;
  return result;
}

model::ProbeResult EndpointNotRun(const config::Probe& probe, const std::string& target,
                                  model::Reason reason, const std::string& message) {
  model::ProbeResult result = BeginEndpoint(probe, target, {});
  result.checks.push_back({"run", model::Severity::kUnknown, reason, message, {}});
  model::FamilySet families;
  families.Gauge("probe_success", kSuccessHelp, EndpointLabels(probe), 0);
  result.families = families.Take();
  return result;
}

EndpointRun::EndpointRun(const config::Probe& probe, const std::string& target,
                         const RunContext& context)
    : now_(context.now),
      labels_(EndpointLabels(probe)),
      result_(BeginEndpoint(probe, target, context.now)) {}

void EndpointRun::Ok(std::string name, std::string message) {
  result_.checks.push_back(
      {std::move(name), model::Severity::kOk, model::Reason::kNone, std::move(message), {}});
}

void EndpointRun::Fail(std::string name, model::Reason reason, std::string message,
                       std::string hint) {
  result_.checks.push_back(
      {std::move(name), model::Severity::kCritical, reason, std::move(message), std::move(hint)});
}

void EndpointRun::Fail(std::string name, const net::NetError& error) {
  Fail(std::move(name), error.reason, error.message);
}

void EndpointRun::Warn(std::string name, model::Reason reason, std::string message,
                       std::string hint) {
  result_.checks.push_back(
      {std::move(name), model::Severity::kWarning, reason, std::move(message), std::move(hint)});
}

void EndpointRun::Gauge(std::string_view name, std::string_view help, double value) {
  families_.Gauge(name, help, labels_, value);
}

void EndpointRun::Gauge(std::string_view name, std::string_view help, std::string_view label,
                        std::string_view label_value, double value) {
  families_.Gauge(name, help, labels_.With(label, label_value), value);
}

void EndpointRun::Measure(std::string name, double value, std::string unit,
                          std::optional<double> warning) {
  result_.measurements.push_back({std::move(name), value, std::move(unit), warning, std::nullopt});
}

void EndpointRun::AddCertificates(const net::TlsInfo& tls, std::optional<base::Duration> warning) {
  Gauge("probe_ssl_verified", "1 if the certificate chain and the name verified.",
        tls.verified ? 1 : 0);
  if (tls.leaf_expiry) {
    Gauge("probe_ssl_leaf_cert_expiry_timestamp_seconds",
          "When the server's own certificate ends, as a Unix timestamp.",
          base::ToUnixSeconds(*tls.leaf_expiry));
  }
  if (!tls.earliest_expiry) return;
  Gauge("probe_ssl_earliest_cert_expiry",
        "When the first of the certificates the peer sent ends, as a Unix timestamp.",
        base::ToUnixSeconds(*tls.earliest_expiry));
  const base::Duration left = *tls.earliest_expiry - now_;
  Measure("certificate_remaining_seconds", base::ToSeconds(left), "s",
          warning ? std::optional<double>(base::ToSeconds(*warning)) : std::nullopt);
  if (!warning) return;
  const std::string when = base::FormatRfc3339(*tls.earliest_expiry);
  if (left <= base::Duration(0)) {
    // A refused connection has said so already.
    if (result_.Headline().reason == model::Reason::kCertificateExpired) return;
    Warn("certificate", model::Reason::kCertificateExpired, "the certificate ended at " + when,
         "renew the certificate");
  } else if (left < *warning) {
    Warn("certificate", model::Reason::kCertificateExpiring,
         "the certificate ends in " + Rough(left) + ", at " + when, "renew the certificate");
  } else {
    Ok("certificate", "valid for " + Rough(left) + ", until " + when);
  }
}

bool EndpointRun::failed() const {
  return std::any_of(result_.checks.begin(), result_.checks.end(),
                     [](const model::CheckOutcome& check) {
                       return check.severity == model::Severity::kCritical;
                     });
}

model::ProbeResult EndpointRun::Finish(int threshold, int& consecutive_failures) {
  consecutive_failures = failed() ? consecutive_failures + 1 : 0;
  if (consecutive_failures > 0 && consecutive_failures < threshold) {
    for (model::CheckOutcome& check : result_.checks) {
      if (check.severity != model::Severity::kCritical) continue;
      check.severity = model::Severity::kWarning;
      check.message += " (failure " + std::to_string(consecutive_failures) + " of " +
                       std::to_string(threshold) + ")";
    }
  }
  Gauge("probe_success", kSuccessHelp, failed() ? 0 : 1);
  Gauge("probe_consecutive_failures", "Failed runs of the probe in a row.", consecutive_failures);
  result_.duration =
      std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin_);
  result_.families = families_.Take();
  return std::move(result_);
}

}  // namespace drwatch::probes
