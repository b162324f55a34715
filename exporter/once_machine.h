// The formats of `--once` that programs read.
#pragma once

#include <string>

#include "exporter/once_format.h"

namespace drwatch::exporter {

// One object: {"schema":"drwatch.once/v1","generated_at","host","version","summary","results"}.
// Unknown numbers are null.
std::string FormatJson(const OnceReport& report);
// The objects of "results", one a line.
std::string FormatNdjson(const OnceReport& report);
// Nagios plugin output: one line with performance data, then one line for each probe that is not
// well.
std::string FormatNagios(const OnceReport& report);
// JUnit XML: a test case a probe; critical is a failure, unknown an error.
std::string FormatJunit(const OnceReport& report);
// The probes' metrics and drwatch_once_status as the text format, for node_exporter's textfile
// collector.
std::string FormatPrometheus(const OnceReport& report);

}  // namespace drwatch::exporter
