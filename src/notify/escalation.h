// Escalation of one group of alerts: two clocks and what became of each step. Pure; no clock of its
// own, every function takes `now`.
//
// Both clocks begin when the group's first alert fires. They stand still while nobody may be told
// of any of it (silenced, inhibited, muted by time); the second one also while everything that
// fires is acknowledged: steps with "unless: acknowledged" go by that one.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/escalation_config.h"

namespace drwatch::notify {

// Somebody looks after an alert.
struct Acknowledgement {
  std::string by;
  std::string comment;
  base::Timestamp at{};
  base::Timestamp until{};  // not included
  // "by ann at 2026-01-01T00:00:00Z until 2026-01-01T01:00:00Z: on it"
  std::string ToString() const;
};

struct StepState {
  int times = 0;  // taken so often
  base::Timestamp last{};
  std::set<std::string> told;    // ids of targets that accepted it
  std::set<std::string> judged;  // receivers whose deadline is kept or missed, once and for all
};

// What has fired for longer when delivery hears of it begins to count then.
inline constexpr base::Duration kOldestBeginning = std::chrono::hours(1);

enum class Situation { kHeld, kRunning, kAcknowledged };

struct Escalation {
  std::string id;  // group key and policy
  std::string group_key;
  std::string policy;
  Situation situation = Situation::kRunning;
  base::Timestamp since{};                 // of the situation
  base::Duration elapsed{};                // of the clock when it began
  base::Duration unheeded{};               // of the one that acknowledgements stop
  std::map<std::string, StepState> steps;  // by StepKeys

  // Takes what has passed into the clocks. True if the situation changed.
  bool Enter(Situation next, base::Timestamp now);
};

// Names for the steps of a policy that stay the same while only times and conditions change: the
// receivers, and the how manieth step of just these it is.
std::vector<std::string> StepKeys(const config::EscalationPolicy& policy);

struct StepTimes {
  std::optional<base::Timestamp> due;       // when it is to be taken, or taken again
  std::optional<base::Timestamp> deadline;  // by when its receivers must have accepted it
};
// As things stand: nothing while the clock it goes by stands still. A deadline is there until every
// receiver is judged. `wait`: no step is taken earlier (group_wait).
StepTimes TimesOf(const config::EscalationStep& step, const Escalation& escalation,
                  const StepState& state, base::Duration wait);

}  // namespace drwatch::notify
