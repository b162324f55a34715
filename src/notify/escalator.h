// All groups' escalations: which steps are due, which deadlines have passed.
//
// Keeps the escalations among the ledger's records. Pure; the ledger calls it under the
// dispatcher's lock and does what it says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "notify/muting.h"
#include "notify/records.h"

namespace drwatch::notify {

class Escalator {
 public:
  // Both outlive this.
  Escalator(Records& records, Changes& changes) : records_(records), changes_(changes) {}

  // From now on these policies. A step that a changed policy still has keeps its state. Deadlines
  // that a changed policy puts into the past were promised to nobody and are not missed. What fires
  // already on a route that has a policy only now begins to count now.
  void Configure(std::shared_ptr<const config::Config> config, base::Timestamp now);
  // The alerts of a group changed, or who may be told of them, or who looks after them.
  void Changed(const Group& group) {
    if (!group.policy.empty()) next_look_ = {};
  }
  void AnythingChanged() { next_look_ = {}; }

  struct DueStep {
    std::string group_id;
    std::vector<std::string> receivers;
    base::Timestamp due_at{};
    std::string note;  // for who is told
  };
  struct Miss {
    std::string group_id;
    std::string receiver;
    PageSeverity severity = PageSeverity::kCritical;  // of the worst alert
    std::string note;
  };
  struct Outcome {
    std::vector<DueStep> due;  // counted as taken
    std::vector<Miss> missed;  // each once
  };
  Outcome Update(const Muting& muting, base::Timestamp now);
  // When Update has something to do without further calls.
  base::Timestamp NextChange() const { return next_look_; }

  // Who has been added to the route's receiver by the steps taken so far.
  struct Added {
    std::string receiver;
    std::optional<base::Duration> updates_every;
    std::string note;
  };
  std::vector<Added> AddedTo(const Group& group) const;
  // The target accepted that alerts of the group fire.
  void Told(const Target& target, const Group& group);
  // The same for the groups that look after what the delivery told of.
  void MarkTold(const Delivery& delivery);

 private:
  const config::EscalationPolicy* Policy(const std::string& name) const;
  Escalation& Ensure(const Group& group, base::Timestamp now);
  Situation SituationOf(const Group& group, const Muting& muting, base::Timestamp now) const;
  base::Timestamp EndOfAcknowledgement(const Group& group, base::Timestamp now) const;
  void Look(const Group& group, const Muting& muting, base::Timestamp now, Outcome& outcome);
  void Judge(const Group& group, const config::EscalationStep& step, StepState& state,
             Outcome& outcome) const;
  void Forget();

  Records& records_;
  Changes& changes_;
  std::shared_ptr<const config::Config> config_;
  base::Timestamp next_look_ = base::Timestamp::max();
  // While it is set: what has no escalation yet begins then.
  std::optional<base::Timestamp> begin_at_;
};

}  // namespace drwatch::notify
