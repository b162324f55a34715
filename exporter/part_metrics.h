// The drwatch_* families of the parts of the program, from their statistics. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "model/metric_family.h"
#include "model/probe_result.h"
#include "notify/stats.h"
#include "probes/scheduler.h"
#include "rules/snapshot.h"
#include "store/store.h"
#include "web/api.h"

namespace drwatch::exporter {

std::vector<model::MetricFamily> ProbeMetrics(const std::vector<probes::ProbeStats>& stats,
                                              const std::vector<model::ProbeResult>& latest);
std::vector<model::MetricFamily> StoreMetrics(const store::StoreStats& stats);
std::vector<model::MetricFamily> RuleMetrics(const rules::RulesSnapshot& snapshot);
// Delivery's families, with what it shares with the rules: the state is writable only if both can
// write theirs, and template failures are those of both.
std::vector<model::MetricFamily> DeliveryAndStateMetrics(const notify::DeliveryStats& stats,
                                                         const rules::RulesSnapshot& snapshot);

// Damaged state files that were moved aside and still lie below `storage_folder`.
std::vector<model::MetricFamily> StateFileMetrics(const std::string& storage_folder);

std::vector<model::MetricFamily> ApiMetrics(const web::Api& api);

}  // namespace drwatch::exporter
