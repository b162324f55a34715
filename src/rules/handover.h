// Passes the state of running rules to the rules that take their place.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rules/group.h"

namespace drwatch::rules {

// A rule of the last configuration, or of the last run (then `running.rule` is null).
struct FormerRule {
  std::string location;  // its group: RuleGroup::Key()
  RunningRule running;
};

// "alerting Down{severity=\"page\"}#0": kind, name and labels, and the how many-th of the group's
// rules with the same ones it is.
std::vector<std::string> RuleKeys(const RuleGroup& group);

// Each rule takes over from the former one with the same kind, name and labels: the one of its own
// group first, equal ones in order, then any other. Returns what nobody took.
std::vector<FormerRule> HandOver(std::vector<FormerRule> former,
                                 std::vector<std::unique_ptr<RunningGroup>>& groups);

}  // namespace drwatch::rules
