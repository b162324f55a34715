#include "rules/snapshot.h"

#include <algorithm>
#include <cstdlib>

namespace drwatch::rules {

std::string_view RuleHealthName(RuleHealth health) {
  switch (health) {
    case RuleHealth::kUnknown:
      return "unknown";
    case RuleHealth::kOk:
      return "ok";
    case RuleHealth::kError:
      return "err";
  }
  std::abort();
}

std::optional<model::AlertState> RuleSnapshot::State() const {
  if (last_evaluation == base::Timestamp{}) return std::nullopt;
  model::AlertState state = model::AlertState::kInactive;
  for (const model::Alert& alert : alerts) state = std::max(state, alert.state);
  return state;
}

}  // namespace drwatch::rules
