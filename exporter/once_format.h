// How `--once` shows its results: pure functions from results to text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/probe_result.h"

namespace drwatch::exporter {

enum class OnceFormat { kTable, kJson, kNdjson, kNagios, kJunit, kPrometheus };
// nullopt if there is no such format.
std::optional<OnceFormat> ParseOnceFormat(std::string_view name);

enum class Colour { kNever, kAlways };

struct OnceReport {
  std::vector<model::ProbeResult> results;
  base::Timestamp generated_at{};
  base::Duration duration{};
  std::string host;
};

// The verdict over all results: critical before unknown before warning before ok, so that what
// could not be judged never hides behind what is well. No result at all is unknown.
model::Severity OverallSeverity(const std::vector<model::ProbeResult>& results);
// 0 ok, 1 warning, 2 critical, 3 unknown: Nagios' codes.
int ExitCode(model::Severity severity);

// Ends with a newline. `colour` matters for the table only; status words are always there.
std::string FormatOnce(const OnceReport& report, OnceFormat format, Colour colour);

}  // namespace drwatch::exporter
