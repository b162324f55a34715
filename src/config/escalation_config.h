// Who is told when, after an alert has fired, and by when they must have been: escalation policies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/problem.h"

namespace drwatch::config {

// What ends a step's claim to be taken. A step of an alert that is over is never taken.
enum class Unless { kResolved, kAcknowledged };
// "resolved", "acknowledged".
std::string_view UnlessName(Unless unless);

struct EscalationStep {
  base::Duration after{};  // from the firing of the group's first alert
  // By when, from the same instant, its receivers must have accepted the notification.
  std::optional<base::Duration> within;
  Unless unless = Unless::kResolved;
  std::vector<std::string> receivers;
  // How often its receivers are told again while it fires; else the route's repeat_interval.
  std::optional<base::Duration> updates_every;
  // It is taken again so often, at most `repeat_max` times (without it: as long as it fires).
  std::optional<base::Duration> repeat_every;
  std::optional<int> repeat_max;
  Position position;

  // Whether it asks for the same, wherever it stands.
  bool SameAs(const EscalationStep& other) const;
};

struct EscalationPolicy {
  std::string name;
  std::vector<EscalationStep> steps;  // by `after`
  Position position;

  bool SameAs(const EscalationPolicy& other) const;
};

}  // namespace drwatch::config
