#include "notify/posted.h"

#include <algorithm>
#include <limits>

#include "base/strings.h"

namespace drwatch::notify {

base::Result<PostedAlert> CheckPosted(PostedAlert alert) {
  model::LabelsBuilder labels;
  for (const model::LabelView label : alert.labels) {
    if (label.name.empty()) return base::Fail("a label has no name");
    if (!label.value.empty()) labels.Set(label.name, label.value);
  }
  alert.labels = labels.Build();
  if (alert.labels.empty()) return base::Fail("an alert needs at least one label");
  for (const model::LabelView annotation : alert.annotations) {
    if (annotation.name.empty()) return base::Fail("an annotation has no name");
  }
  if (alert.starts_at && alert.ends_at && *alert.ends_at < *alert.starts_at) {
    return base::Fail("the start time must be before the end time");
  }
  return alert;
}

std::optional<PostedEvent> EventOf(const PostedAlert& alert, const AlertRecord* known,
                                   base::Duration resolve_timeout, base::Timestamp now) {
  const bool fires = known != nullptr && !known->alert.resolved();
  if (fires && known->expires_at == base::Timestamp{}) return std::nullopt;
  PostedEvent posted;
  model::Alert& out = posted.event.alert;
  out.labels = alert.labels;
  out.annotations = alert.annotations;
  out.generator_url = alert.generator_url;
  out.value = std::numeric_limits<double>::quiet_NaN();  // nobody says one
  posted.expires_at = alert.ends_at.value_or(now + resolve_timeout);
  const base::Timestamp start =
      std::min(alert.starts_at.value_or(alert.ends_at ? std::min(*alert.ends_at, now) : now), now);
  if (fires) {
    out.fired_at = known->alert.fired_at;
  } else if (known != nullptr) {
    // A new incident is told from the one before it by its start.
    out.fired_at =
        std::max({start, known->alert.resolved_at, known->alert.fired_at + base::Duration(1)});
  } else {
    out.fired_at = start;
  }
  out.active_at = out.fired_at;
  if (posted.expires_at <= now) {
    posted.event.change = model::AlertChange::kResolved;
    out.state = model::AlertState::kInactive;
    out.resolved_at = posted.expires_at;
  } else {
    posted.event.change = fires ? model::AlertChange::kUpdated : model::AlertChange::kFiring;
    out.state = model::AlertState::kFiring;
  }
  return posted;
}

}  // namespace drwatch::notify
