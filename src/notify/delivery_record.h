// What one target was told of one incident, and what it is still to be told: the notification log
// and the outbox in one row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/labels.h"
#include "notify/attempt.h"
#include "notify/notification.h"

namespace drwatch::notify {

// Where the outbox has a delivery: what it is sorted by, as it was when it was placed.
struct OutboxPlace {
  base::Timestamp turn{};  // of the last attempt, where a receiver gets them in turn
  PageSeverity urgency = PageSeverity::kCritical;
  bool resolve = false;
  base::Timestamp queued_at{};
  base::Timestamp next_attempt{};
  bool under_way = false;
  bool ready = false;   // its pause is over
  bool untold = false;  // the fallback receiver does not know
};

struct Delivery {
  DeliveryKey key;
  AlertId alert = 0;     // of a per-alert incident; 0 for groups
  std::string group_id;  // whose members it tells of, or the group that made it
  std::string group_key;
  model::Labels group_labels;
  std::string dedup_key;
  bool fallback = false;  // told because another receiver failed
  std::string note;
  IdSet confirmed;  // told as firing, and accepted
  IdSet maybe;      // told as firing, the outcome unknown
  IdSet refused;    // given up
  base::Timestamp last_notified{};

  std::optional<Occasion> pending;
  std::int64_t version = 0;  // grows with each change of what is to be told
  base::Timestamp queued_at{};
  base::Timestamp changed_at{};  // of the alert, for the latency
  int attempts = 0;
  base::Timestamp last_attempt{};
  base::Timestamp next_attempt{};
  Form form = Form::kFull;
  bool fell_back = false;     // the fallback receiver knows
  bool acknowledged = false;  // it was told that somebody looks after the alert
  std::string last_error;
  // Not stored. Of its worst alert when queued; after a restart it is sent again.
  PageSeverity urgency = PageSeverity::kCritical;
  bool in_flight = false;
  std::optional<OutboxPlace> place;
};

}  // namespace drwatch::notify
