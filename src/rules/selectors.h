// What the selectors of rules ask for, and whether anything that is configured can answer. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/problem.h"
#include "promql/ast.h"
#include "rules/rule.h"

namespace drwatch::rules {

// The metric name, also where it is written as {__name__="x"}; "" if several may match.
std::string MetricNameOf(const promql::VectorSelector& selector);

// Warns of each selector that no series can match because of its job: `job` is a label of what
// scrape probes bring and of nothing else, and so is the metric `up`. Nothing is said of names that
// a rule of `groups` records, nor where a page may bring jobs of its own (honor_labels).
void CheckJobs(const config::Config& config, const std::vector<RuleGroup>& groups,
               config::Problems& problems);

}  // namespace drwatch::rules
