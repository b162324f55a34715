// What rules look like from outside: for the API, the status page and the program's own metrics.
//
// Values, built after each evaluation and never changed afterwards; any thread may read them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "rules/rule.h"

namespace drwatch::rules {

enum class RuleHealth { kUnknown, kOk, kError };
// "unknown", "ok", "err": as Prometheus' API says it.
std::string_view RuleHealthName(RuleHealth health);

struct RuleSnapshot {
  std::shared_ptr<const Rule> rule;
  RuleHealth health = RuleHealth::kUnknown;  // unknown before the first evaluation
  std::string last_error;
  base::Timestamp last_evaluation{};  // zero before the first one
  double evaluation_seconds = 0;
  std::vector<model::Alert> alerts;  // pending and firing, sorted by labels

  // The highest of the alerts'; nullopt ("unknown") before the first evaluation.
  std::optional<model::AlertState> State() const;
};

struct GroupCounters {
  std::int64_t evaluations = 0;  // of rules
  std::int64_t evaluation_failures = 0;
  std::int64_t iterations = 0;  // of the group's slots, missed ones included
  std::int64_t iterations_missed = 0;
};

struct GroupSnapshot {
  std::shared_ptr<const RuleGroup> group;
  base::Duration interval{};          // in force
  base::Timestamp last_evaluation{};  // zero before the first one
  double evaluation_seconds = 0;
  GroupCounters counters;
  std::vector<RuleSnapshot> rules;  // in the order of the file
};

struct RulesSnapshot {
  std::vector<std::shared_ptr<const GroupSnapshot>> groups;
  std::int64_t template_failures = 0;
  bool state_writable = true;   // the last write of alert state worked
  bool events_accepted = true;  // the last hand-over to delivery worked
  std::int64_t pending = 0;     // alerts
  std::int64_t firing = 0;
};

}  // namespace drwatch::rules
