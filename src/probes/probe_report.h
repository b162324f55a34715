// Collects what one run of a probe found: checks, measurements and families with complete labels.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "model/metric_family.h"
#include "model/probe_result.h"
#include "net/net_error.h"

namespace drwatch::probes {

// One thread. Labels are `probe`, `service` and the user's, and what a call adds.
class ProbeReport {
 public:
  ProbeReport(const config::Probe& probe, std::string target, base::Timestamp started);

  void Ok(std::string check, std::string message);
  void Add(std::string check, model::Severity severity, model::Reason reason, std::string message,
           std::string hint = {});
  void Fail(std::string check, const net::NetError& error, std::string hint = {});
  void Gauge(std::string_view name, std::string_view help, double value);
  // An absent value is an absent series.
  void Gauge(std::string_view name, std::string_view help, std::optional<double> value);
  // With more labels than the probe's. Values that are not UTF-8 are quoted.
  void Gauge(std::string_view name, std::string_view help, const model::Labels& more, double value);
  void Counter(std::string_view name, std::string_view help, const model::Labels& more,
               double value);
  void Measure(std::string name, double value, std::string unit,
               std::optional<double> warning = std::nullopt,
               std::optional<double> critical = std::nullopt);

  // Nothing was tried: one check that is unknown, or critical if the target did not answer in time;
  // probe_success is 0.
  void NotRun(model::Reason reason, std::string message);
  // The target could not be looked at: probe_success is 0 whatever the checks' severity is.
  void Unseen() { not_run_ = true; }
  // Adds probe_success and hands everything over. `duration` is the run's.
  model::ProbeResult Finish(base::Duration duration);

 private:
  model::Labels LabelsWith(const model::Labels& more) const;

  model::Labels labels_;
  model::ProbeResult result_;
  model::FamilySet families_;
  bool not_run_ = false;
};

}  // namespace drwatch::probes
