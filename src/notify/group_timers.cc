#include "notify/group_timers.h"

#include <algorithm>

namespace drwatch::notify {

void GroupTimers::Set(Group& group) {
  base::Timestamp first = base::Timestamp::max();
  for (const auto& timer : {group.due, group.page_due, group.next_repeat}) {
    if (timer) first = std::min(first, *timer);
  }
  if (group.first_timer == first) return;
  Remove(group);
  group.first_timer = first;
  if (first != base::Timestamp::max()) order_.emplace(first, &group);
}

void GroupTimers::Remove(Group& group) {
  if (group.first_timer != base::Timestamp::max()) order_.erase({group.first_timer, &group});
  group.first_timer = base::Timestamp::max();
}

void GroupTimers::Clear(std::map<std::string, Group>& groups) {
  order_.clear();
  for (auto& [id, group] : groups) group.first_timer = base::Timestamp::max();
}

std::vector<std::string> GroupTimers::Due(base::Timestamp now) const {
  std::vector<std::string> ids;
  for (const auto& [time, group] : order_) {
    if (time > now) break;
    ids.push_back(group->id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace drwatch::notify
