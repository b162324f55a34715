// A silence: for a while nobody is told of alerts that its matchers take.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace drwatch::notify {

enum class SilenceState { kPending, kActive, kExpired };
// "pending", "active", "expired".
std::string_view SilenceStateName(SilenceState state);

// The message of an error about a silence nobody has.
inline constexpr std::string_view kNoSuchSilence = "there is no such silence";

struct Silence {
  std::string id;
  std::vector<model::Matcher> matchers;  // all of them
  base::Timestamp starts_at{};
  base::Timestamp ends_at{};  // not included
  base::Timestamp updated_at{};
  std::string created_by;
  std::string comment;

  SilenceState StateAt(base::Timestamp now) const;
  // Whether the matchers take the labels, whatever the time.
  bool Takes(const model::Labels& labels) const;
};

}  // namespace drwatch::notify
