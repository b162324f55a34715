// What delivery holds at one moment, for the API and the status page. A value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "notify/records.h"

namespace drwatch::notify {

class Ledger;

// How an error begins that tells of a silence or an acknowledgement which is not on disk.
inline constexpr std::string_view kHoldsInMemory = "it holds, but only until a restart";

// Everything the API and the status page show of delivery, at one moment.
struct Snapshot {
  struct AlertView {
    model::Alert alert;  // with the external labels
    std::vector<std::string> receivers;
    base::Timestamp updated_at{};
    base::Timestamp expires_at{};  // of a posted one
    // Why nobody is told of it: ids of silences, fingerprints of alerts, names of time intervals.
    std::vector<std::string> silenced_by, inhibited_by, muted_by;
    std::optional<Acknowledgement> acknowledged;
    // Where its escalation goes on, if it has one that runs.
    std::optional<base::Timestamp> next_step;
    std::vector<std::string> next_receivers;
  };
  struct GroupView {
    std::string key;
    std::string receiver;
    model::Labels labels;
    std::vector<std::string> fingerprints;  // of its firing alerts, as in AlertView::alert
    std::optional<base::Timestamp> next_flush;
    std::vector<std::string> muted_by;  // names of time intervals
  };
  struct OutboxRow {
    std::string receiver;
    std::string integration;
    std::string group_key;
    Occasion occasion = Occasion::kTrigger;
    std::string summary;
    base::Duration age{};
    int attempts = 0;
    std::string last_error;  // without secrets
    base::Duration next_attempt_in{};
    bool fallback = false;
  };
  // A group that escalates.
  struct EscalationView {
    struct Step {
      std::vector<std::string> receivers;
      int times = 0;                            // taken so often
      std::optional<base::Timestamp> due;       // next; none while it stands still or is over
      std::optional<base::Timestamp> deadline;  // while it is neither kept nor missed
    };
    std::string group_key;
    std::string policy;
    model::Labels labels;
    Situation situation = Situation::kRunning;
    std::vector<Step> steps;
  };
  std::vector<AlertView> alerts;  // firing ones
  std::vector<EscalationView> escalations;
  std::vector<GroupView> groups;
  std::vector<OutboxRow> outbox;        // oldest first
  std::vector<AttemptRecord> attempts;  // newest first
  std::vector<Silence> silences;        // in the order of their ids
  base::Timestamp now{};                // by the dispatcher's clock, for Silence::StateAt
  bool state_writable = true;
};

// All but `state_writable`.
Snapshot MakeSnapshot(const Ledger& ledger, base::Timestamp now);

}  // namespace drwatch::notify
