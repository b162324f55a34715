// What http and tcp probes have in common: the failure threshold and the facts about certificates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/probe_result.h"
#include "net/net_error.h"
#include "net/tls_options.h"
#include "probes/probe.h"
#include "probes/probe_report.h"

namespace drwatch::probes {

// Before the first run, and when it could not run: probe_success 0 and one check.
// probe_consecutive_failures is left out, because nothing was tried.
model::ProbeResult EndpointNotRun(const config::Probe& probe, const std::string& target,
                                  model::Reason reason, const std::string& message);

// Collects one run. Checks are held back until Finish(), which alone knows how bad a failure is.
// One thread.
class EndpointRun {
 public:
  EndpointRun(const config::Probe& probe, const std::string& target, const RunContext& context);

  void Ok(std::string check, std::string message);
  void Fail(std::string check, model::Reason reason, std::string message, std::string hint = {});
  void Fail(std::string check, const net::NetError& error);
  // For metrics and measurements.
  ProbeReport& report() { return report_; }
  // probe_ssl_*, and a warning when a certificate ends within `warning`.
  void AddCertificates(const net::TlsInfo& tls, base::Duration warning);

  // Counts in `consecutive_failures`; below `threshold` a failure is only a warning.
  model::ProbeResult Finish(int threshold, int& consecutive_failures);

 private:
  const base::Timestamp now_;
  const base::SteadyTime begin_ = std::chrono::steady_clock::now();
  ProbeReport report_;
  std::vector<model::CheckOutcome> checks_;
};

}  // namespace drwatch::probes
