// The life of alerts: inactive -> pending -> firing -> (kept) -> resolved, as a pure function of
// definition, state, query result and time. The rules are Prometheus' (rules/alerting.go), but for:
// an error or an exceeded limit freezes the state; a resolve is owed until somebody took it; what a
// restart brought back is kept until its series could be seen again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/alert.h"
#include "promql/value.h"
#include "rules/alert_candidates.h"
#include "rules/rule.h"
#include "store/store.h"

namespace drwatch::rules {

// A resolved alert is remembered for so long, and its resolve repeated.
inline constexpr base::Duration kResolvedRetention = std::chrono::minutes(15);

inline constexpr std::string_view kAlertsMetric = "ALERTS";
inline constexpr std::string_view kAlertsForStateMetric = "ALERTS_FOR_STATE";

// One alert with what delivery needs to know. A value.
struct AlertInstance {
  model::Alert alert;
  base::Timestamp last_sent{};             // when an event of it was last accepted
  std::optional<model::AlertChange> owed;  // an event nobody has accepted yet
  std::string reason;                      // why it was resolved, if its condition did not clear
  bool restored = false;                   // from before a restart, and not seen in a result since
  bool recheck_hold = false;               // a reload raised `for`

  // The labels of its samples, kept because they only change with the state.
  struct Series {
    model::AlertState state = model::AlertState::kInactive;  // for which they were made
    model::Labels alerts;                                    // ALERTS
    model::Labels since;                                     // ALERTS_FOR_STATE
  };
  Series series;
};

// By identity: the labels with alertname.
using AlertingState = std::map<model::Labels, AlertInstance>;

struct AlertingInput {
  base::Timestamp time;  // of the evaluation
  int limit = 0;
  model::Labels external_labels;
  tmpl::Environment environment;  // for templates; its external_url also makes generator_url
  enum class Restored { kKeep, kJudge };
  Restored restored = Restored::kJudge;  // kKeep: absence means nothing yet
};

struct AlertingOutput {
  std::vector<store::NewSample> samples;  // ALERTS and ALERTS_FOR_STATE
  // Resolves that nobody took before another alert of the same identity took their place.
  std::vector<AlertInstance> displaced;
  std::vector<model::Labels> changed;  // identities whose persistent state changed or ended
  std::int64_t template_failures = 0;
};

// Errors: two elements with one identity, more alerts than the limit. `state` is then untouched.
// `candidates` are the rule's own, as its last evaluation left them.
base::Result<AlertingOutput> EvaluateAlerting(const Rule& rule, const promql::Vector& result,
                                              const AlertingInput& input,
                                              AlertCandidates& candidates, AlertingState& state);

// What is owed, and repetitions of what was accepted longer than `resend_delay` ago.
std::vector<model::AlertEvent> DueEvents(const AlertingState& state, base::Timestamp time,
                                         base::Duration resend_delay);
// The events DueEvents named were accepted. Returns the identities that had owed one.
std::vector<model::Labels> MarkSent(AlertingState& state, base::Timestamp time,
                                    base::Duration resend_delay);

// The rule went away or its labels changed: every firing alert becomes a resolve that is owed.
std::vector<AlertInstance> ResolveAll(AlertingState state, base::Timestamp time,
                                      const std::string& reason);

}  // namespace drwatch::rules
