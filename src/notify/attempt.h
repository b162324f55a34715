// One try to tell a target something: what is to be done, and what came of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "config/config.h"
#include "notify/ack_link.h"
#include "notify/notification.h"

namespace drwatch::notify {

using AlertId = std::int64_t;
using IdSet = std::set<AlertId>;

// (target, incident). Incidents are "alert:<id>", "group:<group id>" and
// "fallback:<target>:<group id>".
using DeliveryKey = std::pair<std::string, std::string>;

// What there is to do for one target: made by Ledger::Take, handed back to Ledger::Settle.
struct Job {
  DeliveryKey key;
  std::int64_t version = 0;
  int attempt = 0;
  Occasion occasion = Occasion::kTrigger;
  IdSet firing;
  std::shared_ptr<const config::Integration> integration;
  Notification notification;
  std::optional<AckLink> link;  // for the shell to sign, where there is something to acknowledge
};

// One finished attempt, for the status page and as evidence.
struct AttemptRecord {
  base::Timestamp time{};
  std::string receiver;
  std::string integration;
  Occasion occasion = Occasion::kTrigger;
  std::string group_key;
  std::string summary;
  std::string outcome;  // "delivered", "retry" or "rejected"
  std::string detail;
  base::Duration duration{};
  int attempt = 0;
};

}  // namespace drwatch::notify
