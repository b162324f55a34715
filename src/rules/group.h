// Runs the rules of one group, one after the other, at one time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "promql/engine.h"
#include "rules/alerting_rule.h"
#include "rules/rule.h"
#include "rules/snapshot.h"
#include "store/store.h"

namespace drwatch::rules {

// A rule and what its evaluations left behind.
struct RunningRule {
  std::shared_ptr<const Rule> rule;
  std::string key;             // name, labels and which one of equal ones of its group
  std::string source;          // its name in the store; unique, kept over reloads
  AlertCandidates candidates;  // of the last evaluation
  AlertingState alerts;
  RuleHealth health = RuleHealth::kUnknown;
  std::string last_error;
  base::Timestamp last_evaluation{};
  double evaluation_seconds = 0;
  // Restored alerts are judged by samples from this time on.
  base::Timestamp judge_from{};
};

struct RunningGroup {
  std::shared_ptr<const RuleGroup> definition;
  base::Duration interval{};
  base::Timestamp next_slot{};
  base::Timestamp last_time{};  // of the last evaluation, in a slot or not
  double evaluation_seconds = 0;
  GroupCounters counters;
  std::vector<RunningRule> rules;
  std::shared_ptr<const GroupSnapshot> snapshot;  // as of the last evaluation
};

// Everything one evaluation needs besides the group.
struct EvaluationWorld {
  store::Store& store;
  const promql::Engine& engine;
  const base::Clock& clock;  // for durations
  model::Labels external_labels;
  std::string external_url;
};

// One rule's part of an evaluation that went well.
struct RuleReport {
  std::size_t rule = 0;  // index
  std::vector<AlertInstance> displaced;
  std::vector<model::Labels> changed;
};
struct GroupReport {
  std::vector<RuleReport> rules;
  std::vector<std::size_t> health_changed;  // rules, by index
  std::int64_t template_failures = 0;
};

// Results go into the store at once, so that later rules see them. A rule that fails leaves its
// state and its series as they are.
GroupReport EvaluateGroupAt(RunningGroup& group, base::Timestamp time,
                            const EvaluationWorld& world);

// Where the group's slots lie within its interval: a stable hash of file and name, so that groups
// spread out and a restart changes nothing.
base::Duration SlotOffset(const RuleGroup& group, base::Duration interval);
// The latest slot at or before `time`.
base::Timestamp SlotAtOrBefore(base::Timestamp time, base::Duration interval,
                               base::Duration offset);

// How long the samples have to be there before an expression can be trusted: the time it looks back
// beyond a plain selector's lookback. `recorded` knows it for the series that rules write.
base::Duration ExpressionReach(const promql::Expr& expr,
                               const std::map<std::string, base::Duration>& recorded);

}  // namespace drwatch::rules
