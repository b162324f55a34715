#include "notify/escalation.h"

#include <algorithm>

#include "base/strings.h"

namespace drwatch::notify {
namespace {

// When the clock shows `time`; nothing while it stands still.
std::optional<base::Timestamp> WhenAt(const Escalation& escalation, config::Unless unless,
                                      base::Duration time) {
  if (escalation.situation == Situation::kHeld) return std::nullopt;
  if (unless == config::Unless::kResolved) return escalation.since + (time - escalation.elapsed);
  if (escalation.situation == Situation::kAcknowledged) return std::nullopt;
  return escalation.since + (time - escalation.unheeded);
}

}  // namespace

std::string Acknowledgement::ToString() const {
  return "by " + by + " at " + base::FormatRfc3339(at) + " until " + base::FormatRfc3339(until) +
         (comment.empty() ? "" : ": " + comment);
}

bool Escalation::Enter(Situation next, base::Timestamp now) {
  if (next == situation) return false;
  // A clock set back while the program was down must not turn back this one.
  const base::Duration passed = std::max(base::Duration(0), now - since);
  if (situation != Situation::kHeld) elapsed += passed;
  if (situation == Situation::kRunning) unheeded += passed;
  situation = next;
  since = now;
  return true;
}

std::vector<std::string> StepKeys(const config::EscalationPolicy& policy) {
  std::vector<std::string> keys;
  std::map<std::string, int> seen;
  for (const config::EscalationStep& step : policy.steps) {
    std::vector<std::string> names;
    for (const std::string& receiver : step.receivers) names.push_back(base::Quote(receiver));
    std::sort(names.begin(), names.end());
    std::string key = base::Join(names, ",");
    key += "#" + std::to_string(++seen[key]);
    keys.push_back(std::move(key));
  }
  return keys;
}

StepTimes TimesOf(const config::EscalationStep& step, const Escalation& escalation,
                  const StepState& state, base::Duration wait) {
  StepTimes times;
  const bool all_judged =
      std::all_of(step.receivers.begin(), step.receivers.end(),
                  [&](const std::string& receiver) { return state.judged.contains(receiver); });
  if (step.within && !all_judged) {
    times.deadline = WhenAt(escalation, step.unless, *step.within);
  }
  const auto first = WhenAt(escalation, step.unless, std::max(step.after, wait));
  if (!first) return times;
  if (state.times == 0) {
    times.due = first;
  } else if (step.repeat_every && (!step.repeat_max || state.times <= *step.repeat_max)) {
    times.due = std::max(*first, state.last + *step.repeat_every);
  }
  return times;
}

}  // namespace drwatch::notify
