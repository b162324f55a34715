// Numbers for people, as Prometheus' templates write them; four significant digits.
#pragma once

#include <string>

#include "base/result.h"

namespace drwatch::tmpl {

base::Result<std::string> Humanize(double value);            // 1.235M, 120m
base::Result<std::string> Humanize1024(double value);        // 1.177Mi
base::Result<std::string> HumanizeDuration(double seconds);  // 1d 2h 3m 4s, 123.5ms
base::Result<std::string> HumanizePercentage(double ratio);  // 95.9%

}  // namespace drwatch::tmpl
