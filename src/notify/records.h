// What delivery remembers: alerts, groups, destinations and what each destination was told. The
// ledger owns the records; the journal keeps them in the database.
//
// All instants are on the dispatcher's own scale: wall time plus steady time since. When the wall
// clock is set, the scale follows and all that waits moves along (Ledger::Shift), so that a step
// neither hurries nor delays anything.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "model/alert.h"
#include "notify/acknowledge.h"
#include "notify/delivery_record.h"
#include "notify/escalation.h"
#include "notify/happening.h"
#include "notify/notification.h"
#include "notify/silence.h"

namespace drwatch::notify {

struct AlertRecord {
  AlertId id = 0;
  model::Alert alert;  // labels without the external ones: they are the identity
  std::string reason;  // of a resolve that was no recovery
  base::Timestamp changed_at{};
  PageSeverity severity = PageSeverity::kCritical;
  std::vector<std::string> groups;  // ids of the groups it is or was a member of
  // Of a posted one: when it is over unless it is posted again. Zero: the rules look after it.
  base::Timestamp expires_at{};
  std::optional<Acknowledgement> acknowledged;
  // Why nobody is told of it; not stored, but found anew.
  std::vector<std::string> silenced_by;  // ids of active silences
  bool inhibited = false;

  bool muted() const { return inhibited || !silenced_by.empty(); }
};

// Alerts that one route puts into one message.
struct Group {
  std::string id;   // `key` and the receiver
  std::string key;  // Alertmanager's group key
  model::Labels labels;
  std::string receiver;
  std::vector<std::string> targets;
  base::Duration wait{};
  base::Duration interval{};
  base::Duration repeat{};
  IdSet firing;
  IdSet resolved;  // since the last flush
  base::Timestamp created_at{};
  base::Timestamp last_flush{};        // that queued something; zero before the first
  std::optional<base::Timestamp> due;  // of the next flush, while there is a change
  // When new alerts are paged: incidents of their own do not wait for the group's interval.
  std::optional<base::Timestamp> page_due;
  std::optional<base::Timestamp> next_repeat;
  base::Timestamp changed_at{};  // of the oldest change not flushed
  // The route's time intervals, and those of them that keep it quiet now (of the active ones: all,
  // while it is none of their times). Not stored.
  std::vector<std::string> mute, active;
  std::vector<std::string> muted_by;
  // The route's escalation policy, whether one of its steps made this group, and what that step
  // says to new incidents. Not stored.
  std::string policy;
  bool step = false;
  std::string note;
  base::Timestamp first_timer = base::Timestamp::max();  // where GroupTimers has it; not stored
};

// One integration of one receiver.
struct Target {
  std::string id;  // TargetId()
  std::string receiver;
  std::shared_ptr<const config::Integration> integration;
  bool retired = false;  // not in the configuration any more; kept for the resolves it is owed
  int failures = 0;      // in a row
  base::Timestamp failing_since{};
  base::Timestamp blocked_until{};
  bool hopeless = false;  // the last failure was one that does not go away by itself
  std::string last_error;
};

// What differs from the database. A key that no record has any more is a deleted row.
struct Changes {
  std::set<AlertId> alerts;
  std::set<std::string> groups;
  std::set<std::string> targets;
  std::set<DeliveryKey> deliveries;
  std::set<std::string> silences;
  std::set<std::string> escalations;
  std::set<std::string> used_links;  // nonces
  std::deque<AttemptRecord> attempts;
  std::vector<Happening> happenings;  // for whoever keeps an audit log
  // Whether anything of it has to be on the disk before the next request leaves. What a crash of
  // the machine loses of outcomes is told once more, and nothing else.
  bool binding = false;
  // No sender runs any more: what is pending has not been sent.
  bool at_rest = false;
  bool empty() const {
    return alerts.empty() && groups.empty() && targets.empty() && deliveries.empty() &&
           silences.empty() && escalations.empty() && used_links.empty() && attempts.empty() &&
           happenings.empty();
  }
};

struct Records {
  std::map<AlertId, AlertRecord> alerts;
  std::map<std::string, Group> groups;
  std::map<std::string, Target> targets;
  std::map<DeliveryKey, Delivery> deliveries;
  std::map<std::string, Silence> silences;
  std::map<std::string, Escalation> escalations;
  std::map<std::string, base::Timestamp> used_links;  // nonces, until none of their links holds
  std::deque<AttemptRecord> attempts;                 // the latest kKeptAttempts
  AlertId last_id = 0;
};

}  // namespace drwatch::notify
