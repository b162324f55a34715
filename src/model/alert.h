// An alert as it leaves the rules and enters delivery.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/labels.h"

namespace drwatch::model {

enum class AlertState { kInactive, kPending, kFiring };
// "inactive", "pending", "firing".
std::string_view AlertStateName(AlertState state);

// A value: one instance of an alerting rule. The identity is `labels` (with alertname).
struct Alert {
  Labels labels;
  Labels annotations;  // expanded; of the last evaluation that had it
  AlertState state = AlertState::kInactive;
  double value = 0;                     // of the last evaluation that had it
  base::Timestamp active_at{};          // pending since
  base::Timestamp fired_at{};           // firing since; zero if it never fired
  base::Timestamp resolved_at{};        // zero while it is not resolved
  base::Timestamp keep_firing_since{};  // zero unless keep_firing_for holds it
  std::string generator_url;            // where to look at the expression

  bool resolved() const { return resolved_at != base::Timestamp{}; }
  // 16 hex digits of labels.Fingerprint(), as Alertmanager shows it.
  std::string FingerprintHex() const;
};

// What one evaluation changed. Rules hand it to delivery through the sink that exporter/app wires;
// delivery must have persisted it before the call returns, because the rules then count it as sent.
enum class AlertChange { kFiring, kUpdated, kResolved };
struct AlertEvent {
  AlertChange change = AlertChange::kFiring;
  Alert alert;
  // Why it was resolved when the condition did not simply clear ("rule removed"); else empty.
  std::string reason;
};

}  // namespace drwatch::model
