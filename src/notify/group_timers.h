// When groups have something to do: an index of their timers, so that a wake costs what is due, not
// all groups. Pure; the ledger owns it.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "notify/records.h"

namespace drwatch::notify {

class GroupTimers {
 public:
  // After any change of due, page_due or next_repeat. The group stays where it is until it is
  // removed.
  void Set(Group& group);
  void Remove(Group& group);
  // Forgets all of them; to be called before they go.
  void Clear(std::map<std::string, Group>& groups);

  // The first of all; max() without any.
  base::Timestamp Next() const {
    return order_.empty() ? base::Timestamp::max() : order_.begin()->first;
  }
  // Those with a timer at `now` or before, in the order of their ids.
  std::vector<std::string> Due(base::Timestamp now) const;

 private:
  std::set<std::pair<base::Timestamp, Group*>> order_;
};

}  // namespace drwatch::notify
