// What http and tcp probes have in common: their labels, the failure threshold and the facts about
// certificates.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "model/metric_family.h"
#include "model/probe_result.h"
#include "net/net_error.h"
#include "net/tls_options.h"
#include "probes/probe.h"

namespace drwatch::probes {

// `probe`, `service` and the user's labels.
model::Labels EndpointLabels(const config::Probe& probe);

// Name, type, service, target and start; nothing found yet.
model::ProbeResult BeginEndpoint(const config::Probe& probe, const std::string& target,
                                 base::Timestamp now);

// Before the first run, and when it could not run: probe_success 0 and one check.
// probe_consecutive_failures is left out, because nothing was tried.
model::ProbeResult EndpointNotRun(const config::Probe& probe, const std::string& target,
                                  model::Reason reason, const std::string& message);

// Collects one run. One thread.
class EndpointRun {
 public:
  EndpointRun(const config::Probe& probe, const std::string& target, const RunContext& context);

  void Ok(std::string name, std::string message);
  void Fail(std::string name, model::Reason reason, std::string message, std::string hint = {});
  void Fail(std::string name, const net::NetError& error);
  void Warn(std::string name, model::Reason reason, std::string message, std::string hint = {});
  void Gauge(std::string_view name, std::string_view help, double value);
  void Gauge(std::string_view name, std::string_view help, std::string_view label,
             std::string_view label_value, double value);
  void Measure(std::string name, double value, std::string unit,
               std::optional<double> warning = std::nullopt);
  // probe_ssl_*, and a warning when a certificate ends within `warning` (nullopt = no warning).
  void AddCertificates(const net::TlsInfo& tls, std::optional<base::Duration> warning);

  bool failed() const;
  // Counts in `consecutive_failures`; below `threshold` a failure is only a warning.
  model::ProbeResult Finish(int threshold, int& consecutive_failures);

 private:
  base::Timestamp now_;
  base::SteadyTime begin_ = std::chrono::steady_clock::now();
  model::Labels labels_;
  model::ProbeResult result_;
  model::FamilySet families_;
};

}  // namespace drwatch::probes
