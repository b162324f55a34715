// `drwatch routes test`: where an alert with given labels would go. Pure but for reading the
// config.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "exporter/options.h"
#include "model/labels.h"
#include "rules/rule.h"

namespace drwatch::exporter {

// "severity=disaster team=dba". Errors: one that is no name=value.
base::Result<model::Labels> ParseLabelArguments(const std::vector<std::string>& arguments);

// A table: a line for each route that takes the alert, in the order in which they are tried.
std::string DescribeRoutes(const config::Config& config, const model::Labels& labels);

// For each severity, those of the rules in `groups` among them: who is told, and how long after an
// alert fires. Routes that ask for other labels, too, are left to DescribeRoutes.
std::string DescribeTimeline(const config::Config& config,
                             const std::vector<rules::RuleGroup>& groups);

// Which Alertmanagers every alert is forwarded to; empty if to none.
std::string DescribeForwarding(const config::Config& config);

// 0; 1 for a config or labels that cannot be read, or other receivers than expected.
int TestRoutes(const TestRoutesOptions& options);

}  // namespace drwatch::exporter
