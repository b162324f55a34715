// Alerts that others post to drwatch's API, as Prometheus posts them to an Alertmanager: they fire
// until they are posted as ended, or not posted again in time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/alert.h"
#include "notify/records.h"

namespace drwatch::notify {

struct PostedAlert {
  model::Labels labels;
  model::Labels annotations;
  std::optional<base::Timestamp> starts_at, ends_at;
  std::string generator_url;
};

// Labels without those whose value is empty. Errors: what is wrong with the alert.
base::Result<PostedAlert> CheckPosted(PostedAlert alert);

// What it means for delivery. `known`: the alert of the same labels, or nullptr. nullopt: nothing,
// because an own rule looks after that alert.
struct PostedEvent {
  model::AlertEvent event;
  base::Timestamp expires_at{};
};
std::optional<PostedEvent> EventOf(const PostedAlert& alert, const AlertRecord* known,
                                   base::Duration resolve_timeout, base::Timestamp now);

}  // namespace drwatch::notify
